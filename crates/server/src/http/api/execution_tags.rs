//! `PUT …/execution-tags`: tags for executions that have come in before.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use test_engine_store::NewExecutionTags;
use uuid::Uuid;

use crate::App;
use crate::http::auth::{SuiteAccess, WriteExecutionTags};
use crate::http::body::{self, JsonBody};
use crate::http::error::ApiError;
use crate::ingest;

/// Executions in one request.
const MOST_EXECUTIONS: usize = 100_000;
/// Bytes that one of them takes at least; for how heavy the work will be.
const BYTES_EACH: usize = 60;

#[derive(Deserialize)]
pub(super) struct Request {
    executions: Vec<Tagged>,
}

#[derive(Deserialize)]
struct Tagged {
    id: String,
    tags: BTreeMap<String, String>,
}

pub(super) async fn put(
    State(app): State<App>,
    access: SuiteAccess<WriteExecutionTags>,
    JsonBody(request): JsonBody<Request>,
) -> Result<Json<Value>, ApiError> {
    let count = request.executions.len();
    if count > MOST_EXECUTIONS {
        return Err(ApiError::bad_request(format!(
            "executions has {count} entries, and at most {MOST_EXECUTIONS} are taken at once."
        )));
    }
    let executions =
        body::run_blocking(count.saturating_mul(BYTES_EACH), move || checked(request)).await?;
    app.store
        .set_execution_tags(access.suite.id, &executions)
        .await?
        .map_err(|unknown| {
            ApiError::not_found(format!(
                "This suite has no execution {unknown}. Nothing was changed."
            ))
        })?;
    Ok(Json(json!({"executions": count})))
}

fn checked(request: Request) -> Result<Vec<NewExecutionTags>, ApiError> {
    let check = |(place, tagged): (usize, Tagged)| {
        let execution = Uuid::parse_str(&tagged.id)
            .map_err(|_| format!("executions[{place}].id is not a UUID."))?;
        ingest::check_mutable_tags(&tagged.tags)
            .map_err(|problem| format!("executions[{place}].tags: {problem}."))?;
        Ok(NewExecutionTags {
            execution,
            tags: tagged.tags,
        })
    };
    let executions = request.executions.into_iter().enumerate();
    executions
        .map(check)
        .collect::<Result<_, String>>()
        .map_err(ApiError::bad_request)
}
