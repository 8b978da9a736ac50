//! The plan API as typed calls.
//!
//! Each call returns a response, or an [`ApiError`] that says whether work can continue without
//! one. What a command does then is the command's decision.

mod accounting;
mod backfill;
mod budget;
mod doctor;
mod failure;
mod hints;
pub(crate) mod multipart;
mod node_reports;
mod selection;
mod summary;
mod transport;

use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use test_engine_wire::{
    FilterTestsRequest, FilterTestsResponse, Plan, PlanMetadataRequest, PlanRequest,
};

pub use accounting::AccountingOf;
pub use budget::Budget;
pub(crate) use doctor::{server_date, suite_of_upload_token};
pub use failure::{Failure, Reason, Verdict};
use hints::Hints;
pub use node_reports::FirstReport;
pub(crate) use transport::{GaveUp, Request, Transport, with_retries};

use crate::terminal::Terminal;

/// Uses Go's names for the platform, as the hosted client does.
pub fn user_agent() -> String {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    };
    format!(
        "Buildkite Test Engine Client/{} ({system}/{architecture})",
        env!("CARGO_PKG_VERSION")
    )
}

#[derive(Clone, Debug)]
pub struct PlanResponse {
    pub plan: Plan,
    /// The JSON that the plan was parsed from.
    pub text: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
#[error("failed to {doing}: {gave_up}")]
pub struct ApiError {
    doing: &'static str,
    gave_up: GaveUp,
    /// What to check.
    hint: Option<String>,
}

impl ApiError {
    /// Why work can continue without the server; `None` if a person must fix something first.
    pub fn reason_to_continue(&self) -> Option<Reason> {
        match self.gave_up.failure.verdict() {
            Verdict::Retry => Some(Reason::BudgetSpent),
            Verdict::Continue(reason) => Some(reason),
            Verdict::Fatal => None,
        }
    }

    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether the server does not have what was requested, although it knows the suite.
    fn is_not_found(&self) -> bool {
        let is_not_found = self.reason_to_continue() == Some(Reason::NotFound);
        is_not_found && self.gave_up.failure.not_found_cause().is_none()
    }

    /// Of the last response, if there was one.
    pub fn status(&self) -> Option<u16> {
        match &self.gave_up.failure {
            Failure::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// The suite that a client works for, and how it authenticates.
#[derive(Clone, Debug)]
pub struct SuiteAccess {
    /// Without a trailing slash.
    pub base_url: String,
    pub organization_slug: String,
    pub suite_slug: String,
    pub access_token: SecretString,
    /// A factor for time limits: 1, except in this project's tests.
    pub time_scale: f64,
}

/// A client of the plan API for one suite.
pub struct Client<'a> {
    transport: Transport,
    suite_url: String,
    hints: Hints,
    authorization: SecretString,
    time_scale: f64,
    terminal: &'a Terminal,
}

/// One request with its retries.
struct Call<'a> {
    /// Completes "failed to …".
    doing: &'static str,
    budget: Budget,
    url: &'a str,
    accept: &'a str,
    /// A `POST` if there is one, else a `GET`.
    body: Option<&'a [u8]>,
    is_gzip: bool,
}

impl<'a> Client<'a> {
    /// Connects on first use.
    pub(crate) fn new(suite: &SuiteAccess, transport: &Transport, terminal: &'a Terminal) -> Self {
        Self {
            transport: transport.clone(),
            suite_url: format!(
                "{}/v2/analytics/organizations/{}/suites/{}",
                suite.base_url,
                percent_encoded(&suite.organization_slug, false),
                percent_encoded(&suite.suite_slug, false)
            ),
            hints: Hints::new(suite),
            authorization: format!("Bearer {}", suite.access_token.expose_secret()).into(),
            time_scale: suite.time_scale,
            terminal,
        }
    }

    /// `None` if the plan does not exist yet.
    pub fn fetch_plan(
        &self,
        identifier: &str,
        job_retry_count: i64,
    ) -> Result<Option<PlanResponse>, ApiError> {
        let url = format!(
            "{}/test_plan?identifier={}&job_retry_count={job_retry_count}",
            self.suite_url,
            percent_encoded(identifier, true)
        );
        match self.get("fetch the test plan", &url, read_plan) {
            Err(error) if error.reason_to_continue() == Some(Reason::NotFound) => Ok(None),
            other => other.map(Some),
        }
    }

    /// The first request decides; later ones with the same identifier get the same plan.
    pub fn create_plan(&self, request: &PlanRequest) -> Result<PlanResponse, ApiError> {
        let doing = "create the test plan";
        self.post(doing, Budget::PLAN, "test_plan", request, read_plan)
    }

    /// Returns the files that are worth splitting into examples.
    pub fn filter_tests(
        &self,
        request: &FilterTestsRequest,
    ) -> Result<FilterTestsResponse, ApiError> {
        let doing = "filter the tests";
        let path = "test_plan/filter_tests";
        self.post(doing, Budget::PLAN, path, request, read_json)
    }

