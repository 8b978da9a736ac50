//! Proposes to release muted tests that have proven to be fixed.
//!
//! Each upload counts the passes of its muted tests, in its own transaction. A job announces those
//! that are enough, once; somebody, or a rule, then enables the test as in any other change of
//! state. A failure resets the count.

use std::collections::BTreeMap;

use serde_json::json;
use test_engine_insights::clean_passes_needed;
use uuid::Uuid;

use super::{LockedTest, Step, record};
use crate::audit::Place;
use crate::error::StoreError;
use crate::records::{Actor, ActorKind, Change, SuiteId, TestState, Timestamp};
use crate::sql::{Session, Value, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

/// The muted executions of a test in one upload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Streak {
    pub(crate) has_failed: bool,
    /// Since its last failure in the upload, if it failed.
    pub(crate) passes: i64,
}

impl Streak {
    pub(crate) fn pass(&mut self) {
        self.passes += 1;
    }

    pub(crate) fn fail(&mut self) {
        *self = Self {
            has_failed: true,
            passes: 0,
        };
    }
}

/// Adds the executions of an upload, by test. Its transaction has locked the suite.
pub(crate) async fn count_streaks(
    session: &mut Session,
    streaks: BTreeMap<i64, Streak>,
) -> Result<()> {
    let failed = streaks.iter().filter(|(_, streak)| streak.has_failed);
    let failed: Vec<Value> = failed.map(|(test, _)| Value::from(*test)).collect();
    let needed = passes_needed(session, failed).await?;
    // Most tests pass once: a statement for each distinct streak.
    let mut alike: BTreeMap<(Streak, i64), Vec<Value>> = BTreeMap::new();
    for (test, streak) in streaks {
        let known = needed.get(&test).copied();
        let needed = i64::from(known.unwrap_or_else(|| clean_passes_needed(0)));
        let key = (streak, if streak.has_failed { needed } else { 0 });
        alike.entry(key).or_default().push(test.into());
    }
    for ((streak, needed), tests) in alike {
        let (update, bound) = if streak.has_failed {
            let update = "UPDATE quarantines SET clean_passes = ?, passes_needed = ?, \
                 release_proposed_at = NULL WHERE test_id";
            (update, values![streak.passes, needed].to_vec())
        } else {
            let update = "UPDATE quarantines SET clean_passes = clean_passes + ? WHERE test_id";
            (update, values![streak.passes].to_vec())
        };
        session.look_up(update, &bound, tests, "").await?;
    }
    Ok(())
}

/// By their present rates.
async fn passes_needed(session: &mut Session, tests: Vec<Value<'_>>) -> Result<BTreeMap<i64, u32>> {
    let select = "SELECT test_id, rate FROM test_health WHERE test_id";
    let rows = session.look_up(select, &[], tests, "").await?;
    let needed = rows.iter().map(|row| {
        let rate = u32::try_from(row.integer("rate")?).unwrap_or(0);
        Ok((row.integer("test_id")?, clean_passes_needed(rate)))
    });
    needed.collect()
}

impl Store {
    /// Proposes to release some muted tests that have passed often enough; returns how many. Call
    /// it again if it handled `limit` of them.
    pub async fn propose_releases(&self, now: Timestamp, limit: u32) -> Result<u64> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT tests.suite_id, tests.uuid FROM quarantines \
                 JOIN tests ON tests.id = quarantines.test_id \
                 JOIN suites ON suites.id = quarantines.suite_id \
                 WHERE quarantines.release_proposed_at IS NULL \
                 AND quarantines.clean_passes >= quarantines.passes_needed \
                 AND tests.state = 1 AND NOT suites.deleted \
                 ORDER BY quarantines.test_id LIMIT $1",
                values![i64::from(limit)],
            )
            .await?;
        drop(session);
        let mut proposed = 0;
        for row in rows {
            let suite = SuiteId::new(row.integer("suite_id")?);
            proposed += u64::from(self.propose_release(suite, row.uuid("uuid")?, now).await?);
        }
        Ok(proposed)
    }

    /// Whether another server, or a person, has not been faster.
    async fn propose_release(&self, suite: SuiteId, test: Uuid, now: Timestamp) -> Result<bool> {
        let mut session = self.write().await?;
        let test = LockedTest::find(&mut session, suite, test).await?;
        let place = Place::of_suite(&mut session, suite).await?;
        let (Some(test), Some(place)) = (test, place) else {
            return Ok(false);
        };
        let is_new = session
            .execute(
                "UPDATE quarantines SET release_proposed_at = $2 WHERE test_id = $1 \
                 AND release_proposed_at IS NULL AND clean_passes >= passes_needed",
                values![test.id, now],
            )
            .await?;
        let Some(known) = &test.quarantine else {
            return Ok(false);
        };
        if is_new == 0 || test.state != TestState::Muted {
            return Ok(false);
        }
        let change = Change::new(Actor::of_kind(ActorKind::Time), now);
        let change = change.because(&known.details.reason);
        let after = json!({
            "clean_passes": known.proof.clean_passes,
            "passes_needed": known.proof.passes_needed,
        });
        let kind = Step::Proven.of(test.state);
        let place = (suite, &place);
        record(
            &mut session,
            place,
            &test,
            kind,
            (None, Some(after)),
            &change,
        )
        .await?;
        session.commit().await?;
        Ok(true)
    }
}
