//! Accepting connections: limits on headers and time, and an orderly end.
//!
//! This is its own loop because the one that comes with the web framework has no limit on how long
//! the headers of a request may take.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The most bytes of request line and headers.
const HEADER_BYTES: usize = 64 * 1024;
/// The most headers.
const HEADER_COUNT: usize = 100;
/// How long connections may still begin a request once the server is to stop: what was sent before
/// then may not have been read yet. Long for a network, short for whoever waits for the end.
const LAST_REQUESTS: Duration = Duration::from_millis(200);
/// How long to wait when the system has no more connections to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serve until `shutdown` is done, then finish what is under way, for as long as `limit` or until
/// `give_up` is done. New connections are refused meanwhile.
///
/// `header_time` is the longest the headers of a request may take, and a connection may idle.
pub(crate) async fn run(
    listener: TcpListener,
    router: Router,
    header_time: Duration,
    shutdown: impl Future<Output = ()>,
    limit: Duration,
    give_up: impl Future<Output = ()>,
) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(header_time)
        .max_headers(HEADER_COUNT)
        .max_buf_size(HEADER_BYTES);
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    // What is dropped at the end takes the connections along that were given up.
    let mut connections = JoinSet::new();
    let mut stopping = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown, if !stopping => {
                stopping = true;
                continue;
            }
            accepted = listener.accept() => accepted,
            Some(_ended) = connections.join_next() => continue,
            // Nobody is waiting any more.
            () = std::future::ready(()), if stopping => break,
        };
        let stream = match accepted {
            Ok((stream, _address)) => stream,
            Err(error) => {
                // Out of file handles, or a connection that broke at once. The listener is fine.
                tracing::warn!(cause = %error, "failed to accept a connection");
                if stopping {
                    break;
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(cause = %error, "failed to switch off delays on a connection");
        }
        let service = TowerToHyperService::new(NeverFails(router.clone()));
        let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service));
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(cause = %error, "a connection ended early");
            }
        });
    }
    drop(listener);
    let finish = async {
        tokio::time::sleep(LAST_REQUESTS).await;
        graceful.shutdown().await;
    };
    tokio::select! {
        () = finish => return,
        () = tokio::time::sleep(limit) => {}
        () = give_up => {}
    }
    tracing::warn!("gave up on requests that were still under way");
}

/// The router as a service whose requests carry the connection's body type.
#[derive(Clone)]
struct NeverFails(Router);

impl tower::Service<hyper::Request<hyper::body::Incoming>> for NeverFails {
    type Response = axum::response::Response;
    type Error = Infallible;
    type Future = axum::routing::future::RouteFuture<Infallible>;

    fn poll_ready(
        &mut self,
        _context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: hyper::Request<hyper::body::Incoming>) -> Self::Future {
        self.0.call(request.map(axum::body::Body::new))
    }
}
