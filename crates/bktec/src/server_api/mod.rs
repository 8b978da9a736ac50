//! The plan API, as calls: fetch or create a plan, filter tests, tell how a run went.
//!
//! It gives typed answers or an [`ApiError`] that says whether work can go on without one. It does
//! not decide what a command does then.

mod backfill;
mod budget;
mod failure;
pub(crate) mod multipart;
mod transport;

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use test_engine_wire::{
    FilterTestsRequest, FilterTestsResponse, Plan, PlanMetadataRequest, PlanRequest,
};

pub use budget::Budget;
pub use failure::{Failure, Reason, Verdict};
pub(crate) use transport::{GaveUp, Request, Transport, with_retries};

use crate::terminal::Terminal;

/// How this client names itself.
pub fn user_agent() -> String {
    // The names are Go's: servers and their logs know them.
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

/// A plan, and the text it was read from.
#[derive(Clone, Debug)]
pub struct PlanAnswer {
    /// The plan.
    pub plan: Plan,
    /// The server's answer as it came: JSON.
    pub text: Vec<u8>,
}

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
#[error("failed to {doing}: {failure}{}", effort(*.tries, *.elapsed))]
pub struct ApiError {
    doing: &'static str,
    failure: Failure,
    tries: u32,
    elapsed: Duration,
}

/// How hard it was tried, for the end of a message; empty when it was tried once.
pub(crate) fn effort(tries: u32, elapsed: Duration) -> String {
    if tries > 1 {
        format!(" ({tries} tries in {:.1} s)", elapsed.as_secs_f64())
    } else {
        String::new()
    }
}

impl ApiError {
    /// Why work can go on without the server, or `None` when it cannot: something is wrong that a
    /// person must put right.
    pub fn reason_to_go_without(&self) -> Option<Reason> {
        match self.failure.verdict() {
            Verdict::Retry => Some(Reason::BudgetSpent),
            Verdict::GoWithout(reason) => Some(reason),
            Verdict::Fatal => None,
        }
    }

    /// What a person might do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match &self.failure {
            Failure::Status { status: 401, .. } => Some(
                "check the access token: BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN or --access-token",
            ),
            Failure::Status { status: 403, .. } => {
                Some("check that the access token may read and write test plans of this suite")
            }
            Failure::Unreadable(_) | Failure::Request(_) => Some(
                "check that BUILDKITE_TEST_ENGINE_BASE_URL (--base-url) names a Test Engine server",
            ),
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

/// Speaks with the plan API of one suite.
pub struct Client<'a> {
    transport: Transport,
    suite_url: String,
    authorization: SecretString,
    time_scale: f64,
    terminal: &'a Terminal,
}

impl<'a> Client<'a> {
    /// Connects when first used.
    pub(crate) fn new(suite: &SuiteAccess, transport: &Transport, terminal: &'a Terminal) -> Self {
        Self {
            transport: transport.clone(),
            suite_url: format!(
                "{}/v2/analytics/organizations/{}/suites/{}",
                suite.base_url,
                percent_encoded(&suite.organization_slug, false),
                percent_encoded(&suite.suite_slug, false)
            ),
            authorization: format!("Bearer {}", suite.access_token.expose_secret()).into(),
            time_scale: suite.time_scale,
            terminal,
        }
    }

    /// The plan of this name, or `None` when there is none yet.
    pub fn fetch_plan(
        &self,
        identifier: &str,
        job_retry_count: i64,
    ) -> Result<Option<PlanAnswer>, ApiError> {
        let url = format!(
            "{}/test_plan?identifier={}&job_retry_count={job_retry_count}",
            self.suite_url,
            percent_encoded(identifier, true)
        );
        let fetched = self.call(
            "fetch the test plan",
            Budget::PLAN,
            "GET",
            &url,
            None,
            read_plan,
        );
        match fetched {
            Err(error) if error.reason_to_go_without() == Some(Reason::NotFound) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Asks for a plan to be made. Whoever asks first decides; the others get the same plan.
    pub fn create_plan(&self, request: &PlanRequest) -> Result<PlanAnswer, ApiError> {
        let url = format!("{}/test_plan", self.suite_url);
        let body = encoded(request);
        self.call(
            "create the test plan",
            Budget::PLAN,
            "POST",
            &url,
            Some(&body),
            read_plan,
        )
    }

    /// Which files are worth splitting into examples.
    pub fn filter_tests(
        &self,
        request: &FilterTestsRequest,
    ) -> Result<FilterTestsResponse, ApiError> {
        let url = format!("{}/test_plan/filter_tests", self.suite_url);
        let body = encoded(request);
        self.call(
            "filter the tests",
            Budget::PLAN,
            "POST",
            &url,
            Some(&body),
            |body| read_json(&body),
        )
    }

    /// Tells how the run of this node went.
    pub fn send_plan_metadata(&self, request: &PlanMetadataRequest) -> Result<(), ApiError> {
        let url = format!("{}/test_plan_metadata", self.suite_url);
        let body = encoded(request);
        // The answer holds nothing, and may be empty.
        self.call(
            "send the test plan metadata",
            Budget::AFTERWARDS,
            "POST",
            &url,
            Some(&body),
            |_| Ok(()),
        )
    }

    fn call<T>(
        &self,
        doing: &'static str,
        budget: Budget,
        method: &str,
        url: &str,
        body: Option<&[u8]>,
        read: impl Fn(Vec<u8>) -> Result<T, Failure>,
    ) -> Result<T, ApiError> {
        let request = Request {
            url,
            authorization: self.authorization.expose_secret(),
            content_type: "application/json",
        };
        let what = format!("{method} {}", shown(url));
        self.terminal.debug(|| match body {
            Some(body) => format!("{what} with {} bytes", body.len()),
            None => what.clone(),
        });
        with_retries(
            &budget.scaled(self.time_scale),
            self.terminal,
            &what,
            |limit| {
                let answer = match body {
                    Some(mut body) => {
                        self.transport
                            .post(request, body.len() as u64, &mut body, limit)
                    }
                    None => self.transport.get(request, limit),
                };
                answer.and_then(&read)
            },
        )
        .map_err(|gave_up| ApiError {
            doing,
            failure: gave_up.failure,
            tries: gave_up.tries,
            elapsed: gave_up.elapsed,
        })
    }
}

fn read_plan(text: Vec<u8>) -> Result<PlanAnswer, Failure> {
    Ok(PlanAnswer {
        plan: read_json(&text)?,
        text,
    })
}

fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    // A list would be read as the values of an object in order, and `[]` as an empty plan.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Failure::Unreadable("it is not a JSON object".to_owned()));
    }
    serde_json::from_slice(body).map_err(|error| Failure::Unreadable(error.to_string()))
}

fn encoded(request: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(request).expect("requests hold only strings, numbers, lists and string keys")
}

/// An address without its query and without a user's name or password.
fn shown(url: &str) -> String {
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

/// RFC 3986 percent-encoding of everything but unreserved characters, and `/` where it may stay.
fn percent_encoded(text: &str, keep_slashes: bool) -> String {
    use std::fmt::Write as _;

    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            b'/' if keep_slashes => encoded.push('/'),
            _ => write!(encoded, "%{byte:02X}").expect("a string takes every write"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_keeps_its_slash_and_nothing_else() {
        assert_eq!(percent_encoded("b1/s 2&c=é", true), "b1/s%202%26c%3D%C3%A9");
        assert_eq!(percent_encoded("../x", false), "..%2Fx");
    }

    #[test]
    fn addresses_are_shown_without_secrets() {
        assert_eq!(
            shown("https://user:pass@example.com:8/v2/plan?identifier=x"),
            "https://example.com:8/v2/plan"
        );
        assert_eq!(shown("http://example.com"), "http://example.com");
    }

    #[test]
    fn the_user_agent_has_gos_names() {
        let name = user_agent();
        assert!(name.starts_with("Buildkite Test Engine Client/"), "{name}");
        assert!(name.ends_with(')'), "{name}");
        assert!(
            !name.contains("x86_64") && !name.contains("macos"),
            "{name}"
        );
    }
}
