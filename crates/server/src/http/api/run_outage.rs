//! `PUT …/runs/{id}/outage`.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use test_engine_store::Recounted;
use test_engine_wire::Run;
use utoipa::ToSchema;

use crate::App;
use crate::http::auth::{SuiteAccess, WriteSuites};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::openapi::{BadRequest, Invalid};
use crate::http::params::IdInPath;
use crate::http::resources;

/// The same limit as for mutes.
use crate::quarantine::MAX_REASON;

/// How to count the results of a run that is part of an outage.
#[derive(Deserialize, ToSchema)]
pub(super) struct RunOutage {
    /// Count them in scores and reliability, as those of any other run.
    counted: bool,
    /// For the audit log.
    #[schema(max_length = 1000)]
    reason: Option<String>,
}

/// Count the results of an outage, or no longer
///
/// The results of a run in which very many tests fail count in no score. If its failures were no
/// outage, count them with this request; the tests are judged again. The same request undoes it.
/// Applies to all uploads of the run, also to later ones.
#[utoipa::path(
    put, path = "/runs/{id}/outage", tag = "Runs",
    params(SuiteAccess<WriteSuites>, IdInPath), request_body = RunOutage,
    responses((status = 200, body = Run), BadRequest, SuiteAccess<WriteSuites>, Invalid),
)]
pub(super) async fn set_run_outage(
    State(app): State<App>,
    access: SuiteAccess<WriteSuites>,
    IdInPath(id): IdInPath,
    JsonBody(body): JsonBody<RunOutage>,
) -> Result<Json<Run>, ApiError> {
    let reason = body.reason.as_deref().map(str::trim);
    let reason = reason.filter(|reason| !reason.is_empty());
    if reason.is_some_and(|reason| reason.chars().count() > MAX_REASON) {
        return Err(ApiError::unprocessable(format!(
            "Validation failed: reason is too long (maximum is {MAX_REASON} characters)"
        )));
    }
    let now = app.clock.now();
    let mut change = access.change(now);
    change.reason = reason.map(str::to_owned);
    let (suite, counted) = (&access.suite, body.counted);
    match app
        .store
        .count_outage(suite.id, id, counted, &change)
        .await?
    {
        Recounted::NoRun => Err(ApiError::not_found(format!("This suite has no run {id}."))),
        Recounted::Deleted => Err(ApiError::unprocessable(
            "Some results of the run have been deleted, so it cannot be counted otherwise.",
        )),
        Recounted::Done(run) => {
            app.judgements.results_stored();
            tracing::info!(suite = suite.slug, run = %id, counted, "outage counted otherwise");
            Ok(Json(resources::run(&run, suite, &app.links, now)))
        }
    }
}
