//! The settings of rules as JSON, the same in the database, the audit log and the API. Shares are
//! numbers from 0 to 1 there, and durations seconds.

use serde_json::{Map, Value, json};
use test_engine_insights::Monitor;
use uuid::Uuid;

use crate::records::{
    QuarantineScope, RuleAction, RuleSettings, TagFilter, TagOperator, TestState,
};

impl RuleSettings {
    /// `name`, `enabled`, `monitor`, `filters`, `alarm_actions` and `recover_actions`.
    pub fn to_json(&self) -> Map<String, Value> {
        let list = |actions: &[RuleAction]| actions.iter().map(of_action).collect::<Vec<_>>();
        let settings = json!({
            "name": self.name,
            "enabled": self.is_enabled,
            "monitor": of_monitor(&self.monitor),
            "filters": self.filters.iter().map(of_filter).collect::<Vec<_>>(),
            "alarm_actions": list(&self.alarm_actions),
            "recover_actions": list(&self.recover_actions),
        });
        match settings {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }
}

pub(crate) fn of_monitor(monitor: &Monitor) -> Value {
    match *monitor {
        Monitor::Flaky => json!({"type": "flaky"}),
        Monitor::Broken => json!({"type": "broken"}),
        Monitor::NewTest => json!({"type": "new_test"}),
        Monitor::PassedOnRetry {
            commits,
            days,
            executions,
        } => json!({
            "type": "passed_on_retry",
            "commits": commits,
            "within_days": days,
            "executions": executions,
        }),
        Monitor::ProbabilisticFlakiness { high, low } => json!({
            "type": "probabilistic_flakiness",
            "high": millionths(high.into()),
            "low": millionths(low.into()),
        }),
        Monitor::TransitionCount { window, high, low } => json!({
            "type": "transition_count",
            "window": window,
            "high": millionths(high.into()),
            "low": millionths(low.into()),
        }),
        Monitor::DurationP50 { window, high, low } => json!({
            "type": "duration_p50",
            "window": window,
            "high": millionths(high),
            "low": millionths(low),
        }),
    }
}

/// `None` if it is not what [`of_monitor`] writes.
pub(super) fn monitor(value: &Value) -> Option<Monitor> {
    let number = |name: &str| u32::try_from(value[name].as_u64()?).ok();
    let share = |name: &str| u32::try_from(in_millionths(value[name].as_f64()?)).ok();
    let seconds = |name: &str| value[name].as_f64().map(in_millionths);
    Some(match value["type"].as_str()? {
        "flaky" => Monitor::Flaky,
        "broken" => Monitor::Broken,
        "new_test" => Monitor::NewTest,
        "passed_on_retry" => Monitor::PassedOnRetry {
            commits: number("commits")?,
            days: i32::try_from(number("within_days")?).ok()?,
            executions: number("executions")?,
        },
        "probabilistic_flakiness" => Monitor::ProbabilisticFlakiness {
            high: share("high")?,
            low: share("low")?,
        },
        "transition_count" => Monitor::TransitionCount {
            window: number("window")?,
            high: share("high")?,
            low: share("low")?,
        },
        "duration_p50" => Monitor::DurationP50 {
            window: number("window")?,
            high: seconds("high")?,
            low: seconds("low")?,
        },
        _ => return None,
    })
}

fn of_filter(filter: &TagFilter) -> Value {
    json!({
        "tag": filter.tag,
        "operator": filter.operator.name(),
        "value": filter.value,
    })
}

pub(super) fn filters(value: &Value) -> Option<Vec<TagFilter>> {
    let filter = |value: &Value| {
        Some(TagFilter {
            tag: value["tag"].as_str()?.to_owned(),
            operator: TagOperator::of_name(value["operator"].as_str()?)?,
            value: value["value"].as_str()?.to_owned(),
        })
    };
    value.as_array()?.iter().map(filter).collect()
}

pub(crate) fn of_action(action: &RuleAction) -> Value {
    match action {
        RuleAction::AddLabel(label) => json!({"type": "add_label", "label": label}),
        RuleAction::RemoveLabel(label) => json!({"type": "remove_label", "label": label}),
        RuleAction::Quarantine { state, scope, days } => json!({
            "type": if *state == TestState::Skipped { "skip" } else { "mute" },
            "scope": scope.name(),
            "days": days,
        }),
        RuleAction::Enable => json!({"type": "enable"}),
        RuleAction::Notify(webhook) => json!({"type": "notify", "webhook_id": webhook}),
    }
}

pub(super) fn actions(value: &Value) -> Option<Vec<RuleAction>> {
    value.as_array()?.iter().map(action).collect()
}

fn action(value: &Value) -> Option<RuleAction> {
    let label = || value["label"].as_str().map(str::to_owned);
    Some(match value["type"].as_str()? {
        "add_label" => RuleAction::AddLabel(label()?),
        "remove_label" => RuleAction::RemoveLabel(label()?),
        "enable" => RuleAction::Enable,
        "notify" => RuleAction::Notify(Uuid::parse_str(value["webhook_id"].as_str()?).ok()?),
        kind @ ("mute" | "skip") => {
            let scope = value["scope"].as_str()?;
            let days = match &value["days"] {
                Value::Null => None,
                days => Some(u32::try_from(days.as_u64()?).ok()?),
            };
            RuleAction::Quarantine {
                state: if kind == "skip" {
                    TestState::Skipped
                } else {
                    TestState::Muted
                },
                scope: QuarantineScope::ALL
                    .into_iter()
                    .find(|known| known.name() == scope)?,
                days,
            }
        }
        _ => return None,
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share or a duration has fewer than 52 bits"
)]
fn millionths(number: u64) -> f64 {
    number as f64 / 1e6
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates"
)]
fn in_millionths(number: f64) -> u64 {
    (number * 1e6).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_back() {
        for known in [
            Monitor::Flaky,
            Monitor::Broken,
            Monitor::NewTest,
            Monitor::PASSED_ON_RETRY,
            Monitor::PROBABILISTIC_FLAKINESS,
            Monitor::TransitionCount {
                window: 100,
                high: 50_000,
                low: 1,
            },
            Monitor::DurationP50 {
                window: 5,
                high: 86_400_000_000,
                low: 1_234_567,
            },
        ] {
            assert_eq!(monitor(&of_monitor(&known)), Some(known));
        }
        assert_eq!(monitor(&json!({"type": "slow"})), None);
        let filter = TagFilter {
            tag: "scm.branch".to_owned(),
            operator: TagOperator::StartsWith,
            value: "release/".to_owned(),
        };
        let list = json!([of_filter(&filter)]);
        assert_eq!(filters(&list), Some(vec![filter]));
        let all = vec![
            RuleAction::AddLabel("flaky".to_owned()),
            RuleAction::RemoveLabel("flaky".to_owned()),
            RuleAction::Enable,
            RuleAction::Notify(Uuid::from_u128(7)),
            RuleAction::Quarantine {
                state: TestState::Muted,
                scope: QuarantineScope::DefaultBranch,
                days: None,
            },
            RuleAction::Quarantine {
                state: TestState::Skipped,
                scope: QuarantineScope::Everywhere,
                days: Some(3),
            },
        ];
        let list: Vec<Value> = all.iter().map(of_action).collect();
        assert_eq!(actions(&Value::Array(list)), Some(all));
    }
}
