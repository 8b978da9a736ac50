//! One HTTP request, and the loop that tries it again.
//!
//! The only place that knows the HTTP library. What a failure means stands in `failure`, how long
//! to go on in `budget`.

use std::io::Read;
use std::time::{Duration, Instant};

use ureq::config::RedirectAuthHeaders;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, SendBody, http};

use super::budget::Budget;
use super::failure::{Failure, Verdict};
use crate::terminal::Terminal;

/// Redirects that a `GET` follows. A `POST` follows none: its body would be lost on the way.
const MAX_REDIRECTS: u32 = 5;

/// The largest answer that is read, in bytes: a plan of well over a million tests.
const MAX_ANSWER: u64 = 512 << 20;

/// The most of an error's body that is read, in bytes.
const MAX_ERROR: u64 = 64 << 10;

/// A request without its body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub url: &'a str,
    pub authorization: &'a str,
    pub content_type: &'a str,
}

/// Sends requests. Connects when first used; clones share what was set up then.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    agent: Agent,
}

/// A failure, with how hard it was tried.
#[derive(Debug)]
pub(crate) struct GaveUp {
    pub failure: Failure,
    pub tries: u32,
    pub elapsed: Duration,
}

impl Transport {
    /// Speaks as this client, trusts what the system trusts, goes through the environment's proxy.
    pub(crate) fn new() -> Self {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .user_agent(super::user_agent())
            .max_redirects(MAX_REDIRECTS)
            .redirect_auth_headers(RedirectAuthHeaders::SameHost)
            .tls_config(tls)
            .build()
            .new_agent();
        Self { agent }
    }

    /// One `GET`, which may take `limit`; the body of a success.
    pub(crate) fn get(&self, request: Request<'_>, limit: Duration) -> Result<Vec<u8>, Failure> {
        self.get_as(request, "*/*", limit)
    }

    /// The same, for an answer of the media type `accept`.
    pub(crate) fn get_as(
        &self,
        request: Request<'_>,
        accept: &str,
        limit: Duration,
    ) -> Result<Vec<u8>, Failure> {
        let sent = self
            .agent
            .get(request.url)
            .config()
            .timeout_global(Some(limit))
            .build()
            .header("Authorization", request.authorization)
            .header("Content-Type", request.content_type)
            .header("Accept", accept)
            .call();
        answer(sent, limit)
    }

    /// One `POST`, which may take `limit`; the body of a success.
    pub(crate) fn post(
        &self,
        request: Request<'_>,
        length: u64,
        body: &mut dyn Read,
        limit: Duration,
    ) -> Result<Vec<u8>, Failure> {
        self.post_for_status(request, length, body, limit)
            .map(|(_, body)| body)
    }

    /// The same, with the status of the success.
    pub(crate) fn post_for_status(
        &self,
        request: Request<'_>,
        length: u64,
        body: &mut dyn Read,
        limit: Duration,
    ) -> Result<(u16, Vec<u8>), Failure> {
        let sent = self
            .agent
            .post(request.url)
            .config()
            .timeout_global(Some(limit))
            .max_redirects(0)
            .build()
            .header("Authorization", request.authorization)
            .header("Content-Type", request.content_type)
            .header("Content-Length", length.to_string())
            .send(SendBody::from_reader(body));
        let status = sent
            .as_ref()
            .map_or(0, |response| response.status().as_u16());
        answer(sent, limit).map(|body| (status, body))
    }
}

impl Transport {
    /// One `POST` of a form to an address that needs no credential but the form's own fields.
    pub(crate) fn post_form(
        &self,
        url: &str,
        content_type: &str,
        length: u64,
        body: &mut dyn Read,
        limit: Duration,
    ) -> Result<(), Failure> {
        let sent = self
            .agent
            .post(url)
            .config()
            .timeout_global(Some(limit))
            .max_redirects(0)
            .build()
            .header("Content-Type", content_type)
            .header("Content-Length", length.to_string())
            .send(SendBody::from_reader(body));
        answer(sent, limit).map(drop)
    }
}

