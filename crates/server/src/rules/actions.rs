//! The actions of a rule as people ask for them.

use serde::Deserialize;
use test_engine_insights::Monitor;
use test_engine_store::{QuarantineScope, RuleAction, TestState};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::labels;

/// Of an alarm, and of a recovery.
const MAX_ACTIONS: usize = 10;

/// What a rule does with a test.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = RuleAction)]
pub(crate) struct ActionRequest {
    /// `enable` is for recoveries of a rule that mutes or skips.
    #[serde(rename = "type")]
    #[schema(pattern = "^(add_label|remove_label|mute|skip|enable|notify)$")]
    pub(crate) kind: String,
    /// Of `add_label` and `remove_label`.
    #[schema(max_length = 100)]
    pub(crate) label: Option<String>,
    /// Of `mute` and `skip`: at most the suite's maximum. By default the suite's default.
    #[schema(minimum = 1)]
    pub(crate) days: Option<u32>,
    /// Of `mute` and `skip`. By default `not_touched`.
    #[schema(pattern = "^(everywhere|default_branch|not_touched)$")]
    pub(crate) scope: Option<String>,
    /// Of `notify`: a webhook of the suite or its organization, which may send e-mail. It gets the
    /// event even if it does not want events of this kind.
    #[schema(format = "uuid")]
    pub(crate) webhook_id: Option<String>,
}

/// When actions are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    Alarm,
    Recovery,
}

impl Occasion {
    const fn field(self) -> &'static str {
        match self {
            Self::Alarm => "alarm_actions",
            Self::Recovery => "recover_actions",
        }
    }
}

/// The valid actions of a list. `max_days` is the longest mute of the suite.
pub(super) fn validate(
    sent: &[ActionRequest],
    occasion: Occasion,
    max_days: u32,
    problems: &mut Vec<String>,
) -> Vec<RuleAction> {
    let field = occasion.field();
    if sent.len() > MAX_ACTIONS {
        problems.push(format!("{field} has more than {MAX_ACTIONS} actions"));
    }
    let mut actions = Vec::with_capacity(sent.len());
    for (index, action) in sent.iter().take(MAX_ACTIONS).enumerate() {
        match action.validate(occasion, max_days) {
            Ok(action) => actions.push(action),
            Err(problem) => problems.push(format!("{field}[{index}] {problem}")),
        }
    }
    for (index, action) in actions.iter().enumerate() {
        let (earlier, _) = actions.split_at(index);
        if earlier.iter().any(|other| is_conflict(other, action)) {
            problems.push(format!(
                "{field} has two actions of the same kind or purpose"
            ));
        }
    }
    actions
}

/// Whether two actions of a list repeat or undo each other.
fn is_conflict(one: &RuleAction, other: &RuleAction) -> bool {
    let label = |action: &RuleAction| match action {
        RuleAction::AddLabel(label) | RuleAction::RemoveLabel(label) => Some(label.clone()),
        _ => None,
    };
    let is_state =
        |action: &RuleAction| matches!(action, RuleAction::Quarantine { .. } | RuleAction::Enable);
    one == other
        || label(one).is_some() && label(one) == label(other)
        || is_state(one) && is_state(other)
}

/// What is wrong with the actions as a whole.
pub(super) fn check_together(
    monitor: Option<&Monitor>,
    alarm: &[RuleAction],
    recover: &[RuleAction],
    problems: &mut Vec<String>,
) {
    let quarantines = alarm
        .iter()
        .any(|action| matches!(action, RuleAction::Quarantine { .. }));
    if quarantines && monitor == Some(&Monitor::Broken) {
        problems
            .push("a rule cannot mute or skip broken tests: their failures are real".to_owned());
    }
    if recover.contains(&RuleAction::Enable) && !quarantines {
        problems.push("recover_actions can enable only if alarm_actions mute or skip".to_owned());
    }
    if !recover.is_empty() && monitor == Some(&Monitor::NewTest) {
        problems.push("the alarm of new_test never ends, so recover_actions must be empty".into());
    }
}

impl ActionRequest {
    fn validate(&self, occasion: Occasion, max_days: u32) -> Result<RuleAction, String> {
        let kind = self.kind.as_str();
        let is_state = matches!(kind, "mute" | "skip");
        for (name, is_given, belongs) in [
            ("label", self.label.is_some(), kind.ends_with("_label")),
            ("days", self.days.is_some(), is_state),
            ("scope", self.scope.is_some(), is_state),
            ("webhook_id", self.webhook_id.is_some(), kind == "notify"),
        ] {
            if is_given && !belongs {
                return Err(format!("has a {name}, which {kind:?} does not take"));
            }
        }
        match kind {
            "add_label" => self.label().map(RuleAction::AddLabel),
            "remove_label" => self.label().map(RuleAction::RemoveLabel),
            "mute" | "skip" if occasion == Occasion::Alarm => self.quarantine(max_days),
            "enable" if occasion == Occasion::Recovery => Ok(RuleAction::Enable),
            "mute" | "skip" | "enable" => Err(format!(
                "cannot be {kind}: alarms mute and skip, recoveries enable"
            )),
            "notify" => {
                let id = self.webhook_id.as_deref().unwrap_or_default();
                let id = Uuid::parse_str(id).map_err(|_| "needs the webhook_id of a webhook")?;
                Ok(RuleAction::Notify(id))
            }
            other => Err(format!(
                "has the type {other:?}; use add_label, remove_label, mute, skip, enable or notify"
            )),
        }
    }

