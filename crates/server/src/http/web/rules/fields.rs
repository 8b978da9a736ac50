//! The fields of the form of a rule, as texts: from a rule, and to what the API accepts too.

use std::fmt::Display;
use std::str::FromStr;

use test_engine_insights::Monitor;
use test_engine_store::{RuleAction, RuleSettings, TestState};

use crate::rules::{ActionRequest, FilterRequest, MonitorRequest, RuleRequest};

/// Filters of a rule.
const FILTERS: usize = 4;
const PER_CENT: f64 = 100.0;

/// Names and values, in the order of the form; a name may repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields(Vec<(String, String)>);

impl From<Vec<(String, String)>> for Fields {
    fn from(fields: Vec<(String, String)>) -> Self {
        Self(fields)
    }
}

impl Fields {
    /// Of a new rule: what most rules begin with.
    pub(super) fn of_new() -> Self {
        let mut fields = Self::default();
        fields.set("enabled", "yes");
        fields.set("monitor", "flaky");
        fields.set("alarm.state", "mute");
        fields
    }

    pub(super) fn of(settings: &RuleSettings) -> Self {
        let mut fields = Self::default();
        fields.set("name", &settings.name);
        if settings.is_enabled {
            fields.set("enabled", "yes");
        }
        fields.monitor(&settings.monitor);
        for (index, filter) in settings.filters.iter().enumerate() {
            fields.set(&format!("filter.{index}.tag"), &filter.tag);
            fields.set(&format!("filter.{index}.operator"), filter.operator.name());
            fields.set(&format!("filter.{index}.value"), &filter.value);
        }
        fields.actions("alarm", &settings.alarm_actions);
        fields.actions("recover", &settings.recover_actions);
        fields
    }

    fn set(&mut self, name: &str, value: impl Display) {
        self.0.push((name.to_owned(), format!("{value}")));
    }

    fn monitor(&mut self, monitor: &Monitor) {
        let share = |parts: u32| f64::from(parts) / 10_000.0;
        self.set("monitor", super::kind(monitor));
        match *monitor {
            Monitor::Flaky | Monitor::Broken | Monitor::NewTest => {}
            Monitor::PassedOnRetry {
                commits,
                days,
                executions,
            } => {
                self.set("passed_on_retry.commits", commits);
                self.set("passed_on_retry.within_days", days);
                self.set("passed_on_retry.executions", executions);
            }
            Monitor::ProbabilisticFlakiness { high, low } => {
                self.set("probabilistic_flakiness.high", share(high));
                self.set("probabilistic_flakiness.low", share(low));
            }
            Monitor::TransitionCount { window, high, low } => {
                self.set("transition_count.window", window);
                self.set("transition_count.high", share(high));
                self.set("transition_count.low", share(low));
            }
            Monitor::DurationP50 { window, high, low } => {
                let seconds = |micros| test_engine_duration::Micros::new(micros).seconds();
                self.set("duration_p50.window", window);
                self.set("duration_p50.high", seconds(high));
                self.set("duration_p50.low", seconds(low));
            }
        }
    }

    fn actions(&mut self, occasion: &str, actions: &[RuleAction]) {
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for action in actions {
            match action {
                RuleAction::AddLabel(label) => added.push(label.as_str()),
                RuleAction::RemoveLabel(label) => removed.push(label.as_str()),
                RuleAction::Quarantine { state, scope, days } => {
                    let is_skip = *state == TestState::Skipped;
                    let kind = if is_skip { "skip" } else { "mute" };
                    self.set(&format!("{occasion}.state"), kind);
                    self.set(&format!("{occasion}.scope"), scope.name());
                    if let Some(days) = days {
                        self.set(&format!("{occasion}.days"), days);
                    }
                }
                RuleAction::Enable => self.set(&format!("{occasion}.enable"), "yes"),
                RuleAction::Notify(webhook) => self.set(&format!("{occasion}.notify"), webhook),
            }
        }
        self.set(&format!("{occasion}.add"), added.join(", "));
        self.set(&format!("{occasion}.remove"), removed.join(", "));
    }

    /// The first value with this name, or an empty text.
    pub(super) fn text(&self, name: &str) -> &str {
        let mut found = self.0.iter().filter(|(known, _)| known == name);
        found.next().map_or("", |(_, value)| value.as_str())
    }

