//! A server of one's own for a test, and a plain client for it.

use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use test_engine::Server;
use test_engine::admin::{self, TokenRequest};
use test_engine::clock::Clock;
use test_engine::config::Config;
use test_engine::scopes::Scope;
use test_engine_store::{Change, NewSuite, Timestamp};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// A running server; it stops when dropped.
pub(crate) struct TestServer {
    pub(crate) base: String,
    /// Goes with the server.
    _directory: TempDir,
    pub(crate) access: String,
    pub(crate) suite_token: String,
    config: Config,
    runtime: Runtime,
    stop: Option<oneshot::Sender<()>>,
    done: Option<tokio::task::JoinHandle<()>>,
}

/// Of requests per minute. How many requests a test sends while it waits depends on the speed of
/// the machine. (Without any limit, tags could be set more than once a minute.)
const NO_LIMIT: u32 = 1_000_000;

/// The address of the suite that every test server has.
pub(crate) const SUITE: &str = "/v2/analytics/organizations/acme/suites/web";

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::with(|_config| {}, Clock::System)
    }

    /// With other settings, or another clock.
    pub(crate) fn with(change: impl FnOnce(&mut Config), clock: Clock) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::in_directory(directory.path());
        "acme".clone_into(&mut config.storage.organization);
        config.limits.rest_requests_per_minute = NO_LIMIT;
        config.limits.plan_requests_per_minute = NO_LIMIT;
        change(&mut config);
        let runtime = Runtime::new().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let (base, access, suite_token, done) = runtime.block_on(async {
            let server = Server::prepare(config.clone(), clock).await.unwrap();
            let access = server.first_token().unwrap().expose_secret().to_owned();
            let store = test_engine::open_store(&config.storage).await.unwrap();
            let now = Timestamp::from_millis(0);
            let suite = NewSuite {
                name: "Web".to_owned(),
                ..admin::new_suite("web")
            };
            let suite = admin::create_suite(&store, "acme", suite, &Change::by_server(now))
                .await
                .unwrap();
            store.close().await;
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let base = format!("http://{}", listener.local_addr().unwrap());
            let done = tokio::spawn(server.run(listener, async {
                let _either_way = stopped.await;
            }));
            (base, access, suite.token.expose_secret().to_owned(), done)
        });
        Self {
            base,
            _directory: directory,
            config,
            access,
            suite_token,
            runtime,
            stop: Some(stop),
            done: Some(done),
        }
    }

    /// On a data directory that has a database. It has no tokens of its own.
    pub(crate) fn on(directory: TempDir, clock: Clock) -> Self {
        let mut server = Self {
            base: String::new(),
            config: Config::in_directory(directory.path()),
            _directory: directory,
            access: String::new(),
            suite_token: String::new(),
            runtime: Runtime::new().unwrap(),
            stop: None,
            done: None,
        };
        server.restart(clock);
        server
    }

    /// Where it keeps things.
    pub(crate) fn directory(&self) -> &Path {
        &self.config.storage.data_dir
    }

    /// Stop it and start it again on the data it had, with another clock; the address is a new one.
    pub(crate) fn restart(&mut self, clock: Clock) {
        self.stop();
        let config = self.config.clone();
        let (stop, stopped) = oneshot::channel::<()>();
        self.stop = Some(stop);
        (self.base, self.done) = self.runtime.block_on(async {
            let server = Server::prepare(config, clock).await.unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let base = format!("http://{}", listener.local_addr().unwrap());
            let running = server.run(listener, async {
                let _either_way = stopped.await;
            });
            (base, Some(tokio::spawn(running)))
        });
    }

    /// The program, on the database of this server.
    pub(crate) fn command(&self) -> std::process::Command {
        let mut command = program(self.directory());
        if let Some(url) = self.config.storage.database_url() {
            command.env("TEST_ENGINE_DATABASE_URL", url);
        }
        command
    }

    /// Do something with the database beside the server, as the command line does.
    pub(crate) fn with_store<T>(
        &self,
        work: impl AsyncFnOnce(&test_engine_store::Store) -> T,
    ) -> T {
        self.runtime.block_on(async {
            let store = test_engine::open_store(&self.config.storage).await.unwrap();
            let value = work(&store).await;
            store.close().await;
            value
        })
    }

    /// An access token of `organization`, made when missing, with these scopes.
    pub(crate) fn token(&self, organization: &str, scopes: &[Scope]) -> String {
        let now = Timestamp::from_millis(0);
        self.with_store(async |store| {
            let organization = match store.organization(organization).await.unwrap() {
                Some(organization) => organization,
                None => admin::create_organization(store, organization, &Change::by_server(now))
                    .await
                    .unwrap(),
            };
            let request = TokenRequest {
                scopes: scopes.to_vec(),
                ..TokenRequest::default()
            };
            let made = admin::create_token(store, &organization, request, &Change::by_server(now))
                .await
                .unwrap();
            made.secret.expose_secret().to_owned()
        })
    }

    /// Ask with the access token of the organization `acme`.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path).bearer(&self.access).send()
    }

    /// Post JSON with the access token of the organization `acme`.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path)
            .bearer(&self.access)
            .json(body)
            .send()
    }

    pub(crate) fn put(&self, path: &str) -> Answer {
        self.ask("PUT", path).bearer(&self.access).send()
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Answer {
        self.ask("PATCH", path)
            .bearer(&self.access)
            .json(body)
            .send()
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path).bearer(&self.access).send()
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask {
        Ask::new(method, &format!("{}{path}", self.base))
    }

    /// Upload results of the `json` format as one build, on a branch.
    pub(crate) fn upload(&self, key: &str, branch: &str, results: &Value) -> Answer {
        let body = json!({
            "format": "json",
            "run_env": {
                "CI": "buildkite", "key": key, "branch": branch,
                "commit_sha": format!("sha-{key}"),
            },
            "data": results,
        });
        let answer = self.upload_json(&body);
        assert_eq!(answer.status, 202, "{}", answer.text());
        answer
    }

    pub(crate) fn upload_json(&self, body: &Value) -> Answer {
        self.upload_with(&self.suite_token, body)
    }

    /// With the token of any suite.
    pub(crate) fn upload_with(&self, token: &str, body: &Value) -> Answer {
        self.ask("POST", "/v1/uploads")
            .header("authorization", &format!("Token token=\"{token}\""))
            .json(body)
            .send()
    }

    /// A further suite of the organization `acme`: its slug, and its token.
    pub(crate) fn create_suite(&self, name: &str) -> (String, String) {
        let create = json!({"name": name, "default_branch": "main", "show_api_token": true});
        let suites = SUITE.strip_suffix("/web").unwrap();
        let created = self.post(suites, &create);
        assert_eq!(created.status, 201, "{}", created.text());
        let field = |name: &str| created.json()[name].as_str().unwrap().to_owned();
        (field("slug"), field("api_token"))
    }

    /// Stop accepting, finish what is under way, and wait for the end.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(done) = self.done.take() {
            self.runtime.block_on(done).unwrap();
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        drop(self.stop.take());
    }
}

