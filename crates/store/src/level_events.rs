//! Events about the level of tests: one became flaky or broken, or no longer is.

use std::collections::BTreeMap;

use serde_json::json;
use test_engine_insights::Level;

use crate::audit::Subject;
use crate::error::StoreError;
use crate::events::NewEvent;
use crate::records::{Change, EventKind, SuiteId, Timestamp};
use crate::sql::{Session, Value, values};
use crate::webhooks;

type Result<T> = std::result::Result<T, StoreError>;

/// If more tests of a suite change in the same way in one step of the judgement, one event tells
/// their number: a broken environment would send a message for each test of a suite.
const MAX_SINGLE: usize = 20;

/// A stored judgement.
pub(crate) struct LevelChange {
    pub(crate) suite: SuiteId,
    pub(crate) test: i64,
    pub(crate) before: Level,
    pub(crate) after: Level,
}

impl LevelChange {
    /// `None` if nobody has to know: sound and suspect tests are treated alike.
    fn kind(&self) -> Option<EventKind> {
        let severity = |level| match level {
            Level::Sound | Level::Suspect => 0,
            Level::Flaky => 1,
            Level::Broken => 2,
        };
        let (before, after) = (severity(self.before), severity(self.after));
        match before.cmp(&after) {
            std::cmp::Ordering::Less => Some(EventKind::TestAlarm),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(EventKind::TestRecover),
        }
    }
}

/// Writes an event for each test, or one for many.
pub(crate) async fn publish(
    session: &mut Session,
    changes: Vec<LevelChange>,
    now: Timestamp,
) -> Result<()> {
    let mut groups: BTreeMap<(SuiteId, EventKind, &str, &str), Vec<i64>> = BTreeMap::new();
    for change in changes {
        if let Some(kind) = change.kind() {
            let key = (
                change.suite,
                kind,
                change.before.name(),
                change.after.name(),
            );
            groups.entry(key).or_default().push(change.test);
        }
    }
    let by_server = Change::by_server(now);
    for ((suite, kind, before, after), tests) in groups {
        let before = json!({ "level": before });
        let mut after = json!({ "level": after });
        let mut subjects = vec![None];
        if tests.len() > MAX_SINGLE {
            after["tests"] = json!(tests.len());
        } else {
            subjects = subjects_of(session, &tests).await?;
        }
        for subject in subjects {
            let event = NewEvent {
                kind,
                test: subject.as_ref().map(|it| (it.uuid, it.name.as_str())),
                before: Some(&before),
                after: Some(&after),
            };
            webhooks::publish(session, suite, &by_server, event, &[]).await?;
        }
    }
    Ok(())
}

async fn subjects_of(session: &mut Session, tests: &[i64]) -> Result<Vec<Option<Subject>>> {
    let keys = tests.iter().copied().map(Value::from).collect();
    let select = "SELECT uuid, scope, name FROM tests WHERE id";
    let rows = session
        .look_up(select, &values![], keys, "ORDER BY id")
        .await?;
    rows.iter()
        .map(|row| {
            let (scope, name) = (row.text("scope")?, row.text("name")?);
            Ok(Some(Subject::test(row.uuid("uuid")?, &scope, &name)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_get_worse_or_better() {
        use Level::{Broken, Flaky, Sound, Suspect};
        for (before, after, expected) in [
            (Sound, Flaky, Some(EventKind::TestAlarm)),
            (Suspect, Broken, Some(EventKind::TestAlarm)),
            (Flaky, Broken, Some(EventKind::TestAlarm)),
            (Broken, Flaky, Some(EventKind::TestRecover)),
            (Broken, Sound, Some(EventKind::TestRecover)),
            (Flaky, Suspect, Some(EventKind::TestRecover)),
            (Sound, Suspect, None),
            (Suspect, Sound, None),
            (Flaky, Flaky, None),
        ] {
            let change = LevelChange {
                suite: SuiteId::new(1),
                test: 1,
                before,
                after,
            };
            assert_eq!(change.kind(), expected, "{before:?} {after:?}");
        }
    }
}
