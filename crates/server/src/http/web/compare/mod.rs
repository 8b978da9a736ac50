//! What differs between two runs of a suite: failures, tests, durations. As a page and as a file.

mod difference;
mod file;

use std::collections::{BTreeMap, HashMap};

use askama::Template;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Redirect, Response};
use test_engine_duration::Micros;
use test_engine_store::{
    Page as ListPage, Run, RunFilter, Suite, Test, TestEnd, TestId, TestInRun, Timestamp,
};
use uuid::Uuid;

use self::difference::{Difference, Kind, difference};
use super::export::{self, Export, FileLinks};
use super::page::{Frame, PageError, Tab, show};
use super::status::Mark;
use super::viewer::SuiteViewer;
use super::words::{self, Differences, Verdict};
use super::{format, run_rows};
use crate::App;
use crate::clock::rfc3339;
use crate::http::error::ApiError;
use crate::http::params::{IdInPath, Params, path_parameter};
use crate::links::Links;

/// Tests of a section; more are counted. Of those that only one run has, fewer say enough.
const MAX_TESTS: usize = 50;
const MAX_IN_ONE_RUN: usize = 15;
/// Failed executions whose messages are read.
const MAX_FAILURES: u32 = 500;
/// Characters of a name, and of a message.
const MAX_NAME: usize = 200;

#[derive(Template)]
#[template(path = "compare.html")]
struct Page {
    frame: Frame,
    verdict: Verdict,
    runs: [Side; 2],
    /// The same two runs the other way round.
    swap_address: String,
    sections: Vec<Section>,
    files: FileLinks,
}

/// One of the runs.
struct Side {
    what: &'static str,
    number: String,
    title: String,
    address: String,
    mark: Mark,
    branch: String,
    commit: String,
    tests: String,
    duration: String,
    time: String,
    ago: String,
}

/// Tests with the same difference.
struct Section {
    id: &'static str,
    title: &'static str,
    /// What the columns of both runs show.
    shows: Shows,
    count: String,
    rows: Vec<Row>,
    more: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shows {
    /// How a test ended, and its message if it failed.
    Ends,
    Durations,
}

impl Shows {
    const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Slower | Kind::Faster => Self::Durations,
            _ => Self::Ends,
        }
    }
}

struct Row {
    name: String,
    scope: String,
    address: String,
    message: String,
    /// In the other run, and in this one.
    cells: [Cell; 2],
    /// How much longer or shorter it took, such as `2.4×`.
    change: String,
}

/// A test in one of the runs.
struct Cell {
    class: &'static str,
    text: String,
}

/// The other run in the path, also if it is the path of a file.
pub(super) struct Against(Uuid);

impl FromRequestParts<App> for Against {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, PageError> {
        let text = path_parameter(parts, "against").await;
        let id = text.and_then(|text| export::without_extension(&text).parse().ok());
        id.map(Self).ok_or(PageError::NotFound)
    }
}

pub(super) async fn get(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    IdInPath(id): IdInPath,
    Against(against): Against,
    export: Export,
) -> Result<Response, PageError> {
    let base = Links::suite_path(&suite);
    let after = run(&app, &suite, id).await?;
    let before = run(&app, &suite, against).await?;
    if id == against {
        return Ok(Redirect::to(&format!("{base}/runs/{id}")).into_response());
    }
    let tests = Both {
        after: app.store.tests_of_run(&after).await?,
        before: app.store.tests_of_run(&before).await?,
    };
    let found = difference(&tests.after, &tests.before);
    if let Some(file) = export.file(format!("{}-comparison", suite.slug)) {
        let chunks = file::chunks(app, suite, after, file::items(&found, &tests));
        return file.chunks(&file::COLUMNS, chunks).await;
    }
    let shown = found.shown(MAX_TESTS);
    let known = app.store.tests_with_ids(&shown).await?;
    let failing: Vec<TestId> = found.new_failures.iter().take(MAX_TESTS).copied().collect();
    let messages = messages(&app, &after, &failing).await?;
    let marks = run_rows::marks(&app, &[after.clone(), before.clone()]).await?;
    let mark = |at: usize, run: &Run| {
        let known = marks.get(at).copied();
        known.unwrap_or_else(|| Mark::of_run(run, true))
    };
    let now = app.clock.now();
    let title = format!(
        "{} and {}",
        run_rows::number(&after),
        run_rows::number(&before)
    );
    let mut frame = Frame::of_tab(&app, title, &viewer, &suite, Tab::Runs).await?;
    frame.crumb(&run_rows::number(&after), format!("{base}/runs/{id}"));
    let counts = Differences {
        new_failures: found.new_failures.len() as u64,
        fixed: found.fixed.len() as u64,
        slower: found.slower.len() as u64,
        faster: found.faster.len() as u64,
        failing: found.failing.len() as u64,
        new_tests: found.new_tests.len() as u64,
        gone_tests: found.gone_tests.len() as u64,
    };
    let rows = Rows {
        tests: &tests,
        known: &known,
        messages: &messages,
        base: &base,
    };
    show(&Page {
        frame,
        verdict: words::comparison(&counts, &run_rows::number(&before)),
        runs: [
            Side::new(
                "This run",
                &after,
                mark(0, &after),
                tests.after.len(),
                &base,
                now,
            ),
            Side::new(
                "Compared with",
                &before,
                mark(1, &before),
                tests.before.len(),
                &base,
                now,
            ),
        ],
        swap_address: format!("{base}/runs/{against}/against/{id}"),
        sections: rows.sections(&found),
        files: export.links(),
    })
}