/// One result of the `json` format.
pub(crate) fn result(scope: &str, name: &str, file: &str, seconds: f64, outcome: &str) -> Value {
    json!({
        "scope": scope,
        "name": name,
        "location": format!("{file}:1"),
        "file_name": file,
        "result": outcome,
        "history": {"section": "top", "duration": seconds},
    })
}

/// A request to be sent.
pub(crate) struct Ask {
    request: ureq::http::request::Builder,
    body: Vec<u8>,
}

impl Ask {
    pub(crate) fn new(method: &str, url: &str) -> Self {
        let request = ureq::http::Request::builder().method(method).uri(url);
        Self {
            request,
            body: Vec::new(),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    pub(crate) fn send(self) -> Answer {
        self.exchange().unwrap()
    }

    /// The answer, or none when the server went away.
    pub(crate) fn try_send(self) -> Option<Answer> {
        self.exchange().ok()
    }

    fn exchange(self) -> Result<Answer, ureq::Error> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .allow_non_standard_methods(true)
            .timeout_global(Some(Duration::from_mins(1)))
            .build()
            .into();
        let response = if self.body.is_empty() {
            agent.run(self.request.body(()).unwrap())
        } else {
            agent.run(self.request.body(self.body).unwrap())
        };
        let mut response = response?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response
                .headers()
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("?").to_owned()))
                .collect(),
            body: response
                .body_mut()
                .with_config()
                .limit(1 << 30)
                .read_to_vec()?,
        })
    }
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// The JSON of an answer that must be a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// The message of an answer that must have this status.
    #[track_caller]
    pub(crate) fn error(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/json"));
        self.json()["message"]
            .as_str()
            .expect("a message")
            .to_owned()
    }
}

/// A `multipart/form-data` body: fields, then files, in the order given.
pub(crate) fn form(fields: &[(&str, &str)]) -> (String, Vec<u8>) {
    let boundary = "test-boundary-7d81";
    let mut body = Vec::new();
    for (name, value) in fields {
        let file = if matches!(*name, "data" | "file") {
            "; filename=\"results.xml\""
        } else {
            ""
        };
        body.extend_from_slice(
            format!(
                "--{boundary}\r\n\
                Content-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n\
                {value}\r\n"
            )
            .as_bytes(),
        );
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

pub(crate) fn gzip(plain: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// The real program, with nothing of this machine's settings.
#[expect(clippy::disallowed_methods, reason = "tests start the real program")]
pub(crate) fn program(data_dir: &Path) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_test-engine"));
    command.env_clear().env("TEST_ENGINE_DATA_DIR", data_dir);
    command
}

/// Creates a database without organizations, as no command does.
pub(crate) fn create_database(data_dir: &Path) {
    let storage = Config::in_directory(data_dir).storage;
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let store = test_engine::open_store(&storage).await.unwrap();
        store.close().await;
    });
}
