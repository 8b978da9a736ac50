//! Error responses of the API: JSON with a `message`.

use std::fmt::Display;

use axum::Json;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use test_engine_store::StoreError;
use test_engine_wire::ErrorBody;

use crate::access::AccessError;
use crate::error_chain::ErrorChain;
use crate::oidc::OidcError;
use crate::rate_limits::RateStatus;

/// In seconds, for 503 responses.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    status: StatusCode,
    message: String,
    rate: Option<Box<RateStatus>>,
    database_error: Option<DatabaseErrorKind>,
}

/// The kind of a database error, as a metric label; an extension of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DatabaseErrorKind(pub(crate) &'static str);

/// The message of an error, as an extension of its response.
#[derive(Clone, Debug)]
pub(crate) struct ErrorText(pub(crate) String);

impl ApiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            rate: None,
            database_error: None,
        }
    }

    /// Counts the error in the metrics of the database.
    fn with_database_error(mut self, kind: &'static str) -> Self {
        self.database_error = Some(DatabaseErrorKind(kind));
        self
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// 404: also for resources that the token cannot access.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "The body is larger than {limit} bytes after decompression. Send less, or raise \
                 --body-limit-mib on the server."
            ),
        )
    }

    pub(crate) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    pub(crate) fn rate_limited(rate: RateStatus) -> Self {
        Self {
            rate: Some(Box::new(rate)),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                format!(
                    "You have exceeded your API rate limit of {} requests a minute. Please wait \
                     {} seconds before making more requests.",
                    rate.limit, rate.reset
                ),
            )
        }
    }

    /// 500. The cause is logged, and not sent to the client. `doing` follows "failed to".
    pub(crate) fn internal(doing: &str, cause: &dyn Display) -> Self {
        tracing::error!(cause = %cause, "failed to {doing}");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("The server failed to {doing}. The server log has the cause."),
        )
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Gone(what) => {
                Self::not_found(format!("The {what} was deleted in the meantime."))
            }
            StoreError::TooLarge { what, size, limit } => Self::unprocessable(format!(
                "The {what} is too large: {size}; the maximum is {limit}."
            )),
            StoreError::Full(_)
            | StoreError::ReadOnly(_)
            | StoreError::Unavailable(_)
            | StoreError::SignIn(_)
            | StoreError::Unsecured(_)
            | StoreError::NoDatabase(_) => {
                tracing::error!(cause = %ErrorChain(&error), "failed to use the database");
                let kind = match error {
                    StoreError::Full(_) => "full",
                    StoreError::ReadOnly(_) => "read_only",
                    _ => "unavailable",
                };
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    format!("The database is unavailable: {error}. Try again later."),
                )
                .with_database_error(kind)
            }
            StoreError::Texts(_) => Self::internal("store the upload", &ErrorChain(&error)),
            _ => {
                Self::internal("use the database", &ErrorChain(&error)).with_database_error("other")
            }
        }
    }
}

impl From<OidcError> for ApiError {
    fn from(error: OidcError) -> Self {
        match error {
            OidcError::Store(error) => error.into(),
            // Temporary, so it must not look like an invalid token.
            OidcError::Issuer { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            }
            _ => Self::unauthorized(error.to_string()),
        }
    }
}

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Store(error) => error.into(),
            AccessError::Oidc(error) => error.into(),
            AccessError::MissingScope(_) => Self::forbidden(error.to_string()),
            _ => Self::unauthorized(error.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let rate = self.rate.as_deref();
        let text = ErrorText(self.message.clone());
        let body = ErrorBody {
            message: self.message,
            scope: rate.map(|rate| rate.scope.to_owned()),
            limit: rate.map(|rate| rate.limit),
            current: rate.map(|rate| rate.current),
            reset: rate.map(|rate| rate.reset),
        };
        let mut response = (self.status, Json(body)).into_response();
        response.extensions_mut().insert(text);
        if let Some(kind) = self.database_error {
            response.extensions_mut().insert(kind);
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(axum::http::header::RETRY_AFTER, RETRY_AFTER);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(
                axum::http::header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer"),
            );
        }
        response
    }
}
