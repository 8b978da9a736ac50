//! `GET /metrics`: figures for Prometheus, for whom the settings let in.

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
use crate::metrics::MEDIA_TYPE;

pub(super) async fn get(State(app): State<App>, headers: HeaderMap) -> Result<Response, ApiError> {
    let access = &app.config.metrics;
    if !access.open {
        let Some(token) = &access.token else {
            return Err(ApiError::forbidden(
                "Metrics are closed. Start the server with --metrics-token or --metrics-open.",
            ));
        };
        let sent = authorization(&headers).and_then(bearer);
        let fits = sent.is_some_and(|sent| {
            let (sent, token) = (sent.expose_secret(), token.expose_secret());
            sent.as_bytes().ct_eq(token.as_bytes()).into()
        });
        if !fits {
            return Err(ApiError::unauthorized(
                "Send the token of --metrics-token as: Authorization: Bearer TOKEN.",
            ));
        }
    }
    let text = app
        .metrics
        .text()
        .map_err(|error| ApiError::internal("write the metrics", &error))?;
    Ok(([(CONTENT_TYPE, MEDIA_TYPE)], text).into_response())
}
