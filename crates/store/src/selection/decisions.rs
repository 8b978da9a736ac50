//! Decisions on plans. One is stored in the transaction of its plan, so the first plan of an
//! identifier has the only decision.

use test_engine_duration::Micros;
use test_engine_selection::Confidence;

use super::{Result, codes, small, whole};
use crate::error::StoreError;
use crate::records::{
    DecisionDetails, DecisionRecord, DecisionState, DecisionVerdict, NewDecision, NewPlan, RunId,
    StoredDecision, SuiteId, Timestamp,
};
use crate::sql::{Row, Session, values};
use crate::store::{Store, check_key};

const COLUMNS: &str = "id, suite_id, identifier, created_at, branch, commit_sha, strategy, params, \
     verdict, reason, reason_text, promise, has_cut, cut, holdouts, caught, items, selected, \
     time_us, selected_time_us, always, known, state, due_at, run_id, files";
/// Milliseconds until an open decision is looked at again, if nothing is reported.
const CHECK_EVERY: i64 = 60_000;
/// Days for which decisions are listed and counted.
const KEPT_DAYS: i64 = 400;

impl Store {
    /// The decision on a plan, with its details.
    pub async fn selection_decision(
        &self,
        suite: SuiteId,
        identifier: &str,
    ) -> Result<Option<StoredDecision>> {
        let mut session = self.read().await?;
        let row = session
            .optional(
                format!(
                    "SELECT {COLUMNS}, scores, change FROM selection_decisions \
                     WHERE suite_id = ? AND identifier = ?"
                ),
                values![suite.get(), identifier],
            )
            .await?;
        row.map(|row| decision(&row, true)).transpose()
    }

    /// The scores of the items of a plan from which items were left out; `None` for other plans,
    /// and if they are not stored any more.
    pub async fn selection_scores(
        &self,
        suite: SuiteId,
        identifier: &str,
    ) -> Result<Option<Vec<u8>>> {
        let mut session = self.read().await?;
        let selected = codes::verdict_code(DecisionVerdict::Selected);
        let row = session
            .optional(
                "SELECT scores FROM selection_decisions WHERE suite_id = $1 AND identifier = $2 \
                 AND verdict = $3 AND scores IS NOT NULL",
                values![suite.get(), identifier, selected],
            )
            .await?;
        row.map(|row| row.bytes("scores")).transpose()
    }

    /// Like [`Self::selection_decision`], by the internal ID.
    pub async fn selection_decision_by_id(&self, id: i64) -> Result<Option<StoredDecision>> {
        let mut session = self.read().await?;
        let row = session
            .optional(
                format!("SELECT {COLUMNS}, scores, change FROM selection_decisions WHERE id = ?"),
                values![id],
            )
            .await?;
        row.map(|row| decision(&row, true)).transpose()
    }

