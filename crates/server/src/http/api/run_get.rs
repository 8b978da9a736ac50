//! `GET …/runs/{id}`.

use axum::Json;
use axum::extract::State;
use test_engine_wire::Run;

use crate::App;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::params::IdInPath;
use crate::http::shapes;

pub(super) async fn get(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    IdInPath(id): IdInPath,
) -> Result<Json<Run>, ApiError> {
    let run = find(&app, &access, id).await?;
    Ok(Json(shapes::run(
        &run,
        &access.suite,
        &app.links,
        app.clock.now(),
    )))
}

/// The run of this id in the suite.
pub(super) async fn find(
    app: &App,
    access: &SuiteAccess<ReadSuites>,
    id: uuid::Uuid,
) -> Result<test_engine_store::Run, ApiError> {
    app.store
        .run(access.suite.id, id)
        .await?
        .ok_or_else(|| ApiError::not_found(format!("This suite has no run {id}.")))
}
