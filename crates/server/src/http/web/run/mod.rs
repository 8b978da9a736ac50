//! The page of a run: is the change to blame, what failed and why, and did every test run?

mod accounting;
mod commit;
mod failure_text;
mod group_markdown;
mod groups;
mod report;
mod selection;
mod share;
mod split;

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use test_engine_store::{Page as ListPage, Run, Suite, Timestamp, Upload};

pub(super) use self::accounting::{GroupSection, of_plan};
use self::commit::{Commit, Lines};
pub(super) use self::failure_text::{FailureText, Limits};
pub(super) use self::groups::Group;
use self::groups::PAGE_SIZE;
use self::report::{MAX_ERROR_TEXT, fitting};
pub(super) use self::report::{Report, Wanted};
use self::selection::SelectionLine;
pub(super) use self::share::{Count, Share};
pub(super) use self::split::{Parts, split_key};
use super::format;
use super::page::{Frame, PageError, Pager, Tab, show};
use super::run_rows;
use super::status::{Mark, is_outage};
use super::viewer::SuiteViewer;
use super::words::Verdict;
use crate::App;
use crate::clock::rfc3339;
use crate::http::params::{IdInPath, Params};
use crate::links::Links;

/// Bytes of all long texts of the page.
const MAX_TEXTS: usize = 48 * 1024;
/// Rows of uploads; the API lists all.
const MAX_UPLOADS: usize = 50;
/// Tags that all uploads of a run share, as its circumstances.
const MAX_TAGS: usize = 12;
/// Characters of a circumstance.
const MAX_FACT: usize = 200;

#[derive(Template)]
#[template(path = "run.html")]
struct Page {
    frame: Frame,
    title: String,
    number: String,
    mark: Mark,
    is_outage: bool,
    branch: String,
    branch_address: String,
    /// Empty if it is not known.
    short_commit: String,
    time: String,
    ago: String,
    duration: String,
    build_address: Option<String>,
    /// The page of its build, over all suites.
    all_suites: Option<String>,
    /// The page that compares it with the default branch.
    compare_address: String,
    default_branch: String,
    /// Where the job can be run again, if that may repair it.
    rerun_address: Option<String>,
    verdict: Verdict,
    selections: Vec<SelectionLine>,
    share: Vec<Share>,
    counts: Vec<Count>,
    command: String,
    as_text: String,
    errors_outside_tests: Vec<String>,
    groups: Vec<Group>,
    /// The causes that the first page does not show.
    more_groups: Option<(String, String)>,
    pager: Pager,
    commit_details: Option<Commit>,
    accounting: Vec<GroupSection>,
    split_key: String,
    facts: Vec<(String, String)>,
    uploads: Vec<UploadRow>,
    upload_count: String,
    /// Uploads that are not shown.
    more_uploads: usize,
    api_address: String,
}

struct UploadRow {
    id: String,
    format: &'static str,
    kept: String,
    duplicates: u64,
    skipped: u64,
    errors: Vec<String>,
    ago: String,
}

#[derive(Deserialize)]
pub(super) struct Query {
    page: Option<u32>,
}

