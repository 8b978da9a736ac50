//! What happened to a test, on its page: the newest entries of the audit log about it.

use serde_json::Value;
use test_engine_store::{ActorKind, AuditEntry, AuditFilter, Page, Suite, Test, Timestamp};

use super::format;
use crate::App;
use crate::clock::rfc3339;
use crate::http::error::ApiError;

/// Further entries are in the API.
const MAX_EVENTS: u32 = 10;

pub(super) struct Event {
    /// The actor; empty if nobody did it.
    pub(super) actor: String,
    /// Reads after the actor.
    pub(super) text: String,
    pub(super) reason: String,
    pub(super) time: String,
    pub(super) ago: String,
}

pub(super) async fn of(
    app: &App,
    suite: &Suite,
    test: &Test,
    now: Timestamp,
) -> Result<Vec<Event>, ApiError> {
    let filter = AuditFilter {
        suite: None,
        subject: Some(test.uuid),
    };
    let page = Page::new(1, MAX_EVENTS);
    let log = app.store.audit_log(suite.organization, &filter, page);
    let entries = log.await?.items;
    Ok(entries.iter().map(|entry| event(entry, now)).collect())
}

fn event(entry: &AuditEntry, now: Timestamp) -> Event {
    let change = &entry.change;
    let is_nobody = change.actor.kind == ActorKind::Time;
    Event {
        actor: if is_nobody {
            String::new()
        } else {
            format::actor(&change.actor)
        },
        text: text(entry),
        reason: change
            .reason
            .clone()
            .filter(|_| !is_nobody)
            .unwrap_or_default(),
        time: rfc3339(change.at),
        ago: format::ago(change.at, now),
    }
}

fn text(entry: &AuditEntry) -> String {
    let after = entry.after.as_ref();
    let end = after
        .and_then(|after| after["ends_at"].as_i64())
        .map(|millis| format::date(Timestamp::from_millis(millis)));
    let end = end.unwrap_or_default();
    let until = if end.is_empty() {
        String::new()
    } else {
        format!(" until {end}")
    };
    match entry.action.as_str() {
        "mute.created" => format!("muted it{until}"),
        "skip.created" => format!("skipped it{until}"),
        "mute.changed" => format!("changed the mute{until}"),
        "skip.changed" => format!("changed the skip{until}"),
        "mute.extended" => format!("extended the mute{until}"),
        "skip.extended" => format!("extended the skip{until}"),
        "mute.removed" | "skip.removed" => "enabled it".to_owned(),
        "mute.ending" => format!("The mute ends on {end}"),
        "skip.ending" => format!("The skip ends on {end}"),
        "mute.expired" => "The mute ended: its failures fail the build again".to_owned(),
        "mute.release_proposed" => "It no longer fails: the mute can be removed".to_owned(),
        "skip.due" => "The end of the skip has come: enable the test, or extend it".to_owned(),
        "labels.added" => format!("added {}", labels(after, entry.before.as_ref())),
        "labels.removed" => format!("removed {}", labels(entry.before.as_ref(), after)),
        other => other.to_owned(),
    }
}

/// The labels that one of two sets has and the other has not.
fn labels(with: Option<&Value>, without: Option<&Value>) -> String {
    let list = |side: Option<&Value>| -> Vec<String> {
        let labels = side.and_then(|side| side["labels"].as_array());
        let texts = labels.into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    };
    let without = list(without);
    let mut labels = list(with);
    labels.retain(|label| !without.contains(label));
    let ending = if labels.len() == 1 { "" } else { "s" };
    format!("the label{ending} {}", labels.join(", "))
}
