//! What a rule would have done in the past, before it is switched on (§10 of the design).
//!
//! Computed from the evidence that is kept, day by day: a commit group counts from the day of its
//! first execution on, with all its results. A live server is up to one day later or earlier.

use std::collections::BTreeSet;

use crate::alarm::Transition;
use crate::health::judge;
use crate::monitors::{History, Monitor};
use crate::parameters::Parameters;
use crate::replay::AlarmChange;
use crate::time::{DAY, day_of};

/// What a rule would have done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// Alarms and recoveries, by test and time.
    pub changes: Vec<AlarmChange>,
    /// Tests whose alarm is on at the end.
    pub on: Vec<u32>,
    /// Alarms that came back after they had ended.
    pub flaps: u32,
    /// Tests that were broken on the default branch within two days of an alarm: the failures may
    /// be real.
    pub broken: BTreeSet<u32>,
}

/// Replays the monitor of a rule over the last `days` days before `now`. Only tests to which
/// it could apply cost time.
pub fn preview<'a>(
    monitor: &Monitor,
    histories: impl IntoIterator<Item = (u32, &'a History)>,
    (now, days): (i64, i32),
    parameters: &Parameters,
) -> Preview {
    let mut found = Preview::default();
    let today = day_of(now);
    let first = today.saturating_sub(days);
    for (test, history) in histories {
        if monitor.could_alarm(history, parameters) {
            found.replay(monitor, (test, history), (first, today), parameters);
        }
    }
    found
}

impl Preview {
    fn replay(
        &mut self,
        monitor: &Monitor,
        (test, history): (u32, &History),
        (first, today): (i32, i32),
        parameters: &Parameters,
    ) {
        let busy = busy_days(history);
        let (mut is_on, mut alarms) = (false, 0_u32);
        for day in first..=today {
            // Nothing but new results can begin an alarm.
            if !is_on && day > first && !busy.contains(&day) {
                continue;
            }
            let at = (i64::from(day) + 1) * DAY - 1;
            let changes = if is_on {
                monitor.recovers(history, at, parameters)
            } else {
                monitor.alarms(history, at, parameters)
            };
            if !changes {
                continue;
            }
            is_on = !is_on;
            let transition = if is_on {
                Transition::Alarm
            } else {
                Transition::Recover
            };
            if is_on {
                alarms += 1;
                let later = at.saturating_add(2 * DAY);
                if [at, later]
                    .iter()
                    .any(|at| judge(&history.evidence, *at, parameters).broken().is_some())
                {
                    self.broken.insert(test);
                }
            }
            self.changes.push(AlarmChange {
                test,
                at,
                transition,
            });
        }
        if is_on {
            self.on.push(test);
        }
        self.flaps = self.flaps.saturating_add(alarms.saturating_sub(1));
    }
}

/// The days with new results.
fn busy_days(history: &History) -> BTreeSet<i32> {
    let groups = history.evidence.groups().iter().map(|group| group.first_at);
    let executions = history.executions.iter().map(|execution| execution.at);
    let times = groups.chain(executions).chain(history.first_at);
    times.map(day_of).collect()
}
