//! A real server inside the test process, with its own port and data directory.
//!
//! It runs the shipped code, needs no built program, and starts within milliseconds.

use std::sync::mpsc;
use std::thread::JoinHandle;

use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use test_engine::admin::{self, TokenRequest};
use test_engine::clock::Clock;
use test_engine::config::Config;
use test_engine::open_store;
use test_engine::scopes::Scope;
use test_engine_store::Change;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::command::HANG_TIMEOUT;
use crate::repository::temporary_directory;
use crate::server_program::ORGANIZATION;
use crate::{Connection, StoredResults};

/// A running server, stopped on drop.
#[derive(Debug)]
pub struct TestServer {
    base_url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    // Dropped last, after the server has ended.
    data: TempDir,
}

impl TestServer {
    /// Starts a server with an empty data directory and without rate limits.
    #[track_caller]
    pub fn start() -> Self {
        let data = temporary_directory("server-");
        let config = config(&data);
        let (stop, stopped) = oneshot::channel();
        let (started, address) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            runtime().block_on(async move {
                let server = test_engine::Server::prepare(config, Clock::System)
                    .await
                    .expect("the server starts");
                // The system queues requests from here on, so the test need not wait any longer.
                let listener = TcpListener::bind("127.0.0.1:0")
                    .await
                    .expect("a port is free");
                let address = listener.local_addr().expect("a listener has an address");
                started.send(address).expect("the test is waiting");
                server
                    .run(listener, async {
                        // An error means that the test has ended without a stop request.
                        let _ = stopped.await;
                    })
                    .await;
            });
        });
        let address = address
            .recv_timeout(HANG_TIMEOUT)
            .expect("the server starts");
        Self {
            base_url: format!("http://{address}"),
            stop: Some(stop),
            thread: Some(thread),
            data,
        }
    }

    /// For example `http://127.0.0.1:40001`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Creates a suite, its upload token, and an access token with every scope.
    #[track_caller]
    pub fn create_suite(&self, slug: &str) -> Connection {
        runtime().block_on(async {
            let now = Clock::System.now();
            let store = open_store(&config(&self.data).storage)
                .await
                .expect("the database opens");
            let suite = admin::create_suite(
                &store,
                ORGANIZATION,
                admin::new_suite(slug),
                &Change::by_server(now),
            )
            .await
            .expect("a suite can be created");
            let organization = admin::organization(&store, ORGANIZATION)
                .await
                .expect("the organization exists");
            let everything = TokenRequest {
                scopes: Scope::ALL.to_vec(),
                ..TokenRequest::default()
            };
            let token =
                admin::create_token(&store, &organization, everything, &Change::by_server(now))
                    .await
                    .expect("a token can be created");
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

    /// The content of its database.
    pub fn stored_results(&self) -> StoredResults {
        StoredResults::in_database(&config(&self.data).storage.database())
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Fails when the server has ended already.
            let _ = stop.send(());
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
        .expect("a runtime can be created")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::TestServer;

    #[test]
    fn stores_uploaded_results() {
        let server = TestServer::start();
        let connection = server.create_suite("web");
        let results = json!([{"scope": "a", "name": "b", "result": "passed"}]);
        connection
            .upload("build-1", "json", &results)
            .expect_status(202);
        connection.mute("a", "b");
        let stored = server.stored_results();
        let run = stored.run("acme", "web", "build-1").unwrap();
        assert_eq!((run.result, run.executions, run.uploads), ("passed", 1, 1));
        assert_eq!(stored.plans("acme", "web"), 0);
    }
}
