//! The outermost layer of a request: what it turned out to be about, its log line, its time limit.
//!
//! Handlers learn the organization and the suite on the way; they note them here so that one line
//! per request can say so. Queries, headers and bodies are never logged: they may hold tokens and
//! results.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::error::{ApiError, DatabaseTrouble};
use crate::App;
use crate::links::BACKFILL_UPLOAD;
use crate::rate_limits::RateStatus;

/// The longest a request may take, from its headers to its answer.
const REQUEST_LIMIT: Duration = Duration::from_mins(3);
/// The same for an archive of commits: what a client gives itself for it.
const ARCHIVE_LIMIT: Duration = Duration::from_mins(30);
/// Characters of a path that are logged.
const LOGGED_PATH: usize = 300;

/// What is known of a request so far; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct RequestNotes(Arc<Mutex<Notes>>);

#[derive(Default)]
struct Notes {
    organization: Option<String>,
    suite: Option<String>,
    rate: Option<RateStatus>,
}

impl RequestNotes {
    fn change(&self, change: impl FnOnce(&mut Notes)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The organization whose token was used.
    pub(crate) fn organization(&self, slug: &str) {
        self.change(|notes| notes.organization = Some(slug.to_owned()));
    }

    /// The suite that was asked about.
    pub(crate) fn suite(&self, slug: &str) {
        self.change(|notes| notes.suite = Some(slug.to_owned()));
    }

    /// Where the organization stands with its limit; goes into the answer's headers.
    pub(crate) fn rate(&self, rate: RateStatus) {
        self.change(|notes| notes.rate = Some(rate));
    }
}

/// Wrap every request.
pub(crate) async fn layer(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let notes = RequestNotes::default();
    request.extensions_mut().insert(notes.clone());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let path: String = request.uri().path().chars().take(LOGGED_PATH).collect();
    let limit = if path.ends_with(BACKFILL_UPLOAD) {
        ARCHIVE_LIMIT
    } else {
        REQUEST_LIMIT
    };
    let mut response = tokio::time::timeout(limit, next.run(request))
        .await
        .unwrap_or_else(|_elapsed| {
            ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "The request took too long and was given up. Try again later.",
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
    if let Some(DatabaseTrouble(kind)) = response.extensions().get() {
        app.metrics.database_error(kind);
    }
    tracing::info!(
        method = %method,
        path,
        status = response.status().as_u16(),
        duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        organization = notes.organization.as_deref(),
        suite = notes.suite.as_deref(),
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
