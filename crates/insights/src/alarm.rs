//! The alarm of a test: on from the first moment its conditions hold until it may recover.

use crate::health::Health;

/// Whether a test is considered flaky, and since when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarm {
    /// When it went on; `None` while it is off.
    pub since: Option<i64>,
}

/// A change of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// It went on.
    Alarm,
    /// It went off.
    Recover,
}

impl Alarm {
    /// Whether it is on.
    pub fn is_on(self) -> bool {
        self.since.is_some()
    }

    /// Follows a judgement made at `now`.
    pub fn update(&mut self, health: &Health, now: i64) -> Option<Transition> {
        match self.since {
            None if health.should_alarm => {
                self.since = Some(now);
                Some(Transition::Alarm)
            }
            Some(_) if health.may_recover && !health.should_alarm => {
                self.since = None;
                Some(Transition::Recover)
            }
            _ => None,
        }
    }
}
