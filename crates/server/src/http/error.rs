//! The error answers of the API: always JSON with a `message` that says what to do.

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

/// Seconds to wait before a request that could not be served is sent again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// A request that could not be served.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    status: StatusCode,
    message: String,
    rate: Option<Box<RateStatus>>,
    trouble: Option<DatabaseTrouble>,
}

/// What was wrong with the database, as a word for counting; goes with an answer as an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DatabaseTrouble(pub(crate) &'static str);

impl ApiError {
    /// Any status with this message.
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            rate: None,
            trouble: None,
        }
    }

    /// The same, counted as trouble with the database.
    fn with_trouble(mut self, kind: &'static str) -> Self {
        self.trouble = Some(DatabaseTrouble(kind));
        self
    }

    /// What was wrong with the database, if that was it.
    pub(crate) fn trouble(&self) -> Option<DatabaseTrouble> {
        self.trouble
    }

    /// 400: the request makes no sense as it is.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 401: no token, or one that is not known.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    /// 403: a known token that may not do this.
    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// 404: not there, or not for this token.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 413: more bytes than the body limit.
    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "The body is larger than {limit} bytes after decompression. Send less at once, or \
                 raise --body-limit-mib on the server."
            ),
        )
    }

    /// 422: understood, and still not usable.
    pub(crate) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    /// 429: too often.
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

    /// 500: the server's fault. The cause goes to the log, not to the client.
    pub(crate) fn internal(doing: &str, cause: &dyn Display) -> Self {
        tracing::error!(cause = %cause, "failed to {doing}");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("The server failed to {doing}. Its log says why."),
        )
    }

    /// The status that will be sent.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The sentence that will be sent.
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
                "The {what} is too large: {size}, and at most {limit} is kept."
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
                    format!("The server cannot use its database now: {error}. Try again later."),
                )
                .with_trouble(kind)
            }
            _ => Self::internal("use its database", &ErrorChain(&error)).with_trouble("other"),
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
        let body = ErrorBody {
            message: self.message,
            scope: rate.map(|rate| rate.scope.to_owned()),
            limit: rate.map(|rate| rate.limit),
            current: rate.map(|rate| rate.current),
            reset: rate.map(|rate| rate.reset),
        };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(trouble) = self.trouble {
            response.extensions_mut().insert(trouble);
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
