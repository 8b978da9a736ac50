//! Accepts connections, with limits on headers and time, and shuts down gracefully.
//!
//! axum's own loop has no timeout for request headers.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::client_address::PeerAddress;
use super::strict::MAX_HEADER_BYTES;

const MAX_HEADERS: usize = 100;
/// How long connections may start a request after shutdown begins, because requests that were sent
/// before may not have been read yet.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(200);
/// How long to wait after a connection could not be accepted.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Serves until `shutdown` completes. Then it rejects new connections and finishes requests in
/// progress, until `limit` has passed or `give_up` completes.
///
/// `header_time` is the timeout for the headers of a request, and for idle connections.
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
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEADER_BYTES);
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    // Dropping the set at the end closes the connections that are left.
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
            // No connection is waiting to be accepted.
            () = std::future::ready(()), if stopping => break,
        };
        let (stream, peer) = match accepted {
            Ok((stream, address)) => (stream, PeerAddress(address)),
            Err(error) => {
                // Out of file descriptors, or the connection was reset. The listener still works.
                tracing::warn!(cause = %error, "failed to accept a connection");
                if stopping {
                    break;
                }
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(cause = %error, "failed to set TCP_NODELAY on a connection");
        }
        let service = TowerToHyperService::new(ConnectionService {
            router: router.clone(),
            peer,
        });
        let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service));
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(cause = %error, "a connection ended early");
            }
        });
    }
    drop(listener);
    let finish = async {
        tokio::time::sleep(SHUTDOWN_GRACE).await;
        graceful.shutdown().await;
    };
    tokio::select! {
        () = finish => return,
        () = tokio::time::sleep(limit) => {}
        () = give_up => {}
    }
    tracing::warn!("aborting requests in progress");
}

/// The router as a service for the body type of connections. Requests know their connection's peer.
#[derive(Clone)]
struct ConnectionService {
    router: Router,
    peer: PeerAddress,
}

impl tower::Service<hyper::Request<hyper::body::Incoming>> for ConnectionService {
    type Response = axum::response::Response;
    type Error = Infallible;
    type Future = axum::routing::future::RouteFuture<Infallible>;

    fn poll_ready(
        &mut self,
        _context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: hyper::Request<hyper::body::Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.router.call(request.map(axum::body::Body::new))
    }
}
