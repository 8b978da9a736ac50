//! `GET …/runs` and `GET …/runs/{id}`.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use test_engine_store as store;
use test_engine_wire::Run;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::App;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::paging::{PageOf, Paging};
use crate::http::params::{IdInPath, Params};
use crate::http::resources;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RunsQuery {
    /// Only runs of this build.
    build_id: Option<String>,
}

/// List runs, newest first
#[utoipa::path(
    get, path = "/runs", tag = "Runs",
    params(SuiteAccess<ReadSuites>, RunsQuery, Paging),
    responses(PageOf<Run>, SuiteAccess<ReadSuites>),
)]
pub(super) async fn list_runs(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    paging: Paging,
    Params(query): Params<RunsQuery>,
) -> Result<PageOf<Run>, ApiError> {
    let suite = &access.suite;
    let build_id = query.build_id.as_deref().filter(|id| !id.is_empty());
    let listed = app.store.runs(suite.id, build_id, paging.page).await?;
    Ok(paging.respond(listed, |run| {
        resources::run(&run, suite, &app.links, app.clock.now())
    }))
}

/// Get a run
#[utoipa::path(
    get, path = "/runs/{id}", tag = "Runs",
    params(SuiteAccess<ReadSuites>, IdInPath),
    responses((status = 200, body = Run), SuiteAccess<ReadSuites>),
)]
pub(super) async fn get_run(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    IdInPath(id): IdInPath,
) -> Result<Json<Run>, ApiError> {
    let run = find(&app, &access, id).await?;
    let now = app.clock.now();
    Ok(Json(resources::run(&run, &access.suite, &app.links, now)))
}

/// The run with this id in the suite, else a 404.
pub(super) async fn find(
    app: &App,
    access: &SuiteAccess<ReadSuites>,
    id: Uuid,
) -> Result<store::Run, ApiError> {
    app.store
        .run(access.suite.id, id)
        .await?
        .ok_or_else(|| ApiError::not_found(format!("This suite has no run {id}.")))
}
