//! `GET /v2/organizations/{organization}/rate_limit`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::clock::rfc3339;
use crate::http::auth::OrganizationMember;
use crate::rate_limits::Bucket;

#[derive(Serialize, ToSchema)]
pub(super) struct RateLimits {
    #[schema(inline, value_type = Scopes)]
    scopes: BTreeMap<&'static str, RateLimit>,
}

/// The keys are the names of the buckets.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a map in the OpenAPI document")]
struct Scopes {
    rest: RateLimit,
    test_plan: RateLimit,
    execution_tags: RateLimit,
}

#[derive(Serialize, ToSchema)]
struct RateLimit {
    /// Requests per minute.
    limit: u32,
    /// Requests in this minute.
    current: u32,
    /// Seconds until the next minute.
    reset: u32,
    reset_at: String,
    /// Whether there is a limit.
    enforced: bool,
}

/// Get the organization's rate limits
#[utoipa::path(
    get, path = "/v2/organizations/{organization}/rate_limit", tag = "General",
    params(OrganizationMember),
    responses((status = 200, body = inline(RateLimits)), OrganizationMember),
)]
pub(super) async fn get_rate_limits(
    State(app): State<App>,
    OrganizationMember(principal): OrganizationMember,
) -> Json<RateLimits> {
    let now = app.clock.now();
    let mut scopes = BTreeMap::new();
    for bucket in Bucket::ALL {
        let status = app.rate_limits.status(principal.organization, bucket, now);
        let status = status.await;
        let limit = RateLimit {
            limit: status.limit,
            current: status.current,
            reset: status.reset,
            reset_at: rfc3339(now.plus_millis(i64::from(status.reset) * 1_000)),
            enforced: status.limit > 0,
        };
        scopes.insert(bucket.name(), limit);
    }
    Json(RateLimits { scopes })
}