    /// The decisions on the plans that a run executed, without details, newest first.
    pub async fn selection_decisions_of_run(
        &self,
        suite: SuiteId,
        run_key: &str,
    ) -> Result<Vec<StoredDecision>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                format!(
                    "SELECT {COLUMNS} FROM selection_decisions WHERE suite_id = ? AND (identifier \
                     IN (SELECT identifier FROM accounting_runs \
                     WHERE suite_id = ? AND run_key = ?) \
                     OR run_id IN (SELECT id FROM runs WHERE suite_id = ? AND key = ?)) \
                     ORDER BY id DESC LIMIT 100"
                ),
                values![suite.get(), suite.get(), run_key, suite.get(), run_key],
            )
            .await?;
        rows.iter().map(|row| decision(row, false)).collect()
    }

    /// Open decisions whose run may have ended, without details; at most `limit`.
    pub async fn due_selection_decisions(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<StoredDecision>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                format!(
                    "SELECT {COLUMNS} FROM selection_decisions \
                     WHERE state = 0 AND due_at <= ? ORDER BY due_at LIMIT ?"
                ),
                values![now, i64::from(limit)],
            )
            .await?;
        rows.iter().map(|row| decision(row, false)).collect()
    }

    /// Looks at an open decision later, unless its accounting has changed since it was read.
    pub async fn defer_selection_decision(
        &self,
        decision: &StoredDecision,
        now: Timestamp,
    ) -> Result<()> {
        let mut session = self.write().await?;
        session
            .execute(
                "UPDATE selection_decisions SET due_at = $3 \
                 WHERE id = $1 AND due_at = $2 AND state = 0",
                values![decision.id, decision.due_at, now.plus_millis(CHECK_EVERY)],
            )
            .await?;
        session.commit().await
    }

    /// Closes a decision that nothing can be learned from.
    pub async fn close_selection_decision(&self, id: i64) -> Result<()> {
        let mut session = self.write().await?;
        session
            .execute(
                "UPDATE selection_decisions SET state = 2 WHERE id = $1",
                values![id],
            )
            .await?;
        session.commit().await
    }

    /// Deletes the details of decisions on expired plans, and old decisions; at most `limit` of
    /// each. Returns how many.
    pub async fn delete_expired_selections(&self, now: Timestamp, limit: u32) -> Result<u64> {
        let mut session = self.write().await?;
        let mut deleted = session
            .execute(
                "UPDATE selection_decisions SET scores = NULL, change = NULL, state = 2 \
                 WHERE id IN (SELECT id FROM selection_decisions \
                 WHERE scores IS NOT NULL AND expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                values![now, i64::from(limit)],
            )
            .await?;
        deleted += session
            .execute(
                // Ids follow time, so only the oldest rows are looked at.
                "DELETE FROM selection_decisions WHERE id IN (SELECT id FROM \
                 (SELECT id, created_at FROM selection_decisions ORDER BY id LIMIT $2) AS oldest \
                 WHERE created_at < $1)",
                values![now.plus_days(-KEPT_DAYS), i64::from(limit)],
            )
            .await?;
        session.commit().await?;
        Ok(deleted)
    }
}

/// Inserts the row of a suite that uses selection for the first time. Its runs of the default
/// branch so far are not searched for what selections missed.
pub(crate) async fn ensure_suite(session: &mut Session, suite: SuiteId) -> Result<()> {
    session
        .execute(
            "INSERT INTO selection_suites (suite_id, seen_run) \
             SELECT $1, (SELECT COALESCE(MAX(id), 0) FROM runs WHERE suite_id = $1) \
             WHERE NOT EXISTS (SELECT 1 FROM selection_suites WHERE suite_id = $1) \
             ON CONFLICT (suite_id) DO NOTHING",
            values![suite.get()],
        )
        .await
        .map_err(|error| error.or_gone("the suite"))?;
    Ok(())
}

/// Stores the decision on a plan that was just inserted, in the same transaction.
pub(crate) async fn insert(
    session: &mut Session,
    plan: &NewPlan,
    decision: &NewDecision,
) -> Result<()> {
    let (suite, record) = (plan.suite, &decision.record);
    check_key("branch name", &record.branch)?;
    ensure_suite(session, suite).await?;
    let details = decision.details.as_ref();
    let state = match details {
        Some(_) => DecisionState::Open,
        None => DecisionState::Closed,
    };
    let (reason, text) = match &record.reason {
        Some((reason, text)) => (Some(reason.as_str()), Some(text.as_str())),
        None => (None, None),
    };
    session
        .execute(
            "INSERT INTO selection_decisions (suite_id, identifier, created_at, expires_at, \
             branch, commit_sha, strategy, params, verdict, reason, reason_text, promise, \
             has_cut, cut, holdouts, caught, items, selected, time_us, selected_time_us, always, \
             known, state, due_at, files, scores, change) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, \
             $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, \
             $26, $27)",
            values![
                suite.get(),
                &plan.identifier,
                plan.created_at,
                plan.expires_at,
                &record.branch,
                &record.commit_sha,
                &record.strategy,
                &record.params,
                codes::verdict_code(record.verdict),
                reason,
                text,
                record.promise.map(|share| i64::from(share.ppm())),
                record.cut.is_some(),
                record.cut.and_then(|cut| codes::millionths(cut.0)),
                i64::from(record.confidence.holdouts),
                i64::from(record.confidence.caught),
                whole(record.items),
                whole(record.selected),
                whole(record.time.get()),
                whole(record.selected_time.get()),
                &record.always,
                record.known.map(|share| i64::from(share.ppm())),
                codes::state_code(state),
                plan.created_at.plus_millis(CHECK_EVERY),
                bytes_or_null(details.map(|details| details.files_hash.as_slice())),
                bytes_or_null(details.map(|details| details.scores.as_slice())),
                bytes_or_null(details.map(|details| details.change.as_slice())),
            ],
        )
        .await
        .map_err(|error| error.or_gone("the suite"))?;
    if record.verdict == DecisionVerdict::Selected {
        let pointer = decision.pointer;
        session
            .execute(
                "UPDATE selection_suites SET rotation_round = $2, rotation_below = $3 \
                 WHERE suite_id = $1",
                values![
                    suite.get(),
                    i64::from(pointer.round),
                    pointer.taken_below.cast_signed(),
                ],
            )
            .await?;
    }
    Ok(())
}

