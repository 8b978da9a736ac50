//! The list of rules, as a page and as a file.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use test_engine_insights::Brake;
use test_engine_store::{MAX_FIRED, MAX_RULES, Page as ListPage, Rule, RuleUsage};

use super::super::export::{self, Export, FileLinks};
use super::super::format;
use super::super::page::{Frame, PageError, Tab, show};
use super::super::viewer::SuiteViewer;
use super::super::words;
use crate::App;
use crate::links::Links;

#[derive(Template)]
#[template(path = "rules.html")]
struct Page {
    frame: Frame,
    sentence: String,
    address: String,
    may_add: bool,
    rules: Vec<Row>,
    limits: String,
    max_rules: u64,
    /// Alarms and recoveries of a rule in a minute.
    max_fired: i64,
    files: FileLinks,
}

struct Row {
    name: String,
    address: String,
    is_enabled: bool,
    monitor: String,
    filters: Vec<String>,
    actions: Vec<String>,
    flagged: String,
    events: String,
}

pub(in crate::http::web) async fn get(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    export: Export,
) -> Result<Response, PageError> {
    let now = app.clock.now();
    let address = format!("{}/rules", Links::suite_path(&suite));
    let all = ListPage::new(1, u32::try_from(MAX_RULES).unwrap_or(u32::MAX));
    let rules = app.store.rules(suite.id, all).await?.items;
    let events = app.store.rule_events(suite.id, super::since(now)).await?;
    if let Some(file) = export.file(format!("{}-rules", suite.slug)) {
        let base = format!("{}/rules", app.links.suite_page(&suite));
        let rows = rules.iter().map(|rule| {
            let events = events.get(&rule.uuid).copied().unwrap_or(0);
            file_row(rule, events, format!("{base}/{}", rule.uuid))
        });
        return Ok(file.rows(&COLUMNS, &rows.collect::<Vec<_>>()));
    }
    let usage = app.store.rule_usage(suite.id, now).await?;
    let enabled = rules.iter().filter(|rule| rule.settings.is_enabled);
    let sentence = words::rules(
        rules.len() as u64,
        enabled.count() as u64,
        events.values().sum(),
    );
    let may_write = viewer.may_write(&suite.organization_slug);
    let title = format!("Rules of {}", suite.name);
    show(&Page {
        frame: Frame::of_tab(&app, title, &viewer, &suite, Tab::Rules).await?,
        sentence,
        may_add: may_write && usage.rules < MAX_RULES,
        limits: limits(&usage),
        max_rules: MAX_RULES,
        max_fired: MAX_FIRED,
        files: export.links(),
        rules: rules
            .iter()
            .map(|rule| Row::new(rule, events.get(&rule.uuid).copied(), &address))
            .collect(),
        address,
    })
}

fn limits(usage: &RuleUsage) -> String {
    let brake = usage.brake;
    format!(
        "Rules have muted or skipped {} of at most {}, and {} of at most {} today.",
        format::count(brake.quarantined.into()),
        format::counted(brake.max_tests().into(), "test"),
        format::count(brake.quarantined_today.into()),
        format::count(Brake::MAX_PER_DAY.into()),
    )
}

impl Row {
    fn new(rule: &Rule, events: Option<u64>, base: &str) -> Self {
        let settings = &rule.settings;
        Self {
            name: settings.name.clone(),
            address: format!("{base}/{}", rule.uuid),
            is_enabled: settings.is_enabled,
            monitor: words::monitor(&settings.monitor),
            filters: settings.filters.iter().map(words::filter).collect(),
            actions: settings.alarm_actions.iter().map(words::action).collect(),
            flagged: format::count(rule.flagged_tests),
            events: format::count(events.unwrap_or(0)),
        }
    }
}

/// Events are those of the last week.
const COLUMNS: [&str; 9] = [
    "id",
    "name",
    "is_enabled",
    "monitor",
    "filters",
    "actions",
    "flagged_tests",
    "events",
    "url",
];

fn file_row(rule: &Rule, events: u64, address: String) -> export::Row {
    let settings = &rule.settings;
    let filters: Vec<String> = settings.filters.iter().map(words::filter).collect();
    let actions: Vec<String> = settings.alarm_actions.iter().map(words::action).collect();
    vec![
        rule.uuid.to_string().into(),
        settings.name.clone().into(),
        settings.is_enabled.into(),
        words::monitor(&settings.monitor).into(),
        filters.join("; ").into(),
        actions.join("; ").into(),
        rule.flagged_tests.into(),
        events.into(),
        address.into(),
    ]
}
