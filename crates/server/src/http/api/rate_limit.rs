//! `GET /v2/organizations/{organization}/rate_limit`: where the organization stands.

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};

use crate::App;
use crate::clock::rfc3339;
use crate::http::auth::OrganizationMember;
use crate::rate_limits::Bucket;

pub(super) async fn get(
    State(app): State<App>,
    OrganizationMember(principal): OrganizationMember,
) -> Json<Value> {
    let now = app.clock.now();
    let mut scopes = Map::new();
    for bucket in Bucket::ALL {
        let standing = app
            .rate_limits
            .status(principal.organization, bucket, now)
            .await;
        let reset_at = now.plus_millis(i64::from(standing.reset) * 1_000);
        scopes.insert(
            bucket.name().to_owned(),
            json!({
                "limit": standing.limit,
                "current": standing.current,
                "reset": standing.reset,
                "reset_at": rfc3339(reset_at),
                "enforced": standing.limit > 0,
            }),
        );
    }
    Json(json!({ "scopes": scopes }))
}