    pub fn send_plan_metadata(&self, request: &PlanMetadataRequest) -> Result<(), ApiError> {
        let doing = "send the test plan metadata";
        // The response may be empty.
        let read = |_| Ok(());
        self.post(doing, Budget::METADATA, "test_plan_metadata", request, read)
    }

    fn get<T>(
        &self,
        doing: &'static str,
        url: &str,
        read: impl Fn(Vec<u8>) -> Result<T, Failure>,
    ) -> Result<T, ApiError> {
        let call = Call {
            doing,
            budget: Budget::PLAN,
            url,
            accept: "*/*",
            body: None,
            is_gzip: false,
        };
        self.call(&call, read)
    }

    /// `path` is relative to the suite.
    fn post<T>(
        &self,
        doing: &'static str,
        budget: Budget,
        path: &str,
        request: &impl serde::Serialize,
        read: impl Fn(Vec<u8>) -> Result<T, Failure>,
    ) -> Result<T, ApiError> {
        let body = json(request);
        let call = Call {
            doing,
            budget,
            url: &format!("{}/{path}", self.suite_url),
            accept: "*/*",
            body: Some(&body),
            is_gzip: false,
        };
        self.call(&call, read)
    }

    fn call<T>(
        &self,
        call: &Call<'_>,
        read: impl Fn(Vec<u8>) -> Result<T, Failure>,
    ) -> Result<T, ApiError> {
        let request = Request {
            url: call.url,
            authorization: Some(self.authorization.expose_secret()),
            content_type: "application/json",
            content_encoding: call.is_gzip.then_some("gzip"),
            accept: call.accept,
        };
        let method = call.body.map_or("GET", |_| "POST");
        let what = format!("{method} {}", without_secrets(call.url));
        self.terminal.debug(|| match call.body {
            Some(body) => format!("{what} with {} bytes", body.len()),
            None => what.clone(),
        });
        with_retries(
            &call.budget.scaled(self.time_scale),
            self.terminal,
            &format!("API request failed: {what}"),
            |limit| {
                let body = match call.body {
                    Some(mut body) => {
                        let length = body.len() as u64;
                        self.transport.post(request, length, &mut body, limit)?.1
                    }
                    None => self.transport.get(request, limit)?,
                };
                read(body)
            },
        )
        .map_err(|gave_up| ApiError {
            doing: call.doing,
            hint: self.hints.hint(&gave_up.failure),
            gave_up,
        })
    }
}

fn json(request: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(request)
        .expect("requests contain only strings, numbers, lists and string keys")
}

fn read_plan(text: Vec<u8>) -> Result<PlanResponse, Failure> {
    let plan = serde_json::from_slice(json_object(&text)?).map_err(unreadable)?;
    Ok(PlanResponse { plan, text })
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "has the signature of read_plan"
)]
fn read_json<T: DeserializeOwned>(body: Vec<u8>) -> Result<T, Failure> {
    serde_json::from_slice(json_object(&body)?).map_err(unreadable)
}

/// Rejects other JSON: serde reads a list as the fields of a struct, and `[]` as an empty plan.
fn json_object(body: &[u8]) -> Result<&[u8], Failure> {
    if body.trim_ascii_start().first() == Some(&b'{') {
        Ok(body)
    } else {
        Err(Failure::Unreadable("it is not a JSON object".to_owned()))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unreadable(error: serde_json::Error) -> Failure {
    Failure::Unreadable(error.to_string())
}

/// The URL without its query, user name and password.
pub(crate) fn without_secrets(url: &str) -> String {
    let url = url.split_once('?').map_or(url, |(url, _)| url);
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// Percent-encodes everything but the unreserved characters of RFC 3986, and `/` on request.
fn percent_encoded(text: &str, keep_slashes: bool) -> String {
    use std::fmt::Write as _;

    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            b'/' if keep_slashes => encoded.push('/'),
            _ => write!(encoded, "%{byte:02X}").expect("writing to a string cannot fail"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_can_keep_slashes() {
        assert_eq!(percent_encoded("b1/s 2&c=é", true), "b1/s%202%26c%3D%C3%A9");
        assert_eq!(percent_encoded("../x", false), "..%2Fx");
    }

    #[test]
    fn urls_lose_their_secrets() {
        assert_eq!(
            without_secrets("https://user:pass@example.com:8/v2/plan?identifier=x"),
            "https://example.com:8/v2/plan"
        );
        assert_eq!(without_secrets("http://example.com"), "http://example.com");
    }

    #[test]
    fn the_user_agent_has_the_names_of_go() {
        let name = user_agent();
        assert!(name.starts_with("Buildkite Test Engine Client/"), "{name}");
        assert!(name.ends_with(')'), "{name}");
        assert!(
            !name.contains("x86_64") && !name.contains("macos"),
            "{name}"
        );
    }
}
