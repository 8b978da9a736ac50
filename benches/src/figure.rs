//! One figure: the measured value, what it is compared with, and its limits.

use std::fmt;

use serde::Serialize;

/// A number with its unit.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Quantity {
    value: f64,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) enum Unit {
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "B")]
    Bytes,
    #[serde(rename = "MB")]
    Megabytes,
    #[serde(rename = "/s")]
    PerSecond,
    /// A ratio.
    #[serde(rename = "x")]
    Times,
    #[serde(rename = "")]
    Count,
    /// Without a unit, with decimals.
    #[serde(rename = "")]
    Fraction,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    Lower,
    Higher,
}

/// One line of the report.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    name: String,
    ours: Quantity,
    compared_with: Option<String>,
    theirs: Option<Quantity>,
    /// The value that must and goal apply to: ours, the difference, or the ratio.
    judged: Quantity,
    better: Better,
    must: Option<f64>,
    goal: Option<f64>,
    verdict: &'static str,
}

pub(crate) fn milliseconds(value: f64) -> Quantity {
    Quantity {
        value,
        unit: Unit::Milliseconds,
    }
}

pub(crate) fn bytes(value: f64) -> Quantity {
    Quantity {
        value,
        unit: Unit::Bytes,
    }
}

pub(crate) fn megabytes(value: f64) -> Quantity {
    Quantity {
        value,
        unit: Unit::Megabytes,
    }
}

pub(crate) fn per_second(value: f64) -> Quantity {
    Quantity {
        value,
        unit: Unit::PerSecond,
    }
}

pub(crate) fn count(value: f64) -> Quantity {
    Quantity {
        value,
        unit: Unit::Count,
    }
}

pub(crate) fn fraction(value: f64) -> Quantity {
    Quantity {
        value,
        unit: Unit::Fraction,
    }
}

pub(crate) fn times(value: f64) -> Quantity {
    Quantity {
        value,
        unit: Unit::Times,
    }
}

impl Figure {
    /// Judged by our value. Lower is better unless it is a rate.
    pub(crate) fn of(name: impl Into<String>, ours: Quantity) -> Self {
        let better = if ours.unit == Unit::PerSecond {
            Better::Higher
        } else {
            Better::Lower
        };
        Self {
            name: name.into(),
            ours,
            compared_with: None,
            theirs: None,
            judged: ours,
            better,
            must: None,
            goal: None,
            verdict: "",
        }
    }

    /// Adds the value to compare with; still judged by our value.
    #[must_use]
    pub(crate) fn beside(mut self, what: impl Into<String>, theirs: Quantity) -> Self {
        self.compared_with = Some(what.into());
        self.theirs = Some(theirs);
        self
    }

    /// Higher is better, whatever the unit.
    #[must_use]
    pub(crate) fn higher_is_better(mut self) -> Self {
        self.better = Better::Higher;
        self
    }

    /// Judged by the difference to theirs: lower is better.
    #[must_use]
    pub(crate) fn judged_by_distance(mut self) -> Self {
        let theirs = self.theirs.map_or(0.0, |theirs| theirs.value);
        self.judged = Quantity {
            value: self.ours.value - theirs,
            ..self.ours
        };
        self.better = Better::Lower;
        self
    }

    /// Judged by the ratio of ours to theirs: lower is better.
    #[must_use]
    pub(crate) fn judged_by_share(mut self) -> Self {
        let theirs = self.theirs.map_or(1.0, |theirs| theirs.value);
        self.judged = times(self.ours.value / theirs);
        self.better = Better::Lower;
        self
    }

    /// Judged by the speedup over theirs: higher is better.
    #[must_use]
    pub(crate) fn judged_by_speed(mut self) -> Self {
        let theirs = self.theirs.map_or(1.0, |theirs| theirs.value);
        self.judged = times(if self.ours.unit == Unit::PerSecond {
            self.ours.value / theirs
        } else {
            theirs / self.ours.value
        });
        self.better = Better::Higher;
        self
    }

    /// Sets the promised value and the target.
    #[must_use]
    pub(crate) fn must_goal(mut self, must: f64, goal: f64) -> Self {
        self.must = Some(must);
        self.goal = Some(goal);
        self.verdict = if self.reaches(goal) {
            "goal"
        } else if self.reaches(must) {
            "must"
        } else {
            "MISSED"
        };
        self
    }

    /// Sets the promised value, without a target.
    #[must_use]
    pub(crate) fn must(mut self, must: f64) -> Self {
        self.must = Some(must);
        self.verdict = if self.reaches(must) { "must" } else { "MISSED" };
        self
    }

    pub(crate) fn misses_its_must(&self) -> bool {
        self.must.is_some_and(|must| !self.reaches(must))
    }

    fn reaches(&self, bar: f64) -> bool {
        match self.better {
            Better::Lower => self.judged.value <= bar,
            Better::Higher => self.judged.value >= bar,
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<34} {:>12}", self.name, self.ours.to_string())?;
        let beside = match (&self.compared_with, self.theirs) {
            (Some(what), Some(theirs)) => format!("{what} {theirs}"),
            _ => "-".to_owned(),
        };
        write!(f, "  {beside:<42} {:>12}", self.judged.to_string())?;
        let sign = if self.better == Better::Lower {
            "<="
        } else {
            ">="
        };
        for (what, bar) in [("must", self.must), ("goal", self.goal)] {
            let bar = bar.map_or_else(|| "-".to_owned(), |bar| format!("{sign} {bar}"));
            write!(f, "  {what} {bar:<10} ")?;
        }
        f.write_str(self.verdict)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value;
        match self.unit {
            Unit::Milliseconds => write!(f, "{value:.2} ms"),
            Unit::Bytes => write!(f, "{value:.1} B"),
            Unit::Megabytes => write!(f, "{value:.2} MB"),
            Unit::PerSecond => write!(f, "{value:.0}/s"),
            Unit::Count => write!(f, "{value:.0}"),
            Unit::Fraction => write!(f, "{value:.3}"),
            Unit::Times if value.abs() < 2.0 => write!(f, "{value:.4} x"),
            Unit::Times => write!(f, "{value:.1} x"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speedup_is_higher_for_faster_times_and_rates() {
        let parse = Figure::of("parse", milliseconds(50.0)).beside("node", milliseconds(150.0));
        assert_eq!(parse.judged_by_speed().must_goal(2.0, 3.0).verdict, "goal");
        let ingest = Figure::of("ingest", per_second(400.0)).beside("rows", per_second(100.0));
        let ingest = ingest.judged_by_speed().must(5.0);
        assert!(ingest.misses_its_must());
    }

    #[test]
    fn prints_all_parts() {
        let figure = Figure::of("startup", milliseconds(1.25))
            .beside("/bin/true", milliseconds(0.75))
            .judged_by_distance()
            .must_goal(3.0, 1.0);
        let line = figure.to_string();
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(
            words.join(" "),
            "startup 1.25 ms /bin/true 0.75 ms 0.50 ms must <= 3 goal <= 1 goal"
        );
    }

    #[test]
    fn verdict_depends_on_must_and_goal() {
        assert_eq!(
            Figure::of("overhead", milliseconds(20.0))
                .must_goal(40.0, 15.0)
                .verdict,
            "must"
        );
        assert_eq!(
            Figure::of("overhead", milliseconds(50.0))
                .must_goal(40.0, 15.0)
                .verdict,
            "MISSED"
        );
    }
}
