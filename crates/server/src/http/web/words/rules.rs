//! What rules do, in words.

use std::fmt::Write as _;

use test_engine_duration::Micros;
use test_engine_insights::Monitor;
use test_engine_store::{RuleAction, RuleSettings, TagFilter, TagOperator, TestState};

use crate::http::web::format;

/// The first line of the list of rules.
pub(in crate::http::web) fn rules(rules: u64, enabled: u64, events: u64) -> String {
    if rules == 0 {
        return "No rule acts by itself.".to_owned();
    }
    let mut text = format::counted(rules, "rule");
    if enabled < rules {
        let _infallible = write!(text, ", {} switched on", format::count(enabled));
    }
    format!(
        "{text}; {} in the last 7 days.",
        format::counted(events, "event")
    )
}

/// The first line of the page of a rule.
pub(in crate::http::web) fn rule(settings: &RuleSettings, flagged: u64, events: u64) -> String {
    let state = if settings.is_enabled {
        String::new()
    } else {
        "Switched off. ".to_owned()
    };
    let actions: Vec<String> = settings.alarm_actions.iter().map(action).collect();
    let does = if actions.is_empty() {
        "Watches".to_owned()
    } else {
        capitalized(&actions.join(", "))
    };
    let subject = if actions.is_empty() { " " } else { ": " };
    format!(
        "{state}{does}{subject}{}. {} flagged now; {} in the last 7 days.",
        monitor(&settings.monitor),
        format::counted(flagged, "test"),
        format::counted(events, "event"),
    )
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// Which tests a monitor is about, such as `tests that are flaky`.
pub(in crate::http::web) fn monitor(monitor: &Monitor) -> String {
    match *monitor {
        Monitor::Flaky => "tests that are flaky".to_owned(),
        Monitor::Broken => "tests that are broken on the default branch".to_owned(),
        Monitor::PassedOnRetry {
            commits,
            days,
            executions,
        } => format!(
            "tests that failed and passed on {} within {}, until {} follow",
            match commits {
                1 => "the same commit".to_owned(),
                more => format!("each of {} commits", format::count(more.into())),
            },
            format::counted(u64::try_from(days).unwrap_or(0), "day"),
            match executions {
                1 => "1 pass".to_owned(),
                more => format!("{} passes", format::count(more.into())),
            },
        ),
        Monitor::ProbabilisticFlakiness { high, low } => format!(
            "tests that fail on good code more than {} of the time, until it is less than {}",
            share(high),
            share(low)
        ),
        Monitor::TransitionCount { window, high, low } => format!(
            "tests whose result changed in {} or more of their last {}, until it is {}",
            share(high),
            format::counted(window.into(), "execution"),
            share(low)
        ),
        Monitor::DurationP50 { window, high, low } => format!(
            "tests that take {} or longer in the median of their last {}, until it is {}",
            format::duration(Micros::new(high)),
            format::counted(window.into(), "execution"),
            format::duration(Micros::new(low))
        ),
        Monitor::NewTest => "tests that run for the first time".to_owned(),
    }
}

/// A share in parts per million.
fn share(parts: u32) -> String {
    let text = format!("{:.2}", f64::from(parts) / 10_000.0);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}%")
}

/// Such as `scm.branch is main`.
pub(in crate::http::web) fn filter(filter: &TagFilter) -> String {
    let operator = match filter.operator {
        TagOperator::Is => "is",
        TagOperator::IsNot => "is not",
        TagOperator::StartsWith => "starts with",
    };
    format!("{} {operator} {}", filter.tag, filter.value)
}

/// What a rule does with a test, such as `mute it for 14 days`.
pub(in crate::http::web) fn action(action: &RuleAction) -> String {
    match action {
        RuleAction::AddLabel(label) => format!("add the label {label}"),
        RuleAction::RemoveLabel(label) => format!("remove the label {label}"),
        RuleAction::Quarantine { state, days, .. } => {
            let verb = if *state == TestState::Skipped {
                "skip"
            } else {
                "mute"
            };
            days.map_or_else(
                || format!("{verb} it for the suite's default time"),
                |days| format!("{verb} it for {}", format::counted(days.into(), "day")),
            )
        }
        RuleAction::Enable => "enable it".to_owned(),
        RuleAction::Notify(_) => "tell a webhook".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use test_engine_insights::Monitor;
    use test_engine_store::{QuarantineScope, RuleAction, RuleSettings, TestState};

    use super::{action, monitor, rule, rules};

    #[test]
    fn rules_are_counted() {
        assert_eq!(rules(0, 0, 0), "No rule acts by itself.");
        assert_eq!(rules(1, 1, 0), "1 rule; 0 events in the last 7 days.");
        assert_eq!(
            rules(3, 2, 14),
            "3 rules, 2 switched on; 14 events in the last 7 days."
        );
    }

    #[test]
    fn a_rule_says_what_it_does_with_which_tests() {
        let mut settings = RuleSettings {
            name: "x".to_owned(),
            is_enabled: true,
            monitor: Monitor::Flaky,
            filters: Vec::new(),
            alarm_actions: vec![
                RuleAction::AddLabel("flaky".to_owned()),
                RuleAction::Quarantine {
                    state: TestState::Muted,
                    scope: QuarantineScope::Everywhere,
                    days: Some(1),
                },
            ],
            recover_actions: Vec::new(),
        };
        assert_eq!(
            rule(&settings, 3, 14),
            "Add the label flaky, mute it for 1 day: tests that are flaky. 3 tests flagged now; \
             14 events in the last 7 days."
        );
        settings.alarm_actions.clear();
        settings.is_enabled = false;
        assert_eq!(
            rule(&settings, 0, 0),
            "Switched off. Watches tests that are flaky. 0 tests flagged now; 0 events in the \
             last 7 days."
        );
    }

    #[test]
    fn monitors_and_actions_read_as_sentences() {
        for (kind, expected) in [
            (
                Monitor::PASSED_ON_RETRY,
                "tests that failed and passed on the same commit within 7 days, until 100 passes \
                 follow",
            ),
            (
                Monitor::ProbabilisticFlakiness {
                    high: 125_000,
                    low: 80_000,
                },
                "tests that fail on good code more than 12.5% of the time, until it is less than \
                 8%",
            ),
            (
                Monitor::TransitionCount {
                    window: 100,
                    high: 50_000,
                    low: 20_000,
                },
                "tests whose result changed in 5% or more of their last 100 executions, until it \
                 is 2%",
            ),
            (
                Monitor::DurationP50 {
                    window: 5,
                    high: 2_500_000,
                    low: 2_000_000,
                },
                "tests that take 2.5 s or longer in the median of their last 5 executions, until \
                 it is 2.0 s",
            ),
        ] {
            assert_eq!(monitor(&kind), expected);
        }
        let skip = RuleAction::Quarantine {
            state: TestState::Skipped,
            scope: QuarantineScope::NotTouched,
            days: None,
        };
        assert_eq!(action(&skip), "skip it for the suite's default time");
        assert_eq!(action(&RuleAction::Enable), "enable it");
    }
}
