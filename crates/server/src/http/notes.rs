//! The outermost layer: the timeout, log line and metrics of each request.
//!
//! Extractors note the organization, suite and token of the request for its log line. Queries,
//! headers and bodies are never logged, because they may contain tokens and results.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tracing::Instrument as _;
use uuid::Uuid;

use super::client_address::ClientAddress;
use super::error::{ApiError, DatabaseErrorKind};
use crate::App;
use crate::links::BACKFILL_UPLOAD;
use crate::rate_limits::RateStatus;

/// From the headers of a request to its response.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(3);
/// The same for a commit archive; clients use this timeout too.
const ARCHIVE_TIMEOUT: Duration = Duration::from_mins(30);
/// Characters of a path in the log.
const MAX_LOGGED_PATH: usize = 300;

/// What is known about a request so far; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct RequestNotes(Arc<Mutex<Notes>>);

#[derive(Default)]
struct Notes {
    organization: Option<String>,
    suite: Option<String>,
    token: Option<Uuid>,
    rate: Option<RateStatus>,
}

impl RequestNotes {
    fn change(&self, change: impl FnOnce(&mut Notes)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn organization(&self, slug: &str) {
        self.change(|notes| notes.organization = Some(slug.to_owned()));
    }

    pub(crate) fn suite(&self, slug: &str) {
        self.change(|notes| notes.suite = Some(slug.to_owned()));
    }

    /// The id of the token, or of the session of a person; never a secret.
    pub(crate) fn token(&self, id: Uuid) {
        self.change(|notes| notes.token = Some(id));
        // For log lines about what the request changes.
        tracing::Span::current().record("token", tracing::field::display(id));
    }

    /// The status for the `RateLimit-*` headers of the response.
    pub(crate) fn rate(&self, rate: RateStatus) {
        self.change(|notes| notes.rate = Some(rate));
    }
}

pub(crate) async fn layer(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let notes = RequestNotes::default();
    request.extensions_mut().insert(notes.clone());
    let (parts, body) = request.into_parts();
    let client = ClientAddress::of(&parts, &app);
    let request = Request::from_parts(parts, body);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let path: String = request.uri().path().chars().take(MAX_LOGGED_PATH).collect();
    let limit = if path.ends_with(BACKFILL_UPLOAD) {
        ARCHIVE_TIMEOUT
    } else {
        REQUEST_TIMEOUT
    };
    let span = tracing::info_span!(
        "by",
        client = client.0.as_deref(),
        token = tracing::field::Empty
    );
    let mut response = tokio::time::timeout(limit, next.run(request).instrument(span))
        .await
        .unwrap_or_else(|_elapsed| {
            ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "The request timed out. Try again later.",
            )
            .into_response()
        });
    let notes = notes.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(rate) = notes.rate {
        write_rate_limit(rate, response.headers_mut());
    }
    let took = began.elapsed();
    let route = route.as_ref().map(MatchedPath::as_str);
    app.metrics.request(route, &method, response.status(), took);
    if let Some(DatabaseErrorKind(kind)) = response.extensions().get() {
        app.metrics.database_error(kind);
    }
    tracing::info!(
        method = %method,
        path,
        status = response.status().as_u16(),
        duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        organization = notes.organization.as_deref(),
        suite = notes.suite.as_deref(),
        token = notes.token.map(tracing::field::display),
        client = client.0.as_deref(),
        "request"
    );
    response
}

fn write_rate_limit(status: RateStatus, headers: &mut HeaderMap) {
    headers.insert("ratelimit-scope", HeaderValue::from_static(status.scope));
    headers.insert("ratelimit-limit", HeaderValue::from(status.limit));
    headers.insert("ratelimit-remaining", HeaderValue::from(status.remaining));
    headers.insert("ratelimit-reset", HeaderValue::from(status.reset));
}
