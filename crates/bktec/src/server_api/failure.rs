//! Why one request failed, and whether to retry, continue without the server, or stop. Pure.
//!
//! `budget` decides how long to keep trying.

use std::io;
use std::time::Duration;

/// The start of a 403 message that is about money, not about permission.
const BILLING: &str = "Billing Error";

/// Bytes of an error body that are shown.
const MAX_SHOWN: usize = 500;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No complete response: no connection, a reset, a timeout, a broken certificate.
    #[error("{message}")]
    Network {
        message: String,
        /// What usually causes this, as a sentence.
        explanation: Option<&'static str>,
    },
    /// The other side speaks TLS and this side does not, or the other way around.
    #[error("{0}")]
    WrongScheme(&'static str),
    /// A response with a status other than success.
    #[error("{message} (status {status})")]
    Status {
        status: u16,
        /// From the body, or a description of a body that is not JSON.
        message: String,
        /// The message is that of an error body of the API.
        is_from_api: bool,
        /// The wait that the server requested; only with 429.
        retry_after: Option<Duration>,
    },
    /// A successful response with an unexpected body.
    #[error("the server's response cannot be read: {0}")]
    Unreadable(String),
    /// The request itself is invalid or pointless.
    #[error("{0}")]
    Request(String),
}

/// Why the server found nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotFoundCause {
    BaseUrl,
    Organization,
    Suite,
    /// It has the API, but not this part of it.
    OldServer,
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Retry,
    /// A retry will not help; work without the server.
    Continue(Reason),
    /// A person must fix something.
    Fatal,
}

/// Why work continues without the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No time or tries are left.
    BudgetSpent,
    Billing,
    NotFound,
    Unprocessable,
    /// See [`Failure::WrongScheme`].
    WrongScheme,
}

impl Failure {
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Network { .. } => Verdict::Retry,
            Self::WrongScheme(_) => Verdict::Continue(Reason::WrongScheme),
            Self::Unreadable(_) | Self::Request(_) => Verdict::Fatal,
            Self::Status {
                status, message, ..
            } => match status {
                409 | 429 | 500..=599 => Verdict::Retry,
                403 if message.starts_with(BILLING) => Verdict::Continue(Reason::Billing),
                404 => Verdict::Continue(Reason::NotFound),
                422 => Verdict::Continue(Reason::Unprocessable),
                _ => Verdict::Fatal,
            },
        }
    }

    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// What usually causes this failure, as a sentence.
    pub fn explanation(&self) -> Option<&'static str> {
        match self {
            Self::Network { explanation, .. } => *explanation,
            _ => None,
        }
    }

    /// Why a 404 found nothing; `None` for other failures, and if the response does not say so. A
    /// response in another form is not that of the API.
    pub(super) fn not_found_cause(&self) -> Option<NotFoundCause> {
        let Self::Status {
            status: 404,
            message,
            is_from_api,
            ..
        } = self
        else {
            return None;
        };
        // Without the names, which may contain any word.
        let unquoted: String = message.split('"').step_by(2).collect();
        let unquoted = unquoted.to_ascii_lowercase();
        if *is_from_api && unquoted.contains(" /v2/analytics/organizations/") {
            Some(NotFoundCause::OldServer)
        } else if !is_from_api || unquoted.contains("/v2/analytics/") {
            // A path before that of the API comes from the base URL.
            Some(NotFoundCause::BaseUrl)
        } else if unquoted.contains("no suite") {
            Some(NotFoundCause::Suite)
        } else if unquoted.contains("no organization") {
            Some(NotFoundCause::Organization)
        } else {
            None
        }
    }

    /// The usual texts of web servers that got plain HTTP on a port for TLS.
    pub(crate) fn needs_tls(&self) -> bool {
        let Self::Status {
            status: 400,
            message,
            ..
        } = self
        else {
            return false;
        };
        let message = message.to_ascii_lowercase();
        (message.contains("http request") && message.contains("https"))
            || message.contains("plain http to an ssl-enabled")
    }

    pub fn network(message: impl Into<String>) -> Self {
        Self::Network {
            message: message.into(),
            explanation: None,
        }
    }

    /// An error of the operating system, without its name for the error and its number.
    pub fn io(error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        let (message, explanation) = match error.kind() {
            Kind::ConnectionRefused => (
                "connection refused",
                Some("No server is listening at this address, or a firewall rejects it."),
            ),
            Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => {
                ("the server closed the connection", None)
            }
            Kind::UnexpectedEof => (
                "the connection ended before the response was complete",
                None,
            ),
            Kind::TimedOut => ("connection timed out", None),
            Kind::HostUnreachable | Kind::NetworkUnreachable => (
                "the server is unreachable",
                Some("There is no network route to this address."),
            ),
            _ => return Self::network(error.to_string()),
        };
        Self::Network {
            message: message.to_owned(),
            explanation,
        }
    }

    /// `rate_limit_reset` is the header of that name, in whole seconds.
    pub fn from_response(status: u16, rate_limit_reset: Option<&str>, body: &[u8]) -> Self {
        let retry_after = rate_limit_reset
            .filter(|_| status == 429)
            .and_then(|seconds| seconds.trim().parse().ok())
            .map(Duration::from_secs);
        let from_api = message_of_api(body);
        Self::Status {
            status,
            is_from_api: from_api.is_some(),
            message: from_api.unwrap_or_else(|| description(body)),
            retry_after,
        }
    }
}

