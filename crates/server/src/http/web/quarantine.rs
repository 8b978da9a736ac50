//! The list of muted and skipped tests: what is hidden, why, and until when.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use test_engine_charts::{Tone, meter};
use test_engine_store::{
    Page as ListPage, Period, Quarantine, QuarantinedTest, Suite, Test, TestId, TestState,
    Timestamp,
};

use super::bulk::{self, Done};
use super::export::{self, Export, FileLinks};
use super::format;
use super::mute_form::mute_address;
use super::owner_filter::OwnerFilter;
use super::page::{Frame, PageError, Pager, Tab, of_page, show};
use super::test_state::{clean_passes, scope_text};
use super::viewer::SuiteViewer;
use super::words::{self, QuarantineCounts};
use crate::App;
use crate::clock::rfc3339;
use crate::http::paging::last_page;
use crate::http::params::Params;
use crate::http::test_owners::{file_of_test, owners};
use crate::links::Links;
use crate::quarantine::MAX_REASON;

/// Tests per page.
const PAGE_SIZE: u32 = 30;
/// Characters of a name or scope.
const MAX_TEXT: usize = 300;
/// A test whose end is this near is marked.
const SOON_DAYS: i64 = 7;
/// A test without a failure for so long may be fixed.
const FAILURE_DAYS: i64 = 28;

#[derive(Template)]
#[template(path = "quarantine.html")]
struct Page {
    frame: Frame,
    address: String,
    sentence: String,
    notice: String,
    may_write: bool,
    shows_people: bool,
    tests: Vec<Row>,
    days: Vec<u32>,
    max_reason: usize,
    tests_address: String,
    pager: Pager,
    files: FileLinks,
    /// The team whose tests alone are shown; empty for all.
    owner: String,
    /// This page, as it is shown.
    path: String,
}

