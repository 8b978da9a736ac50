//! What is known of a run: its failures by cause with their verdicts, whether every test ran, and
//! what that means for the run. The page of a run shows all of it, that of a build a part.

use test_engine_insights::FailureVerdict;
use test_engine_results::Format;
use test_engine_store::{
    CommitRecord, Page as ListPage, Run, Suite, TestedCode, Timestamp, Upload,
};

use super::MAX_FACT;
use super::accounting::{self, GroupSection};
use super::groups::{Group, Source, causes};
use super::share::{Count, Share, count_list, share};
use crate::App;
use crate::build_summary::{End, FailedBuild, FailedInBuild, Sources};
use crate::http::error::ApiError;
use crate::http::text_budget::{html_size, start_of};
use crate::http::web::format;
use crate::http::web::page::PageError;
use crate::http::web::run_rows;
use crate::http::web::status::{Mark, is_outage};
use crate::http::web::words::{self, RunCounts, Verdict};

/// Bytes of the page for all errors of uploads, and for all errors outside of tests.
pub(super) const MAX_ERROR_TEXT: usize = 32 * 1024;

/// A run whose last upload is this recent may get another one.
const GROWS_MS: i64 = 2 * 60 * 1_000;

/// What of a run is read, and for whom.
pub(in crate::http::web) struct Wanted {
    /// Of the groups of failures.
    pub(in crate::http::web) page: ListPage,
    /// Bytes of all long texts.
    pub(in crate::http::web) max_texts: usize,
    /// Of the ids of the groups, if a page shows several runs.
    pub(in crate::http::web) id_prefix: String,
    /// Whether the viewer may mute tests.
    pub(in crate::http::web) may_write: bool,
    /// The page that the form which mutes a test leads back to.
    pub(in crate::http::web) back: String,
    pub(in crate::http::web) now: Timestamp,
}

/// A run with what follows from it.
pub(in crate::http::web) struct Report {
    pub(in crate::http::web) mark: Mark,
    pub(in crate::http::web) verdict: Verdict,
    pub(in crate::http::web) counts: RunCounts,
    pub(in crate::http::web) errors_outside_tests: Vec<String>,
    /// Those of the page.
    pub(in crate::http::web) groups: Vec<Group>,
    /// All groups.
    pub(in crate::http::web) causes: u64,
    pub(super) uploads: Vec<Upload>,
    pub(super) commit: Option<CommitRecord>,
    pub(super) accounting: Vec<GroupSection>,
    /// All failures of its build as Markdown; empty if the build did not fail.
    pub(super) as_text: String,
}

impl Report {
    pub(in crate::http::web) async fn load(
        app: &App,
        suite: &Suite,
        run: &Run,
        wanted: Wanted,
    ) -> Result<Self, PageError> {
        let uploads = app.store.run_uploads(run).await?;
        let commit = match &run.commit_sha {
            Some(sha) => app.store.commit(suite.id, &sha.to_lowercase()).await?,
            None => None,
        };
        let files = commit.as_ref().map(|commit| commit.files_changed.as_str());
        let code = TestedCode::new(run.branch.as_deref(), &suite.default_branch, files);
        let accounting = accounting::of_run(app, suite, run).await;
        let sources = Sources {
            store: &app.store,
            accountant: &app.accountant,
            links: &app.links,
        };
        let build = sources
            .failures(suite, run, wanted.now)
            .await
            .map_err(ApiError::from)?;
        let here = of_this_run(app, run, &build).await?;
        let mut counts = counts(run, &here, &code, &accounting);
        let errors_outside_tests = errors_outside_tests(&uploads);
        counts.errors_outside_tests = errors_outside_tests.len() as u64;
        let mut verdict = words::run(&counts, &suite.default_branch);
        if is_outage(run) && verdict.class == "fail" {
            verdict.details.push_str(
                " So many tests failed together that this run counts in no test's score.",
            );
        }
        let causes = causes(here.iter().copied());
        let source = Source {
            app,
            suite,
            run,
            code: &code,
            framework: uploads
                .first()
                .and_then(|upload| upload.tags.get("test.framework.name"))
                .map(String::as_str),
            format: uploads.first().map_or(Format::Json, |upload| upload.format),
            id_prefix: &wanted.id_prefix,
            max_texts: wanted.max_texts,
            may_write: wanted.may_write,
            back: &wanted.back,
            now: wanted.now,
        };
        let groups = source.groups(&causes, wanted.page).await?;
        let mark = run_rows::marks(app, std::slice::from_ref(run)).await?;
        Ok(Self {
            mark: mark
                .first()
                .copied()
                .unwrap_or_else(|| Mark::of_run(run, true)),
            causes: causes.len() as u64,
            as_text: sources.in_markdown(suite, run, &build).unwrap_or_default(),
            verdict,
            counts,
            errors_outside_tests,
            groups,
            uploads,
            commit,
            accounting,
        })
    }

