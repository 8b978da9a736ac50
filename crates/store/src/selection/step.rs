//! Stores one change of what a suite has learned.

use sha2::{Digest as _, Sha256};
use test_engine_selection::Row;

use super::{Result, codes, holdouts, switch};
use crate::records::{DecisionState, RunId, SelectionStep, StepOutcome};
use crate::sql::{Session, Value, values};
use crate::store::Store;

impl Store {
    /// Stores a change, with everything that belongs to it, in one transaction.
    pub async fn apply_selection_step(&self, step: &SelectionStep) -> Result<StepOutcome> {
        let mut session = self.write().await?;
        let locked = session
            .optional(
                "UPDATE selection_suites SET clock = clock + 1 WHERE suite_id = $1 \
                 AND EXISTS (SELECT 1 FROM suites WHERE id = $1 AND NOT deleted) RETURNING clock",
                values![step.suite.get()],
            )
            .await?;
        let Some(locked) = locked else {
            return Ok(StepOutcome::Obsolete);
        };
        let clock = locked.integer("clock")?;
        if clock != i64::from(step.clock) + 1 {
            return Ok(StepOutcome::Outdated);
        }
        if !set_state(&mut session, step).await? {
            return Ok(StepOutcome::Obsolete);
        }
        write_rows(&mut session, step, clock).await?;
        write_renames(&mut session, step, clock).await?;
        let holdout = match &step.holdout {
            Some(holdout) => {
                let place = (step.suite, clock, step.at);
                Some(holdouts::insert(&mut session, place, holdout).await?)
            }
            None => None,
        };
        switch::by_drift(&mut session, step, holdout).await?;
        session.commit().await?;
        Ok(StepOutcome::Stored(holdout))
    }
}

/// Sets the state of the decision and of the suite. False if the decision is in that state already.
async fn set_state(session: &mut Session, step: &SelectionStep) -> Result<bool> {
    if let Some((decision, state, run)) = step.decision {
        let code = codes::state_code(state);
        let changed = session
            .execute(
                "UPDATE selection_decisions SET state = $2, run_id = COALESCE($3, run_id) \
                 WHERE id = $1 AND state < $2",
                values![decision, code, run.map(RunId::get)],
            )
            .await?;
        debug_assert_ne!(
            state,
            DecisionState::Open,
            "decisions are never opened again"
        );
        if changed == 0 {
            return Ok(false);
        }
    }
    session
        .execute(
            "UPDATE selection_suites SET bets = $2, history_run = COALESCE($3, history_run) \
             WHERE suite_id = $1",
            values![
                step.suite.get(),
                codes::drift_bytes(step.drift),
                step.history_run.map(RunId::get),
            ],
        )
        .await?;
    Ok(true)
}

async fn write_rows(session: &mut Session, step: &SelectionStep, clock: i64) -> Result<()> {
    let suite = step.suite.get();
    let files = step
        .files
        .iter()
        .map(|(path, row)| (codes::FILES, path.as_str(), row));
    let folders = step
        .folders
        .iter()
        .map(|(path, row)| (codes::FOLDERS, path.as_str(), row));
    let items = step.items.iter().map(|row| (codes::ITEMS, "", row));
    let cells: Vec<Value<'_>> = files
        .chain(folders)
        .chain(items)
        .flat_map(|(kind, path, row): (i64, &str, &Row)| {
            values![suite, kind, path, clock, codes::row_bytes(row)]
        })
        .collect();
    if cells.is_empty() {
        return Ok(());
    }
    session
        .write_many(
            "INSERT INTO selection_counts (suite_id, kind, path, changed, body)",
            5,
            cells,
            "ON CONFLICT (suite_id, kind, path) DO UPDATE SET \
             changed = excluded.changed, body = excluded.body",
        )
        .await?;
    Ok(())
}

async fn write_renames(session: &mut Session, step: &SelectionStep, clock: i64) -> Result<()> {
    let cells: Vec<Value<'_>> = step
        .renames
        .iter()
        .flat_map(|(old, new)| {
            let digest = Sha256::new()
                .chain_update(old)
                .chain_update([0])
                .chain_update(new)
                .finalize();
            values![step.suite.get(), digest[..16].to_vec(), old, new, clock]
        })
        .collect();
    if cells.is_empty() {
        return Ok(());
    }
    session
        .write_many(
            "INSERT INTO selection_renames (suite_id, hash, old_path, new_path, changed)",
            5,
            cells,
            "ON CONFLICT (suite_id, hash) DO NOTHING",
        )
        .await?;
    Ok(())
}