    fn label(&self) -> Result<String, String> {
        let label = self.label.as_deref().ok_or("needs a label")?;
        labels::check(label).map_err(|problem| format!("label {problem}"))
    }

    fn quarantine(&self, max_days: u32) -> Result<RuleAction, String> {
        if self
            .days
            .is_some_and(|days| !(1..=max_days).contains(&days))
        {
            return Err(format!(
                "days must be from 1 to {max_days}, the suite's maximum"
            ));
        }
        let scope = match self.scope.as_deref() {
            None => QuarantineScope::NotTouched,
            Some(name) => QuarantineScope::ALL
                .into_iter()
                .find(|scope| scope.name() == name)
                .ok_or_else(|| {
                    let names = QuarantineScope::ALL.map(QuarantineScope::name).join(", ");
                    format!("scope must be one of {names}")
                })?,
        };
        Ok(RuleAction::Quarantine {
            state: if self.kind == "skip" {
                TestState::Skipped
            } else {
                TestState::Muted
            },
            scope,
            days: self.days,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn actions(occasion: Occasion, sent: Value) -> Result<Vec<RuleAction>, String> {
        let sent: Vec<ActionRequest> = serde_json::from_value(sent).unwrap();
        let mut problems = Vec::new();
        let actions = validate(&sent, occasion, 90, &mut problems);
        if problems.is_empty() {
            return Ok(actions);
        }
        Err(problems.join(", "))
    }

    #[test]
    fn actions_have_what_their_type_needs() {
        let sent = json!([
            {"type": "add_label", "label": " flaky "},
            {"type": "mute"},
            {"type": "notify", "webhook_id": "018f2f6e-0000-8000-8000-000000000000"},
        ]);
        let found = actions(Occasion::Alarm, sent).unwrap();
        assert_eq!(found[0], RuleAction::AddLabel("flaky".to_owned()));
        let mute = RuleAction::Quarantine {
            state: TestState::Muted,
            scope: QuarantineScope::NotTouched,
            days: None,
        };
        assert_eq!(found[1], mute);
        for (sent, expected) in [
            (
                json!([{"type": "delete"}]),
                "alarm_actions[0] has the type \"delete\"",
            ),
            (json!([{"type": "add_label"}]), "needs a label"),
            (json!([{"type": "add_label", "label": "a,b"}]), "a comma"),
            (json!([{"type": "mute", "label": "a"}]), "does not take"),
            (json!([{"type": "mute", "days": 91}]), "from 1 to 90"),
            (json!([{"type": "skip", "scope": "here"}]), "scope must be"),
            (json!([{"type": "notify", "webhook_id": "7"}]), "webhook_id"),
            (json!([{"type": "enable"}]), "recoveries enable"),
            (json!([{"type": "mute"}, {"type": "skip"}]), "two actions"),
            (
                json!([
                    {"type": "add_label", "label": "a"}, {"type": "remove_label", "label": "a"},
                ]),
                "two actions",
            ),
            (
                Value::Array(vec![json!({"type": "mute"}); 11]),
                "more than 10",
            ),
        ] {
            let error = actions(Occasion::Alarm, sent).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        let error = actions(Occasion::Recovery, json!([{"type": "mute"}])).unwrap_err();
        assert!(error.contains("alarms mute"), "{error}");
    }

    #[test]
    fn some_actions_need_others() {
        let check = |monitor: Monitor, alarm: Value, recover: Value| {
            let alarm = actions(Occasion::Alarm, alarm).unwrap();
            let recover = actions(Occasion::Recovery, recover).unwrap();
            let mut problems = Vec::new();
            check_together(Some(&monitor), &alarm, &recover, &mut problems);
            problems.join(", ")
        };
        let (mute, enable) = (json!([{"type": "mute"}]), json!([{"type": "enable"}]));
        assert_eq!(check(Monitor::Flaky, mute.clone(), enable.clone()), "");
        let label = json!([{"type": "add_label", "label": "a"}]);
        assert!(check(Monitor::Flaky, label.clone(), enable).contains("only if"));
        assert!(check(Monitor::Broken, mute, json!([])).contains("real"));
        assert!(check(Monitor::NewTest, json!([]), label).contains("never ends"));
    }
}
