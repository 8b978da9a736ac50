//! `POST …/test_plan_metadata`: how a node's run went; kept beside its plan.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use test_engine_store::NodeReport;
use test_engine_wire::PlanMetadataRequest;

use crate::App;
use crate::http::auth::{SuiteAccess, WritePlans};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;

pub(super) async fn post(
    State(app): State<App>,
    access: SuiteAccess<WritePlans>,
    JsonBody(report): JsonBody<PlanMetadataRequest>,
) -> Result<Json<Value>, ApiError> {
    let identifier = &report.env.buildkite_test_engine_identifier;
    let body = serde_json::to_string(&report)
        .map_err(|error| ApiError::internal("write the report", &error))?;
    let node_report = NodeReport {
        node: report.env.buildkite_parallel_job,
        retry_count: report.env.buildkite_retry_count,
        version: report.version.clone(),
        body,
        received_at: app.clock.now(),
    };
    let is_known = app
        .store
        .insert_node_report(access.suite.id, identifier, node_report)
        .await?;
    app.metrics.node_report(is_known);
    if is_known {
        Ok(Json(json!({"head": "no_content"})))
    } else {
        Err(ApiError::not_found(format!(
            "Test plan not found: there is none with the identifier {identifier:?}."
        )))
    }
}
