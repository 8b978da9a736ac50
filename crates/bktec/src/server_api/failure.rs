//! Why one request failed, and what follows from it. Pure.
//!
//! How long to go on trying is `budget`'s business; what a command does without an answer is the
//! command's.

use std::time::Duration;

/// How a 403 begins that is about money, not about permission.
const BILLING: &str = "Billing Error";

/// The longest part of an error body that is shown, in bytes.
const SHOWN: usize = 500;

/// Why one try failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No whole answer came: no connection, a reset, a timeout, a broken certificate.
    #[error("{0}")]
    Network(String),
    /// An answer with a status that is not success.
    #[error("{message} (status {status})")]
    Status {
        /// The HTTP status.
        status: u16,
        /// What the server says, or what can be said of a body that is no JSON.
        message: String,
        /// How long the server asks to wait; of 429 only.
        wait: Option<Duration>,
    },
    /// A successful answer that is not what it should be.
    #[error("the server's answer cannot be read: {0}")]
    Unreadable(String),
    /// The request could not be made as it stands.
    #[error("{0}")]
    Request(String),
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Another try may help.
    Retry,
    /// Trying again will not help; work without the server.
    GoWithout(Reason),
    /// Something is wrong that a person must put right.
    Fatal,
}

/// Why the work goes on without the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The time for tries is spent.
    BudgetSpent,
    /// The account does not pay for it.
    Billing,
    /// It is not there.
    NotFound,
    /// The server will not plan this.
    Unavailable,
}

impl Failure {
    /// What follows from this failure.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Network(_) => Verdict::Retry,
            Self::Unreadable(_) | Self::Request(_) => Verdict::Fatal,
            Self::Status {
                status, message, ..
            } => match status {
                409 | 429 | 500..=599 => Verdict::Retry,
                403 if message.starts_with(BILLING) => Verdict::GoWithout(Reason::Billing),
                404 => Verdict::GoWithout(Reason::NotFound),
                422 => Verdict::GoWithout(Reason::Unavailable),
                _ => Verdict::Fatal,
            },
        }
    }

    /// How long the server asked to wait.
    pub fn asked_wait(&self) -> Option<Duration> {
        match self {
            Self::Status { wait, .. } => *wait,
            _ => None,
        }
    }

    /// The failure that an answer without success stands for.
    ///
    /// `rate_limit_reset` is the header of that name: whole seconds.
    pub fn from_answer(status: u16, rate_limit_reset: Option<&str>, body: &[u8]) -> Self {
        let wait = rate_limit_reset
            .filter(|_| status == 429)
            .and_then(|seconds| seconds.trim().parse().ok())
            .map(Duration::from_secs);
        Self::Status {
            status,
            message: message(body),
            wait,
        }
    }
}

/// The `message` of an error body, or words for a body that has none.
fn message(body: &[u8]) -> String {
    if let Ok(error) = serde_json::from_slice::<test_engine_wire::ErrorBody>(body)
        && !error.message.trim().is_empty()
    {
        return error.message;
    }
    let text = String::from_utf8_lossy(&body[..body.len().min(SHOWN)]);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        "the server gave no reason".to_owned()
    } else if body.len() > SHOWN {
        format!("the server answered: {text}…")
    } else {
        format!("the server answered: {text}")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn answer(status: u16, body: &str) -> Failure {
        Failure::from_answer(status, None, body.as_bytes())
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
        Verdict::GoWithout(Reason::Billing)
    )]
    #[case(403, r#"{"message":"no. Billing Error"}"#, Verdict::Fatal)]
    #[case(403, "Forbidden", Verdict::Fatal)]
    #[case(404, "", Verdict::GoWithout(Reason::NotFound))]
    #[case(422, "{}", Verdict::GoWithout(Reason::Unavailable))]
    #[case(400, r#"{"message":"runner is required"}"#, Verdict::Fatal)]
    #[case(401, "{}", Verdict::Fatal)]
    #[case(301, "", Verdict::Fatal)]
    #[case(204, "", Verdict::Fatal)]
    #[case(418, "", Verdict::Fatal)]
    fn verdicts(#[case] status: u16, #[case] body: &str, #[case] expected: Verdict) {
        assert_eq!(answer(status, body).verdict(), expected);
    }

    #[test]
    fn what_is_not_an_answer() {
        assert_eq!(Failure::Network("reset".into()).verdict(), Verdict::Retry);
        assert_eq!(Failure::Unreadable("eof".into()).verdict(), Verdict::Fatal);
        assert_eq!(Failure::Request("uri".into()).verdict(), Verdict::Fatal);
    }

    #[rstest]
    #[case(429, Some("12"), Some(12))]
    #[case(429, Some(" 0 "), Some(0))]
    #[case(429, Some("-1"), None)]
    #[case(429, Some("soon"), None)]
    #[case(429, None, None)]
    #[case(503, Some("12"), None)]
    fn the_wait_is_the_servers_word_on_429(
        #[case] status: u16,
        #[case] header: Option<&str>,
        #[case] seconds: Option<u64>,
    ) {
        let failure = Failure::from_answer(status, header, b"{}");
        assert_eq!(failure.asked_wait(), seconds.map(Duration::from_secs));
    }

    #[test]
    fn messages() {
        let text = |status, body: &str| answer(status, body).to_string();
        assert_eq!(
            text(401, r#"{"message":"Who are you?"}"#),
            "Who are you? (status 401)"
        );
        assert_eq!(text(503, ""), "the server gave no reason (status 503)");
        assert_eq!(
            text(502, "<h1>Bad\n  Gateway</h1>"),
            "the server answered: <h1>Bad Gateway</h1> (status 502)"
        );
        assert_eq!(
            text(500, r#"{"error":1}"#),
            r#"the server answered: {"error":1} (status 500)"#
        );
        assert!(text(500, &"x".repeat(5000)).len() < 600);
        assert!(text(500, &"é".repeat(5000)).len() < 1200);
    }
}