/// The first lines of the first failures of some tests in a run.
async fn messages(
    app: &App,
    run: &Run,
    tests: &[TestId],
) -> Result<BTreeMap<TestId, String>, PageError> {
    let failures = app
        .store
        .failures_of_tests(run, tests, MAX_FAILURES, false)
        .await?;
    let mut messages: BTreeMap<TestId, String> = BTreeMap::new();
    for failure in failures {
        let message = messages.entry(failure.test.id).or_default();
        if message.is_empty() {
            let line = format::first_line(failure.failure_reason.as_deref());
            *message = format::shortened(&line, MAX_NAME);
        }
    }
    Ok(messages)
}

async fn run(app: &App, suite: &Suite, id: Uuid) -> Result<Run, PageError> {
    let found = app.store.run(suite.id, id).await?;
    found.ok_or(PageError::NotFound)
}

/// Leads to the comparison of the chosen runs, the newer one first. A single run is compared with
/// the latest earlier run of the default branch.
pub(super) async fn choose(
    State(app): State<App>,
    SuiteViewer { suite, .. }: SuiteViewer,
    Params(fields): Params<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let chosen = fields.iter().filter(|(name, _)| name == "run");
    let chosen: Result<Vec<Uuid>, _> = chosen.map(|(_, id)| id.parse()).collect();
    let chosen = chosen.map_err(|_not_an_id| PageError::NotFound)?;
    let (after, before) = match chosen.as_slice() {
        [one] => {
            let after = run(&app, &suite, *one).await?;
            let before = before_on_main(&app, &suite, &after).await?;
            (after, before)
        }
        [one, other] => {
            let (one, other) = (
                run(&app, &suite, *one).await?,
                run(&app, &suite, *other).await?,
            );
            if one.id > other.id {
                (one, other)
            } else {
                (other, one)
            }
        }
        _ => {
            let text = "Validation failed: choose two runs";
            return Err(ApiError::unprocessable(text).into());
        }
    };
    let address = format!(
        "{}/runs/{}/against/{}",
        Links::suite_path(&suite),
        after.uuid,
        before.uuid
    );
    Ok(Redirect::to(&address).into_response())
}

async fn before_on_main(app: &App, suite: &Suite, run: &Run) -> Result<Run, PageError> {
    let filter = RunFilter {
        branch: Some(suite.default_branch.clone()),
        before: Some(run.id),
        ..RunFilter::default()
    };
    let page = ListPage::new(1, 1);
    let found = app.store.filtered_runs(suite.id, &filter, page).await?;
    found.items.into_iter().next().ok_or_else(|| {
        let text = format!(
            "There is no earlier run of {} to compare with.",
            suite.default_branch
        );
        ApiError::not_found(text).into()
    })
}

