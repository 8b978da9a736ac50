//! `GET /metrics`: metrics for Prometheus.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use secrecy::ExposeSecret as _;
use subtle::ConstantTimeEq as _;

use crate::App;
use crate::access::credentials::bearer;
use crate::http::auth::authorization;
use crate::http::error::ApiError;
use crate::http::openapi::{Forbidden, Unauthorized};
use crate::metrics::MEDIA_TYPE;

/// Get metrics for Prometheus
///
/// Disabled (403) unless the server was started with --metrics-token or --metrics-open.
#[utoipa::path(
    get, path = "/metrics", tag = "General", security(("metricsToken" = []), ()),
    responses(
        (status = 200, body = String, content_type = "application/openmetrics-text"),
        Unauthorized, Forbidden,
    ),
)]
pub(super) async fn get_metrics(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let access = &app.config.metrics;
    if !access.open {
        let Some(token) = &access.token else {
            return Err(ApiError::forbidden(
                "Metrics are disabled. Start the server with --metrics-token or --metrics-open.",
            ));
        };
        let sent = authorization(&headers).and_then(bearer);
        let matches = sent.is_some_and(|sent| {
            let (sent, token) = (sent.expose_secret(), token.expose_secret());
            sent.as_bytes().ct_eq(token.as_bytes()).into()
        });
        if !matches {
            return Err(ApiError::unauthorized(
                "Send the token given to --metrics-token as: Authorization: Bearer TOKEN.",
            ));
        }
    }
    let text = app
        .metrics
        .text()
        .map_err(|error| ApiError::internal("write the metrics", &error))?;
    Ok(([(CONTENT_TYPE, MEDIA_TYPE)], text).into_response())
}
