//! What the passing of time does to muted and skipped tests.
//!
//! Each test has a transaction of its own, which locks the test first, as every other change of its
//! state does. So two servers can do this concurrently, and uploads never wait for long.

use serde_json::json;
use uuid::Uuid;

use super::{LockedTest, Step, described, insert, record, write};
use crate::audit::Place;
use crate::error::StoreError;
use crate::records::{
    Actor, ActorKind, Change, EventKind, FixProof, NewQuarantine, Quarantine, QuarantineEvents,
    Suite, SuiteId, TestState, Timestamp,
};
use crate::sql::{Session, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

/// Days before an end at which it is announced.
const ANNOUNCED_DAYS: [i64; 2] = [7, 1];
/// Nothing has been announced yet: more than any of the days.
const NOT_ANNOUNCED: i64 = 1_000;

/// What a quarantine has announced at its start: days that its whole time does not exceed would be
/// announced immediately, to the person who has just chosen the end.
pub(super) fn announced_from_the_start(ends_at: Option<Timestamp>, now: Timestamp) -> i64 {
    let Some(end) = ends_at else {
        return NOT_ANNOUNCED;
    };
    let is_past = |days: &&i64| end <= now.plus_days(**days);
    let past = ANNOUNCED_DAYS.iter().filter(is_past).min();
    past.copied().unwrap_or(NOT_ANNOUNCED)
}

/// A test whose end, or the announcement of it, is due.
struct Due {
    suite: SuiteId,
    test: Uuid,
}

impl Store {
    /// Enables muted tests whose end has come, announces ends, and records both in the audit log.
    /// Handles at most `limit` tests; call it again if it handled that many.
    ///
    /// A skipped test stays skipped, because it cannot prove that it works again: its end is
    /// recorded as `skip.due`, once.
    pub async fn advance_quarantines(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<QuarantineEvents> {
        let mut events = QuarantineEvents::default();
        for due in self.due_quarantines(now, limit).await? {
            self.advance(&due, now, &mut events).await?;
        }
        Ok(events)
    }

    async fn due_quarantines(&self, now: Timestamp, limit: u32) -> Result<Vec<Due>> {
        let mut session = self.read().await?;
        let [first, second] = ANNOUNCED_DAYS;
        let rows = session
            .rows(
                "SELECT tests.suite_id, tests.uuid FROM quarantines \
                 JOIN tests ON tests.id = quarantines.test_id \
                 JOIN suites ON suites.id = quarantines.suite_id \
                 WHERE quarantines.ends_at IS NOT NULL AND quarantines.ends_at <= $1 \
                 AND NOT suites.deleted AND (quarantines.announced > $2 \
                 OR (quarantines.ends_at <= $3 AND quarantines.announced > $4) \
                 OR (quarantines.ends_at <= $5 AND quarantines.announced > 0)) \
                 ORDER BY quarantines.ends_at LIMIT $6",
                values![
                    now.plus_days(first),
                    first,
                    now.plus_days(second),
                    second,
                    now,
                    i64::from(limit)
                ],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Due {
                    suite: SuiteId::new(row.integer("suite_id")?),
                    test: row.uuid("uuid")?,
                })
            })
            .collect()
    }

    async fn advance(
        &self,
        due: &Due,
        now: Timestamp,
        events: &mut QuarantineEvents,
    ) -> Result<()> {
        let mut session = self.write().await?;
        let test = LockedTest::find(&mut session, due.suite, due.test).await?;
        let place = Place::of_suite(&mut session, due.suite).await?;
        // Another server, or a person, may have been faster.
        let (Some(test), Some(place)) = (test, place) else {
            return Ok(());
        };
        let Some(known) = &test.quarantine else {
            return Ok(());
        };
        let Some(end) = known.details.ends_at else {
            return Ok(());
        };
        let actor = Actor::of_kind(ActorKind::Time);
        let change = Change::new(actor, now).because(&known.details.reason);
        let (step, after) = if now < end {
            let Some(days) = announce(&mut session, &test, end, now).await? else {
                return Ok(());
            };
            events.announced += 1;
            let after = json!({ "ends_at": end.millis(), "days": days });
            (Step::Ending, after)
        } else if test.state == TestState::Skipped {
            if !set_announced(&mut session, &test, 0).await? {
                return Ok(());
            }
            events.due += 1;
            (Step::Ended, json!({ "ends_at": end.millis() }))
        } else {
            let enabled = TestState::Enabled;
            write(&mut session, due.suite, &test, enabled, None, &change).await?;
            events.expired += 1;
            (Step::Ended, described(enabled, None))
        };
        let kind = step.of(test.state);
        let is_changed = kind == EventKind::MuteExpired;
        let before = is_changed.then(|| described(test.state, Some(known)));
        let sides = (before, Some(after));
        record(
            &mut session,
            (due.suite, &place),
            &test,
            kind,
            sides,
            &change,
        )
        .await?;
        session.commit().await
    }
}

