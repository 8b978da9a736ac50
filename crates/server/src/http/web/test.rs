//! The page of a test: whether it is bad, since when and why, its history, and its state.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use test_engine_charts::{Durations, KeyMark, Spans, Table, key};
use test_engine_duration::Micros;
use test_engine_insights::Level;
use test_engine_results::{Format, Outcome};
use test_engine_store::{
    Execution, FailureKind, FlakyCost, Metrics, Page as ListPage, Period, Suite, Test, TestHealth,
    TestState, Timestamp,
};

use super::mute_form::{self, Typed, Undo};
use super::page::{Frame, PageError, Pager, Tab, show};
use super::runner_command::runner_command;
use super::test_address::{PeriodLink, Query};
use super::test_events::{self, Event};
use super::test_figures::{self, Kind, Tile};
use super::test_pictures::{self, by_run};
use super::test_selection::{self, SelectionFacts};
use super::test_state::{StateSection, Viewing};
use super::viewer::SuiteViewer;
use super::words::{self, TestFacts, Verdict};
use super::{execution, format};
use crate::App;
use crate::causes::{ConditionBody, Sources, UtcOffset};
use crate::clock::rfc3339;
use crate::http::body::run_blocking;
use crate::http::params::{IdInPath, Params};
use crate::http::test_owners::{file_of_test, owners};
use crate::links::Links;
use crate::quarantine;

/// The newest executions, which the pictures show.
const MAX_EXECUTIONS: u32 = 150;
/// Executions per page of the table.
const PAGE_SIZE: u32 = 25;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

#[derive(Template)]
#[template(path = "test.html")]
struct Page {
    frame: Frame,
    address: String,
    scope: String,
    name: String,
    state: StateBadge,
    location: String,
    owners: Vec<String>,
    periods: Vec<PeriodLink>,
    days: i64,
    /// The only branch that pictures and lists show; empty for all.
    branch: String,
    all_branches: String,
    /// Runs it again; empty if the runner is not known.
    command: String,
    verdict: Verdict,
    notice: String,
    undo: Option<Undo>,
    tiles: Vec<Tile>,
    /// The address that shows the pictures as tables, or the tables as pictures.
    other_form: String,
    is_table: bool,
    history: Option<Picture>,
    durations: Option<Picture>,
    rates: Option<Picture>,
    kinds: Vec<Kind>,
    inside: Option<Picture>,
    section: StateSection,
    events: Vec<Event>,
    may_write: bool,
    labels: Vec<String>,
    first_seen: String,
    last_seen: String,
    api_address: String,
    selection: Option<SelectionFacts>,
    executions: Vec<Row>,
    total: String,
    pager: Pager,
}

struct StateBadge {
    class: &'static str,
    word: &'static str,
}

/// A picture or its table, as markup of the charts.
struct Picture {
    markup: String,
    key: String,
    note: String,
}

struct Row {
    outcome: OutcomeMark,
    duration: String,
    branch: String,
    commit: String,
    reason: String,
    address: String,
    run_address: String,
    time: String,
    ago: String,
}

/// An outcome as shape, colour and word.
pub(super) struct OutcomeMark {
    pub(super) class: &'static str,
    pub(super) word: &'static str,
}

impl OutcomeMark {
    pub(super) fn of(execution: &Execution) -> Self {
        let (class, word) = match execution.outcome {
            Outcome::Passed => ("pass", "Passed"),
            Outcome::Failed if execution.muted => ("mute", "Failed, muted"),
            Outcome::Failed => ("fail", "Failed"),
            Outcome::Skipped => ("skip", "Skipped"),
            Outcome::Unknown => ("run", "Unknown"),
        };
        Self { class, word }
    }
}

/// Everything that is read from the database for the page.
struct Known {
    health: Option<TestHealth>,
    metrics: Metrics,
    cost: Option<FlakyCost>,
    kinds: Vec<FailureKind>,
    causes: Vec<ConditionBody>,
    durations: Durations,
    newest: Vec<Execution>,
    /// Stored executions.
    total: u64,
    spans: Option<Spans>,
}

