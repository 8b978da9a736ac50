//! `PUT …/tests/{id}/mute`, `/skip` and `/enable`.

use axum::extract::State;
use axum::response::Response;
use test_engine_store::TestState;
use uuid::Uuid;

use super::test_get;
use crate::App;
use crate::http::auth::{SuiteAccess, WriteSuites};
use crate::http::error::ApiError;
use crate::http::params::IdInPath;

pub(super) async fn mute(
    State(app): State<App>,
    access: SuiteAccess<WriteSuites>,
    IdInPath(id): IdInPath,
) -> Result<Response, ApiError> {
    set(&app, &access, id, TestState::Muted).await
}

pub(super) async fn skip(
    State(app): State<App>,
    access: SuiteAccess<WriteSuites>,
    IdInPath(id): IdInPath,
) -> Result<Response, ApiError> {
    set(&app, &access, id, TestState::Skipped).await
}

pub(super) async fn enable(
    State(app): State<App>,
    access: SuiteAccess<WriteSuites>,
    IdInPath(id): IdInPath,
) -> Result<Response, ApiError> {
    set(&app, &access, id, TestState::Enabled).await
}

async fn set(
    app: &App,
    access: &SuiteAccess<WriteSuites>,
    id: Uuid,
    state: TestState,
) -> Result<Response, ApiError> {
    let test = app
        .store
        .set_test_state(access.suite.id, id, state, app.clock.now())
        .await?
        .ok_or_else(|| test_get::missing(id))?;
    tracing::info!(suite = access.suite.slug, test = %id, state = state.name(), "test state set");
    Ok(test_get::answer(app, &access.suite, &test))
}
