//! `PATCH …/suites/{suite}`: change a suite; what is not sent stays. Its slug never changes.

use axum::Json;
use axum::extract::State;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value};
use test_engine_wire::Suite;

use super::suite_fields;
use crate::App;
use crate::admin;
use crate::http::auth::{SuiteAccess, WriteSuites};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::shapes;

/// Of tokens that were asked for here.
const DESCRIPTION: &str = "asked for through the API";

pub(super) async fn patch(
    State(app): State<App>,
    access: SuiteAccess<WriteSuites>,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> Result<Json<Suite>, ApiError> {
    let fields = suite_fields::read(&body, false)?;
    fields.check_grants(&access.principal)?;
    let suite = app
        .store
        .update_suite(access.suite.id, fields.changes)
        .await?
        .ok_or_else(|| ApiError::not_found("The suite was deleted in the meantime."))?;
    let mut shape = shapes::suite(&suite, &app.links);
    if fields.show_api_token {
        // Only hashes are kept, so what can be shown is one more token; the others stay good.
        let description = Some(DESCRIPTION.to_owned());
        let made =
            admin::create_suite_token(&app.store, &suite, description, app.clock.now()).await?;
        shape.api_token = Some(made.secret.expose_secret().to_owned());
    }
    tracing::info!(suite = suite.slug, "suite changed");
    Ok(Json(shape))
}