async fn known(
    app: &App,
    suite: &Suite,
    test: &Test,
    query: &Query,
    now: Timestamp,
) -> Result<Known, PageError> {
    let store = &app.store;
    let (days, branch) = (query.days(), query.branch());
    let period = Period::last_days(days, now);
    let since = Timestamp::from_millis(period.first_day * DAY_MS);
    let health = store.test_health(test.id).await?;
    let is_flaky = health
        .as_ref()
        .is_some_and(|health| health.level == Level::Flaky);
    let cost = if is_flaky {
        let costs = store.flaky_costs(suite.id, since).await?;
        costs.get(&test.id).copied()
    } else {
        None
    };
    let causes = if is_flaky {
        causes(app, suite, test, now).await?
    } else {
        Vec::new()
    };
    let newest = ListPage::new(1, MAX_EXECUTIONS);
    let newest = store.test_executions_on(test, branch, newest).await?;
    let (newest, total) = (newest.items, newest.total);
    let sums = store.test_days(test, period, branch).await?;
    let mut failed = newest.iter().filter(|one| one.outcome == Outcome::Failed);
    Ok(Known {
        health,
        metrics: store.test_metrics(test, period, branch).await?,
        cost,
        kinds: store.failure_kinds(test, since).await?,
        causes,
        durations: test_pictures::durations(&sums, &newest, since),
        spans: match failed.next() {
            Some(failed) => execution::spans(app, suite, failed).await?,
            None => None,
        },
        newest,
        total,
    })
}

/// What the failures of a flaky test depend on, the strongest first.
async fn causes(
    app: &App,
    suite: &Suite,
    test: &Test,
    now: Timestamp,
) -> Result<Vec<ConditionBody>, PageError> {
    let sources = Sources {
        store: &app.store,
        links: &app.links,
        suite,
    };
    let Some(evidence) = sources.load(test, now).await? else {
        return Ok(Vec::new());
    };
    // Never small: a thousand executions with many tags take some milliseconds.
    let work = move || Ok(evidence.causes(UtcOffset::UTC));
    Ok(run_blocking(usize::MAX, work).await?.conditions)
}

pub(super) async fn get(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    IdInPath(id): IdInPath,
    Params(query): Params<Query>,
) -> Result<Response, PageError> {
    let test = app
        .store
        .test(suite.id, id)
        .await?
        .ok_or(PageError::NotFound)?;
    if let Some(execution) = query.execution_id {
        return execution::get(&app, &viewer, &suite, &test, execution).await;
    }
    let now = app.clock.now();
    let base = Links::suite_path(&suite);
    let address = format!("{base}/tests/{id}");
    let days = query.days();
    let known = known(&app, &suite, &test, &query, now).await?;
    let page = ListPage::new(query.page.unwrap_or(1), PAGE_SIZE);
    let executions: Vec<Execution> = if page.number == 1 {
        let first = known.newest.iter().take(PAGE_SIZE as usize);
        first.cloned().collect()
    } else {
        let branch = query.branch();
        app.store
            .test_executions_on(&test, branch, page)
            .await?
            .items
    };
    let owners = owners(&app, &suite).await?;
    let owners = owners.of(file_of_test(&test)).to_vec();
    let quarantines = app.store.quarantines(&[test.id]).await?;
    let labels = app.store.labels(&[test.id]).await?.remove(&test.id);
    let shows_people = viewer.is_signed_in();
    let may_write = viewer.may_write(&suite.organization_slug);
    let section = StateSection::new(
        &test,
        quarantines.get(&test.id),
        &suite,
        owners.first().map(String::as_str),
        &Viewing {
            shows_people,
            is_changing: query.change.is_some(),
            warning: quarantine::real_failure(&app.store, &test).await?,
            typed: Typed::of(viewer.path()),
            now,
        },
    );
    let events = if shows_people {
        test_events::of(&app, &suite, &test, now).await?
    } else {
        Vec::new()
    };
    let verdict = words::test(&TestFacts {
        health: known.health.as_ref(),
        metrics: &known.metrics,
        days,
        cause: known.causes.first(),
        state: test.state,
        default_branch: &suite.default_branch,
        now,
    });
    let notice = notice(query.done.as_deref(), &section);
    let undo = if notice.is_empty() {
        None
    } else {
        mute_form::undo(&app, &viewer, &suite, &test, "").await?
    };
    let mut frame = Frame::of_tab(&app, test.name.clone(), &viewer, &suite, Tab::Tests).await?;
    frame.crumb("Tests", format!("{base}/tests"));
    let runs = by_run(&known.newest);
    let retries = test_pictures::retries(&runs);
    let is_table = query.is_table();
    let history = test_pictures::history(&runs, &base);
    let rates = test_pictures::rates(&known.causes, &runs);
    let at_page = |number| {
        let other = Query {
            page: Some(number),
            ..query.clone()
        };
        format!("{}#executions", other.address(&address))
    };
    show(&Page {
        frame,
        state: StateBadge::of(test.state),
        notice,
        undo,
        tiles: test_figures::tiles(
            &known.metrics,
            known.health.as_ref(),
            known.cost,
            retries,
            days,
        ),
        periods: query.periods(&address),
        days,
        branch: query.branch().unwrap_or_default().to_owned(),
        all_branches: Query {
            branch: String::new(),
            page: None,
            ..query.clone()
        }
        .address(&address),
        command: command(&test, &known.newest),
        other_form: query.other_form(&address),
        is_table,
        history: (!history.runs.is_empty()).then(|| Picture {
            markup: either(is_table, || history.table(), || history.svg()),
            key: key(&HISTORY_KEY),
            note: format::counted(history.runs.len() as u64, "run"),
        }),
        durations: (!known.durations.periods.is_empty()).then(|| Picture {
            markup: either(
                is_table,
                || known.durations.table(),
                || known.durations.svg(),
            ),
            key: key(&DURATIONS_KEY),
            note: format::counted(known.metrics.timed, "execution"),
        }),
        rates: (!rates.groups.is_empty()).then(|| Picture {
            markup: either(is_table, || rates.table(), || rates.svg()),
            key: String::new(),
            note: "first executions in runs".to_owned(),
        }),
        inside: known.spans.as_ref().map(|spans| Picture {
            markup: either(is_table, || spans.table(), || spans.svg()),
            key: String::new(),
            note: format::duration(Micros::new(spans.duration)),
        }),
        kinds: known
            .kinds
            .iter()
            .map(|kind| Kind::new(kind, days, now))
            .collect(),
        section,
        events,
        may_write,
        owners,
        labels: labels.unwrap_or_default(),
        first_seen: format::ago(test.first_seen_at, now),
        last_seen: format::ago(test.last_seen_at, now),
        api_address: app.links.test_api(&suite, id),
        selection: test_selection::of(&app, &suite, &test, now).await?,
        total: format::counted(known.total, "execution"),
        pager: Pager::new(page, known.total, at_page),
        executions: executions
            .into_iter()
            .map(|execution| row(execution, &base, &address, now))
            .collect(),
        scope: test.scope,
        name: test.name,
        location: test.location.or(test.file_name).unwrap_or_default(),
        verdict,
        address,
    })
}

