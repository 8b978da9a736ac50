//! What happened in a suite lately: the newest events of its log.

use test_engine_store::{EventFilter, Page as ListPage, Suite, SuiteEvent, Timestamp};

use super::format;
use super::page::PageError;
use crate::App;
use crate::clock::rfc3339;
use crate::events::EventBody;
use crate::links::Links;
use crate::webhooks::headline;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Further events are in the API.
const MAX_EVENTS: u32 = 6;
/// Characters of a name or reason.
const MAX_TEXT: usize = 200;

pub(super) struct Item {
    /// Of its mark.
    pub(super) class: &'static str,
    pub(super) headline: String,
    /// Empty for an event that is not about one test.
    pub(super) test: String,
    pub(super) address: String,
    pub(super) reason: String,
    /// Empty if the viewer may not know, or if nobody did it.
    pub(super) by: String,
    pub(super) time: String,
    pub(super) ago: String,
}

/// The events of the last days, newest first. `shows_people` tells whether the viewer may know who
/// did it.
pub(super) async fn of(
    app: &App,
    suite: &Suite,
    days: i64,
    shows_people: bool,
    now: Timestamp,
) -> Result<Vec<Item>, PageError> {
    let page = ListPage::new(1, MAX_EVENTS);
    let listed = app.store.events(suite.id, EventFilter::default(), page);
    let since = now.plus_millis(-days * DAY_MS);
    let recent = listed.await?.items.into_iter();
    Ok(recent
        .filter(|event| event.at >= since)
        .map(|event| item(app, suite, event, shows_people, now))
        .collect())
}

fn item(app: &App, suite: &Suite, event: SuiteEvent, shows_people: bool, now: Timestamp) -> Item {
    let kind = event.kind.name();
    let class = match kind.split_once('.').unwrap_or((kind, "")) {
        ("mute", _) => "mute",
        ("skip", _) => "skip",
        (_, "alarm") => "flaky",
        (_, "recover") => "pass",
        _ => "run",
    };
    let text = |text: Option<&String>| format::shortened(text.map_or("", String::as_str), MAX_TEXT);
    let is_person = event.actor.name.is_some() && shows_people;
    let address = event.test_uuid.map(|test| {
        let base = Links::suite_path(suite);
        format!("{base}/tests/{test}")
    });
    Item {
        class,
        test: text(event.test_name.as_ref()),
        address: address.unwrap_or_default(),
        reason: text(event.reason.as_ref()),
        by: if is_person {
            format::actor(&event.actor)
        } else {
            String::new()
        },
        time: rfc3339(event.at),
        ago: format::ago(event.at, now),
        headline: headline(&EventBody::new(event, suite, &app.links)),
    }
}