/// Calls `once` until it succeeds, fails for good, or the budget is spent. `once` gets the time it
/// may take.
pub(crate) fn with_retries<T>(
    budget: &Budget,
    terminal: &Terminal,
    what: &str,
    mut once: impl FnMut(Duration) -> Result<T, Failure>,
) -> Result<T, GaveUp> {
    let started = Instant::now();
    for tries in 1.. {
        let failure = match once(budget.next_limit(started.elapsed())) {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        let elapsed = started.elapsed();
        let wait = match failure.verdict() {
            Verdict::Retry => {
                terminal.stderr_line(&format!("bktec: API request failed: {what}: {failure}"));
                budget.next_wait(tries, failure.asked_wait(), elapsed, rand::random())
            }
            Verdict::GoWithout(_) | Verdict::Fatal => None,
        };
        let Some(wait) = wait else {
            return Err(GaveUp {
                failure,
                tries,
                elapsed,
            });
        };
        std::thread::sleep(wait);
        terminal.stderr_line(&format!(
            "bktec: Retrying API request (attempt {})",
            tries + 1
        ));
    }
    unreachable!("the budget ends before the numbers do")
}

fn answer(
    sent: Result<http::Response<Body>, ureq::Error>,
    limit: Duration,
) -> Result<Vec<u8>, Failure> {
    let response = sent.map_err(|error| failure(error, limit))?;
    let status = response.status().as_u16();
    let header = |name: &str| {
        response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let reset = header("RateLimit-Reset");
    let location = header("Location");
    if response.status().is_redirection() {
        return Err(Failure::Status {
            status,
            message: format!(
                "the server redirects to {}; check the base URL",
                location.as_deref().unwrap_or("nowhere")
            ),
            wait: None,
        });
    }
    let success = response.status().is_success();
    let most = if success { MAX_ANSWER } else { MAX_ERROR };
    let read = read_body(response.into_body(), most, limit);
    if success {
        let body = read?;
        if body.len() as u64 > most {
            return Err(Failure::Unreadable(format!(
                "it is larger than {} MiB",
                most >> 20
            )));
        }
        Ok(body)
    } else {
        // The status is what counts; a body that breaks off says no less than none.
        let body = read.unwrap_or_default();
        Err(Failure::from_answer(status, reset.as_deref(), &body))
    }
}

/// Reads one byte more than `most`, so that the caller can tell.
fn read_body(body: Body, most: u64, limit: Duration) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    body.into_with_config()
        .limit(u64::MAX)
        .reader()
        .take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| match ureq::Error::from(error) {
            ureq::Error::Io(error) => Failure::Network(format!("the answer broke off: {error}")),
            other => failure(other, limit),
        })?;
    Ok(bytes)
}

/// What the library's error means here.
fn failure(error: ureq::Error, limit: Duration) -> Failure {
    match error {
        ureq::Error::Timeout(_) => {
            Failure::Network(format!("no whole answer within {} s", limit.as_secs_f32()))
        }
        ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed => Failure::Request(format!(
            "the server keeps redirecting (more than {MAX_REDIRECTS} times); check the base URL"
        )),
        ureq::Error::BadUri(_)
        | ureq::Error::Http(_)
        | ureq::Error::InvalidProxyUrl
        | ureq::Error::RequireHttpsOnly(_) => Failure::Request(error.to_string()),
        other if is_distrust(&other) => Failure::Network(format!(
            "the server's certificate is not trusted by this machine ({other}); check the base \
             URL, or add the authority that signed it to the system's certificates"
        )),
        other => Failure::Network(other.to_string()),
    }
}

/// Whether the server showed a certificate that this machine does not accept. The TLS library's
/// error comes here inside one or more errors of the system's kind.
fn is_distrust(error: &ureq::Error) -> bool {
    let mut inner: &(dyn std::error::Error + 'static) = error;
    loop {
        if let Some(error) = inner.downcast_ref::<rustls::Error>() {
            return matches!(error, rustls::Error::InvalidCertificate(_));
        }
        let next = match (
            inner.downcast_ref::<ureq::Error>(),
            inner.downcast_ref::<std::io::Error>(),
        ) {
            (Some(ureq::Error::Rustls(error)), _) => Some(error as _),
            (Some(ureq::Error::Io(error)), _) => Some(error as _),
            // An error of the system's kind names as its source what lies below the error in it.
            (_, Some(error)) => error.get_ref().map(|error| error as _),
            _ => inner.source(),
        };
        match next {
            Some(next) => inner = next,
            None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Budget {
        Budget {
            first_wait: Duration::from_millis(1),
            per_try: Duration::from_millis(50),
            overall: Duration::from_millis(200),
            tries: u32::MAX,
        }
    }

    fn tries(mut answers: Vec<Result<u8, Failure>>) -> (Result<u8, Verdict>, u32) {
        answers.reverse();
        let mut tries = 0;
        let outcome = with_retries(&budget(), &Terminal::for_data(false), "GET plan", |_| {
            tries += 1;
            answers
                .pop()
                .unwrap_or(Err(Failure::Network("down".into())))
        });
        (outcome.map_err(|gave_up| gave_up.failure.verdict()), tries)
    }

    #[test]
    fn what_may_heal_is_tried_again() {
        let conflict = Failure::from_answer(409, None, b"{}");
        assert_eq!(tries(vec![Err(conflict), Ok(7)]), (Ok(7), 2));
    }

    #[test]
    fn what_cannot_heal_is_not() {
        let refused = Failure::from_answer(401, None, b"{}");
        assert_eq!(tries(vec![Err(refused), Ok(7)]), (Err(Verdict::Fatal), 1));
    }

    #[test]
    fn tries_end_with_the_budget() {
        let started = Instant::now();
        let (outcome, tries) = tries(Vec::new());
        assert_eq!(outcome, Err(Verdict::Retry));
        assert!(tries > 2, "{tries}");
        assert!(started.elapsed() < Duration::from_millis(400));
    }
}
