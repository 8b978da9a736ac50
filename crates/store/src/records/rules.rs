//! Rules: what happens when the history of a test meets a condition.

use std::collections::{BTreeMap, BTreeSet};

use test_engine_insights::{Brake, History, Monitor, Transition};
use uuid::Uuid;

use super::quarantine::{NewQuarantine, QuarantineScope};
use super::tests::TestState;
use super::values::{RuleId, SuiteId, TestId, Timestamp};

/// How a filter compares the value of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagOperator {
    Is,
    /// Also if the execution has no such tag.
    IsNot,
    StartsWith,
}

impl TagOperator {
    pub const ALL: [Self; 3] = [Self::Is, Self::IsNot, Self::StartsWith];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Is => "is",
            Self::IsNot => "is_not",
            Self::StartsWith => "starts_with",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|operator| operator.name() == name)
    }
}

/// Selects executions by a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagFilter {
    pub tag: String,
    pub operator: TagOperator,
    pub value: String,
}

impl TagFilter {
    pub fn matches(&self, tags: &BTreeMap<String, String>) -> bool {
        let value = tags.get(&self.tag).map(String::as_str);
        match self.operator {
            TagOperator::Is => value == Some(self.value.as_str()),
            TagOperator::IsNot => value != Some(self.value.as_str()),
            TagOperator::StartsWith => value.is_some_and(|it| it.starts_with(&self.value)),
        }
    }
}

/// What a rule does with a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleAction {
    AddLabel(String),
    RemoveLabel(String),
    /// Mute or skip it.
    Quarantine {
        state: TestState,
        scope: QuarantineScope,
        /// `None`: the suite's default.
        days: Option<u32>,
    },
    /// Enable it, if this rule has muted or skipped it.
    Enable,
    /// Send the event to this webhook, whether or not it wants events of this kind.
    Notify(Uuid),
}

/// What people decide about a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSettings {
    pub name: String,
    pub is_enabled: bool,
    pub monitor: Monitor,
    /// The monitor sees executions that match all of them.
    pub filters: Vec<TagFilter>,
    pub alarm_actions: Vec<RuleAction>,
    pub recover_actions: Vec<RuleAction>,
}

impl RuleSettings {
    pub(crate) fn actions(&self, transition: Transition) -> &[RuleAction] {
        match transition {
            Transition::Alarm => &self.alarm_actions,
            Transition::Recover => &self.recover_actions,
        }
    }

    /// The webhooks that its alarms are sent to.
    pub(crate) fn notified(&self) -> Vec<Uuid> {
        let notified = self.alarm_actions.iter().filter_map(|action| match action {
            RuleAction::Notify(webhook) => Some(*webhook),
            _ => None,
        });
        notified.collect()
    }

    /// The mute or skip of its alarm.
    pub fn quarantine(&self) -> Option<(TestState, QuarantineScope, Option<u32>)> {
        self.alarm_actions.iter().find_map(|action| match action {
            RuleAction::Quarantine { state, scope, days } => Some((*state, *scope, *days)),
            _ => None,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub id: RuleId,
    pub uuid: Uuid,
    pub suite: SuiteId,
    pub settings: RuleSettings,
    /// Tests whose alarm is on.
    pub flagged_tests: u64,
    pub created_at: Timestamp,
    pub(crate) seen_upload: i64,
    pub(crate) version: i64,
}

/// A test for which a rule has something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleChange {
    pub test: TestId,
    pub test_uuid: Uuid,
    pub step: RuleStep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleStep {
    Alarm,
    Recover,
    /// Mute or skip a test that the limit has kept from it so far.
    Retry,
}

/// What a rule has to do, as of the latest results.
#[derive(Clone, Debug)]
pub struct RuleEvaluation {
    pub rule: Rule,
    pub changes: Vec<RuleChange>,
    /// Uploads up to this one are included.
    pub(crate) seen_upload: i64,
    /// Tests whose alarm was on and that were looked at.
    pub(crate) checked: BTreeSet<i64>,
}

/// What to do about the state of a test; the caller has checked it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateStep {
    Apply(TestState, NewQuarantine),
    /// Why not.
    Refuse(String),
}

/// What became of an alarm or recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fired {
    Done,
    /// The rule has done enough in this minute.
    Limited,
    /// Something else has changed the rule, the test or the alarm meanwhile.
    Outdated,
}

/// The histories of tests for the preview of a rule.
#[derive(Clone, Debug, Default)]
pub struct RuleHistories {
    pub tests: BTreeMap<TestId, History>,
    /// The first day of which all executions are included, if not of all days that were asked for.
    pub since_day: Option<i64>,
}

/// How much rules may mute and skip, and have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleUsage {
    pub rules: u64,
    pub brake: Brake,
}
