//! Mutes and skips tests, and ends mutes when their time has come.
//!
//! `tests.state` decides what happens to a test; a row of `quarantines` says why and until when.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::audit::{self, Event, Place, Subject, uuid_or_null};
use crate::error::StoreError;
use crate::events::NewEvent;
use crate::filters::{state_code, state_of};
use crate::records::{
    Change, EventKind, FixProof, NewQuarantine, Quarantine, QuarantineScope, QuarantinedTest,
    SuiteId, Test, TestId, TestState, Timestamp,
};
use crate::sql::{Row, Session, Value, values};
use crate::store::Store;
use crate::webhooks;

mod release;
mod time;

pub(crate) use release::{Streak, count_streaks};
pub(crate) use time::end_all;

type Result<T> = std::result::Result<T, StoreError>;

const COLUMNS: &str = "test_id, scope, reason, owner, ticket, since, ends_at, extensions, \
     actor_kind, actor_uuid, actor_name, clean_passes, passes_needed, release_proposed_at";

impl Store {
    /// Sets a test's state without details, as the API of the hosted product does, and returns the
    /// test, or `None` if there is none. Setting its present state changes nothing.
    ///
    /// The reason is that of the change. There is an end only if the suite's settings have one for
    /// such requests.
    pub async fn set_test_state(
        &self,
        suite: SuiteId,
        uuid: Uuid,
        state: TestState,
        change: &Change,
    ) -> Result<Option<Test>> {
        self.change_state(suite, uuid, state, None, change).await
    }

    /// Mutes or skips a test, or changes why, where and how long it is muted or skipped. Returns
    /// the test, or `None` if there is none.
    pub async fn quarantine_test(
        &self,
        suite: SuiteId,
        uuid: Uuid,
        state: TestState,
        details: NewQuarantine,
        change: &Change,
    ) -> Result<Option<Test>> {
        self.change_state(suite, uuid, state, Some(details), change)
            .await
    }

    async fn change_state(
        &self,
        suite: SuiteId,
        uuid: Uuid,
        state: TestState,
        details: Option<NewQuarantine>,
        change: &Change,
    ) -> Result<Option<Test>> {
        let mut session = self.write().await?;
        let before = LockedTest::find(&mut session, suite, uuid).await?;
        let place = Place::of_suite(&mut session, suite).await?;
        let (Some(before), Some(place)) = (before, place) else {
            return Ok(None);
        };
        let locked = (suite, &place, &before);
        if change_locked(&mut session, locked, (state, details), change).await? {
            session.commit().await?;
        } else {
            drop(session);
        }
        self.test(suite, uuid).await
    }

    /// Why these tests are muted or skipped; tests without details are left out.
    pub async fn quarantines(&self, tests: &[TestId]) -> Result<BTreeMap<TestId, Quarantine>> {
        let mut session = self.read().await?;
        let select = format!("SELECT {COLUMNS} FROM quarantines WHERE test_id");
        let keys = tests.iter().map(|id| Value::from(id.get())).collect();
        let rows = session.look_up(&select, &[], keys, "").await?;
        rows.iter().map(with_id).collect()
    }

    /// All muted or all skipped tests, ordered by scope and name.
    pub async fn quarantined_tests(
        &self,
        suite: SuiteId,
        state: TestState,
    ) -> Result<Vec<QuarantinedTest>> {
        let tests = self.tests_in_state(suite, state).await?;
        let mut session = self.read().await?;
        let select = format!("SELECT {COLUMNS} FROM quarantines WHERE suite_id = ?");
        let rows = session.rows(select, values![suite.get()]).await?;
        let mut known: BTreeMap<TestId, Quarantine> =
            rows.iter().map(with_id).collect::<Result<_>>()?;
        let with_details = |test: Test| QuarantinedTest {
            quarantine: known.remove(&test.id),
            test,
        };
        Ok(tests.into_iter().map(with_details).collect())
    }
}

/// Sets the state of a locked test, and writes it to the logs; false if nothing changes. Without
/// details it is what a request of the hosted product's API means.
pub(crate) async fn change_locked(
    session: &mut Session,
    (suite, place, before): (SuiteId, &Place, &LockedTest),
    (state, details): (TestState, Option<NewQuarantine>),
    change: &Change,
) -> Result<bool> {
    if before.state == state && details.is_none() {
        return Ok(false);
    }
    let details = match details {
        _ if state == TestState::Enabled => None,
        Some(details) => Some(details),
        None => Some(plain(session, suite, change).await?),
    };
    let after = details.map(|details| before.with(state, details, change));
    let Some(kind) = before.kind(state, after.as_ref()) else {
        return Ok(false);
    };
    write(session, suite, before, state, after.as_ref(), change).await?;
    let sides = (
        Some(described(before.state, before.quarantine.as_ref())),
        Some(described(state, after.as_ref())),
    );
    let reason = change.reason.clone();
    let change = Change {
        reason: reason.or_else(|| after.map(|after| after.details.reason)),
        ..change.clone()
    };
    record(session, (suite, place), before, kind, sides, &change).await?;
    Ok(true)
}

