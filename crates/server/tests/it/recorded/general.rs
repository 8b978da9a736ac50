//! Operations without a suite: health, metrics, catalog, tokens, rate limits.

use super::operation::{Body, Operation, Token, operation};

pub(super) fn general() -> Vec<Operation> {
    let limits = "/v2/organizations/acme/rate_limit";
    vec![
        operation("root", "GET", "/", Token::None, Body::None, 200),
        operation("alive", "GET", "/healthz", Token::None, Body::None, 200),
        operation("ready", "GET", "/readyz", Token::None, Body::None, 200),
        operation(
            "getMetrics",
            "GET",
            "/metrics",
            Token::Metrics,
            Body::None,
            200,
        ),
        operation(
            "apiCatalog",
            "GET",
            "/.well-known/api-catalog",
            Token::None,
            Body::None,
            200,
        ),
        operation(
            "openapi",
            "GET",
            "/v2/analytics/openapi.yaml",
            Token::None,
            Body::None,
            200,
        ),
        operation(
            "getAccessToken",
            "GET",
            "/v2/access-token",
            Token::AnyAccess,
            Body::None,
            200,
        ),
        operation(
            "revokeAccessToken",
            "DELETE",
            "/v2/access-token",
            Token::AnyAccess,
            Body::None,
            204,
        ),
        operation(
            "getRateLimits",
            "GET",
            limits,
            Token::AnyAccess,
            Body::None,
            200,
        )
        .bad(
            "another organization",
            404,
            "/v2/organizations/other/rate_limit",
            Body::None,
        ),
    ]
}
