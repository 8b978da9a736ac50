//! The monitor of a rule as people ask for it, with its ranges and defaults.

use serde::Deserialize;
use test_engine_insights::{KEPT_DAYS, Monitor};
use utoipa::ToSchema;

const NAMES: [&str; 7] = [
    "flaky",
    "broken",
    "passed_on_retry",
    "probabilistic_flakiness",
    "transition_count",
    "duration_p50",
    "new_test",
];
/// In seconds.
const MAX_DURATION: f64 = 86_400.0;
/// Of `high`, unless another `low` is given.
const DEFAULT_LOW: f64 = 0.8;
const DEFAULT_LOW_TRANSITIONS: f64 = 0.4;

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes a text in the OpenAPI document")]
pub(crate) enum MonitorKind {
    Flaky,
    Broken,
    PassedOnRetry,
    ProbabilisticFlakiness,
    TransitionCount,
    DurationP50,
    NewTest,
}

/// The condition of a rule. Parameters that its type does not have are rejected.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = Monitor)]
pub(crate) struct MonitorRequest {
    #[serde(rename = "type")]
    #[schema(value_type = MonitorKind, inline)]
    pub(crate) kind: String,
    /// Of `passed_on_retry`: commits that failed and passed. By default 1.
    #[schema(minimum = 1, maximum = 100)]
    pub(crate) commits: Option<u32>,
    /// Of `passed_on_retry`: days in which they have to be. By default 7.
    #[schema(minimum = 1, maximum = 88)]
    pub(crate) within_days: Option<i32>,
    /// Of `passed_on_retry`: passes after which a commit no longer counts. By default 100.
    #[schema(minimum = 1, maximum = 100_000)]
    pub(crate) executions: Option<u32>,
    /// Of `transition_count` and `duration_p50`: the executions that are looked at. By default 100
    /// and 5.
    #[schema(minimum = 1, maximum = 100)]
    pub(crate) window: Option<u32>,
    /// The alarm begins. Of `probabilistic_flakiness`: above this failure rate, by default 0.1. Of
    /// `transition_count`: from this share of changes on, by default 0.05. Of `duration_p50`: from
    /// these seconds on; required.
    #[schema(minimum = 0, maximum = 86_400)]
    pub(crate) high: Option<f64>,
    /// The alarm ends. Below this failure rate, or from this share or these seconds down. By
    /// default 80% of `high`, for `transition_count` 40%.
    #[schema(minimum = 0, maximum = 86_400)]
    pub(crate) low: Option<f64>,
}

impl MonitorRequest {
    /// Adds what is wrong to `problems`; `None` only if something is.
    pub(crate) fn validate(&self, problems: &mut Vec<String>) -> Option<Monitor> {
        let before = problems.len();
        let allowed: &[&str] = match self.kind.as_str() {
            "flaky" | "broken" | "new_test" => &[],
            "passed_on_retry" => &["commits", "within_days", "executions"],
            "probabilistic_flakiness" => &["high", "low"],
            "transition_count" | "duration_p50" => &["window", "high", "low"],
            other => {
                let names = NAMES.join(", ");
                problems.push(format!("monitor {other:?} is not one of {names}"));
                return None;
            }
        };
        for (name, is_given) in [
            ("commits", self.commits.is_some()),
            ("within_days", self.within_days.is_some()),
            ("executions", self.executions.is_some()),
            ("window", self.window.is_some()),
            ("high", self.high.is_some()),
            ("low", self.low.is_some()),
        ] {
            if is_given && !allowed.contains(&name) {
                problems.push(format!("{name} is no parameter of {}", self.kind));
            }
        }
        let monitor = self.monitor(problems);
        (problems.len() == before).then_some(monitor).flatten()
    }

    fn monitor(&self, problems: &mut Vec<String>) -> Option<Monitor> {
        Some(match self.kind.as_str() {
            "flaky" => Monitor::Flaky,
            "broken" => Monitor::Broken,
            "new_test" => Monitor::NewTest,
            "passed_on_retry" => {
                let mut number = |value: Option<i64>, name, default, range| {
                    within(value.unwrap_or(default), name, range, problems)
                };
                let commits = number(self.commits.map(i64::from), "commits", 1, (1, 100));
                let days = self.within_days.map(i64::from);
                let days = number(days, "within_days", 7, (1, i64::from(KEPT_DAYS)));
                let executions = self.executions.map(i64::from);
                let executions = number(executions, "executions", 100, (1, 100_000));
                Monitor::PassedOnRetry {
                    commits: u32::try_from(commits).ok()?,
                    days: i32::try_from(days).ok()?,
                    executions: u32::try_from(executions).ok()?,
                }
            }
            "probabilistic_flakiness" => {
                let (high, low) = self.thresholds((Some(0.1), DEFAULT_LOW), 1.0, problems)?;
                Monitor::ProbabilisticFlakiness {
                    high: u32::try_from(high).ok()?,
                    low: u32::try_from(low).ok()?,
                }
            }
            "transition_count" => {
                let default = (Some(0.05), DEFAULT_LOW_TRANSITIONS);
                let (high, low) = self.thresholds(default, 1.0, problems)?;
                Monitor::TransitionCount {
                    window: self.window(100, 2, problems)?,
                    high: u32::try_from(high).ok()?,
                    low: u32::try_from(low).ok()?,
                }
            }
            _ => {
                let default = (None, DEFAULT_LOW);
                let (high, low) = self.thresholds(default, MAX_DURATION, problems)?;
                Monitor::DurationP50 {
                    window: self.window(5, 1, problems)?,
                    high,
                    low,
                }
            }
        })
    }

