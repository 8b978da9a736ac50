//! `…/tests/muted`, `…/tests/skipped` and `…/tests/{id}/mute`, `/skip` and `/enable`.

use axum::Json;
use axum::extract::State;
use test_engine_store::TestState;
use test_engine_wire::Test;
use uuid::Uuid;

use super::tests;
use crate::App;
use crate::http::auth::{ReadSuites, SuiteAccess, WriteSuites};
use crate::http::error::ApiError;
use crate::http::paging::{PageOf, Paging, paginate};
use crate::http::params::IdInPath;
use crate::http::resources;

/// List muted tests
#[utoipa::path(
    get, path = "/tests/muted", tag = "Tests",
    params(SuiteAccess<ReadSuites>, Paging),
    responses(PageOf<Test>, SuiteAccess<ReadSuites>),
)]
pub(super) async fn list_muted_tests(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    paging: Paging,
) -> Result<PageOf<Test>, ApiError> {
    list(&app, &access, &paging, TestState::Muted).await
}

/// List skipped tests
#[utoipa::path(
    get, path = "/tests/skipped", tag = "Tests",
    params(SuiteAccess<ReadSuites>, Paging),
    responses(PageOf<Test>, SuiteAccess<ReadSuites>),
)]
pub(super) async fn list_skipped_tests(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    paging: Paging,
) -> Result<PageOf<Test>, ApiError> {
    list(&app, &access, &paging, TestState::Skipped).await
}

async fn list(
    app: &App,
    access: &SuiteAccess<ReadSuites>,
    paging: &Paging,
    state: TestState,
) -> Result<PageOf<Test>, ApiError> {
    let suite = &access.suite;
    let tests = app.store.tests_in_state(suite.id, state).await?;
    let listed = paginate(tests, paging.page);
    Ok(paging.respond(listed, |test| resources::test(&test, suite, &app.links)))
}

/// Mute a test: it runs, but its failures do not fail the build
#[utoipa::path(
    put, path = "/tests/{id}/mute", tag = "Tests",
    params(SuiteAccess<WriteSuites>, IdInPath),
    responses((status = 200, body = Test), SuiteAccess<WriteSuites>),
)]
pub(super) async fn mute_test(
    State(app): State<App>,
    access: SuiteAccess<WriteSuites>,
    IdInPath(id): IdInPath,
) -> Result<Json<Test>, ApiError> {
    set(&app, &access, id, TestState::Muted).await
}

/// Skip a test: plans leave it out
#[utoipa::path(
    put, path = "/tests/{id}/skip", tag = "Tests",
    params(SuiteAccess<WriteSuites>, IdInPath),
    responses((status = 200, body = Test), SuiteAccess<WriteSuites>),
)]
pub(super) async fn skip_test(
    State(app): State<App>,
    access: SuiteAccess<WriteSuites>,
    IdInPath(id): IdInPath,
) -> Result<Json<Test>, ApiError> {
    set(&app, &access, id, TestState::Skipped).await
}

/// Enable a test that is muted or skipped
#[utoipa::path(
    put, path = "/tests/{id}/enable", tag = "Tests",
    params(SuiteAccess<WriteSuites>, IdInPath),
    responses((status = 200, body = Test), SuiteAccess<WriteSuites>),
)]
pub(super) async fn enable_test(
    State(app): State<App>,
    access: SuiteAccess<WriteSuites>,
    IdInPath(id): IdInPath,
) -> Result<Json<Test>, ApiError> {
    set(&app, &access, id, TestState::Enabled).await
}

async fn set(
    app: &App,
    access: &SuiteAccess<WriteSuites>,
    id: Uuid,
    state: TestState,
) -> Result<Json<Test>, ApiError> {
    let suite = &access.suite;
    let change = access.change(app.clock.now());
    let test = app.store.set_test_state(suite.id, id, state, &change);
    let test = test.await?.ok_or_else(|| tests::not_found(id))?;
    tracing::info!(suite = suite.slug, test = %id, state = state.name(), "test state set");
    Ok(Json(resources::test(&test, suite, &app.links)))
}
