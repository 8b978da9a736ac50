//! `PUT …/execution-tags`: adds tags to executions that were uploaded before.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use test_engine_store::NewExecutionTags;
use test_engine_wire::object;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use uuid::Uuid;

use crate::App;
use crate::http::auth::{self, SuiteAccess, WriteExecutionTags};
use crate::http::body::{self, JsonBody};
use crate::http::error::ApiError;
use crate::http::notes::RequestNotes;
use crate::http::openapi::BadRequest;
use crate::ingest;
use crate::rate_limits::Bucket;

const MAX_EXECUTIONS: usize = 100_000;
/// Minimum bytes per execution, to estimate the amount of work.
const MIN_EXECUTION_BYTES: usize = 60;

#[derive(Deserialize, ToSchema)]
pub(super) struct ExecutionTags {
    #[serde(deserialize_with = "object::list")]
    #[schema(max_items = 100_000, nullable)]
    executions: Vec<TaggedExecution>,
}

#[derive(Deserialize, ToSchema)]
struct TaggedExecution {
    #[schema(format = "uuid")]
    id: String,
    #[schema(schema_with = mutable_tags)]
    tags: BTreeMap<String, String>,
}

fn mutable_tags() -> Object {
    let text = |pattern: &str, length| {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(pattern))
            .max_length(Some(length))
    };
    ObjectBuilder::new()
        .description(Some("Up to 10; every key begins with `mut.`."))
        .max_properties(Some(10))
        .property_names(Some(text("^mut\\.[A-Za-z0-9_.-]+$", 63)))
        .additional_properties(Some(text("\\S", 127)))
        .build()
}

#[derive(Serialize, ToSchema)]
pub(super) struct TaggedCount {
    executions: usize,
}

/// Tag uploaded executions; one request per minute
#[utoipa::path(
    put, path = "/execution-tags", tag = "Tests",
    params(SuiteAccess<WriteExecutionTags>), request_body = ExecutionTags,
    responses(
        (status = 200, body = inline(TaggedCount)),
        BadRequest, SuiteAccess<WriteExecutionTags>,
    ),
)]
pub(super) async fn set_execution_tags(
    State(app): State<App>,
    access: SuiteAccess<WriteExecutionTags>,
    notes: Option<Extension<RequestNotes>>,
    JsonBody(request): JsonBody<ExecutionTags>,
) -> Result<Json<TaggedCount>, ApiError> {
    let count = request.executions.len();
    if count > MAX_EXECUTIONS {
        return Err(ApiError::bad_request(format!(
            "executions has {count} entries; the maximum is {MAX_EXECUTIONS}."
        )));
    }
    let bytes = count.saturating_mul(MIN_EXECUTION_BYTES);
    let executions = body::run_blocking(bytes, move || validate(request)).await?;
    // Not before: a request that is invalid must not use up the minute.
    let notes = notes.as_deref();
    auth::take(&app, &access.principal, Bucket::ExecutionTags, notes).await?;
    app.store
        .set_execution_tags(access.suite.id, &executions)
        .await?
        .map_err(|unknown| {
            ApiError::not_found(format!(
                "This suite has no execution {unknown}. Nothing was changed."
            ))
        })?;
    Ok(Json(TaggedCount { executions: count }))
}

fn validate(request: ExecutionTags) -> Result<Vec<NewExecutionTags>, ApiError> {
    let validate = |(index, tagged): (usize, TaggedExecution)| {
        let execution = Uuid::parse_str(&tagged.id)
            .map_err(|_| format!("executions[{index}].id is not a UUID."))?;
        ingest::check_mutable_tags(&tagged.tags)
            .map_err(|problem| format!("executions[{index}].tags: {problem}."))?;
        Ok(NewExecutionTags {
            execution,
            tags: tagged.tags,
        })
    };
    let executions = request.executions.into_iter().enumerate();
    executions
        .map(validate)
        .collect::<Result<_, String>>()
        .map_err(ApiError::bad_request)
}
