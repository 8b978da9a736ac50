//! `POST …/tests/find`: a test by its scope and name.

use axum::extract::State;
use axum::response::Response;
use test_engine_wire::FindTest;

use super::test_get;
use crate::App;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;

pub(super) async fn post(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    JsonBody(wanted): JsonBody<FindTest>,
) -> Result<Response, ApiError> {
    if wanted.name.trim().is_empty() {
        return Err(ApiError::bad_request("name is required."));
    }
    let scope = wanted.scope.unwrap_or_default();
    let test = app
        .store
        .find_test(&access.suite, &scope, &wanted.name)
        .await?
        .ok_or_else(|| {
            ApiError::not_found(
                "This suite has no test of this scope and name. Both must match exactly.",
            )
        })?;
    Ok(test_get::answer(&app, &access.suite, &test))
}
