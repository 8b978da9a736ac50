//! What switches selection off and on: drift, and in `selection_switch` people. Each change is in
//! the audit log and is an event.

use serde_json::{Value as Json, json};

use super::{Result, codes};
use crate::audit::{self, Event, Place, Subject};
use crate::events::{self, NewEvent};
use crate::records::{Change, EventKind, SelectionStep, SuiteEvent, SuiteId, SwitchChange};
use crate::sql::{Session, values};
use crate::store::Store;
use crate::webhooks;

/// In `before` and `after`.
const ON: &str = "on";
const DRIFTED: &str = "more failing builds were missed than promised";
const RECOVERED: &str = "the newest failing builds keep the promise";

impl Store {
    /// When selection was switched off and on, newest first; at most `limit`.
    pub async fn selection_switches(&self, suite: SuiteId, limit: u32) -> Result<Vec<SuiteEvent>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                // The kinds are those of the index, which values would hide.
                format!(
                    "SELECT {} FROM events WHERE suite_id = ? \
                     AND kind IN ('selection.off', 'selection.on') ORDER BY id DESC LIMIT ?",
                    events::COLUMNS
                ),
                values![suite.get(), i64::from(limit)],
            )
            .await?;
        rows.iter().map(events::event).collect()
    }
}

/// Switches selection off or on because of what failing builds say. What a person has switched off
/// stays as it is.
pub(super) async fn by_drift(
    session: &mut Session,
    step: &SelectionStep,
    holdout: Option<i64>,
) -> Result<()> {
    let suite = step.suite.get();
    match step.switch {
        SwitchChange::Unchanged => Ok(()),
        SwitchChange::OffByDrift => {
            let changed = session
                .execute(
                    "UPDATE selection_suites SET off = 2, off_text = '', off_since = $2, \
                     off_holdout = $3 WHERE suite_id = $1 AND off = 0",
                    values![suite, step.at, holdout.unwrap_or(0)],
                )
                .await?;
            if changed == 0 {
                return Ok(());
            }
            let before = described(codes::ON, "");
            let mut after = described(codes::OFF_BY_DRIFT, "");
            after["drift_statistic"] = json!((step.drift.statistic() * 100.0).round() / 100.0);
            let change = Change::by_server(step.at).because(DRIFTED);
            record(session, step.suite, &change, before, after).await
        }
        SwitchChange::OnAgain => {
            let changed = session
                .execute(
                    "UPDATE selection_suites SET off = 0, off_text = '', off_since = NULL, \
                     bets = NULL WHERE suite_id = $1 AND off = 2",
                    values![suite],
                )
                .await?;
            if changed == 0 {
                return Ok(());
            }
            let before = described(codes::OFF_BY_DRIFT, "");
            let change = Change::by_server(step.at).because(RECOVERED);
            record(
                session,
                step.suite,
                &change,
                before,
                described(codes::ON, ""),
            )
            .await
        }
    }
}

/// Publishes an event if selection was switched, and writes an entry of the audit log.
pub(crate) async fn record(
    session: &mut Session,
    suite: SuiteId,
    change: &Change,
    before: Json,
    after: Json,
) -> Result<()> {
    let event = NewEvent {
        kind: if after["selection"] == ON {
            EventKind::SelectionOn
        } else {
            EventKind::SelectionOff
        },
        test: None,
        before: Some(&before),
        after: Some(&after),
    };
    // Another reason is no switch.
    if before["selection"] != after["selection"] {
        webhooks::publish(session, suite, change, event, &[]).await?;
    }
    let row = session
        .one(
            "SELECT organization_id, uuid, slug, name FROM suites WHERE id = $1",
            values![suite.get()],
        )
        .await?;
    let uuid = row.uuid("uuid")?;
    let place = Place {
        organization: row.integer("organization_id")?,
        suite: Some((uuid, row.text("slug")?)),
    };
    let entry = Event {
        action: "suite.selection".to_owned(),
        subject: Subject {
            kind: "suite",
            uuid,
            name: row.text("name")?,
        },
        before: Some(before),
        after: Some(after),
    };
    audit::record(session, &place, change, entry).await
}

/// The switch as the audit log and the event show it.
pub(crate) fn described(code: i64, text: &str) -> Json {
    let state = match code {
        codes::OFF_BY_PERSON => "off",
        codes::OFF_BY_DRIFT => "off by drift",
        _ => ON,
    };
    json!({ "selection": state, "selection_reason": text })
}
