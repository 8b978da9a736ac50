//! The four figures of an overview, each with the change against the period before. Pure.

use test_engine_store::{Run, SuiteCounts, Timestamp};

use super::format;
use super::status::{Mark, is_outage};

/// A change of so many percentage points or less is none.
const MIN_POINTS: i64 = 1;

pub(super) struct Figure {
    pub(super) title: &'static str,
    pub(super) number: String,
    pub(super) unit: String,
    /// `▲ 7 points`; empty if there is nothing to compare with.
    pub(super) change: String,
    /// `pass` if the change is for the better, `fail` for the worse.
    pub(super) change_class: &'static str,
    pub(super) note: String,
}

/// What the runs of one period were.
#[derive(Default)]
struct Sums {
    runs: i64,
    passed: i64,
    recovered: i64,
    durations: Vec<u64>,
}

impl Sums {
    /// Outages do not count: they tell nothing about the code.
    fn of<'a>(runs: impl Iterator<Item = (&'a Run, &'a Mark)>) -> Self {
        let mut sums = Self::default();
        for (run, mark) in runs.filter(|(run, _)| !is_outage(run)) {
            let counted = match mark.class {
                "pass" => &mut sums.passed,
                "flaky" => &mut sums.recovered,
                "fail" => &mut sums.runs,
                _ => continue,
            };
            *counted += 1;
            sums.durations.push(run.duration.get());
        }
        sums.runs += sums.passed + sums.recovered;
        sums.durations.sort_unstable();
        sums
    }

    fn percent(&self, number: i64) -> Option<i64> {
        (self.runs > 0).then(|| (100 * number + self.runs / 2) / self.runs)
    }

    fn percentile(&self, percent: usize) -> Option<u64> {
        let last = self.durations.len().checked_sub(1)?;
        self.durations.get(last * percent / 100).copied()
    }
}

/// `runs` are newest first, with their marks, of this period and the one before.
pub(super) fn figures(
    runs: &[Run],
    marks: &[Mark],
    period_start: Timestamp,
    counts: SuiteCounts,
    days: u16,
) -> Vec<Figure> {
    let split = runs.partition_point(|run| run.created_at >= period_start);
    let all = || runs.iter().zip(marks);
    let now = Sums::of(all().take(split));
    let before = Sums::of(all().skip(split));
    let against = format!("against the {days} days before");
    let percentage = |title, green: fn(&Sums) -> i64, note: String| {
        let (change, change_class) =
            points(now.percent(green(&now)), before.percent(green(&before)));
        let note = if change.is_empty() {
            note
        } else {
            against.clone()
        };
        Figure {
            title,
            number: now
                .percent(green(&now))
                .map_or_else(|| "–".to_owned(), |percent| percent.to_string()),
            unit: "%".to_owned(),
            change,
            change_class,
            note,
        }
    };
    let median = now.percentile(50).map(test_engine_duration::Micros::new);
    let most = now.percentile(90).map(test_engine_duration::Micros::new);
    vec![
        percentage(
            "Green after retries",
            |sums| sums.passed + sums.recovered,
            format!("of {}", format::counted(now.runs.unsigned_abs(), "run")),
        ),
        percentage(
            "Green at first try",
            |sums| sums.passed,
            format!("of {}", format::counted(now.runs.unsigned_abs(), "run")),
        ),
        Figure {
            title: "Test time of a run, median",
            number: format::maybe_duration(median),
            unit: String::new(),
            change: String::new(),
            change_class: "",
            note: most.map_or_else(String::new, |most| {
                format!("9 in 10 under {}", format::duration(most))
            }),
        },
        Figure {
            title: "Flaky tests",
            number: format::count(counts.flaky),
            unit: format!("of {}", format::count(counts.tests)),
            change: String::new(),
            change_class: "",
            note: format!("{} quarantined", format::count(counts.quarantined)),
        },
    ]
}

fn points(now: Option<i64>, before: Option<i64>) -> (String, &'static str) {
    let (Some(now), Some(before)) = (now, before) else {
        return (String::new(), "");
    };
    let change = now - before;
    let unit = if change.abs() == 1 { "point" } else { "points" };
    match change {
        change if change.abs() < MIN_POINTS => ("No change".to_owned(), ""),
        change if change > 0 => (format!("▲ {change} {unit}"), "pass"),
        change => (format!("▼ {} {unit}", change.abs()), "fail"),
    }
}

#[cfg(test)]
mod tests {
    use test_engine_store::{RunResult, SuiteCounts, Timestamp};

    use super::*;
    use crate::http::web::status::tests::run;

    fn mark(class: &'static str) -> Mark {
        Mark { class, word: "" }
    }

    #[test]
    fn figures_compare_with_the_period_before_and_leave_out_outages() {
        let at = |time: i64| {
            let mut run = run(RunResult::Passed, None);
            run.created_at = Timestamp::from_millis(time);
            run
        };
        let mut outage = at(10);
        outage.guarded = true;
        let runs = [at(12), at(11), outage, at(9), at(4), at(3)];
        let marks = ["pass", "flaky", "fail", "fail", "fail", "pass"].map(mark);
        let counts = SuiteCounts {
            tests: 1_150,
            flaky: 23,
            ..SuiteCounts::default()
        };
        let found = figures(&runs, &marks, Timestamp::from_millis(5), counts, 28);
        let shown: Vec<_> = found
            .iter()
            .map(|figure| (figure.number.as_str(), figure.change.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                ("67", "▲ 17 points"),
                ("33", "▼ 17 points"),
                ("0 ms", ""),
                ("23", "")
            ]
        );
        assert_eq!(found[1].change_class, "fail");
        assert_eq!(found[3].unit, "of 1\u{202f}150");
    }

    #[test]
    fn without_runs_nothing_is_claimed() {
        let none = SuiteCounts::default();
        let found = figures(&[], &[], Timestamp::from_millis(5), none, 28);
        assert_eq!(found[0].number, "–");
        assert_eq!(found[2].number, "–");
        assert!(found.iter().all(|figure| figure.change.is_empty()));
    }
}
