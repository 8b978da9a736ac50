//! Test selection: what a suite has learned, the decisions on its plans, and the failing builds
//! that measure them. `docs/design/selection.md` explains the terms.
//!
//! What was learned changes in steps. Each is computed outside the database from the state at a
//! clock, and stored only if the suite still has that clock, so of two servers one has to compute
//! again. The row in `selection_suites` is locked first.

mod codes;
mod decisions;
mod facts;
mod history;
mod holdouts;
mod main_branch;
mod overview;
mod runs;
mod step;
mod switch;

use test_engine_selection::{Off, RotationPointer, Row};

use crate::error::StoreError;
use crate::records::{SelectionChanges, SelectionState, SuiteId};
use crate::sql::{Row as SqlRow, values};
use crate::store::Store;

pub(crate) use codes::{OFF_BY_DRIFT, OFF_BY_PERSON, ON};
pub(crate) use decisions::{close_with_accounting, ensure_suite, insert as insert_decision};
pub(crate) use history::archive_read;
pub use main_branch::MergedCommit;
pub(crate) use switch::{described as described_switch, record as record_switch};

type Result<T> = std::result::Result<T, StoreError>;

/// Holdouts that decisions need: the largest window is that of a promise of 99.9%.
const KEPT_HOLDOUTS: i64 = 1_000;

const STATE_COLUMNS: &str = "clock, rotation_round, rotation_below, bets, off, off_text, \
     off_since, off_holdout";

impl Store {
    /// What a suite has learned after a clock, and holdouts after an ID; all of it after 0. `None`
    /// if the suite never used selection.
    pub async fn selection_changes(
        &self,
        suite: SuiteId,
        clock: u32,
        after_holdout: i64,
    ) -> Result<Option<SelectionChanges>> {
        let mut session = self.read().await?;
        // Read the clock first: concurrent changes are then returned twice, never missed.
        let row = session
            .optional(
                format!("SELECT {STATE_COLUMNS} FROM selection_suites WHERE suite_id = ?"),
                values![suite.get()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let state = state(&row)?;
        let mut changes = SelectionChanges {
            state,
            ..SelectionChanges::default()
        };
        if changes.state.clock <= clock && clock > 0 {
            return Ok(Some(changes));
        }
        let since = values![suite.get(), i64::from(clock)];
        let rows = session
            .rows(
                "SELECT kind, path, body FROM selection_counts \
                 WHERE suite_id = $1 AND changed > $2",
                since.clone(),
            )
            .await?;
        for row in rows {
            let counts: Row = codes::row(&row.bytes("body")?)?;
            match row.integer("kind")? {
                codes::FILES => changes.files.push((row.text("path")?, counts)),
                codes::FOLDERS => changes.folders.push((row.text("path")?, counts)),
                _ => changes.items = Some(counts),
            }
        }
        let renames = session
            .rows(
                "SELECT old_path, new_path FROM selection_renames \
                 WHERE suite_id = $1 AND changed > $2",
                since,
            )
            .await?;
        for row in renames {
            let pair = (row.text("old_path")?, row.text("new_path")?);
            changes.renames.push(pair);
        }
        changes.holdouts = holdouts::newest(&mut session, suite, after_holdout).await?;
        Ok(Some(changes))
    }
}

fn state(row: &SqlRow) -> Result<SelectionState> {
    let off = match row.integer("off")? {
        OFF_BY_PERSON => Some(Off::Person(row.text("off_text")?)),
        OFF_BY_DRIFT => Some(Off::Drift),
        _ => None,
    };
    Ok(SelectionState {
        clock: small(row.integer("clock")?),
        pointer: RotationPointer {
            round: small(row.integer("rotation_round")?),
            taken_below: row.integer("rotation_below")?.cast_unsigned(),
        },
        drift: codes::drift(row.bytes_or_null("bets")?.as_deref())?,
        off,
        off_since: row.time_or_null("off_since")?,
        off_holdout: row.integer("off_holdout")?,
    })
}

/// Saturates.
fn small(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

/// Saturates at the largest value of a column.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