impl Side {
    fn new(
        what: &'static str,
        run: &Run,
        mark: Mark,
        tests: usize,
        base: &str,
        now: Timestamp,
    ) -> Self {
        Self {
            what,
            number: run_rows::number(run),
            title: match format::first_line(run.message.as_deref()) {
                message if message.is_empty() => String::new(),
                message => format::shortened(&message, MAX_NAME),
            },
            address: format!("{base}/runs/{}", run.uuid),
            mark,
            branch: run.branch.clone().unwrap_or_default(),
            commit: format::commit(run.commit_sha.as_deref()),
            tests: format::counted(tests as u64, "test"),
            duration: format::duration(run.duration),
            time: rfc3339(run.created_at),
            ago: format::ago(run.created_at, now),
        }
    }
}

/// The tests of both runs.
struct Both {
    after: HashMap<TestId, TestInRun>,
    before: HashMap<TestId, TestInRun>,
}

/// What rows are made of.
struct Rows<'a> {
    tests: &'a Both,
    known: &'a BTreeMap<TestId, Test>,
    messages: &'a BTreeMap<TestId, String>,
    base: &'a str,
}

impl Rows<'_> {
    /// Those with tests.
    fn sections(&self, found: &Difference<TestId>) -> Vec<Section> {
        let all = Kind::ALL.map(|kind| (kind, found.of_kind(kind)));
        let present = all.into_iter().filter(|(_, tests)| !tests.is_empty());
        let sections = present.map(|(kind, tests)| {
            let shows = Shows::of(kind);
            let most = match kind {
                Kind::NewTests | Kind::GoneTests => MAX_IN_ONE_RUN,
                _ => MAX_TESTS,
            };
            let shown = tests.iter().take(most);
            Section {
                id: kind.id(),
                title: kind.title(),
                shows,
                count: format::counted(tests.len() as u64, "test"),
                rows: shown.filter_map(|id| self.row(*id, shows)).collect(),
                more: match tests.len().saturating_sub(most) {
                    0 => String::new(),
                    more => format!("and {}", format::counted(more as u64, "more test")),
                },
            }
        });
        sections.collect()
    }

    /// `None` if the test was deleted in between.
    fn row(&self, id: TestId, shows: Shows) -> Option<Row> {
        let test = self.known.get(&id)?;
        let before = self.tests.before.get(&id);
        let after = self.tests.after.get(&id);
        let cell = |found: Option<&TestInRun>| match shows {
            Shows::Ends => Cell::end(found),
            Shows::Durations => Cell::duration(found),
        };
        Some(Row {
            name: format::shortened(&test.name, MAX_NAME),
            scope: format::shortened(&test.scope, MAX_NAME),
            address: format!("{}/tests/{}", self.base, test.uuid),
            message: self.messages.get(&id).cloned().unwrap_or_default(),
            cells: [cell(before), cell(after)],
            change: match (shows, duration(before), duration(after)) {
                (Shows::Durations, Some(before), Some(after)) => factor(before, after),
                _ => String::new(),
            },
        })
    }
}

/// The class of the mark, and what it says.
const fn mark(end: TestEnd) -> (&'static str, &'static str) {
    match end {
        TestEnd::Passed => ("pass", "passed"),
        TestEnd::Recovered => ("flaky", "passed on retry"),
        TestEnd::Failed => ("fail", "failed"),
        TestEnd::Muted => ("mute", "failed, muted"),
        TestEnd::NotRun => ("skip", "skipped"),
    }
}

fn duration(found: Option<&TestInRun>) -> Option<Micros> {
    found.and_then(|found| found.duration)
}

/// How many times as long, with one decimal.
fn factor(before: Micros, after: Micros) -> String {
    let tenths = after.get().saturating_mul(10) / before.get().max(1);
    format!("{}.{}×", tenths / 10, tenths % 10)
}

impl Cell {
    fn end(found: Option<&TestInRun>) -> Self {
        let (class, text) = found.map_or(("", "not in the run"), |found| mark(found.end));
        Self {
            class,
            text: text.to_owned(),
        }
    }

    fn duration(found: Option<&TestInRun>) -> Self {
        Self {
            class: "",
            text: format::maybe_duration(duration(found)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Micros, factor};

    #[test]
    fn factors_have_one_decimal() {
        for (before, after, text) in [(1_000, 2_400, "2.4×"), (400, 100, "0.2×"), (0, 5, "5.0×")]
        {
            assert_eq!(factor(Micros::new(before), Micros::new(after)), text);
        }
    }
}
