//! `GET …/suites/{suite}`. Its token is never in the answer: only a hash of it is kept.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use test_engine_wire::Suite;

use crate::App;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::http::shapes;
use crate::scopes::Scope;

#[derive(Deserialize)]
pub(super) struct Query {
    #[serde(default)]
    show_api_token: bool,
}

pub(super) async fn get(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    Params(query): Params<Query>,
) -> Result<Json<Suite>, ApiError> {
    if query.show_api_token && !access.principal.has_scope(Scope::WriteSuites) {
        return Err(ApiError::forbidden(format!(
            "Your access token doesn't have the {} scope (missing required scope: {0}), which \
             show_api_token needs.",
            Scope::WriteSuites
        )));
    }
    Ok(Json(shapes::suite(&access.suite, &app.links)))
}