fn message_of_api(body: &[u8]) -> Option<String> {
    let error: test_engine_wire::ErrorBody = serde_json::from_slice(body).ok()?;
    Some(error.message).filter(|message| !message.trim().is_empty())
}

/// Of a body that is no error body of the API.
fn description(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(MAX_SHOWN)]);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        "the server gave no reason".to_owned()
    } else if body.len() > MAX_SHOWN {
        format!("the server responded: {text}…")
    } else {
        format!("the server responded: {text}")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn response(status: u16, body: &str) -> Failure {
        Failure::from_response(status, None, body.as_bytes())
    }

    #[rstest]
    #[case(409, "{}", Verdict::Retry)]
    #[case(429, "{}", Verdict::Retry)]
    #[case(500, "oops", Verdict::Retry)]
    #[case(502, "<html>", Verdict::Retry)]
    #[case(503, "", Verdict::Retry)]
    #[case(
        403,
        r#"{"message":"Billing Error: unpaid"}"#,
        Verdict::Continue(Reason::Billing)
    )]
    #[case(403, r#"{"message":"no. Billing Error"}"#, Verdict::Fatal)]
    #[case(403, "Forbidden", Verdict::Fatal)]
    #[case(404, "", Verdict::Continue(Reason::NotFound))]
    #[case(422, "{}", Verdict::Continue(Reason::Unprocessable))]
    #[case(400, r#"{"message":"runner is required"}"#, Verdict::Fatal)]
    #[case(401, "{}", Verdict::Fatal)]
    #[case(301, "", Verdict::Fatal)]
    #[case(204, "", Verdict::Fatal)]
    #[case(418, "", Verdict::Fatal)]
    fn verdicts(#[case] status: u16, #[case] body: &str, #[case] expected: Verdict) {
        assert_eq!(response(status, body).verdict(), expected);
    }

    #[test]
    fn verdicts_without_a_response() {
        assert_eq!(Failure::network("reset").verdict(), Verdict::Retry);
        assert_eq!(Failure::Unreadable("eof".into()).verdict(), Verdict::Fatal);
        assert_eq!(Failure::Request("uri".into()).verdict(), Verdict::Fatal);
        let scheme = Failure::WrongScheme("no TLS");
        assert_eq!(scheme.verdict(), Verdict::Continue(Reason::WrongScheme));
    }

    #[rstest]
    #[case(429, Some("12"), Some(12))]
    #[case(429, Some(" 0 "), Some(0))]
    #[case(429, Some("-1"), None)]
    #[case(429, Some("soon"), None)]
    #[case(429, None, None)]
    #[case(503, Some("12"), None)]
    fn only_429_can_request_a_wait(
        #[case] status: u16,
        #[case] header: Option<&str>,
        #[case] seconds: Option<u64>,
    ) {
        let failure = Failure::from_response(status, header, b"{}");
        assert_eq!(failure.retry_after(), seconds.map(Duration::from_secs));
    }

    #[test]
    fn messages_of_error_bodies() {
        let text = |status, body: &str| response(status, body).to_string();
        assert_eq!(
            text(401, r#"{"message":"Who are you?"}"#),
            "Who are you? (status 401)"
        );
        assert_eq!(text(503, ""), "the server gave no reason (status 503)");
        assert_eq!(
            text(502, "<h1>Bad\n  Gateway</h1>"),
            "the server responded: <h1>Bad Gateway</h1> (status 502)"
        );
        assert_eq!(
            text(500, r#"{"error":1}"#),
            r#"the server responded: {"error":1} (status 500)"#
        );
        assert!(text(500, &"x".repeat(5000)).len() < 600);
        assert!(text(500, &"é".repeat(5000)).len() < 1200);
    }

    #[test]
    fn system_errors_are_in_plain_words() {
        let refused = Failure::io(&io::ErrorKind::ConnectionRefused.into());
        assert_eq!(refused.to_string(), "connection refused");
        assert!(refused.explanation().is_some());
        let other = Failure::io(&io::Error::other("odd"));
        assert_eq!(
            (other.to_string().as_str(), other.explanation()),
            ("odd", None)
        );
    }
}
