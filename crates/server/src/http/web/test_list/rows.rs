//! The rows of the list of tests, on the page and in files.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _};
use test_engine_insights::Level;
use test_engine_store::{Metrics, Suite, Test, TestId, TestState, TestWithMetrics, Timestamp};

use super::super::export::{self, CHUNK};
use super::super::format;
use super::super::mute_form::mute_address;
use super::super::page::PageError;
use super::columns::Column;
use super::query::{Condition, Query};
use crate::App;
use crate::clock::rfc3339;
use crate::http::test_owners::file_of_test;
use crate::links::Links;
use crate::owners::Owners;

/// Characters of a name or scope.
const MAX_TEXT: usize = 300;

pub(super) struct Row {
    pub(super) id: String,
    pub(super) address: String,
    /// Of the form that mutes or skips it, or changes that; empty if the viewer may not.
    pub(super) mute_address: String,
    pub(super) is_enabled: bool,
    pub(super) scope: String,
    pub(super) name: String,
    pub(super) location: String,
    pub(super) cells: Vec<Cell>,
}

/// A cell of a chosen column.
pub(super) struct Cell {
    pub(super) is_number: bool,
    pub(super) is_wide: bool,
    pub(super) content: Content,
}

pub(super) enum Content {
    /// A state that is not the usual one.
    State {
        class: &'static str,
        word: &'static str,
    },
    /// Texts that link to the tests that have them too.
    Links(Vec<(String, String)>),
    Time {
        text: String,
        time: String,
    },
    Text(String),
}

/// What rows show beside tests and their metrics.
pub(super) struct Details {
    levels: BTreeMap<TestId, Level>,
    labels: BTreeMap<TestId, Vec<String>>,
}

impl Details {
    pub(super) async fn of(app: &App, tests: &[TestWithMetrics]) -> Result<Self, PageError> {
        let ids: Vec<TestId> = tests.iter().map(|one| one.test.id).collect();
        Ok(Self {
            levels: app.store.levels(&ids).await?,
            labels: app.store.labels(&ids).await?,
        })
    }

    fn level(&self, test: &Test) -> Option<Level> {
        self.levels.get(&test.id).copied()
    }

    fn labels(&self, test: &Test) -> &[String] {
        self.labels.get(&test.id).map_or(&[], Vec::as_slice)
    }
}

/// What is known of the suite and the viewer.
pub(super) struct Around<'a> {
    pub(super) suite: &'a Suite,
    pub(super) owners: &'a Owners,
    /// The page that forms lead back to; `None` if the viewer may not change tests.
    pub(super) back: Option<&'a str>,
    pub(super) now: Timestamp,
}

pub(super) fn rows(
    tests: &[TestWithMetrics],
    details: &Details,
    columns: &[Column],
    around: &Around<'_>,
) -> Vec<Row> {
    let base = format!("{}/tests", Links::suite_path(around.suite));
    let rows = tests.iter().map(|one| {
        let test = &one.test;
        let short = |text: &str| format::shortened(text, MAX_TEXT);
        let location = test.location.as_deref().or(test.file_name.as_deref());
        Row {
            id: test.uuid.to_string(),
            address: format!("{base}/{}", test.uuid),
            mute_address: around.back.map_or_else(String::new, |back| {
                mute_address(around.suite, test.uuid, back)
            }),
            is_enabled: test.state == TestState::Enabled,
            scope: short(&test.scope),
            name: short(&test.name),
            location: short(location.unwrap_or_default()),
            cells: columns
                .iter()
                .map(|column| Cell {
                    is_number: column.is_number(),
                    is_wide: column.is_wide(),
                    content: content(*column, one, details, around, &base),
                })
                .collect(),
        }
    });
    rows.collect()
}