    /// Whether it may still grow.
    pub(in crate::http::web) fn is_live(&self, run: &Run, now: Timestamp) -> bool {
        self.counts.is_running || run.updated_at.plus_millis(GROWS_MS) > now
    }

    /// Of the bar under the verdict.
    pub(in crate::http::web) fn share(&self) -> Vec<Share> {
        share(&self.counts)
    }

    /// The numbers under the verdict.
    pub(in crate::http::web) fn count_list(&self) -> Vec<Count> {
        count_list(&self.counts)
    }
}

/// Those failures of the build that this run has. A build may have several runs.
async fn of_this_run<'a>(
    app: &App,
    run: &Run,
    build: &'a FailedBuild,
) -> Result<Vec<&'a FailedInBuild>, PageError> {
    let tests = app.store.failed_tests(run).await?;
    let is_here = |found: &&FailedInBuild| tests.contains(&found.failed.test.id);
    Ok(build.tests.iter().filter(is_here).collect())
}

fn counts(
    run: &Run,
    failures: &[&FailedInBuild],
    code: &TestedCode,
    accounting: &[GroupSection],
) -> RunCounts {
    let mut counts = RunCounts {
        passed: run.counts.passed,
        skipped: run.counts.skipped,
        is_running: accounting.iter().any(|group| group.word == "running"),
        is_incomplete: accounting.iter().any(|group| group.word == "incomplete"),
        ..RunCounts::default()
    };
    let mut frames: Vec<Option<&str>> = Vec::new();
    for found in failures {
        let counted = match (found.end, found.verdict) {
            (End::Muted, _) | (End::Failed | End::Doubtful, FailureVerdict::Muted) => {
                &mut counts.muted
            }
            (End::Passed, _) => &mut counts.recovered,
            (_, FailureVerdict::New) => {
                frames.push(found.failed.history.frame.as_deref());
                &mut counts.new
            }
            (_, FailureVerdict::AlsoOnMain) => &mut counts.also_on_main,
            (_, FailureVerdict::Infrastructure) => &mut counts.outage,
            (_, FailureVerdict::KnownFlaky | FailureVerdict::FlakyHere) => &mut counts.flaky_failed,
        };
        *counted += 1;
    }
    if let Some(Some(first)) = frames.first()
        && frames.iter().all(|frame| *frame == Some(*first))
    {
        let file = first.rsplit_once(':').map_or(*first, |(file, _line)| file);
        let shown = format::shortened(first, MAX_FACT);
        counts.frame = Some((shown, code.changes_anywhere(file)));
    }
    counts
}

fn errors_outside_tests(uploads: &[Upload]) -> Vec<String> {
    let mut left = MAX_ERROR_TEXT;
    uploads
        .iter()
        .flat_map(|upload| &upload.errors_outside_tests)
        .map_while(|error| fitting(error, &mut left))
        .collect()
}

/// A text if there is room for it, else its start; `None` if no room is left.
pub(super) fn fitting(text: &str, left: &mut usize) -> Option<String> {
    if *left == 0 {
        return None;
    }
    let shown = start_of(text, *left, html_size);
    let is_cut = shown.len() < text.len();
    *left = if is_cut { 0 } else { *left - html_size(shown) };
    let ending = if is_cut { "…" } else { "" };
    Some(format!("{shown}{ending}"))
}