struct Row {
    id: String,
    address: String,
    /// Of the form that changes why and how long; empty if the viewer may not.
    change_address: String,
    scope: String,
    name: String,
    class: &'static str,
    word: &'static str,
    reason: String,
    place: String,
    since: String,
    by: String,
    until: String,
    until_time: String,
    left: String,
    /// `over`, `soon` or empty.
    urgency: &'static str,
    extensions: u64,
    owner: String,
    ticket: String,
    ticket_address: Option<String>,
    failing: String,
    /// Passes in a row, and those that prove that it is fixed; empty for a skipped test.
    proof: String,
    meter: String,
    is_proven: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Query {
    page: Option<u32>,
    /// Only tests of this team, or that it looks after.
    owner: String,
    changed: Option<u64>,
    refused: Option<u64>,
}

pub(super) async fn get(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    export: Export,
    Params(query): Params<Query>,
) -> Result<Response, PageError> {
    let now = app.clock.now();
    let base = Links::suite_path(&suite);
    let address = format!("{base}/quarantine");
    let mut tests = app
        .store
        .quarantined_tests(suite.id, TestState::Muted)
        .await?;
    let skipped = app
        .store
        .quarantined_tests(suite.id, TestState::Skipped)
        .await?;
    tests.extend(skipped);
    let owner = OwnerFilter::new(&query.owner);
    if owner.is_one() {
        let owners = owners(&app, &suite).await?;
        tests.retain(|one| {
            let details = one.quarantine.as_ref().map(|known| &known.details);
            let looks_after = details.and_then(|details| details.owner.as_deref());
            looks_after == Some(owner.name()) || owner.matches(owners.of(file_of_test(&one.test)))
        });
    }
    let counts = counts(&tests, now);
    // What has to be decided first; without an end last.
    tests.sort_by_key(|one| {
        let end = end(one);
        (end.is_none(), end)
    });
    if let Some(file) = export.file(format!("{}-quarantine", suite.slug)) {
        let shows_people = viewer.is_signed_in();
        let rows = tests.iter().map(|one| {
            let address = app.links.test_page(&suite, one.test.uuid);
            file_row(one, shows_people, address)
        });
        return Ok(file.rows(&COLUMNS, &rows.collect::<Vec<_>>()));
    }
    let total = tests.len() as u64;
    let page = ListPage::new(query.page.unwrap_or(1), PAGE_SIZE);
    // Who has enabled the last test of the last page sees the page before it.
    let page = ListPage::new(page.number.min(last_page(page, total)), PAGE_SIZE);
    let shown = of_page(tests, page);
    let ids: Vec<TestId> = shown.iter().map(|one| one.test.id).collect();
    let period = Period::last_days(FAILURE_DAYS, now);
    let failed = app.store.last_failure_days(suite.id, &ids, period).await?;
    let shows_people = viewer.is_signed_in();
    let may_write = viewer.may_write(&suite.organization_slug);
    let frame = Frame::of_tab(
        &app,
        format!("Quarantine of {}", suite.name),
        &viewer,
        &suite,
        Tab::Quarantine,
    );
    show(&Page {
        frame: frame.await?,
        sentence: words::quarantine(counts),
        notice: Done::new(query.changed, query.refused).text(),
        may_write,
        shows_people,
        tests: shown
            .iter()
            .map(|one| {
                let failed = failed.get(&one.test.id).copied();
                let change_address = if may_write {
                    mute_address(&suite, one.test.uuid, viewer.path())
                } else {
                    String::new()
                };
                Row {
                    change_address,
                    ..Row::new(one, &suite, &base, failed, now)
                }
            })
            .collect(),
        path: viewer.path().to_owned(),
        days: bulk::days(&suite),
        max_reason: MAX_REASON,
        files: export.links(),
        owner: owner.name().to_owned(),
        tests_address: format!("{base}/tests"),
        pager: Pager::new(page, total, |number| {
            owner.address(&address, &format!("page={number}"))
        }),
        address,
    })
}

fn end(one: &QuarantinedTest) -> Option<Timestamp> {
    one.quarantine
        .as_ref()
        .and_then(|known| known.details.ends_at)
}

const COLUMNS: [&str; 15] = [
    "id",
    "scope",
    "name",
    "state",
    "where",
    "reason",
    "owner",
    "ticket",
    "since",
    "by",
    "until",
    "extensions",
    "clean_passes",
    "passes_needed",
    "url",
];

fn file_row(one: &QuarantinedTest, shows_people: bool, address: String) -> export::Row {
    let test = &one.test;
    let known = one.quarantine.as_ref();
    let details = known.map(|known| &known.details);
    let by = known.filter(|_| shows_people);
    vec![
        test.uuid.to_string().into(),
        test.scope.clone().into(),
        test.name.clone().into(),
        test.state.name().into(),
        details.map(|details| details.scope.name()).into(),
        details.map(|details| details.reason.clone()).into(),
        details.and_then(|details| details.owner.clone()).into(),
        details.and_then(|details| details.ticket.clone()).into(),
        since(test, known).into(),
        by.map(|known| format::actor(&known.actor)).into(),
        end(one).into(),
        known.map(|known| known.extensions).into(),
        known.map(|known| known.proof.clean_passes).into(),
        known.map(|known| known.proof.passes_needed).into(),
        address.into(),
    ]
}

fn counts(tests: &[QuarantinedTest], now: Timestamp) -> QuarantineCounts {
    let mut counts = QuarantineCounts {
        tests: tests.len() as u64,
        ..QuarantineCounts::default()
    };
    for one in tests {
        match end(one) {
            None => counts.without_end += 1,
            Some(end) if end <= now => counts.over += 1,
            Some(end) if end <= now.plus_days(SOON_DAYS) => counts.ending += 1,
            Some(_) => {}
        }
        let proposed = one
            .quarantine
            .as_ref()
            .and_then(|known| known.proof.proposed_at);
        counts.proven += u64::from(proposed.is_some());
    }
    counts
}

impl Row {
    /// Without the address of its form; `failed` is the last day on which the test failed.
    fn new(
        one: &QuarantinedTest,
        suite: &Suite,
        base: &str,
        failed: Option<i64>,
        now: Timestamp,
    ) -> Self {
        let test = &one.test;
        let known = one.quarantine.as_ref();
        let details = known.map(|known| &known.details);
        let text = |text: Option<&String>| text.cloned().unwrap_or_default();
        let ticket = text(details.and_then(|details| details.ticket.as_ref()));
        let end = end(one);
        let proof = known.map(|known| &known.proof);
        let proof = proof.filter(|_| test.state == TestState::Muted);
        let (class, word) = match test.state {
            TestState::Skipped => ("skip", "Skipped"),
            TestState::Enabled | TestState::Muted => ("mute", "Muted"),
        };
        Self {
            id: test.uuid.to_string(),
            address: format!("{base}/tests/{}", test.uuid),
            change_address: String::new(),
            scope: format::shortened(&test.scope, MAX_TEXT),
            name: format::shortened(&test.name, MAX_TEXT),
            class,
            word,
            reason: text(details.map(|details| &details.reason)),
            place: details.map_or_else(
                || "everywhere".to_owned(),
                |details| scope_text(details.scope, suite),
            ),
            since: since(test, known).map_or_else(String::new, |since| format::ago(since, now)),
            by: known.map_or_else(String::new, |known| format::actor(&known.actor)),
            until: end.map_or_else(String::new, format::short_date),
            until_time: end.map_or_else(String::new, rfc3339),
            left: end.map_or_else(String::new, |end| format::left(end, now)),
            urgency: match end {
                Some(end) if end <= now => "over",
                Some(end) if end <= now.plus_days(SOON_DAYS) => "soon",
                _ => "",
            },
            extensions: known.map_or(0, |known| known.extensions),
            owner: text(details.and_then(|details| details.owner.as_ref())),
            ticket_address: format::web_address(Some(&ticket)),
            ticket,
            failing: failing(test.state, failed, now),
            proof: proof.map_or_else(String::new, clean_passes),
            meter: proof.map_or_else(String::new, |proof| {
                meter(proof.clean_passes, proof.passes_needed, Tone::Passed)
            }),
            is_proven: proof.is_some_and(|proof| proof.proposed_at.is_some()),
        }
    }
}

fn since(test: &Test, known: Option<&Quarantine>) -> Option<Timestamp> {
    known.map(|known| known.since).or(test.state_changed_at)
}

fn failing(state: TestState, failed: Option<i64>, now: Timestamp) -> String {
    match failed.map(|day| now.day() - day) {
        Some(days) if days <= 0 => "failed today".to_owned(),
        Some(1) => "failed yesterday".to_owned(),
        Some(days) => format!("failed {days} days ago"),
        None if state == TestState::Skipped => "does not run".to_owned(),
        None => format!("no failure in {FAILURE_DAYS} days"),
    }
}
