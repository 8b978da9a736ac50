//! `GET …/tests/muted` and `GET …/tests/skipped`, in pages.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use test_engine_store::TestState;

use crate::App;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::paging::{self, PageQuery};
use crate::http::params::Params;
use crate::http::shapes;

pub(super) async fn muted(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    Params(paging): Params<PageQuery>,
    uri: Uri,
) -> Result<Response, ApiError> {
    list(&app, &access, paging, &uri, TestState::Muted).await
}

pub(super) async fn skipped(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    Params(paging): Params<PageQuery>,
    uri: Uri,
) -> Result<Response, ApiError> {
    list(&app, &access, paging, &uri, TestState::Skipped).await
}

async fn list(
    app: &App,
    access: &SuiteAccess<ReadSuites>,
    paging: PageQuery,
    uri: &Uri,
    state: TestState,
) -> Result<Response, ApiError> {
    let page = paging.page();
    let suite = &access.suite;
    let tests = app.store.tests_in_state(suite.id, state).await?;
    let shapes: Vec<_> = tests
        .iter()
        .skip((page.number as usize - 1).saturating_mul(page.size as usize))
        .take(page.size as usize)
        .map(|test| shapes::test(test, suite, &app.links))
        .collect();
    Ok(paging::answer(
        &shapes,
        page,
        tests.len() as u64,
        app.links.public_url(),
        uri,
    ))
}
