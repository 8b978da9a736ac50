//! A small blocking HTTP client, and the address and tokens of a suite.
//!
//! Independent of `bktec`'s client, so that tests of the server do not share its assumptions.

use std::time::Duration;

use serde_json::{Value, json};

const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);

/// A suite on a server, and the tokens for it.
#[derive(Clone, Debug)]
pub struct Connection {
    /// For example `http://127.0.0.1:40001`, without a trailing slash.
    pub base_url: String,
    /// The slug of the organization.
    pub organization: String,
    /// The slug of the suite.
    pub suite: String,
    /// An access token with every scope.
    pub access_token: String,
    /// The upload token of the suite.
    pub suite_token: String,
}

impl Connection {
    /// The REST and plan API of the suite, with the access token.
    pub fn api(&self) -> Api {
        Api {
            agent: agent(),
            base: format!(
                "{}/v2/analytics/organizations/{}/suites/{}",
                self.base_url, self.organization, self.suite
            ),
            authorization: format!("Bearer {}", self.access_token),
        }
    }

    /// Uploads results as a JSON body.
    #[track_caller]
    pub fn upload(&self, run_key: &str, format: &str, data: &Value) -> Response {
        self.try_upload(run_key, format, data)
            .expect("the server responds")
    }

    /// Uploads one passed test in a run with this commit.
    #[track_caller]
    pub fn upload_for_commit(&self, run_key: &str, commit: &str) -> Response {
        let body = json!({
            "format": "json",
            "run_env": {"CI": "generic", "key": run_key, "commit_sha": commit},
            "data": [{"scope": "shop", "name": "opens", "result": "passed"}],
        });
        self.uploads()
            .try_post("", &body)
            .expect("the server responds")
    }

    /// Uploads results of a commit as a build of Buildkite, whose ID is the run key.
    #[track_caller]
    pub fn upload_of_commit(
        &self,
        build: &str,
        branch: &str,
        commit: &str,
        data: &[Value],
    ) -> Response {
        let run_env = json!({
            "CI": "buildkite", "key": build, "branch": branch, "commit_sha": commit,
        });
        let body = json!({"format": "json", "run_env": run_env, "data": data});
        self.uploads()
            .try_post("", &body)
            .expect("the server responds")
    }

    /// Uploads results as a build of Buildkite, whose id is the run key.
    #[track_caller]
    pub fn upload_of_buildkite(&self, build: &str, data: &Value) -> Response {
        let run_env = json!({"CI": "buildkite", "key": build, "branch": "main"});
        let body = json!({"format": "json", "run_env": run_env, "data": data});
        self.uploads()
            .try_post("", &body)
            .expect("the server responds")
    }

    /// Uploads results. `None` when the connection broke before the response was complete.
    pub fn try_upload(&self, run_key: &str, format: &str, data: &Value) -> Option<Response> {
        let body =
            json!({"format": format, "run_env": {"CI": "generic", "key": run_key}, "data": data});
        self.uploads().try_post("", &body).ok()
    }

    fn uploads(&self) -> Api {
        Api {
            agent: agent(),
            base: format!("{}/v1/uploads", self.base_url),
            authorization: format!("Token token=\"{}\"", self.suite_token),
        }
    }

    /// The ID of a test. Fails the test when the server does not know it.
    #[track_caller]
    pub fn test_id(&self, scope: &str, name: &str) -> String {
        let response = self
            .api()
            .post("/tests/find", &json!({"scope": scope, "name": name}));
        response.expect_status(200).json()["id"]
            .as_str()
            .unwrap_or_else(|| panic!("no ID in {response:?}"))
            .to_owned()
    }

    /// Mutes a test through the REST API.
    #[track_caller]
    pub fn mute(&self, scope: &str, name: &str) {
        self.change_state(scope, name, "mute");
    }

    /// Skips a test through the REST API.
    #[track_caller]
    pub fn skip(&self, scope: &str, name: &str) {
        self.change_state(scope, name, "skip");
    }

    #[track_caller]
    fn change_state(&self, scope: &str, name: &str, change: &str) {
        let id = self.test_id(scope, name);
        self.api()
            .put(&format!("/tests/{id}/{change}"), &json!({}))
            .expect_status(200);
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(REQUEST_TIMEOUT))
        // Requests to a server in a test must not use a proxy.
        .proxy(None)
        .build()
        .into()
}

/// Sends requests with one base URL and one token.
#[derive(Clone, Debug)]
pub struct Api {
    agent: ureq::Agent,
    base: String,
    authorization: String,
}

impl Api {
    /// `GET`; `path` starts with a slash.
    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        let request = self.agent.get(format!("{}{path}", self.base));
        let request = request.header("Authorization", &self.authorization);
        Response::read(request.call()).unwrap_or_else(|error| panic!("no response: {error}"))
    }

    /// `POST` of JSON.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Response {
        self.try_post(path, body)
            .unwrap_or_else(|error| panic!("no response: {error}"))
    }

    fn try_post(&self, path: &str, body: &Value) -> Result<Response, ureq::Error> {
        self.send(self.agent.post(format!("{}{path}", self.base)), body)
    }

    /// `PUT` of JSON.
    #[track_caller]
    pub fn put(&self, path: &str, body: &Value) -> Response {
        self.send(self.agent.put(format!("{}{path}", self.base)), body)
            .unwrap_or_else(|error| panic!("no response: {error}"))
    }

    /// `PATCH` of JSON.
    #[track_caller]
    pub fn patch(&self, path: &str, body: &Value) -> Response {
        self.send(self.agent.patch(format!("{}{path}", self.base)), body)
            .unwrap_or_else(|error| panic!("no response: {error}"))
    }

    fn send(
        &self,
        request: ureq::RequestBuilder<ureq::typestate::WithBody>,
        body: &Value,
    ) -> Result<Response, ureq::Error> {
        let request = request
            .header("Authorization", &self.authorization)
            .header("Content-Type", "application/json");
        Response::read(request.send(body.to_string()))
    }
}

/// An HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The body without decoding.
    pub body: Vec<u8>,
}

impl Response {
    fn read(
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Self, ureq::Error> {
        let mut response = response?;
        let status = response.status().as_u16();
        let body = response
            .body_mut()
            .with_config()
            .limit(1 << 30)
            .read_to_vec()?;
        Ok(Self { status, body })
    }

    /// Fails the test with the body unless this is the status.
    #[track_caller]
    pub fn expect_status(&self, status: u16) -> &Self {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{body}");
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        let body = String::from_utf8_lossy(&self.body);
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("not JSON ({error}): {body}"))
    }
}
