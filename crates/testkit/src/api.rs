//! A small blocking HTTP client, and what one needs to know to use a server.
//!
//! It is not `bktec`'s client on purpose: the tests of the server must not depend on what the
//! client thinks a server says.

use std::time::Duration;

use serde_json::{Value, json};

/// The longest a single request of a test may take.
const LIMIT: Duration = Duration::from_mins(1);

/// A suite on a server, and the tokens for it.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Such as `http://127.0.0.1:40001`, without a slash at the end.
    pub base_url: String,
    /// Slug of the organization.
    pub organization: String,
    /// Slug of the suite.
    pub suite: String,
    /// An access token with every scope.
    pub access_token: String,
    /// The suite's token, for uploads.
    pub suite_token: String,
}

impl Connection {
    /// The REST and plan API of the suite, as its own user.
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

    /// Uploads results in the JSON form.
    #[track_caller]
    pub fn upload(&self, run_key: &str, format: &str, data: &Value) -> Answer {
        self.try_upload(run_key, format, data)
            .expect("the server answers")
    }

    /// Uploads one passed test of a run on this commit.
    #[track_caller]
    pub fn upload_of_commit(&self, run_key: &str, commit: &str) -> Answer {
        let body = json!({
            "format": "json",
            "run_env": {"CI": "generic", "key": run_key, "commit_sha": commit},
            "data": [{"scope": "shop", "name": "opens", "result": "passed"}],
        });
        self.uploads()
            .try_post("", &body)
            .expect("the server answers")
    }

    /// Uploads results; `None` when the connection broke before there was a whole answer.
    pub fn try_upload(&self, run_key: &str, format: &str, data: &Value) -> Option<Answer> {
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

    /// The id of a test; one the server does not know fails the test.
    #[track_caller]
    pub fn test_id(&self, scope: &str, name: &str) -> String {
        let answer = self
            .api()
            .post("/tests/find", &json!({"scope": scope, "name": name}));
        answer.expect_status(200).json()["id"]
            .as_str()
            .unwrap_or_else(|| panic!("no id in {answer:?}"))
            .to_owned()
    }

    /// Mutes a test through the REST API, as a script would.
    #[track_caller]
    pub fn mute(&self, scope: &str, name: &str) {
        self.change_state(scope, name, "mute");
    }

    /// Has a test left out, through the REST API.
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
        .timeout_global(Some(LIMIT))
        // A proxy of the machine is not for servers inside a test.
        .proxy(None)
        .build()
        .into()
}

/// Requests below one address with one token.
#[derive(Clone, Debug)]
pub struct Api {
    agent: ureq::Agent,
    base: String,
    authorization: String,
}

impl Api {
    /// `GET`; `path` begins with a slash.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        Answer::read(
            self.agent
                .get(format!("{}{path}", self.base))
                .header("Authorization", &self.authorization)
                .call(),
        )
        .unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    /// `POST` of JSON.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.try_post(path, body)
            .unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    fn try_post(&self, path: &str, body: &Value) -> Result<Answer, ureq::Error> {
        Answer::read(
            self.agent
                .post(format!("{}{path}", self.base))
                .header("Authorization", &self.authorization)
                .header("Content-Type", "application/json")
                .send(body.to_string()),
        )
    }

    /// `PUT` of JSON.
    #[track_caller]
    pub fn put(&self, path: &str, body: &Value) -> Answer {
        Answer::read(
            self.agent
                .put(format!("{}{path}", self.base))
                .header("Authorization", &self.authorization)
                .header("Content-Type", "application/json")
                .send(body.to_string()),
        )
        .unwrap_or_else(|error| panic!("no answer: {error}"))
    }
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body as it came.
    pub body: Vec<u8>,
}

impl Answer {
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

    /// Fails the test, with the body, unless the status is this one.
    #[track_caller]
    pub fn expect_status(&self, status: u16) -> &Self {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!(
                "not JSON ({error}): {}",
                String::from_utf8_lossy(&self.body)
            )
        })
    }
}
