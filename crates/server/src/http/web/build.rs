//! One build of the CI over all suites of an organization: is the change to blame?

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use test_engine_store::{Page as ListPage, Run, Suite, SuiteId};

use super::page::{Frame, PageError, show};
use super::run::{Count, Group, Report, Share, Wanted};
use super::status::{Mark, is_outage};
use super::viewer::Viewer;
use super::words::{self, RunCounts, Verdict};
use super::{format, run_rows};
use crate::App;
use crate::clock::rfc3339;
use crate::links::Links;

/// Runs that are read; a build with more is a mistake.
const MAX_RUNS: u32 = 100;
/// Runs whose failures are shown; of the others, only how they ended.
const MAX_SECTIONS: usize = 10;
/// Groups of failures on the page, and of one run.
const MAX_GROUPS: usize = 20;
const MAX_GROUPS_OF_RUN: usize = 5;
/// Bytes of all long texts of the page.
const MAX_TEXTS: usize = 32 * 1024;
/// Characters of a title.
const MAX_TITLE: usize = 200;

#[derive(Template)]
#[template(path = "build.html")]
struct Page {
    frame: Frame,
    title: String,
    number: String,
    branch: String,
    /// Empty if it is not known.
    commit: String,
    time: String,
    ago: String,
    build_address: Option<String>,
    verdict: Verdict,
    sections: Vec<Section>,
    others: Vec<Other>,
}

/// A run with its failures.
struct Section {
    id: String,
    suite: String,
    number: String,
    address: String,
    mark: Mark,
    is_outage: bool,
    verdict: Verdict,
    share: Vec<Share>,
    counts: Vec<Count>,
    groups: Vec<Group>,
    /// Causes that are not shown; empty if there are none.
    more: String,
    errors_outside_tests: Vec<String>,
}

/// A run of which only the end is shown.
struct Other {
    suite: String,
    number: String,
    address: String,
    mark: Mark,
}

/// A run with its suite and what is known of it.
struct InSuite {
    suite: Suite,
    run: Run,
    report: Report,
}

pub(super) async fn get(
    State(app): State<App>,
    viewer: Viewer,
    Path((slug, build)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let organization = viewer.organization(&app, &slug).await?;
    let runs = app
        .store
        .runs_of_build(organization.id, &build, MAX_RUNS)
        .await?;
    let first = runs.first().cloned().ok_or(PageError::NotFound)?;
    let suites = suites(&app, &runs).await?;
    let now = app.clock.now();
    let shown = &runs[..runs.len().min(MAX_SECTIONS)];
    let groups = (MAX_GROUPS / shown.len()).clamp(1, MAX_GROUPS_OF_RUN);
    let page = ListPage::new(1, u32::try_from(groups).unwrap_or(1));
    let mut reports = Vec::with_capacity(shown.len());
    for run in shown {
        // A suite that was deleted in between is left out.
        let Some(suite) = suites.get(&run.suite) else {
            continue;
        };
        let wanted = Wanted {
            page,
            max_texts: MAX_TEXTS / shown.len(),
            id_prefix: format!("{}-", run.uuid),
            may_write: viewer.may_write(&organization.slug),
            back: viewer.path().to_owned(),
            now,
        };
        reports.push(InSuite {
            report: Report::load(&app, suite, run, wanted).await?,
            suite: suite.clone(),
            run: run.clone(),
        });
    }
    let verdicts: Vec<(&str, &Verdict, &RunCounts)> = reports
        .iter()
        .map(|one| {
            (
                one.suite.name.as_str(),
                &one.report.verdict,
                &one.report.counts,
            )
        })
        .collect();
    let verdict = words::build(&verdicts);
    let rest = runs.get(MAX_SECTIONS..).unwrap_or_default();
    let marks = run_rows::marks(&app, rest).await?;
    let others = rest.iter().zip(marks).filter_map(|(run, mark)| {
        let suite = suites.get(&run.suite)?;
        Some(Other {
            suite: suite.name.clone(),
            number: run_rows::number(run),
            address: format!("{}/runs/{}", Links::suite_path(suite), run.uuid),
            mark,
        })
    });
    let title = match format::first_line(first.message.as_deref()) {
        message if message.is_empty() => run_rows::title(&first),
        message => format::shortened(&message, MAX_TITLE),
    };
    let number = first.number.as_ref().map_or_else(
        || format!("Build {build}"),
        |number| format!("Build #{number}"),
    );
    let number = format::shortened(&number, MAX_TITLE);
    let mut frame = Frame::new(title.clone(), &viewer);
    let organization_page = Links::organization_page(&organization.slug);
    frame.crumb(&organization.slug, organization_page);
    if let Some(address) = Links::build_path(&organization.slug, &build) {
        frame.crumb(&number, address);
    }
    frame.is_live = reports.iter().any(|one| one.report.is_live(&one.run, now));
    show(&Page {
        frame,
        title,
        number,
        branch: first.branch.clone().unwrap_or_default(),
        commit: first
            .commit_sha
            .as_deref()
            .map(|sha| format::commit(Some(sha)))
            .unwrap_or_default(),
        time: rfc3339(first.created_at),
        ago: format::ago(first.created_at, now),
        build_address: format::web_address(first.url.as_deref()),
        verdict,
        others: others.collect(),
        sections: reports.into_iter().map(Section::new).collect(),
    })
}

async fn suites(app: &App, runs: &[Run]) -> Result<BTreeMap<SuiteId, Suite>, PageError> {
    let mut suites = BTreeMap::new();
    for run in runs {
        if !suites.contains_key(&run.suite)
            && let Some(suite) = app.store.suite_by_id(run.suite).await?
        {
            suites.insert(run.suite, suite);
        }
    }
    Ok(suites)
}

impl Section {
    fn new(one: InSuite) -> Self {
        let InSuite { suite, run, report } = one;
        let more = report.causes.saturating_sub(report.groups.len() as u64);
        Self {
            id: format!("run-{}", run.uuid),
            number: run_rows::number(&run),
            address: format!("{}/runs/{}", Links::suite_path(&suite), run.uuid),
            suite: suite.name,
            is_outage: is_outage(&run),
            share: report.share(),
            counts: report.count_list(),
            mark: report.mark,
            verdict: report.verdict,
            more: match more {
                0 => String::new(),
                more => format::counted(more, "more cause"),
            },
            groups: report.groups,
            errors_outside_tests: report.errors_outside_tests,
        }
    }
}
