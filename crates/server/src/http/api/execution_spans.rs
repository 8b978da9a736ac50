//! `GET …/executions/{id}/spans`: the timed operations of an execution.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::params::IdInPath;
use crate::spans::{Span, Spans};

#[derive(Serialize, ToSchema)]
pub(super) struct ExecutionSpans {
    execution_id: String,
    /// In the order of the collector.
    spans: Vec<Span>,
    /// How many more there were than are stored.
    omitted: u64,
}

/// Get the spans of a failed or slow execution
///
/// Requests, queries, pauses and annotations, as the collector has timed them.
#[utoipa::path(
    get, path = "/executions/{id}/spans", tag = "Runs",
    params(SuiteAccess<ReadSuites>, IdInPath),
    responses((status = 200, body = ExecutionSpans), SuiteAccess<ReadSuites>),
)]
pub(super) async fn get_execution_spans(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    IdInPath(id): IdInPath,
) -> Result<Json<ExecutionSpans>, ApiError> {
    let stored = app.store.spans(access.suite.id, id).await?;
    let stored = stored.ok_or_else(|| {
        ApiError::not_found(format!(
            "This suite has no spans of the execution {id}. They are stored of failed executions \
             and the slowest 1% of an upload, and removed before the results."
        ))
    })?;
    let decoded = Spans::decode(&stored);
    let Spans { spans, omitted } =
        decoded.map_err(|error| ApiError::internal("read the spans", &error))?;
    Ok(Json(ExecutionSpans {
        execution_id: id.to_string(),
        spans,
        omitted,
    }))
}
