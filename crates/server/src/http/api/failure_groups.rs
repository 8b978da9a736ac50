//! `GET …/runs/{id}/failure_groups` and `GET …/failure_groups/{fingerprint}/runs`.

use axum::extract::State;
use serde::Serialize;
use test_engine_store::{FailureGroup, Suite};
use test_engine_wire as wire;
use utoipa::ToSchema;

use super::runs;
use crate::App;
use crate::clock::rfc3339;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::paging::{PageOf, Paging};
use crate::http::params::{FingerprintInPath, IdInPath};
use crate::http::resources;
use crate::links::Links;

/// The failures of a run with one cause.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = FailureGroup)]
pub(super) struct FailureGroupBody {
    /// Identifies the cause: 16 hexadecimal digits. Null for failures without a text.
    fingerprint: Option<String>,
    /// Of the first failure, shortened.
    reason: Option<String>,
    /// The first frame of the first failure that belongs to no library, as `path:line`.
    frame: Option<String>,
    /// Failed executions.
    executions: u64,
    tests_count: u64,
    /// The first hundred tests.
    tests: Vec<wire::Test>,
    /// Other runs of the suite with this fingerprint.
    other_runs: u64,
    /// When the latest of them failed with it.
    #[schema(format = "date-time")]
    last_seen_elsewhere_at: Option<String>,
}

/// List the failures of a run by cause, those of most tests first
#[utoipa::path(
    get, path = "/runs/{id}/failure_groups", tag = "Runs",
    params(SuiteAccess<ReadSuites>, IdInPath, Paging),
    responses(PageOf<FailureGroupBody>, SuiteAccess<ReadSuites>),
)]
pub(super) async fn list_failure_groups(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    IdInPath(id): IdInPath,
    paging: Paging,
) -> Result<PageOf<FailureGroupBody>, ApiError> {
    let run = runs::find(&app, &access, id).await?;
    let listed = app.store.failure_groups(&run, paging.page).await?;
    Ok(paging.respond(listed, |group| body(group, &access.suite, &app.links)))
}

fn body(group: FailureGroup, suite: &Suite, links: &Links) -> FailureGroupBody {
    let tests = group.tests.iter();
    FailureGroupBody {
        fingerprint: group.fingerprint.map(|fingerprint| fingerprint.to_string()),
        reason: group.reason,
        frame: group.frame,
        executions: group.executions,
        tests_count: group.tests_count,
        tests: tests
            .map(|test| resources::test(test, suite, links))
            .collect(),
        other_runs: group.other_runs,
        last_seen_elsewhere_at: group.last_seen_elsewhere.map(rfc3339),
    }
}

/// List the runs with a failure that has this fingerprint, newest first
#[utoipa::path(
    get, path = "/failure_groups/{fingerprint}/runs", tag = "Runs",
    params(SuiteAccess<ReadSuites>, FingerprintInPath, Paging),
    responses(PageOf<wire::Run>, SuiteAccess<ReadSuites>),
)]
pub(super) async fn list_runs_with_failure(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    FingerprintInPath(fingerprint): FingerprintInPath,
    paging: Paging,
) -> Result<PageOf<wire::Run>, ApiError> {
    let suite = &access.suite;
    let listed = app
        .store
        .runs_with_fingerprint(suite.id, fingerprint, paging.page)
        .await?;
    let now = app.clock.now();
    Ok(paging.respond(listed, |run| resources::run(&run, suite, &app.links, now)))
}
