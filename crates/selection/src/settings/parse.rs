//! Parses strategies and their parameters, and reports every problem.

use std::collections::BTreeMap;

use test_engine_duration::Micros;

use super::{HostedStrategy, Mode, Settings, Target, Unit};
use crate::patterns::Patterns;
use crate::share::Share;

const STRATEGIES: &str = "confidence, percent, time, observe, random, xgboost, manual, \
                          rspec_changed_files";
/// Also accepted, because the parameters were announced under these names.
const ALIASES: [(&str, &str); 2] = [("exam", "holdout"), ("min_exams", "min_holdouts")];
/// Parameters of every strategy.
const COMMON: [&str; 7] = [
    "always",
    "after_red",
    "config",
    "full_branch",
    "holdout",
    "min_holdouts",
    "sample",
];
const MAX_MINUTES: f64 = 10_000.0;
const MAX_MIN_HOLDOUTS: u32 = 1_000;

/// What is wrong with a strategy or one of its parameters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Not a known strategy.
    #[error("unknown selection strategy {0:?}\nhint: use one of {STRATEGIES}")]
    Strategy(String),
    /// Not a parameter of the strategy.
    #[error("unknown selection parameter {name:?}\nhint: {strategy} takes {known}")]
    Parameter {
        /// The parameter.
        name: String,
        /// The strategy that does not have it.
        strategy: String,
        /// The parameters that it has.
        known: String,
    },
    /// The value is invalid.
    #[error("invalid selection parameter {name}={value:?}: {reason}")]
    Value {
        /// The parameter.
        name: String,
        /// Its value.
        value: String,
        /// What is expected.
        reason: String,
    },
    /// Parameters that exclude each other.
    #[error("selection parameters {0} and {1} exclude each other\nhint: keep one of them")]
    Exclusive(&'static str, &'static str),
    /// A parameter is missing.
    #[error("selection {what} needs the parameter {name}\nhint: for example {example}")]
    Missing {
        /// The strategy or parameter that needs it.
        what: &'static str,
        /// The missing parameter.
        name: &'static str,
        /// The parameter with a value.
        example: &'static str,
    },
}

/// Which targets a strategy can have.
#[derive(Clone, Copy)]
enum Kind {
    Confidence,
    Percent,
    Time,
    Any,
}

impl Kind {
    const fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Confidence => &["confidence"],
            Self::Percent => &["percent", "of"],
            Self::Time => &["minutes"],
            Self::Any => &["confidence", "percent", "of", "minutes"],
        }
    }
}

impl Settings {
    /// Parses a strategy and its parameters. Unknown parameters of the hosted product's strategies
    /// are ignored, because its clients may send them.
    ///
    /// # Errors
    ///
    /// Every problem, not only the first.
    pub fn parse(strategy: &str, params: &BTreeMap<String, String>) -> Result<Self, Vec<Problem>> {
        let (mode, kind, is_hosted) = match strategy {
            "confidence" => (Mode::Select, Kind::Confidence, false),
            "percent" => (Mode::Select, Kind::Percent, false),
            "time" => (Mode::Select, Kind::Time, false),
            "observe" => (Mode::Observe, Kind::Any, false),
            "random" => (Mode::Select, Kind::Any, true),
            "xgboost" => (Mode::Select, Kind::Any, true),
            "manual" => (Mode::Unsupported(HostedStrategy::Manual), Kind::Any, true),
            "rspec_changed_files" => {
                let strategy = HostedStrategy::RspecChangedFiles;
                (Mode::Unsupported(strategy), Kind::Any, true)
            }
            other => return Err(vec![Problem::Strategy(other.to_owned())]),
        };
        let mut parser = Parser::new(params);
        let target = parser.target(kind);
        let mut settings = Self::new(target);
        settings.mode = mode;
        parser.common(&mut settings);
        if !is_hosted {
            parser.reject_unknown(strategy, kind);
        }
        if parser.problems.is_empty() {
            Ok(settings)
        } else {
            Err(parser.problems)
        }
    }
}

struct Parser<'p> {
    values: BTreeMap<&'p str, &'p str>,
    problems: Vec<Problem>,
}

impl<'p> Parser<'p> {
    fn new(params: &'p BTreeMap<String, String>) -> Self {
        let mut values: BTreeMap<&str, &str> = params
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let mut problems = Vec::new();
        for (alias, name) in ALIASES {
            let Some(value) = values.remove(alias) else {
                continue;
            };
            if values.insert(name, value).is_some() {
                problems.push(Problem::Exclusive(alias, name));
            }
        }
        Self { values, problems }
    }

