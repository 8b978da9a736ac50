//! Events: what happens to the tests of a suite.

use serde_json::Value;
use uuid::Uuid;

use super::audit::Actor;
use super::values::{SuiteId, Timestamp};

macro_rules! event_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// The kind of an event, by which webhooks choose.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventKind {
            $($(#[$doc])* $variant,)*
        }

        impl EventKind {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As in the API, such as `mute.created`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

event_kinds! {
    MuteCreated = "mute.created";
    /// The reason, scope, owner or ticket, or an earlier end.
    MuteChanged = "mute.changed";
    /// A later end.
    MuteExtended = "mute.extended";
    /// Somebody enabled the test.
    MuteRemoved = "mute.removed";
    /// The end is near.
    MuteEnding = "mute.ending";
    /// The end has come; the test is enabled again.
    MuteExpired = "mute.expired";
    /// The muted test has proven to be fixed; it stays muted.
    MuteReleaseProposed = "mute.release_proposed";
    SkipCreated = "skip.created";
    SkipChanged = "skip.changed";
    SkipExtended = "skip.extended";
    SkipRemoved = "skip.removed";
    SkipEnding = "skip.ending";
    /// The end has come; the test stays skipped.
    SkipDue = "skip.due";
    /// The level became worse: flaky or broken.
    TestAlarm = "test.alarm";
    /// The level became better: no longer broken, or no longer flaky.
    TestRecover = "test.recover";
    RuleAlarm = "rule.alarm";
    RuleRecover = "rule.recover";
    /// The limit on what rules mute and skip is reached.
    RuleBrake = "rule.brake";
    /// Every plan has all tests from now on: too many failing builds were missed, or somebody
    /// switched selection off.
    SelectionOff = "selection.off";
    SelectionOn = "selection.on";
}

impl EventKind {
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// An entry of a suite's event log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuiteEvent {
    pub uuid: Uuid,
    pub suite: SuiteId,
    pub at: Timestamp,
    pub kind: EventKind,
    pub actor: Actor,
    /// The test that the event is about.
    pub test_uuid: Option<Uuid>,
    /// Scope and name of that test at the time.
    pub test_name: Option<String>,
    /// Times in `before` and `after` are in milliseconds, and their names end in `_at`.
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub reason: Option<String>,
}

/// Selects events of a suite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    pub kind: Option<EventKind>,
    pub test: Option<Uuid>,
    /// What this rule did.
    pub rule: Option<Uuid>,
}

#[cfg(test)]
mod tests {
    use super::EventKind;

    #[test]
    fn names_are_read_back() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::of_name(kind.name()), Some(*kind));
        }
        assert_eq!(EventKind::of_name("mute"), None);
    }
}
