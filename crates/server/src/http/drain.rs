//! Drains the body of a rejected request before responding.
//!
//! A request can be rejected because of its headers while megabytes of its body are in transit. If
//! the connection closes then, many clients report a broken pipe and retry, instead of reading the
//! error. So the rest of the body is read and discarded first, within limits.

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

/// How long to keep reading the body of a rejected request.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// The same for a commit archive. The response tells its sender to request a new form, and clients
/// read it only after sending everything.
const ARCHIVE_DRAIN_TIMEOUT: Duration = Duration::from_mins(5);

/// Bytes that are drained even if the limit is smaller.
const MIN_DRAINED: usize = 8 << 20;

pub(super) async fn layer(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let expects_continue = parts.headers.contains_key(EXPECT);
    let (limit, timeout) = if parts.uri.path().ends_with(BACKFILL_UPLOAD) {
        let limit = usize::try_from(app.config.limits.backfill_bytes).unwrap_or(usize::MAX);
        (limit, ARCHIVE_DRAIN_TIMEOUT)
    } else {
        (app.config.limits.body_bytes, DRAIN_TIMEOUT)
    };
    let body = SharedBody(Arc::new(Mutex::new(Inner {
        body,
        is_started: false,
    })));
    let rest = SharedBody(Arc::clone(&body.0));
    let response = next.run(Request::from_parts(parts, Body::new(body))).await;
    let is_rejected = response.status().is_client_error() || response.status().is_server_error();
    // Senders that were too slow are not drained, nor those that wait for `100 Continue`: they send
    // no body unless it is read.
    let timed_out = response.status() == StatusCode::REQUEST_TIMEOUT;
    if is_rejected && !timed_out && (!expects_continue || rest.is_started()) {
        let _elapsed = tokio::time::timeout(timeout, discard(rest, limit)).await;
    }
    response
}

async fn discard(mut body: SharedBody, limit: usize) {
    // Oversized bodies are often only slightly larger than the limit.
    let mut left = limit.saturating_mul(2).max(MIN_DRAINED);
    while let Some(Ok(frame)) = body.frame().await {
        let size = frame.data_ref().map_or(0, Bytes::len);
        let Some(less) = left.checked_sub(size) else {
            return;
        };
        left = less;
    }
}

/// A body that can be read further after the handler has stopped reading it.
struct SharedBody(Arc<Mutex<Inner>>);

struct Inner {
    body: Body,
    is_started: bool,
}

impl SharedBody {
    fn is_started(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_started
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
        inner.is_started = true;
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
