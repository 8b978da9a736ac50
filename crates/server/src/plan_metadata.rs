//! The metadata of a node's run, as the store keeps it.

use test_engine_store::{PlanMetadata, Timestamp};
use test_engine_wire::PlanMetadataRequest;

/// Fails only if the request cannot be encoded.
pub(crate) fn received(
    request: &PlanMetadataRequest,
    now: Timestamp,
) -> Result<PlanMetadata, serde_json::Error> {
    Ok(PlanMetadata {
        node: request.env.buildkite_parallel_job,
        retry_count: request.env.buildkite_retry_count,
        version: request.version.clone(),
        body: serde_json::to_string(request)?,
        received_at: now,
    })
}
