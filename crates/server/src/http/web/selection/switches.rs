//! When and why selection was switched off and on.

use test_engine_store::{ActorKind, EventKind, Suite, SuiteEvent, Timestamp};

use super::super::format;
use crate::App;
use crate::clock::rfc3339;
use crate::http::error::ApiError;

/// Earlier ones are in the API.
const MAX_SWITCHES: u32 = 10;

/// A time at which selection was switched off or on.
pub(super) struct Switched {
    pub(super) class: &'static str,
    pub(super) text: String,
    pub(super) reason: String,
    pub(super) time: String,
    pub(super) ago: String,
}

/// Newest first. Without `shows_people`, nobody is named.
pub(super) async fn of(
    app: &App,
    suite: &Suite,
    shows_people: bool,
    now: Timestamp,
) -> Result<Vec<Switched>, ApiError> {
    let events = app.store.selection_switches(suite.id, MAX_SWITCHES).await?;
    let switched = events
        .iter()
        .map(|event| switched(event, shows_people, now));
    Ok(switched.collect())
}

fn switched(event: &SuiteEvent, shows_people: bool, now: Timestamp) -> Switched {
    let (class, word) = if event.kind == EventKind::SelectionOn {
        ("pass", "on")
    } else {
        ("skip", "off")
    };
    let actor = &event.actor;
    let text = if actor.kind == ActorKind::Server {
        format!("Switched {word} automatically")
    } else if shows_people {
        format!("Switched {word} by {}", format::actor(actor))
    } else {
        format!("Switched {word}")
    };
    Switched {
        class,
        text,
        reason: event.reason.clone().unwrap_or_default(),
        time: rfc3339(event.at),
        ago: format::ago(event.at, now),
    }
}
