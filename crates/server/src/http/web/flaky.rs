//! The list of flaky tests: those that cost most first.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use test_engine_insights::Level;
use test_engine_store::{
    FlakyCost, Page as ListPage, Period, TestId, TestState, Timestamp, UnhealthyTest,
};

use super::bulk::{self, Done};
use super::export::{self, Export, FileLinks};
use super::format;
use super::main_pictures::{self, raster_key};
use super::mute_form::mute_address;
use super::owner_filter::OwnerFilter;
use super::page::{Frame, PageError, Pager, Tab, of_page, show};
use super::viewer::SuiteViewer;
use super::words::{self, FlakyCounts};
use crate::App;
use crate::clock::rfc3339;
use crate::http::params::Params;
use crate::http::test_owners::{file_of_test, owners};
use crate::links::Links;
use crate::quarantine::{MAX_OWNER, MAX_REASON, MAX_TICKET};

/// Days that the costs cover.
const DAYS: i64 = 28;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Flaky tests that are ordered by their cost; more of them are not a list to work on.
const MAX_TESTS: u32 = 1_000;
/// Tests per page.
const PAGE_SIZE: u32 = 30;
/// Characters of the message of a cause.
const MAX_CAUSE: usize = 160;
/// Commits of the default branch in the raster.
const COMMITS: u32 = 120;

#[derive(Template)]
#[template(path = "flaky.html")]
struct Page {
    frame: Frame,
    quarantine_address: String,
    sentence: String,
    notice: String,
    default_branch: String,
    tests: Vec<Row>,
    axis: String,
    key: String,
    /// The failures as a table, if that was asked for.
    table: Option<String>,
    other_form: String,
    may_write: bool,
    days: Vec<u32>,
    default_days: u32,
    max_reason: usize,
    max_owner: usize,
    max_ticket: usize,
    pager: Pager,
    files: FileLinks,
    address: String,
    /// The team whose tests alone are shown; empty for all.
    owner: String,
}