/// A test whose row is locked, so that its state is the one that a change replaces.
pub(crate) struct LockedTest {
    pub(crate) id: i64,
    uuid: Uuid,
    scope: String,
    name: String,
    pub(crate) state: TestState,
    /// At which it fails on good code, in parts per million.
    rate: u32,
    pub(crate) quarantine: Option<Quarantine>,
}

impl LockedTest {
    pub(crate) async fn find(
        session: &mut Session,
        suite: SuiteId,
        uuid: Uuid,
    ) -> Result<Option<Self>> {
        let row = session
            .optional(
                "UPDATE tests SET state = state WHERE suite_id = $1 AND uuid = $2 \
                 RETURNING id, scope, name, state",
                values![suite.get(), uuid],
            )
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let id = row.integer("id")?;
        let select = format!("SELECT {COLUMNS} FROM quarantines WHERE test_id = ?");
        let known = session.optional(select, values![id]).await?;
        let rate = "SELECT rate FROM test_health WHERE test_id = $1";
        let rate = session.optional(rate, values![id]).await?;
        let rate = rate.map_or(Ok(0), |row| row.integer("rate"))?;
        Ok(Some(Self {
            id,
            uuid,
            scope: row.text("scope")?,
            name: row.text("name")?,
            state: state_of(row.integer("state")?)?,
            rate: u32::try_from(rate).unwrap_or(0),
            quarantine: known.as_ref().map(quarantine).transpose()?,
        }))
    }

    pub(crate) fn subject(&self) -> Subject {
        Subject::test(self.uuid, &self.scope, &self.name)
    }

    /// The quarantine after a change to these details.
    fn with(&self, state: TestState, details: NewQuarantine, change: &Change) -> Quarantine {
        let known = self.quarantine.as_ref().filter(|_| self.state == state);
        Quarantine {
            since: known.map_or(change.at, |known| known.since),
            extensions: known.map_or(0, |known| {
                known.extensions + u64::from(known.details.is_postponed_by(&details))
            }),
            actor: change.actor.clone(),
            proof: known.map_or_else(|| FixProof::none(self.rate), |known| known.proof),
            details,
        }
    }

    /// The kind of event that a change is; `None` if nothing changes.
    fn kind(&self, state: TestState, after: Option<&Quarantine>) -> Option<EventKind> {
        let before = self.quarantine.as_ref().map(|known| &known.details);
        let after = after.map(|after| &after.details);
        let (of, step) = match (self.state, state) {
            (same, state) if same == state && before == after => return None,
            (same, state) if same == state => match (before, after) {
                (Some(before), Some(after)) if before.is_postponed_by(after) => {
                    (state, Step::Extended)
                }
                _ => (state, Step::Changed),
            },
            (before, TestState::Enabled) => (before, Step::Removed),
            (_, after) => (after, Step::Created),
        };
        Some(step.of(of))
    }
}

impl NewQuarantine {
    fn is_postponed_by(&self, after: &Self) -> bool {
        let ends = self.ends_at.zip(after.ends_at);
        ends.is_some_and(|(before, after)| before < after)
    }
}

/// What happens to a mute or skip.
#[derive(Clone, Copy)]
enum Step {
    Created,
    Changed,
    Extended,
    Removed,
    Ending,
    /// The end has come.
    Ended,
    /// It has proven to be fixed.
    Proven,
}

impl Step {
    /// The kind of event, for a test that is skipped, or muted.
    const fn of(self, state: TestState) -> EventKind {
        match (state, self) {
            (TestState::Skipped, Self::Created) => EventKind::SkipCreated,
            (TestState::Skipped, Self::Changed) => EventKind::SkipChanged,
            (TestState::Skipped, Self::Extended) => EventKind::SkipExtended,
            (TestState::Skipped, Self::Removed) => EventKind::SkipRemoved,
            (TestState::Skipped, Self::Ending) => EventKind::SkipEnding,
            (TestState::Skipped, Self::Ended) => EventKind::SkipDue,
            (_, Self::Proven) => EventKind::MuteReleaseProposed,
            (_, Self::Created) => EventKind::MuteCreated,
            (_, Self::Changed) => EventKind::MuteChanged,
            (_, Self::Extended) => EventKind::MuteExtended,
            (_, Self::Removed) => EventKind::MuteRemoved,
            (_, Self::Ending) => EventKind::MuteEnding,
            (_, Self::Ended) => EventKind::MuteExpired,
        }
    }
}

