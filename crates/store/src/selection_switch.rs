//! The switch with which people turn test selection off and on.

use crate::error::StoreError;
use crate::records::{Change, SelectionSwitch, Suite};
use crate::selection;
use crate::sql::values;
use crate::store::Store;
use crate::suites;

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Switches selection off or on; the audit log names who did it.
    pub async fn switch_selection(
        &self,
        suite: &Suite,
        switch: &SelectionSwitch,
        change: &Change,
    ) -> Result<bool> {
        let mut session = self.write().await?;
        let Some(suite) = suites::lock(&mut session, suite.id).await? else {
            return Ok(false);
        };
        selection::ensure_suite(&mut session, suite.id).await?;
        let row = session
            .one(
                "SELECT off, off_text FROM selection_suites WHERE suite_id = $1",
                values![suite.id.get()],
            )
            .await?;
        let before = selection::described_switch(row.integer("off")?, &row.text("off_text")?);
        let (code, text, since) = match switch {
            SelectionSwitch::Off { reason } => {
                (selection::OFF_BY_PERSON, reason.as_str(), Some(change.at))
            }
            SelectionSwitch::On => (selection::ON, "", None),
        };
        let after = selection::described_switch(code, text);
        if before == after {
            return Ok(true);
        }
        session
            .execute(
                // Switching it on accepts the misses so far.
                "UPDATE selection_suites SET clock = clock + 1, off = $2, off_text = $3, \
                 off_since = $4, bets = CASE WHEN $2 = 0 THEN NULL ELSE bets END \
                 WHERE suite_id = $1",
                values![suite.id.get(), code, text, since],
            )
            .await?;
        let change = match switch {
            SelectionSwitch::Off { reason } if !reason.is_empty() => change.clone().because(reason),
            SelectionSwitch::Off { .. } | SelectionSwitch::On => change.clone(),
        };
        selection::record_switch(&mut session, suite.id, &change, before, after).await?;
        session.commit().await?;
        Ok(true)
    }
}