struct Row {
    id: String,
    address: String,
    /// Of the form that mutes it; empty if the viewer may not, or if it is.
    mute_address: String,
    scope: String,
    name: String,
    class: &'static str,
    word: &'static str,
    /// The message of its most frequent failure; may be empty.
    cause: String,
    strip: String,
    runs: String,
    commits: String,
    rate: String,
    owner: String,
    last: String,
    last_time: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Query {
    page: Option<u32>,
    /// `table` for a table instead of the raster.
    #[serde(rename = "as")]
    form: String,
    /// Only tests of this team.
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
    let address = format!("{base}/flaky");
    let store = &app.store;
    let since = Timestamp::from_millis(Period::last_days(DAYS, now).first_day * DAY_MS);
    let costs = store.flaky_costs(suite.id, since).await?;
    let all = ListPage::new(1, MAX_TESTS);
    let listed = store
        .unhealthy_tests(suite.id, &[Level::Flaky], all)
        .await?;
    let mut tests = listed.items;
    let owners = owners(&app, &suite).await?;
    let owner = OwnerFilter::new(&query.owner);
    let mut total = listed.total;
    if owner.is_one() {
        tests.retain(|one| owner.matches(owners.of(file_of_test(&one.test))));
        total = tests.len() as u64;
    }
    let quarantined = tests
        .iter()
        .filter(|one| one.test.state != TestState::Enabled);
    let sentence = words::flaky(FlakyCounts {
        tests: total,
        quarantined: quarantined.count() as u64,
        failed_runs: tests
            .iter()
            .filter_map(|one| costs.get(&one.test.id))
            .map(|cost| cost.runs)
            .sum(),
        days: DAYS,
    });
    tests.sort_by(|one, other| by_cost(&costs, one, other));
    if let Some(file) = export.file(format!("{}-flaky", suite.slug)) {
        let rows = tests.iter().map(|one| {
            let cost = costs.get(&one.test.id).copied().unwrap_or_default();
            let address = app.links.test_page(&suite, one.test.uuid);
            file_row(one, cost, owners.of(file_of_test(&one.test)), address)
        });
        let file = if listed.total > u64::from(MAX_TESTS) {
            file.named(format!("{}-flaky-first-{MAX_TESTS}", suite.slug))
        } else {
            file
        };
        return Ok(file.rows(&COLUMNS, &rows.collect::<Vec<_>>()));
    }
    let page = ListPage::new(query.page.unwrap_or(1), PAGE_SIZE);
    let total = tests.len() as u64;
    let tests = of_page(tests, page);
    let shown = tests.iter().map(|one| one.test.clone()).collect();
    let ids: Vec<TestId> = tests.iter().map(|one| one.test.id).collect();
    let mut causes = store.frequent_reasons(&ids, since).await?;
    let failures = store.failures_of_tests_on_main(suite.id, shown, COMMITS);
    let raster = main_pictures::raster(&failures.await?, &base);
    let is_table = query.form == "table";
    let may_write = viewer.may_write(&suite.organization_slug);
    let title = format!("Flaky tests of {}", suite.name);
    let frame = Frame::of_tab(&app, title, &viewer, &suite, Tab::Flaky).await?;
    show(&Page {
        frame,
        sentence,
        notice: Done::new(query.changed, query.refused).text(),
        default_branch: suite.default_branch.clone(),
        axis: raster.axis(),
        key: raster_key(),
        table: is_table.then(|| raster.table().html()),
        other_form: owner.address(&address, if is_table { "" } else { "as=table" }),
        may_write,
        days: bulk::days(&suite),
        default_days: suite.quarantine.default_days(),
        max_reason: MAX_REASON,
        max_owner: MAX_OWNER,
        max_ticket: MAX_TICKET,
        pager: Pager::new(page, total, |number| {
            owner.address(&address, &format!("page={number}"))
        }),
        files: export.links(),
        owner: owner.name().to_owned(),
        address: address.clone(),
        quarantine_address: format!("{base}/quarantine"),
        tests: tests
            .iter()
            .enumerate()
            .map(|(index, one)| {
                let cost = costs.get(&one.test.id).copied().unwrap_or_default();
                let owner = owners.of(file_of_test(&one.test)).first();
                let owner = owner.cloned().unwrap_or_default();
                let cause = causes.remove(&one.test.id).unwrap_or_default();
                let may_mute = may_write && one.test.state == TestState::Enabled;
                Row {
                    cause: format::shortened(&format::first_line(Some(&cause)), MAX_CAUSE),
                    mute_address: if may_mute {
                        mute_address(&suite, one.test.uuid, viewer.path())
                    } else {
                        String::new()
                    },
                    ..Row::new(one, cost, owner, raster.strip(index), (&base, now))
                }
            })
            .collect(),
    })
}

/// The most failed runs first, then the most commits with failures, then the highest score.
fn by_cost(
    costs: &BTreeMap<TestId, FlakyCost>,
    one: &UnhealthyTest,
    other: &UnhealthyTest,
) -> Ordering {
    let cost = |test: &UnhealthyTest| costs.get(&test.test.id).copied().unwrap_or_default();
    let (first, second) = (cost(one), cost(other));
    let by_runs = second.runs.total_cmp(&first.runs);
    by_runs
        .then(second.commits.cmp(&first.commits))
        .then(other.health.score.flaky.cmp(&one.health.score.flaky))
}

const COLUMNS: [&str; 12] = [
    "id",
    "scope",
    "name",
    "state",
    "failed_runs",
    "failed_commits",
    "failure_rate",
    "last_failed_at",
    "flaky_since",
    "location",
    "owners",
    "url",
];

fn file_row(
    one: &UnhealthyTest,
    cost: FlakyCost,
    owners: &[String],
    address: String,
) -> export::Row {
    let test = &one.test;
    vec![
        test.uuid.to_string().into(),
        test.scope.clone().into(),
        test.name.clone().into(),
        test.state.name().into(),
        cost.runs.into(),
        cost.commits.into(),
        (f64::from(one.health.score.rate) / 1_000_000.0).into(),
        cost.last_failed_at.into(),
        one.health.alarm_since.into(),
        test.location
            .clone()
            .or_else(|| test.file_name.clone())
            .into(),
        owners.join(" ").into(),
        address.into(),
    ]
}

impl Row {
    fn new(
        one: &UnhealthyTest,
        cost: FlakyCost,
        owner: String,
        strip: String,
        (base, now): (&str, Timestamp),
    ) -> Self {
        let test = &one.test;
        let (class, word) = match test.state {
            TestState::Enabled => ("flaky", "Flaky"),
            TestState::Muted => ("mute", "Muted"),
            TestState::Skipped => ("skip", "Skipped"),
        };
        Self {
            id: test.uuid.to_string(),
            address: format!("{base}/tests/{}", test.uuid),
            mute_address: String::new(),
            scope: test.scope.clone(),
            name: test.name.clone(),
            class,
            word,
            cause: String::new(),
            strip,
            runs: words::runs(cost.runs),
            commits: format::count(cost.commits),
            rate: words::rate(one.health.score.rate),
            owner,
            last: cost
                .last_failed_at
                .map_or_else(|| "–".to_owned(), |last| format::ago(last, now)),
            last_time: cost.last_failed_at.map_or_else(String::new, rfc3339),
        }
    }
}