fn bytes_or_null(bytes: Option<&[u8]>) -> crate::sql::Value<'_> {
    crate::sql::Value::Bytes(bytes.map(std::borrow::Cow::Borrowed))
}

/// The accounting of a plan has changed, so that its run may have ended. Each change makes the
/// decision due at another time before 1970, so that deferring it cannot undo a change.
pub(crate) async fn close_with_accounting(
    session: &mut Session,
    suite: SuiteId,
    identifier: &str,
) -> Result<()> {
    session
        .execute(
            "UPDATE selection_decisions \
             SET due_at = CASE WHEN due_at <= 0 THEN due_at - 1 ELSE 0 END \
             WHERE suite_id = $1 AND identifier = $2 AND state = 0",
            values![suite.get(), identifier],
        )
        .await?;
    Ok(())
}

fn decision(row: &Row, has_details: bool) -> Result<StoredDecision> {
    let details = if has_details {
        let parts = (
            row.bytes_or_null("scores")?,
            row.bytes_or_null("change")?,
            row.bytes_or_null("files")?,
        );
        match parts {
            (Some(scores), Some(change), Some(files)) => Some(DecisionDetails {
                scores,
                change,
                files_hash: hash(&files)?,
            }),
            _ => None,
        }
    } else {
        None
    };
    let reason = row.text_or_null("reason")?;
    let text = row.text_or_null("reason_text")?;
    let share = |column| {
        let stored = row.integer_or_null(column)?;
        stored.map(codes::share).transpose()
    };
    Ok(StoredDecision {
        id: row.integer("id")?,
        suite: SuiteId::new(row.integer("suite_id")?),
        identifier: row.text("identifier")?,
        created_at: row.time("created_at")?,
        record: DecisionRecord {
            branch: row.text("branch")?,
            commit_sha: row.text_or_null("commit_sha")?,
            strategy: row.text("strategy")?,
            params: row.text("params")?,
            verdict: codes::verdict(row.integer("verdict")?)?,
            reason: reason.map(|reason| (reason, text.unwrap_or_default())),
            promise: share("promise")?,
            cut: codes::cut(row.boolean("has_cut")?, row.integer_or_null("cut")?),
            confidence: Confidence {
                holdouts: small(row.integer("holdouts")?),
                caught: small(row.integer("caught")?),
            },
            items: row.count("items")?,
            selected: row.count("selected")?,
            time: Micros::new(row.count("time_us")?),
            selected_time: Micros::new(row.count("selected_time_us")?),
            always: row.text("always")?,
            known: share("known")?,
        },
        state: codes::state(row.integer("state")?)?,
        due_at: row.time("due_at")?,
        run: row.integer_or_null("run_id")?.map(RunId::new),
        details,
    })
}

pub(super) fn hash(bytes: &[u8]) -> Result<[u8; 16]> {
    let hash = bytes.try_into();
    hash.map_err(|_| StoreError::Damaged {
        what: "hash of paths",
    })
}
