//! A real server inside the test: its own port, its own data, gone with the test.
//!
//! Everything but the process is what ships, so it needs no built program and starts in
//! milliseconds.

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use test_engine::admin::{self, TokenRequest};
use test_engine::clock::Clock;
use test_engine::config::Config;
use test_engine::open_store;
use test_engine::scopes::Scope;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::server_program::ORGANIZATION;
use crate::{Connection, KeptResults};

/// The longest a server may take to start.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A running server, stopped when it goes out of scope.
#[derive(Debug)]
pub struct TestServer {
    base_url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    // Last, so that the files go after the server.
    data: TempDir,
}

impl TestServer {
    /// Starts a server on an empty data directory, without limits on how often one may ask.
    #[track_caller]
    pub fn start() -> Self {
        let data = tempfile::Builder::new()
            .prefix("server-")
            .tempdir()
            .expect("a temporary directory can be made");
        let config = config(&data);
        let (stop, stopped) = oneshot::channel();
        let (started, address) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            runtime().block_on(async move {
                let server = test_engine::Server::prepare(config, Clock::System)
                    .await
                    .expect("the server starts");
                // Listening before the first request is answered: the system keeps what comes
                // in between, so there is nothing to wait for.
                let listener = TcpListener::bind("127.0.0.1:0")
                    .await
                    .expect("a port is free");
                let address = listener.local_addr().expect("a listener has an address");
                started.send(address).expect("the test is waiting");
                server
                    .run(listener, async {
                        // A test that is gone without asking means the same.
                        let _asked = stopped.await;
                    })
                    .await;
            });
        });
        let address = address
            .recv_timeout(START_LIMIT)
            .expect("the server starts");
        Self {
            base_url: format!("http://{address}"),
            stop: Some(stop),
            thread: Some(thread),
            data,
        }
    }

    /// Such as `http://127.0.0.1:40001`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Makes a suite, a token for its uploads and an access token with every scope.
    #[track_caller]
    pub fn create_suite(&self, slug: &str) -> Connection {
        runtime().block_on(async {
            let now = Clock::System.now();
            let store = open_store(&config(&self.data).storage)
                .await
                .expect("the database opens");
            let suite = admin::create_suite(&store, ORGANIZATION, slug, slug, "main", now)
                .await
                .expect("a suite can be made");
            let organization = admin::organization(&store, ORGANIZATION)
                .await
                .expect("the organization is there");
            let everything = TokenRequest {
                scopes: Scope::ALL.to_vec(),
                ..TokenRequest::default()
            };
            let token = admin::create_token(&store, &organization, everything, now)
                .await
                .expect("a token can be made");
            store.close().await;
            Connection {
                base_url: self.base_url.clone(),
                organization: ORGANIZATION.to_owned(),
                suite: slug.to_owned(),
                access_token: token.secret.expose_secret().to_owned(),
                suite_token: suite.token.expose_secret().to_owned(),
            }
        })
    }

    /// What its database holds.
    pub fn kept_results(&self) -> KeptResults {
        KeptResults::in_database(&config(&self.data).storage.database())
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // A server that ended by itself has nobody left to ask.
            let _gone = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(
                ended.is_ok() || std::thread::panicking(),
                "the server panicked"
            );
        }
    }
}

fn config(data: &TempDir) -> Config {
    let mut config = Config::in_directory(data.path());
    ORGANIZATION.clone_into(&mut config.storage.organization);
    config.limits.rest_requests_per_minute = 0;
    config.limits.plan_requests_per_minute = 0;
    config
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::TestServer;

    #[test]
    fn a_server_takes_results_and_keeps_them() {
        let server = TestServer::start();
        let connection = server.create_suite("web");
        let results = json!([{"scope": "a", "name": "b", "result": "passed"}]);
        connection
            .upload("build-1", "json", &results)
            .expect_status(202);
        connection.mute("a", "b");
        let kept = server.kept_results();
        let run = kept.run("acme", "web", "build-1").unwrap();
        assert_eq!((run.result, run.executions, run.uploads), ("passed", 1, 1));
        assert_eq!(kept.plans("acme", "web"), 0);
    }
}