fn content(
    column: Column,
    one: &TestWithMetrics,
    details: &Details,
    around: &Around<'_>,
    base: &str,
) -> Content {
    let (test, metrics) = (&one.test, &one.metrics);
    let time = |time: Timestamp| Content::Time {
        text: format::ago(time, around.now),
        time: rfc3339(time),
    };
    let texts = |texts: &[String], condition: fn(String) -> Condition| {
        let link = |text: &String| {
            let short = format::shortened(text, MAX_TEXT);
            (short, address_of(base, condition(text.clone())))
        };
        Content::Links(texts.iter().map(link).collect())
    };
    match column {
        Column::State => state(test.state, details.level(test)),
        Column::Labels => texts(details.labels(test), Condition::Label),
        Column::Owner => texts(around.owners.of(file_of_test(test)), Condition::Owner),
        Column::Duration => Content::Text(format::maybe_duration(metrics.duration_mean())),
        Column::Percentile95 => {
            Content::Text(format::maybe_duration(metrics.duration_percentile(95)))
        }
        Column::Longest => Content::Text(format::maybe_duration(metrics.duration_max)),
        Column::Total => Content::Text(format::duration(metrics.duration_sum)),
        Column::Reliability => Content::Text(format::percent(metrics.counts.reliability())),
        Column::Failed => Content::Text(format::count(metrics.counts.failed)),
        Column::Executions => Content::Text(format::count(metrics.counts.executions())),
        Column::FirstSeen => time(test.first_seen_at),
        Column::LastSeen => time(test.last_seen_at),
    }
}

fn state(state: TestState, level: Option<Level>) -> Content {
    let (class, word) = match (state, level) {
        (TestState::Muted, _) => ("mute", "Muted"),
        (TestState::Skipped, _) => ("skip", "Skipped"),
        (TestState::Enabled, Some(Level::Broken)) => ("fail", "Broken"),
        (TestState::Enabled, Some(Level::Flaky)) => ("flaky", "Flaky"),
        (TestState::Enabled, _) => return Content::Text("enabled".to_owned()),
    };
    Content::State { class, word }
}

/// The address of the tests that meet a condition.
pub(super) fn address_of(base: &str, condition: Condition) -> String {
    let text = Query::of_condition(condition).print();
    let query = serde_urlencoded::to_string([("q", text)]).unwrap_or_default();
    format!("{base}?{query}")
}

/// The columns of files: all of them, because a file has room.
pub(super) const FILE_COLUMNS: [&str; 22] = [
    "id",
    "scope",
    "name",
    "location",
    "file",
    "state",
    "is_flaky",
    "is_broken",
    "labels",
    "owners",
    "executions",
    "passed",
    "failed",
    "skipped",
    "unknown",
    "reliability",
    "mean_seconds",
    "p95_seconds",
    "longest_seconds",
    "total_seconds",
    "first_seen_at",
    "url",
];

/// The rows of a file, some tests at a time.
pub(super) fn chunks(
    app: App,
    suite: Suite,
    owners: Owners,
    tests: &[(TestId, Metrics)],
) -> export::Chunks {
    let chunks: Vec<_> = tests.chunks(CHUNK as usize).map(<[_]>::to_vec).collect();
    let owners = std::sync::Arc::new(owners);
    let chunks = stream::iter(chunks).then(move |chunk| {
        let (app, suite) = (App::clone(&app), suite.clone());
        let owners = std::sync::Arc::clone(&owners);
        async move {
            let tests = app.store.with_metrics(&chunk).await?;
            let details = Details::of(&app, &tests).await?;
            let row = |one: &TestWithMetrics| file_row(&app, &suite, &owners, &details, one);
            Ok(tests.iter().map(row).collect())
        }
    });
    chunks.boxed()
}

fn file_row(
    app: &App,
    suite: &Suite,
    owners: &Owners,
    details: &Details,
    one: &TestWithMetrics,
) -> export::Row {
    let TestWithMetrics { test, metrics } = one;
    let level = details.level(test);
    let Metrics { counts, .. } = metrics;
    vec![
        test.uuid.to_string().into(),
        test.scope.clone().into(),
        test.name.clone().into(),
        test.location.clone().into(),
        test.file_name.clone().into(),
        test.state.name().into(),
        (level == Some(Level::Flaky)).into(),
        (level == Some(Level::Broken)).into(),
        details.labels(test).join(",").into(),
        owners.of(file_of_test(test)).join(" ").into(),
        counts.executions().into(),
        counts.passed.into(),
        counts.failed.into(),
        counts.skipped.into(),
        counts.unknown.into(),
        counts.reliability().into(),
        metrics.duration_mean().into(),
        metrics.duration_percentile(95).into(),
        metrics.duration_max.into(),
        metrics.duration_sum.into(),
        test.first_seen_at.into(),
        app.links.test_page(suite, test.uuid).into(),
    ]
}
