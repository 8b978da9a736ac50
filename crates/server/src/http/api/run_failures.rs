//! `GET …/runs/{id}/failures`.

use axum::extract::State;
use serde::Serialize;
use test_engine_insights::FailureVerdict;
use test_engine_store::Suite;
use test_engine_wire as wire;
use utoipa::ToSchema;

use super::runs;
use crate::App;
use crate::build_summary::{FailedInBuild, Sources};
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::paging::{PageOf, Paging, paginate};
use crate::http::params::IdInPath;
use crate::http::resources;
use crate::links::Links;

/// A test that failed in the build of a run, and why.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = FailedTest)]
pub(super) struct FailedTestBody {
    test: wire::Test,
    /// The first that applies, worst first.
    #[schema(pattern = "^(new|also_on_main|infrastructure|known_flaky|flaky_here|muted)$")]
    verdict: &'static str,
    /// It failed to the end in some job, and is not muted.
    fails_build: bool,
    /// Of the first failure, shortened.
    reason: Option<String>,
    /// Identifies the cause of the first failure: 16 hexadecimal digits.
    fingerprint: Option<String>,
    /// The first frame of that failure that belongs to no library, as `path:line`.
    frame: Option<String>,
    /// Jobs in which it failed to the end.
    failed_jobs: usize,
    /// Jobs in which it failed to the end, but was muted.
    muted_jobs: usize,
    /// Jobs in which it passed to the end.
    passed_jobs: usize,
}

/// List the tests that failed in the build of a run, with the reason: the change, the default
/// branch, an outage, or the test
#[utoipa::path(
    get, path = "/runs/{id}/failures", tag = "Runs",
    params(SuiteAccess<ReadSuites>, IdInPath, Paging),
    responses(PageOf<FailedTestBody>, SuiteAccess<ReadSuites>),
)]
pub(super) async fn list_run_failures(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    IdInPath(id): IdInPath,
    paging: Paging,
) -> Result<PageOf<FailedTestBody>, ApiError> {
    let run = runs::find(&app, &access, id).await?;
    let suite = &access.suite;
    let sources = Sources {
        store: &app.store,
        accountant: &app.accountant,
        links: &app.links,
    };
    let mut build = sources.failures(suite, &run, app.clock.now()).await?;
    build
        .tests
        .sort_by_key(|found| (found.verdict, !found.end.fails_build()));
    let listed = paginate(build.tests, paging.page);
    Ok(paging.respond(listed, |found| body(found, suite, &app.links)))
}

const fn name(verdict: FailureVerdict) -> &'static str {
    match verdict {
        FailureVerdict::New => "new",
        FailureVerdict::AlsoOnMain => "also_on_main",
        FailureVerdict::Infrastructure => "infrastructure",
        FailureVerdict::KnownFlaky => "known_flaky",
        FailureVerdict::FlakyHere => "flaky_here",
        FailureVerdict::Muted => "muted",
    }
}

fn body(found: FailedInBuild, suite: &Suite, links: &Links) -> FailedTestBody {
    let failed = found.failed;
    FailedTestBody {
        test: resources::test(&failed.test, suite, links),
        verdict: name(found.verdict),
        fails_build: found.end.fails_build(),
        reason: failed.reason,
        fingerprint: failed.history.fingerprint.map(|found| found.to_string()),
        frame: failed.history.frame,
        failed_jobs: failed.failed_lanes,
        muted_jobs: failed.muted_lanes,
        passed_jobs: failed.passed_lanes,
    }
}