const HISTORY_KEY: [(KeyMark, &str); 4] = [
    (KeyMark::Passed, "passed"),
    (KeyMark::FailedExecution, "failed"),
    (KeyMark::FailedMuted, "failed while muted"),
    (KeyMark::PassedOnRetry, "passed on retry"),
];
const DURATIONS_KEY: [(KeyMark, &str); 3] = [
    (KeyMark::Median, "median"),
    (KeyMark::Band, "middle 80%"),
    (KeyMark::FailedDot, "failed"),
];

fn either(
    is_table: bool,
    table: impl FnOnce() -> Table,
    picture: impl FnOnce() -> String,
) -> String {
    if is_table { table().html() } else { picture() }
}

/// The newest execution tells which runner it is.
fn command(test: &Test, newest: &[Execution]) -> String {
    let newest = newest.first();
    let framework = newest.and_then(|newest| newest.tags.get("test.framework.name"));
    let framework = framework.map(String::as_str);
    runner_command(framework, Format::Json, &[test]).unwrap_or_default()
}

/// What the viewer has just done; empty if the state is another one by now.
fn notice(done: Option<&str>, section: &StateSection) -> String {
    match done {
        Some(done) if done == section.state && section.is_enabled => {
            "The test is enabled: its failures fail the build.".to_owned()
        }
        Some(done) if done == section.state => match &section.details {
            Some(details) if !details.until.is_empty() => {
                format!("The test is {done} until {}.", details.until)
            }
            _ => format!("The test is {done}."),
        },
        _ => String::new(),
    }
}

impl StateBadge {
    fn of(state: TestState) -> Self {
        let (class, word) = match state {
            TestState::Enabled => ("", ""),
            TestState::Muted => ("mute", "Muted"),
            TestState::Skipped => ("skip", "Skipped"),
        };
        Self { class, word }
    }
}

fn row(execution: Execution, base: &str, address: &str, now: Timestamp) -> Row {
    Row {
        address: format!("{address}?execution_id={}", execution.uuid),
        outcome: OutcomeMark::of(&execution),
        duration: format::maybe_duration(execution.duration),
        branch: execution.branch.unwrap_or_else(|| "–".to_owned()),
        commit: format::commit(execution.commit_sha.as_deref()),
        reason: format::first_line(execution.failure_reason.as_deref()),
        run_address: format!("{base}/runs/{}", execution.run_uuid),
        time: rfc3339(execution.created_at),
        ago: format::ago(execution.created_at, now),
    }
}
