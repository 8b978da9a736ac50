//! The switch with which people turn test selection off and on.

use crate::audit::{self, Event, Place};
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
        let before = described(row.integer("off")?, &row.text("off_text")?);
        let (code, text, since) = match switch {
            SelectionSwitch::Off { reason } => {
                (selection::OFF_BY_PERSON, reason.as_str(), Some(change.at))
            }
            SelectionSwitch::On => (selection::ON, "", None),
        };
        let after = described(code, text);
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
        let event = Event {
            before: Some(before),
            after: Some(after),
            ..suites::event("suite.selection", &suite)
        };
        audit::record(&mut session, &Place::of(&suite), change, event).await?;
        session.commit().await?;
        Ok(true)
    }
}

/// The switch as the audit log shows it.
fn described(code: i64, text: &str) -> serde_json::Value {
    let state = match code {
        selection::OFF_BY_PERSON => "off",
        selection::OFF_BY_DRIFT => "off by drift",
        _ => "on",
    };
    serde_json::json!({ "selection": state, "selection_reason": text })
}