pub(super) async fn get(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    IdInPath(id): IdInPath,
    Params(query): Params<Query>,
) -> Result<Response, PageError> {
    let run = app
        .store
        .run(suite.id, id)
        .await?
        .ok_or(PageError::NotFound)?;
    let now = app.clock.now();
    let base = Links::suite_path(&suite);
    let address = format!("{base}/runs/{id}");
    let page = ListPage::new(query.page.unwrap_or(1), PAGE_SIZE);
    let wanted = Wanted {
        page,
        max_texts: MAX_TEXTS,
        id_prefix: String::new(),
        may_write: viewer.may_write(&suite.organization_slug),
        back: viewer.path().to_owned(),
        now,
    };
    let report = Report::load(&app, &suite, &run, wanted).await?;
    let title = match format::first_line(run.message.as_deref()) {
        message if message.is_empty() => run_rows::title(&run),
        message => format::shortened(&message, MAX_FACT),
    };
    let number = run_rows::number(&run);
    let mut frame = Frame::of_tab(&app, title.clone(), &viewer, &suite, Tab::Runs).await?;
    frame.crumb(&number, address.clone());
    frame.is_live = report.is_live(&run, now);
    let branch = run.branch.clone().unwrap_or_default();
    let branch_query = serde_urlencoded::to_string([("branch", &branch)]).unwrap_or_default();
    let build_address = format::web_address(run.url.as_deref());
    let mut left = MAX_ERROR_TEXT;
    let (share, counts) = (report.share(), report.count_list());
    show(&Page {
        frame,
        mark: report.mark,
        is_outage: is_outage(&run),
        branch_address: format!("{base}/runs?{branch_query}"),
        branch,
        short_commit: run
            .commit_sha
            .as_deref()
            .map(|sha| format::commit(Some(sha)))
            .unwrap_or_default(),
        time: rfc3339(run.created_at),
        ago: format::ago(run.created_at, now),
        duration: format::duration(run.duration),
        rerun_address: build_address
            .clone()
            .filter(|_| report.counts.may_pass_again()),
        build_address,
        all_suites: all_suites(&app, &suite, &run).await?,
        compare_address: format!("{base}/runs/compare?run={id}"),
        default_branch: suite.default_branch.clone(),
        selections: selection::of_run(&app, &suite, &run).await?,
        share,
        counts,
        command: first_command(&report.groups),
        as_text: report.as_text,
        errors_outside_tests: report.errors_outside_tests,
        more_groups: more_groups(page, report.causes, &address),
        pager: Pager::new(page, report.causes, |number| {
            format!("{address}?page={number}")
        }),
        groups: report.groups,
        commit_details: report.commit.as_ref().map(Commit::new),
        facts: facts(&run, &report.uploads),
        upload_count: format::counted(report.uploads.len() as u64, "upload"),
        more_uploads: report.uploads.len().saturating_sub(MAX_UPLOADS),
        uploads: report
            .uploads
            .iter()
            .take(MAX_UPLOADS)
            .map(|upload| upload_row(upload, now, &mut left))
            .collect(),
        api_address: app.links.run_api(&suite, run.uuid),
        split_key: split_key(),
        accounting: report.accounting,
        verdict: report.verdict,
        title,
        number,
    })
}

/// The page of the build of a run, if the build has more runs than this one.
async fn all_suites(app: &App, suite: &Suite, run: &Run) -> Result<Option<String>, PageError> {
    let Some(build) = &run.build_id else {
        return Ok(None);
    };
    let runs = app
        .store
        .runs_of_build(suite.organization, build, 2)
        .await?;
    let address = Links::build_path(&suite.organization_slug, build);
    Ok(address.filter(|_| runs.len() > 1))
}

/// What the first page leaves out, as one link.
fn more_groups(page: ListPage, causes: u64, address: &str) -> Option<(String, String)> {
    let more = causes.saturating_sub(u64::from(PAGE_SIZE));
    (page.number == 1 && more > 0).then(|| {
        let text = format!("Show {}", format::counted(more, "more cause"));
        (text, format!("{address}?page=2"))
    })
}

/// That of the first group, which is what somebody comes for.
fn first_command(groups: &[Group]) -> String {
    groups
        .first()
        .map_or_else(String::new, |group| group.command.clone())
}

/// The circumstances of a run: what its uploads share.
fn facts(run: &Run, uploads: &[Upload]) -> Vec<(String, String)> {
    let mut facts = vec![("Run key".to_owned(), run.key.clone())];
    facts.extend(run.build_id.clone().map(|id| ("Build".to_owned(), id)));
    let mut formats: Vec<&str> = uploads.iter().map(|upload| upload.format.name()).collect();
    formats.sort_unstable();
    formats.dedup();
    facts.push(("Format".to_owned(), formats.join(", ")));
    let mut shared: BTreeMap<&str, &str> = BTreeMap::new();
    if let Some((first, rest)) = uploads.split_first() {
        shared.extend(
            first
                .tags
                .iter()
                .filter(|(key, value)| rest.iter().all(|one| one.tags.get(*key) == Some(value)))
                .map(|(key, value)| (key.as_str(), value.as_str())),
        );
    }
    // These have places of their own.
    let is_shown = |key: &str| !key.starts_with("scm.") && !key.starts_with("build.");
    let tags = shared.into_iter().filter(|(key, _)| is_shown(key));
    let tags = tags.take(MAX_TAGS);
    facts.extend(tags.map(|(key, value)| (key.to_owned(), value.to_owned())));
    facts
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| {
            (
                format::shortened(&key, MAX_FACT),
                format::shortened(&value, MAX_FACT),
            )
        })
        .collect()
}

fn upload_row(upload: &Upload, now: Timestamp, left: &mut usize) -> UploadRow {
    UploadRow {
        id: upload.uuid.to_string(),
        format: upload.format.name(),
        kept: format::count(upload.kept),
        duplicates: upload.duplicates,
        skipped: upload.skipped,
        errors: upload
            .errors
            .iter()
            .map_while(|error| fitting(error, left))
            .collect(),
        ago: format::ago(upload.received_at, now),
    }
}