/// The number of days that is announced; `None` if it has been already.
async fn announce(
    session: &mut Session,
    test: &LockedTest,
    end: Timestamp,
    now: Timestamp,
) -> Result<Option<i64>> {
    let is_near = |days: &i64| end <= now.plus_days(*days);
    let Some(days) = ANNOUNCED_DAYS.into_iter().filter(is_near).min() else {
        return Ok(None);
    };
    let is_new = set_announced(session, test, days).await?;
    Ok(is_new.then_some(days))
}

async fn set_announced(session: &mut Session, test: &LockedTest, days: i64) -> Result<bool> {
    let changed = session
        .execute(
            "UPDATE quarantines SET announced = $2 WHERE test_id = $1 AND announced > $2",
            values![test.id, days],
        )
        .await?;
    Ok(changed > 0)
}

/// Gives all muted and skipped tests of a suite without an end one.
pub(crate) async fn end_all(
    session: &mut Session,
    suite: &Suite,
    ends_at: Timestamp,
    change: &Change,
) -> Result<()> {
    let rows = session
        .rows(
            "SELECT tests.uuid FROM tests \
             LEFT JOIN quarantines ON quarantines.test_id = tests.id \
             WHERE tests.suite_id = $1 AND tests.state <> 0 AND quarantines.ends_at IS NULL \
             ORDER BY tests.id",
            values![suite.id.get()],
        )
        .await?;
    for row in rows {
        let test = LockedTest::find(session, suite.id, row.uuid("uuid")?).await?;
        let Some(test) = test.filter(|test| test.state != TestState::Enabled) else {
            continue;
        };
        let known = test.quarantine.clone();
        let ended = Quarantine {
            details: NewQuarantine {
                ends_at: Some(ends_at),
                ..known
                    .as_ref()
                    .map(|it| it.details.clone())
                    .unwrap_or_default()
            },
            since: known.as_ref().map_or(change.at, |known| known.since),
            extensions: known.as_ref().map_or(0, |known| known.extensions),
            actor: change.actor.clone(),
            proof: known
                .as_ref()
                .map_or_else(|| FixProof::none(test.rate), |known| known.proof),
        };
        session
            .execute(
                "DELETE FROM quarantines WHERE test_id = $1",
                values![test.id],
            )
            .await?;
        insert(session, suite.id, test.id, &ended, change.at).await?;
        let kind = Step::Changed.of(test.state);
        let sides = (
            Some(described(test.state, known.as_ref())),
            Some(described(test.state, Some(&ended))),
        );
        let place = Place::of(suite);
        record(session, (suite.id, &place), &test, kind, sides, change).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{NOT_ANNOUNCED, Timestamp, announced_from_the_start};

    #[test]
    fn a_short_quarantine_does_not_announce_its_start() {
        let now = Timestamp::from_millis(0);
        for (days, expected) in [
            (14, NOT_ANNOUNCED),
            (8, NOT_ANNOUNCED),
            (7, 7),
            (2, 7),
            (1, 1),
        ] {
            let end = Some(now.plus_days(days));
            assert_eq!(announced_from_the_start(end, now), expected, "{days} days");
        }
        assert_eq!(announced_from_the_start(None, now), NOT_ANNOUNCED);
    }
}
