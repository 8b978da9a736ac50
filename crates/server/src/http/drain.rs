//! Letting a sender finish before it is refused.
//!
//! A request can be refused on its headers alone, while megabytes of its body are still under way.
//! Closing the connection then makes many clients report a broken pipe and try again, instead of
//! reading what was wrong. So the rest of a refused body is read and thrown away first, within
//! limits.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::EXPECT;
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};

use crate::App;
use crate::links::BACKFILL_UPLOAD;

/// The longest a refused sender is listened to.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same for an archive of commits. Its sender learns only from the answer that it needs a new
/// form, and reads that once it has sent everything.
const ARCHIVE_PATIENCE: Duration = Duration::from_mins(5);

/// Bytes that are read from every refused sender, however little is allowed.
const HEARD_OUT: usize = 8 << 20;

/// Wrap every request.
pub(super) async fn layer(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let waits_for_permission = parts.headers.contains_key(EXPECT);
    let (limit, patience) = if parts.uri.path().ends_with(BACKFILL_UPLOAD) {
        let limit = usize::try_from(app.config.limits.backfill_bytes).unwrap_or(usize::MAX);
        (limit, ARCHIVE_PATIENCE)
    } else {
        (app.config.limits.body_bytes, PATIENCE)
    };
    let body = SharedBody(Arc::new(Mutex::new(Inner {
        body,
        is_begun: false,
    })));
    let rest = SharedBody(Arc::clone(&body.0));
    let response = next.run(Request::from_parts(parts, Body::new(body))).await;
    let is_refused = response.status().is_client_error() || response.status().is_server_error();
    // Who was too slow already is not waited for. Whoever waits for permission to send is refused
    // best by not giving it.
    let is_slow = response.status() == StatusCode::REQUEST_TIMEOUT;
    if is_refused && !is_slow && (!waits_for_permission || rest.is_begun()) {
        let _given_up = tokio::time::timeout(patience, discard(rest, limit)).await;
    }
    response
}

async fn discard(mut body: SharedBody, limit: usize) {
    // More than is allowed: what is refused for its size is often only somewhat larger.
    let mut left = limit.saturating_mul(2).max(HEARD_OUT);
    while let Some(Ok(frame)) = body.frame().await {
        let size = frame.data_ref().map_or(0, Bytes::len);
        let Some(less) = left.checked_sub(size) else {
            return;
        };
        left = less;
    }
}

/// A body that can be taken up again where its reader stopped.
struct SharedBody(Arc<Mutex<Inner>>);

struct Inner {
    body: Body,
    is_begun: bool,
}

impl SharedBody {
    fn is_begun(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_begun
    }
}

impl hyper::body::Body for SharedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.is_begun = true;
        Pin::new(&mut inner.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .body
            .is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .body
            .size_hint()
    }
}