    /// Parses a value, if the parameter is there.
    fn value<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let value = *self.values.get(name)?;
        match parse(value) {
            Ok(parsed) => Some(parsed),
            Err(reason) => {
                self.problems.push(Problem::Value {
                    name: name.to_owned(),
                    value: value.to_owned(),
                    reason,
                });
                None
            }
        }
    }

    fn share(&mut self, name: &str, min: f64, max: f64) -> Option<Share> {
        self.value(name, |text| {
            let share = Share::parse_percent(text, min, max).filter(|share| share.ppm() > 0);
            share.ok_or_else(|| {
                let from = if min > 0.0 {
                    format!("from {min}")
                } else {
                    "above 0".to_owned()
                };
                format!("expected percent {from} up to {max}")
            })
        })
    }

    /// The first target whose parameter is there. Another target's parameter is a problem.
    fn target(&mut self, kind: Kind) -> Target {
        let names = kind.parameters();
        let given = ["confidence", "percent", "minutes"]
            .into_iter()
            .filter(|name| names.contains(name) && self.values.contains_key(name));
        let given: Vec<&'static str> = given.collect();
        if let [first, second, ..] = given[..] {
            self.problems.push(Problem::Exclusive(first, second));
        }
        if self.values.contains_key("of") && given.first() != Some(&"percent") {
            self.need("percent", "parameter of", "percent=40");
        }
        match (kind, given.first()) {
            (Kind::Percent, None) => self.need("percent", "strategy percent", "percent=40"),
            (Kind::Time, None) => self.need("minutes", "strategy time", "minutes=10"),
            _ => {}
        }
        match given.first() {
            Some(&"percent") => self.percent(),
            Some(&"minutes") => self.minutes(),
            _ => {
                let confidence = self.share("confidence", 50.0, 99.9);
                Target::Confidence(confidence.unwrap_or(Share::from_percent(95)))
            }
        }
    }

    fn need(&mut self, name: &'static str, what: &'static str, example: &'static str) {
        let problem = Problem::Missing {
            what,
            name,
            example,
        };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    fn percent(&mut self) -> Target {
        let share = self.share("percent", 0.0, 100.0);
        let unit = self.value("of", |text| match text {
            "time" => Ok(Unit::Time),
            "tests" => Ok(Unit::Tests),
            _ => Err("expected time or tests".to_owned()),
        });
        Target::Percent(share.unwrap_or(Share::ALL), unit.unwrap_or(Unit::Time))
    }

    fn minutes(&mut self) -> Target {
        let minutes = self.value("minutes", |text| {
            let minutes: Option<f64> = text.trim().parse().ok();
            let minutes = minutes.filter(|minutes| *minutes > 0.0 && *minutes <= MAX_MINUTES);
            minutes.ok_or_else(|| format!("expected minutes above 0 up to {MAX_MINUTES}"))
        });
        Target::Time(Micros::from_seconds(minutes.unwrap_or(MAX_MINUTES) * 60.0))
    }

    fn common(&mut self, settings: &mut Settings) {
        if let Some(holdout) = self.share("holdout", 1.0, 100.0) {
            settings.holdout = holdout;
        }
        if let Some(sample) = self.share("sample", 0.0, 100.0) {
            settings.sample = sample;
        }
        if let Some(always) = self.value("always", Patterns::parse_paths) {
            settings.always = always;
        }
        if let Some(config) = self.value("config", Patterns::parse_paths) {
            settings.config = config;
        }
        if let Some(branches) = self.value("full_branch", Patterns::parse_branches) {
            settings.full_branch = branches;
        }
        if let Some(all) = self.value("after_red", |text| match text {
            "all" => Ok(true),
            "selected" => Ok(false),
            _ => Err("expected all or selected".to_owned()),
        }) {
            settings.all_after_red = all;
        }
        if let Some(min) = self.value("min_holdouts", |text| {
            let min: Option<u32> = text.trim().parse().ok();
            let min = min.filter(|min| (1..=MAX_MIN_HOLDOUTS).contains(min));
            min.ok_or_else(|| format!("expected a whole number from 1 up to {MAX_MIN_HOLDOUTS}"))
        }) {
            settings.min_holdouts = min;
        }
    }

    fn reject_unknown(&mut self, strategy: &str, kind: Kind) {
        let known: Vec<&str> = kind.parameters().iter().chain(&COMMON).copied().collect();
        for name in self.values.keys().filter(|name| !known.contains(name)) {
            self.problems.push(Problem::Parameter {
                name: (*name).to_owned(),
                strategy: strategy.to_owned(),
                known: known.join(", "),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(strategy: &str, params: &[(&str, &str)]) -> Result<Settings, Vec<Problem>> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Settings::parse(strategy, &params.iter().map(owned).collect())
    }

    fn problems(strategy: &str, params: &[(&str, &str)]) -> Vec<String> {
        let problems = parse(strategy, params).unwrap_err();
        let first_line = |problem: &Problem| {
            let text = problem.to_string();
            text.lines().next().unwrap_or_default().to_owned()
        };
        problems.iter().map(first_line).collect()
    }

    #[test]
    fn strategies_have_targets_and_modes() {
        type Params = &'static [(&'static str, &'static str)];
        let percent = |percent| Target::Percent(Share::from_percent(percent), Unit::Time);
        let confidence = |percent| Target::Confidence(Share::from_percent(percent));
        let time = Target::Time(Micros::from_seconds(630.0));
        let manual = Mode::Unsupported(HostedStrategy::Manual);
        let changed = Mode::Unsupported(HostedStrategy::RspecChangedFiles);
        let cases: [(&str, Params, Mode, Target); 12] = [
            ("confidence", &[], Mode::Select, confidence(95)),
            (
                "confidence",
                &[("confidence", "98")],
                Mode::Select,
                confidence(98),
            ),
            ("percent", &[("percent", "40")], Mode::Select, percent(40)),
            ("time", &[("minutes", "10.5")], Mode::Select, time),
            ("observe", &[], Mode::Observe, confidence(95)),
            ("observe", &[("minutes", "10.5")], Mode::Observe, time),
            ("random", &[("percent", "40")], Mode::Select, percent(40)),
            ("random", &[], Mode::Select, confidence(95)),
            ("xgboost", &[("model", "v2")], Mode::Select, confidence(95)),
            ("xgboost", &[("percent", "20")], Mode::Select, percent(20)),
            ("manual", &[("files", "a,b")], manual, confidence(95)),
            ("rspec_changed_files", &[], changed, confidence(95)),
        ];
        for (strategy, params, mode, target) in cases {
            let settings = parse(strategy, params).unwrap();
            assert_eq!(
                (settings.mode, settings.target),
                (mode, target),
                "{strategy} {params:?}"
            );
        }
    }

    #[test]
    fn common_parameters_are_parsed_under_both_names() {
        let settings = parse(
            "percent",
            &[
                ("percent", "10"),
                ("of", "tests"),
                ("exam", "5"),
                ("min_exams", "30"),
                ("sample", "0.5"),
                ("always", "smoke/**,*_critical.rb"),
                ("config", "*.proto"),
                ("full_branch", "release/*"),
                ("after_red", "selected"),
            ],
        )
        .unwrap();
        assert_eq!(
            settings.target,
            Target::Percent(Share::from_percent(10), Unit::Tests)
        );
        assert_eq!(
            (settings.holdout.ppm(), settings.sample.ppm()),
            (50_000, 5_000)
        );
        assert_eq!(settings.min_holdouts, 30);
        assert!(settings.always.matches("smoke/a/b.rb") && settings.config.matches("a/b.proto"));
        assert!(settings.full_branch.matches("release/1") && !settings.all_after_red);
    }

    #[test]
    fn every_problem_is_reported() {
        let found = problems(
            "confidence",
            &[
                ("confidence", "99.99"),
                ("percent", "40"),
                ("holdout", "0"),
                ("exam", "10"),
                ("sample", "0"),
                ("after_red", "none"),
                ("always", "***"),
                ("min_holdouts", "0"),
            ],
        );
        assert_eq!(
            found,
            [
                "selection parameters exam and holdout exclude each other",
                "invalid selection parameter confidence=\"99.99\": \
                 expected percent from 50 up to 99.9",
                "invalid selection parameter sample=\"0\": expected percent above 0 up to 100",
                "invalid selection parameter always=\"***\": \"***\" is not a glob: \
                 wildcards are either regular `*` or recursive `**`",
                "invalid selection parameter after_red=\"none\": expected all or selected",
                "invalid selection parameter min_holdouts=\"0\": \
                 expected a whole number from 1 up to 1000",
                "unknown selection parameter \"percent\"",
            ]
        );
    }

    #[test]
    fn targets_are_complete_and_unique() {
        let needs_percent = "selection strategy percent needs the parameter percent";
        assert_eq!(problems("percent", &[]), [needs_percent]);
        let needs_minutes = "selection strategy time needs the parameter minutes";
        assert_eq!(problems("time", &[]), [needs_minutes]);
        assert_eq!(
            problems("observe", &[("percent", "1"), ("minutes", "1")]),
            ["selection parameters percent and minutes exclude each other"]
        );
        assert_eq!(
            problems("observe", &[("of", "tests")]),
            ["selection parameter of needs the parameter percent"]
        );
        assert_eq!(
            problems("fastest", &[]),
            ["unknown selection strategy \"fastest\""]
        );
        let values = ["0", "-1", "100.1", "x", "inf", "nan"];
        for value in values {
            assert_eq!(
                problems("percent", &[("percent", value)]).len(),
                1,
                "{value}"
            );
            let minutes = if value == "100.1" { "10001" } else { value };
            assert_eq!(
                problems("time", &[("minutes", minutes)]).len(),
                1,
                "{value}"
            );
        }
    }
}