    /// Whether one of the values with this name is this one.
    pub(super) fn has(&self, name: &str, value: &str) -> bool {
        let mut fields = self.0.iter();
        fields.any(|(known, found)| known == name && found == value)
    }

    /// The filters, each with its index, tag, operator and value; and an empty one if there may be
    /// one more.
    pub(super) fn filters(&self) -> Vec<(usize, &str, &str, &str)> {
        let part = |index: usize, part: &str| self.text(&format!("filter.{index}.{part}"));
        let all = (0..FILTERS).map(|index| {
            let (tag, operator) = (part(index, "tag"), part(index, "operator"));
            (index, tag, operator, part(index, "value"))
        });
        let mut filters: Vec<_> = all.collect();
        let is_used =
            |(_, tag, _, value): &(usize, &str, &str, &str)| !tag.is_empty() || !value.is_empty();
        let used = filters.iter().rposition(is_used).map_or(0, |last| last + 1);
        filters.truncate(used + 1);
        filters
    }

    /// What the form asks for. Empty filters of a new rule are the default of its monitor.
    pub(super) fn request(&self, is_new: bool) -> Result<RuleRequest, Vec<String>> {
        let mut problems = Vec::new();
        let monitor = self.monitor_request(&mut problems);
        let filters: Vec<FilterRequest> = self
            .filters()
            .into_iter()
            .filter(|(_, tag, _, value)| !tag.trim().is_empty() || !value.is_empty())
            .map(|(_, tag, operator, value)| FilterRequest {
                tag: tag.to_owned(),
                operator: operator.to_owned(),
                value: value.to_owned(),
            })
            .collect();
        let alarm_actions = self.action_requests("alarm", &mut problems);
        let recover_actions = self.action_requests("recover", &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(RuleRequest {
            name: Some(self.text("name").to_owned()),
            enabled: Some(!self.text("enabled").is_empty()),
            monitor: Some(monitor),
            filters: (!filters.is_empty() || !is_new).then_some(filters),
            alarm_actions: Some(alarm_actions),
            recover_actions: Some(recover_actions),
        })
    }

    fn monitor_request(&self, problems: &mut Vec<String>) -> MonitorRequest {
        let kind = self.text("monitor");
        let is = |name: &str| kind == name;
        let field = |name: &str| format!("{kind}.{name}");
        let has_window = is("transition_count") || is("duration_p50");
        let has_shares = is("transition_count") || is("probabilistic_flakiness");
        let unit = if has_shares { PER_CENT } else { 1.0 };
        let mut limit = |name: &str| {
            let number: Option<f64> = self.number(&field(name), name, problems);
            number.map(|number| number / unit)
        };
        let (high, low) = if has_shares || is("duration_p50") {
            (limit("high"), limit("low"))
        } else {
            (None, None)
        };
        let retried = is("passed_on_retry");
        MonitorRequest {
            kind: kind.to_owned(),
            commits: retried
                .then(|| self.number(&field("commits"), "commits", problems))
                .flatten(),
            within_days: retried
                .then(|| self.number(&field("within_days"), "within_days", problems))
                .flatten(),
            executions: retried
                .then(|| self.number(&field("executions"), "executions", problems))
                .flatten(),
            window: has_window
                .then(|| self.number(&field("window"), "window", problems))
                .flatten(),
            high,
            low,
        }
    }

    fn action_requests(&self, occasion: &str, problems: &mut Vec<String>) -> Vec<ActionRequest> {
        let field = |name: &str| format!("{occasion}.{name}");
        let of_kind = |kind: &str| ActionRequest {
            kind: kind.to_owned(),
            ..ActionRequest::default()
        };
        let mut actions = Vec::new();
        for (name, kind) in [("add", "add_label"), ("remove", "remove_label")] {
            let labels = self.text(&field(name)).split(',').map(str::trim);
            actions.extend(
                labels
                    .filter(|label| !label.is_empty())
                    .map(|label| ActionRequest {
                        label: Some(label.to_owned()),
                        ..of_kind(kind)
                    }),
            );
        }
        let state = self.text(&field("state"));
        if !state.is_empty() {
            let scope = self.text(&field("scope"));
            actions.push(ActionRequest {
                days: self.number(&field("days"), "days", problems),
                scope: (!scope.is_empty()).then(|| scope.to_owned()),
                ..of_kind(state)
            });
        }
        if !self.text(&field("enable")).is_empty() {
            actions.push(of_kind("enable"));
        }
        let notify = field("notify");
        let webhooks = self.0.iter().filter(|(name, _)| *name == notify);
        actions.extend(webhooks.map(|(_, webhook)| ActionRequest {
            webhook_id: Some(webhook.clone()),
            ..of_kind("notify")
        }));
        actions
    }

    fn number<T: FromStr>(&self, name: &str, label: &str, problems: &mut Vec<String>) -> Option<T> {
        let text = self.text(name).trim();
        if text.is_empty() {
            return None;
        }
        let number = text.parse().ok();
        if number.is_none() {
            problems.push(format!("{label} must be a number, not {text:?}"));
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use test_engine_insights::Monitor;
    use test_engine_store::{
        OrganizationId, QuarantineScope, QuarantineSettings, RuleAction, RuleSettings, Suite,
        SuiteId, TagFilter, TagOperator, TestState, Timestamp,
    };
    use uuid::Uuid;

    use super::Fields;
    use crate::rules;

    fn suite() -> Suite {
        Suite {
            id: SuiteId::default(),
            uuid: Uuid::nil(),
            organization: OrganizationId::default(),
            organization_uuid: Uuid::nil(),
            organization_slug: "acme".to_owned(),
            slug: "web".to_owned(),
            name: "Web".to_owned(),
            default_branch: "main".to_owned(),
            application_name: None,
            color: None,
            emoji: None,
            oidc_policy: None,
            quarantine: QuarantineSettings::default(),
            created_at: Timestamp::from_millis(0),
        }
    }

    fn round_trip(settings: &RuleSettings) -> RuleSettings {
        let suite = suite();
        let request = Fields::of(settings).request(false).unwrap();
        rules::settings(request, None, &suite).unwrap()
    }

    #[test]
    fn every_rule_survives_its_form() {
        let monitors = [
            Monitor::Flaky,
            Monitor::PASSED_ON_RETRY,
            Monitor::ProbabilisticFlakiness {
                high: 123_456,
                low: 50_000,
            },
            Monitor::DurationP50 {
                window: 7,
                high: 2_500_000,
                low: 1_000_000,
            },
            Monitor::TransitionCount {
                window: 50,
                high: 70_000,
                low: 10_000,
            },
        ];
        for monitor in monitors {
            let settings = RuleSettings {
                name: "A rule".to_owned(),
                is_enabled: false,
                monitor,
                filters: vec![TagFilter {
                    tag: "scm.branch".to_owned(),
                    operator: TagOperator::StartsWith,
                    value: "release, 1".to_owned(),
                }],
                alarm_actions: vec![
                    RuleAction::AddLabel("flaky".to_owned()),
                    RuleAction::AddLabel("to look at".to_owned()),
                    RuleAction::Quarantine {
                        state: TestState::Skipped,
                        scope: QuarantineScope::DefaultBranch,
                        days: Some(3),
                    },
                    RuleAction::Notify(Uuid::from_u128(7)),
                ],
                recover_actions: vec![
                    RuleAction::RemoveLabel("flaky".to_owned()),
                    RuleAction::Enable,
                ],
            };
            assert_eq!(round_trip(&settings), settings);
        }
    }

    #[test]
    fn what_is_no_number_is_named() {
        let fields = [
            ("monitor", "transition_count"),
            ("transition_count.window", "many"),
            ("alarm.state", "mute"),
            ("alarm.days", "x"),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let problems = Fields::from(fields.to_vec()).request(true).unwrap_err();
        assert_eq!(
            problems,
            [
                "window must be a number, not \"many\"",
                "days must be a number, not \"x\""
            ]
        );
    }

    #[test]
    fn a_new_rule_without_filters_gets_those_of_its_monitor() {
        let request = Fields::of_new().request(true).unwrap();
        assert!(request.filters.is_none());
        assert!(Fields::of_new().request(false).unwrap().filters.is_some());
    }
}