    fn window(&self, default: u32, least: i64, problems: &mut Vec<String>) -> Option<u32> {
        let window = i64::from(self.window.unwrap_or(default));
        let range = (least, i64::from(Monitor::MAX_WINDOW));
        u32::try_from(within(window, "window", range, problems)).ok()
    }

    /// `high` and `low`, in millionths.
    fn thresholds(
        &self,
        (default, share): (Option<f64>, f64),
        most: f64,
        problems: &mut Vec<String>,
    ) -> Option<(u64, u64)> {
        let Some(high) = self.high.or(default) else {
            problems.push(format!("high is required for {}", self.kind));
            return None;
        };
        let low = self.low.unwrap_or(high * share);
        if !(0.001..=most).contains(&high) {
            problems.push(format!("high must be from 0.001 to {most}"));
        } else if !(0.0..=high).contains(&low) {
            problems.push("low must be from 0 to high".to_owned());
        }
        Some((millionths(high), millionths(low)))
    }
}

fn within(value: i64, name: &str, (least, most): (i64, i64), problems: &mut Vec<String>) -> i64 {
    if !(least..=most).contains(&value) {
        problems.push(format!("{name} must be from {least} to {most}"));
    }
    value
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates"
)]
fn millionths(number: f64) -> u64 {
    (number * 1e6).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn monitor(text: &str) -> Result<Monitor, String> {
        let request: MonitorRequest = serde_json::from_str(text).unwrap();
        let mut problems = Vec::new();
        let monitor = request.validate(&mut problems);
        monitor.ok_or_else(|| problems.join(", "))
    }

    #[test]
    fn monitors_have_the_defaults_of_the_hosted_product() {
        for (name, expected) in [
            ("flaky", Monitor::Flaky),
            ("broken", Monitor::Broken),
            ("new_test", Monitor::NewTest),
            ("passed_on_retry", Monitor::PASSED_ON_RETRY),
            ("probabilistic_flakiness", Monitor::PROBABILISTIC_FLAKINESS),
            (
                "transition_count",
                Monitor::TransitionCount {
                    window: 100,
                    high: 50_000,
                    low: 20_000,
                },
            ),
        ] {
            assert_eq!(monitor(&format!(r#"{{"type": "{name}"}}"#)), Ok(expected));
        }
        assert_eq!(
            monitor(r#"{"type": "duration_p50", "high": 2.5}"#),
            Ok(Monitor::DurationP50 {
                window: 5,
                high: 2_500_000,
                low: 2_000_000,
            })
        );
    }

    #[test]
    fn values_out_of_range_are_named() {
        for (text, expected) in [
            (r#"{"type": "slow"}"#, "\"slow\" is not one of flaky,"),
            (
                r#"{"type": "flaky", "commits": 1}"#,
                "commits is no parameter of flaky",
            ),
            (
                r#"{"type": "passed_on_retry", "within_days": 0}"#,
                "within_days must be from 1 to 88",
            ),
            (
                r#"{"type": "passed_on_retry", "commits": 0, "executions": 0}"#,
                "commits must be from 1 to 100, executions must be from 1",
            ),
            (
                r#"{"type": "transition_count", "window": 101}"#,
                "window must be from 2 to 100",
            ),
            (
                r#"{"type": "transition_count", "window": 1}"#,
                "window must be from 2",
            ),
            // It would apply to every test.
            (
                r#"{"type": "transition_count", "high": 0}"#,
                "high must be from 0.001",
            ),
            (
                r#"{"type": "probabilistic_flakiness", "high": 0.1, "low": 0.2}"#,
                "low must be from 0 to high",
            ),
            (r#"{"type": "probabilistic_flakiness", "high": 2}"#, "to 1"),
            (r#"{"type": "duration_p50"}"#, "high is required"),
            (
                r#"{"type": "duration_p50", "high": 1e300}"#,
                "high must be from 0.001 to 86400",
            ),
        ] {
            let error = monitor(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
