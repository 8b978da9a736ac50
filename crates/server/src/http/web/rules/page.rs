//! The page of a rule: what it does, and its event log.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use test_engine_store::{
    EventFilter, EventKind, Page as ListPage, Rule, RuleAction, Suite, SuiteEvent, Timestamp,
    Webhook,
};

use super::super::format;
use super::super::page::{Frame, PageError, Pager, Tab, show};
use super::super::viewer::{SuiteViewer, Viewer};
use super::super::words;
use super::fields::Fields;
use super::form::FormSection;
use super::preview::{self, Preview};
use crate::App;
use crate::clock::rfc3339;
use crate::http::params::{IdInPath, Params};
use crate::links::Links;

/// Events per page.
pub(super) const PAGE_SIZE: u32 = 50;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::http::web) struct Query {
    page: Option<u32>,
    /// With the form.
    change: Option<String>,
    /// With what it would have done.
    preview: Option<String>,
}

#[derive(Template)]
#[template(path = "rule.html")]
pub(super) struct Page {
    frame: Frame,
    name: String,
    sentence: String,
    address: String,
    is_enabled: bool,
    may_write: bool,
    monitor: String,
    filters: Vec<String>,
    alarm_actions: Vec<String>,
    recover_actions: Vec<String>,
    created: String,
    created_time: String,
    form: Option<FormSection>,
    preview: Option<Preview>,
    events: Vec<Event>,
    total: String,
    pager: Pager,
}

struct Event {
    class: &'static str,
    word: &'static str,
    test: String,
    address: String,
    reason: String,
    /// Each action with its outcome, and why.
    outcomes: Vec<String>,
    ago: String,
    time: String,
}

pub(in crate::http::web) async fn get(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    IdInPath(id): IdInPath,
    Params(query): Params<Query>,
) -> Result<Response, PageError> {
    let rule = app.store.rule(suite.id, id).await?;
    let rule = rule.ok_or(PageError::NotFound)?;
    let may_write = viewer.may_write(&suite.organization_slug);
    let form =
        (may_write && query.change.is_some()).then(|| (Fields::of(&rule.settings), Vec::new()));
    let preview = match query.preview {
        Some(_) => Some(preview::of(&app, &suite, &rule.settings).await?),
        None => None,
    };
    let page = ListPage::new(query.page.unwrap_or(1), PAGE_SIZE);
    show(&of(&app, &viewer, &suite, &rule, (form, preview), page).await?)
}

/// The page, with its form if fields are given, and their problems.
pub(super) async fn of(
    app: &App,
    viewer: &Viewer,
    suite: &Suite,
    rule: &Rule,
    (form, preview): (Option<(Fields, Vec<String>)>, Option<Preview>),
    page: ListPage,
) -> Result<Page, PageError> {
    let now = app.clock.now();
    let base = Links::suite_path(suite);
    let address = format!("{base}/rules/{}", rule.uuid);
    let filter = EventFilter {
        rule: Some(rule.uuid),
        ..EventFilter::default()
    };
    let events = app.store.events(suite.id, filter, page).await?;
    let recent = app.store.rule_events(suite.id, super::since(now)).await?;
    let recent = recent.get(&rule.uuid).copied().unwrap_or(0);
    let settings = &rule.settings;
    let may_write = viewer.may_write(&suite.organization_slug);
    // As in the API, readers see neither names nor addresses of webhooks.
    let webhooks = if may_write {
        Some(super::webhooks(app, suite).await?)
    } else {
        None
    };
    let mut frame = Frame::of_tab(app, settings.name.clone(), viewer, suite, Tab::Rules).await?;
    frame.crumb("Rules", format!("{base}/rules"));
    let actions = |actions: &[RuleAction]| {
        let actions = actions.iter().map(|action| match &webhooks {
            Some(webhooks) => described(action, webhooks),
            None => words::action(action),
        });
        actions.collect::<Vec<String>>()
    };
    Ok(Page {
        frame,
        name: settings.name.clone(),
        sentence: words::rule(settings, rule.flagged_tests, recent),
        is_enabled: settings.is_enabled,
        may_write,
        monitor: words::monitor(&settings.monitor),
        filters: settings.filters.iter().map(words::filter).collect(),
        alarm_actions: actions(&settings.alarm_actions),
        recover_actions: actions(&settings.recover_actions),
        created: format::ago(rule.created_at, now),
        created_time: rfc3339(rule.created_at),
        form: form.map(|(fields, problems)| {
            let webhooks = webhooks.as_deref().unwrap_or_default();
            FormSection::new(suite, &address, fields, webhooks, problems)
        }),
        preview,
        total: format::counted(events.total, "event"),
        pager: Pager::new(page, events.total, |number| {
            format!("{address}?page={number}")
        }),
        events: events
            .items
            .iter()
            .map(|event| Event::new(event, &base, now))
            .collect(),
        address,
    })
}

/// An action, with the name of the webhook that it tells.
fn described(action: &RuleAction, webhooks: &[Webhook]) -> String {
    let RuleAction::Notify(id) = action else {
        return words::action(action);
    };
    let known = webhooks.iter().find(|webhook| webhook.uuid == *id);
    known.map_or_else(
        || "tell a webhook that was deleted".to_owned(),
        |webhook| format!("tell {}", super::webhook_name(webhook)),
    )
}

impl Event {
    fn new(event: &SuiteEvent, base: &str, now: Timestamp) -> Self {
        let (class, word) = match event.kind {
            EventKind::RuleRecover => ("pass", "Recovery"),
            EventKind::RuleBrake => ("skip", "Limit reached"),
            EventKind::RuleAlarm => ("flaky", "Alarm"),
            kind => ("mute", kind.name()),
        };
        let actions = event
            .after
            .as_ref()
            .and_then(|after| after["actions"].as_array());
        let outcomes = actions.into_iter().flatten().map(outcome);
        let test = event.test_uuid;
        Self {
            class,
            word,
            test: event.test_name.clone().unwrap_or_default(),
            address: test.map_or_else(String::new, |test| format!("{base}/tests/{test}")),
            reason: event.reason.clone().unwrap_or_default(),
            outcomes: outcomes.filter(|text| !text.is_empty()).collect(),
            ago: format::ago(event.at, now),
            time: rfc3339(event.at),
        }
    }
}

/// An action of an event with what became of it, such as `mute: held (the limit is reached)`.
fn outcome(action: &Value) -> String {
    let text = |name: &str| action[name].as_str().unwrap_or_default();
    let kind = text("type").replace('_', " ");
    let outcome = match text("outcome") {
        "" => return kind,
        "held" => "held back by the limit, tried again later",
        outcome => outcome,
    };
    let label = match text("label") {
        "" => String::new(),
        label => format!(" {label}"),
    };
    match text("detail") {
        "" => format!("{kind}{label}: {outcome}"),
        detail => format!("{kind}{label}: {outcome} ({detail})"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::outcome;

    #[test]
    fn outcomes_say_what_became_of_an_action_and_why() {
        for (action, expected) in [
            (
                json!({"type": "add_label", "label": "flaky", "outcome": "done"}),
                "add label flaky: done",
            ),
            (
                json!({"type": "mute", "outcome": "refused", "detail": "it is broken"}),
                "mute: refused (it is broken)",
            ),
            (
                json!({"type": "mute", "outcome": "held"}),
                "mute: held back by the limit, tried again later",
            ),
            (json!({"type": "notify"}), "notify"),
        ] {
            assert_eq!(outcome(&action), expected);
        }
    }
}
