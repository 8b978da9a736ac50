//! `…/tests/muted`, `…/tests/skipped` and `…/tests/{id}/mute`, `/skip` and `/enable`.

use axum::Json;
use axum::extract::State;
use test_engine_store::{QuarantinedTest, TestState};
use uuid::Uuid;

use super::quarantine_request::{OptionalRequest, QuarantineRequest};
use super::tests;
use crate::App;
use crate::http::auth::{ReadSuites, SuiteAccess, WriteSuites};
use crate::http::error::ApiError;
use crate::http::openapi::{BadRequest, Invalid};
use crate::http::paging::{PageOf, Paging, paginate};
use crate::http::params::IdInPath;
use crate::http::resources::QuarantinedTestBody;
use crate::quarantine::{self, Request};

/// List muted tests
#[utoipa::path(
    get, path = "/tests/muted", tag = "Tests",
    params(SuiteAccess<ReadSuites>, Paging),
    responses(PageOf<QuarantinedTestBody>, SuiteAccess<ReadSuites>),
)]
pub(super) async fn list_muted_tests(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    paging: Paging,
) -> Result<PageOf<QuarantinedTestBody>, ApiError> {
    list(&app, &access, &paging, TestState::Muted).await
}

/// List skipped tests
#[utoipa::path(
    get, path = "/tests/skipped", tag = "Tests",
    params(SuiteAccess<ReadSuites>, Paging),
    responses(PageOf<QuarantinedTestBody>, SuiteAccess<ReadSuites>),
)]
pub(super) async fn list_skipped_tests(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    paging: Paging,
) -> Result<PageOf<QuarantinedTestBody>, ApiError> {
    list(&app, &access, &paging, TestState::Skipped).await
}

async fn list(
    app: &App,
    access: &SuiteAccess<ReadSuites>,
    paging: &Paging,
    state: TestState,
) -> Result<PageOf<QuarantinedTestBody>, ApiError> {
    let suite = &access.suite;
    let tests = app.store.quarantined_tests(suite.id, state).await?;
    let listed = paginate(tests, paging.page);
    Ok(paging.respond(listed, |item| {
        QuarantinedTestBody::new(&item, suite, &app.links)
    }))
}

/// Mute a test: it runs, but its failures do not fail the build
///
/// Without a body, it is muted everywhere, until somebody enables it. With one, a reason is
/// required, and it is muted for the time that the suite allows.
#[utoipa::path(
    put, path = "/tests/{id}/mute", tag = "Tests",
    params(SuiteAccess<WriteSuites>, IdInPath), request_body = Option<QuarantineRequest>,
    responses(
        (status = 200, body = QuarantinedTestBody),
        BadRequest, SuiteAccess<WriteSuites>, Invalid,
    ),
)]
pub(super) async fn mute_test(
    State(app): State<App>,
    access: SuiteAccess<WriteSuites>,
    IdInPath(id): IdInPath,
    OptionalRequest(request): OptionalRequest,
) -> Result<Json<QuarantinedTestBody>, ApiError> {
    set(&app, &access, id, TestState::Muted, request).await
}

/// Skip a test: plans leave it out
///
/// Accepts the same body as `mute`. A skipped test stays skipped after its end.
#[utoipa::path(
    put, path = "/tests/{id}/skip", tag = "Tests",
    params(SuiteAccess<WriteSuites>, IdInPath), request_body = Option<QuarantineRequest>,
    responses(
        (status = 200, body = QuarantinedTestBody),
        BadRequest, SuiteAccess<WriteSuites>, Invalid,
    ),
)]
pub(super) async fn skip_test(
    State(app): State<App>,
    access: SuiteAccess<WriteSuites>,
    IdInPath(id): IdInPath,
    OptionalRequest(request): OptionalRequest,
) -> Result<Json<QuarantinedTestBody>, ApiError> {
    set(&app, &access, id, TestState::Skipped, request).await
}

/// Enable a test that is muted or skipped
#[utoipa::path(
    put, path = "/tests/{id}/enable", tag = "Tests",
    params(SuiteAccess<WriteSuites>, IdInPath), request_body = Option<QuarantineRequest>,
    responses(
        (status = 200, body = QuarantinedTestBody),
        BadRequest, SuiteAccess<WriteSuites>, Invalid,
    ),
)]
pub(super) async fn enable_test(
    State(app): State<App>,
    access: SuiteAccess<WriteSuites>,
    IdInPath(id): IdInPath,
    OptionalRequest(request): OptionalRequest,
) -> Result<Json<QuarantinedTestBody>, ApiError> {
    set(&app, &access, id, TestState::Enabled, request).await
}

async fn set(
    app: &App,
    access: &SuiteAccess<WriteSuites>,
    id: Uuid,
    state: TestState,
    request: Option<Request>,
) -> Result<Json<QuarantinedTestBody>, ApiError> {
    let suite = &access.suite;
    let change = access.change(app.clock.now());
    if let (TestState::Enabled, Some(request)) = (state, &request) {
        quarantine::check(request, suite.quarantine, change.at)?;
    }
    let test = quarantine::set_state(&app.store, suite, id, state, request, change)
        .await?
        .ok_or_else(|| tests::not_found(id))?;
    let known = app.store.quarantines(&[test.id]).await?;
    let item = QuarantinedTest {
        quarantine: known.into_values().next(),
        test,
    };
    let body = QuarantinedTestBody::new(&item, suite, &app.links);
    Ok(Json(body))
}