/// Writes what happened to a test, and both sides of the change, to the audit log and to the event
/// log of its suite.
async fn record(
    session: &mut Session,
    (suite, place): (SuiteId, &Place),
    test: &LockedTest,
    kind: EventKind,
    (before, after): (Option<Json>, Option<Json>),
    change: &Change,
) -> Result<()> {
    let subject = test.subject();
    let event = NewEvent {
        kind,
        test: Some((subject.uuid, &subject.name)),
        before: before.as_ref(),
        after: after.as_ref(),
    };
    webhooks::publish(session, suite, change, event, &[]).await?;
    let event = Event {
        action: kind.name().to_owned(),
        subject,
        before,
        after,
    };
    audit::record(session, place, change, event).await
}

/// What a request without details means.
async fn plain(session: &mut Session, suite: SuiteId, change: &Change) -> Result<NewQuarantine> {
    let row = session
        .one(
            "SELECT quarantine_api_days FROM suites WHERE id = $1",
            values![suite.get()],
        )
        .await?;
    let days = row.integer_or_null("quarantine_api_days")?;
    Ok(NewQuarantine {
        scope: QuarantineScope::Everywhere,
        reason: change.reason.clone().unwrap_or_default(),
        ends_at: days.map(|days| change.at.plus_days(days)),
        ..NewQuarantine::default()
    })
}

async fn write(
    session: &mut Session,
    suite: SuiteId,
    test: &LockedTest,
    state: TestState,
    quarantine: Option<&Quarantine>,
    change: &Change,
) -> Result<()> {
    if test.state != state {
        session
            .execute(
                "UPDATE tests SET state = $2, state_changed_at = $3 WHERE id = $1",
                values![test.id, state_code(state), change.at],
            )
            .await?;
    }
    session
        .execute(
            "DELETE FROM quarantines WHERE test_id = $1",
            values![test.id],
        )
        .await?;
    if let Some(quarantine) = quarantine {
        insert(session, suite, test.id, quarantine, change.at).await?;
    }
    Ok(())
}

/// Adds details to a test that has none; does nothing if it has.
async fn insert(
    session: &mut Session,
    suite: SuiteId,
    test: i64,
    quarantine: &Quarantine,
    now: Timestamp,
) -> Result<u64> {
    let details = &quarantine.details;
    let announced = time::announced_from_the_start(details.ends_at, now);
    session
        .execute(
            "INSERT INTO quarantines (test_id, suite_id, scope, reason, owner, ticket, since, \
             ends_at, announced, extensions, actor_kind, actor_uuid, actor_name, clean_passes, \
             passes_needed, release_proposed_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
             ON CONFLICT (test_id) DO NOTHING",
            [
                test.into(),
                suite.get().into(),
                scope_code(details.scope).into(),
                (&details.reason).into(),
                (&details.owner).into(),
                (&details.ticket).into(),
                quarantine.since.into(),
                details.ends_at.into(),
                announced.into(),
                whole(quarantine.extensions),
                quarantine.actor.kind.name().into(),
                uuid_or_null(quarantine.actor.uuid),
                (&quarantine.actor.name).into(),
                whole(quarantine.proof.clean_passes),
                whole(quarantine.proof.passes_needed),
                quarantine.proof.proposed_at.into(),
            ],
        )
        .await
}

fn whole(number: u64) -> Value<'static> {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

/// A state as the audit log shows it.
fn described(state: TestState, quarantine: Option<&Quarantine>) -> Json {
    let Some(details) = quarantine.map(|quarantine| &quarantine.details) else {
        return json!({ "state": state.name() });
    };
    json!({
        "state": state.name(),
        "scope": details.scope.name(),
        "reason": details.reason,
        "owner": details.owner,
        "ticket": details.ticket,
        "ends_at": details.ends_at.map(Timestamp::millis),
    })
}

const fn scope_code(scope: QuarantineScope) -> i64 {
    match scope {
        QuarantineScope::Everywhere => 0,
        QuarantineScope::DefaultBranch => 1,
        QuarantineScope::NotTouched => 2,
    }
}

pub(crate) fn scope_of(code: i64) -> Result<QuarantineScope> {
    QuarantineScope::ALL
        .into_iter()
        .find(|scope| scope_code(*scope) == code)
        .ok_or(StoreError::Damaged {
            what: "scope of a mute",
        })
}

fn with_id(row: &Row) -> Result<(TestId, Quarantine)> {
    Ok((TestId::new(row.integer("test_id")?), quarantine(row)?))
}

/// Reads [`COLUMNS`].
fn quarantine(row: &Row) -> Result<Quarantine> {
    Ok(Quarantine {
        details: NewQuarantine {
            scope: scope_of(row.integer("scope")?)?,
            reason: row.text("reason")?,
            owner: row.text_or_null("owner")?,
            ticket: row.text_or_null("ticket")?,
            ends_at: row.time_or_null("ends_at")?,
        },
        since: row.time("since")?,
        extensions: row.count("extensions")?,
        actor: audit::actor(row)?,
        proof: FixProof {
            clean_passes: row.count("clean_passes")?,
            passes_needed: row.count("passes_needed")?,
            proposed_at: row.time_or_null("release_proposed_at")?,
        },
    })
}
