//! One HTTP request, and the loop that retries it.
//!
//! The only module that uses the HTTP library. `failure` classifies failures, `budget` limits the
//! retries.

use std::io::Read;
use std::time::{Duration, Instant};

use ureq::config::RedirectAuthHeaders;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, RequestBuilder, SendBody, http};

use super::budget::Budget;
use super::failure::{Failure, Verdict};
use crate::terminal::Terminal;

/// For `GET` only. A `POST` follows none, because a redirect would drop its body.
const MAX_REDIRECTS: u32 = 5;

/// In bytes; enough for a plan of well over a million tests.
const MAX_RESPONSE: u64 = 512 << 20;

/// In bytes.
const MAX_ERROR_RESPONSE: u64 = 64 << 10;

/// A request without its body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub url: &'a str,
    pub authorization: Option<&'a str>,
    pub content_type: &'a str,
    pub content_encoding: Option<&'a str>,
    pub accept: &'a str,
}

/// Sends requests. Connects on first use; clones share the connections.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    agent: Agent,
}

/// The last failure of a request, and the effort before giving up.
#[derive(Debug, thiserror::Error)]
#[error("{failure}{}", effort(*.tries, *.elapsed))]
pub struct GaveUp {
    pub failure: Failure,
    pub tries: u32,
    pub elapsed: Duration,
}

fn effort(tries: u32, elapsed: Duration) -> String {
    if tries > 1 {
        format!(" ({tries} tries in {:.1} s)", elapsed.as_secs_f64())
    } else {
        String::new()
    }
}

impl Request<'_> {
    fn build<B>(&self, builder: RequestBuilder<B>, limit: Duration) -> RequestBuilder<B> {
        let builder = builder
            .config()
            .timeout_global(Some(limit))
            .build()
            .header("Content-Type", self.content_type)
            .header("Accept", self.accept);
        let optional = [
            ("Authorization", self.authorization),
            ("Content-Encoding", self.content_encoding),
        ];
        let set = optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        set.fold(builder, |builder, (name, value)| {
            builder.header(name, value)
        })
    }
}

impl Transport {
    /// Trusts the system's certificates and uses the proxy of the environment.
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

    /// Returns the body of a success.
    pub(crate) fn get(&self, request: Request<'_>, limit: Duration) -> Result<Vec<u8>, Failure> {
        let sent = request.build(self.agent.get(request.url), limit).call();
        read_response(sent, limit).map(|(_, body)| body)
    }

    /// Returns the `Date` of any response, also of an error.
    pub(crate) fn date(
        &self,
        request: Request<'_>,
        limit: Duration,
    ) -> Result<Option<String>, Failure> {
        let sent = request.build(self.agent.get(request.url), limit).call();
        let response = sent.map_err(|error| failure(error, limit))?;
        let date = response.headers().get("Date");
        Ok(date.and_then(|date| date.to_str().ok()).map(str::to_owned))
    }

    /// Returns the status and the body of a success.
    pub(crate) fn post(
        &self,
        request: Request<'_>,
        length: u64,
        body: &mut dyn Read,
        limit: Duration,
    ) -> Result<(u16, Vec<u8>), Failure> {
        let sent = request
            .build(self.agent.post(request.url), limit)
            .config()
            .max_redirects(0)
            .build()
            .header("Content-Length", length.to_string())
            .send(SendBody::from_reader(body));
        read_response(sent, limit)
    }
}

/// Calls `once` with its time limit until it succeeds, fails for good, or the budget is spent.
///
/// Prints each failed try; the line begins with `failed`.
pub(crate) fn with_retries<T>(
    budget: &Budget,
    terminal: &Terminal,
    failed: &str,
    mut once: impl FnMut(Duration) -> Result<T, Failure>,
) -> Result<T, GaveUp> {
    let started = Instant::now();
    let mut tries = 0;
    loop {
        let failure = match once(budget.next_limit(started.elapsed())) {
            Ok(response) => return Ok(response),
            Err(failure) => failure,
        };
        tries += 1;
        let elapsed = started.elapsed();
        let mut wait = None;
        if failure.verdict() == Verdict::Retry {
            terminal.stderr_line(&format!("bktec: {failed}: {failure}"));
            if let Some(explanation) = failure.explanation().filter(|_| tries == 1) {
                terminal.stderr_line(&format!("bktec: {explanation}"));
            }
            wait = budget.next_wait(tries, failure.retry_after(), elapsed, rand::random());
        }
        let Some(wait) = wait else {
            return Err(GaveUp {
                failure,
                tries,
                elapsed,
            });
        };
        std::thread::sleep(wait);
        let next = tries + 1;
        terminal.stderr_line(&format!("bktec: Retrying API request (attempt {next})"));
    }
}

fn read_response(
    sent: Result<http::Response<Body>, ureq::Error>,
    limit: Duration,
) -> Result<(u16, Vec<u8>), Failure> {
    let response = sent.map_err(|error| failure(error, limit))?;
    let status = response.status();
    let header = |name: &str| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    if status.is_redirection() {
        return Err(Failure::Status {
            status: status.as_u16(),
            message: format!(
                "the server redirects to {}; check the base URL",
                header("Location").as_deref().unwrap_or("nowhere")
            ),
            is_from_api: false,
            retry_after: None,
        });
    }
    if !status.is_success() {
        let reset = header("RateLimit-Reset");
        // The status decides; a body that breaks off is treated like an empty one.
        let body = read_body(response.into_body(), MAX_ERROR_RESPONSE, limit).unwrap_or_default();
        let status = status.as_u16();
        return Err(Failure::from_response(status, reset.as_deref(), &body));
    }
    let body = read_body(response.into_body(), MAX_RESPONSE, limit)?;
    if body.len() as u64 > MAX_RESPONSE {
        let megabytes = MAX_RESPONSE >> 20;
        return Err(Failure::Unreadable(format!(
            "it is larger than {megabytes} MiB"
        )));
    }
    Ok((status.as_u16(), body))
}

/// Reads up to one byte more than `max`, so that the caller notices a larger body.
fn read_body(body: Body, max: u64, limit: Duration) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    body.into_with_config()
        .limit(u64::MAX)
        .reader()
        .take(max + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failure(error.into(), limit))?;
    Ok(bytes)
}

fn failure(error: ureq::Error, limit: Duration) -> Failure {
    match error {
        ureq::Error::Timeout(_) => {
            let seconds = format!("{:.1}", limit.as_secs_f64());
            let seconds = seconds.trim_end_matches(".0");
            Failure::network(format!("no complete response within {seconds} s"))
        }
        ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed => Failure::Request(format!(
            "the server redirects more than {MAX_REDIRECTS} times; check the base URL"
        )),
        ureq::Error::BadUri(_)
        | ureq::Error::Http(_)
        | ureq::Error::InvalidProxyUrl
        | ureq::Error::RequireHttpsOnly(_) => Failure::Request(error.to_string()),
        ureq::Error::Protocol(error) if error.to_string().starts_with("http parse fail") => {
            Failure::WrongScheme(
                "the response is not HTTP; if the server uses TLS, its URL starts with https://",
            )
        }
        other if is_not_tls(&other) => Failure::WrongScheme(
            "the server does not use TLS at this port, so its URL starts with http://, or the port \
             is another",
        ),
        other if is_distrust(&other) => Failure::network(format!(
            "the server's certificate is not trusted by this machine ({other}); check the base \
             URL, or add the authority that signed it to the system's certificates"
        )),
        ureq::Error::Io(error) => Failure::io(&error),
        ureq::Error::HostNotFound => Failure::Network {
            message: "host name not found".to_owned(),
            explanation: Some("The host name of the URL has no DNS entry; check its spelling."),
        },
        other => Failure::network(other.to_string()),
    }
}

/// Whether this machine does not accept the server's certificate.
fn is_distrust(error: &ureq::Error) -> bool {
    matches!(tls_error(error), Some(rustls::Error::InvalidCertificate(_)))
}

/// Whether the server's first bytes are not TLS, such as an HTTP response to the TLS greeting.
fn is_not_tls(error: &ureq::Error) -> bool {
    let not_tls = rustls::InvalidMessage::InvalidContentType;
    tls_error(error) == Some(&rustls::Error::InvalidMessage(not_tls))
}

/// The TLS library's error, which is wrapped in one or more I/O errors.
fn tls_error(error: &ureq::Error) -> Option<&rustls::Error> {
    let mut inner: &(dyn std::error::Error + 'static) = error;
    loop {
        if let Some(error) = inner.downcast_ref::<rustls::Error>() {
            return Some(error);
        }
        let next = match (
            inner.downcast_ref::<ureq::Error>(),
            inner.downcast_ref::<std::io::Error>(),
        ) {
            (Some(ureq::Error::Rustls(error)), _) => Some(error as _),
            (Some(ureq::Error::Io(error)), _) => Some(error as _),
            // The `source` of an I/O error skips the error that it wraps.
            (_, Some(error)) => error.get_ref().map(|error| error as _),
            _ => inner.source(),
        };
        inner = next?;
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
            max_tries: u32::MAX,
        }
    }

    fn run(mut responses: Vec<Result<u8, Failure>>) -> (Result<u8, Verdict>, u32) {
        responses.reverse();
        let mut tries = 0;
        let outcome = with_retries(&budget(), &Terminal::for_data(false), "failed", |_| {
            tries += 1;
            responses.pop().unwrap_or(Err(Failure::network("down")))
        });
        (outcome.map_err(|gave_up| gave_up.failure.verdict()), tries)
    }

    #[test]
    fn retries_a_conflict() {
        let conflict = Failure::from_response(409, None, b"{}");
        assert_eq!(run(vec![Err(conflict), Ok(7)]), (Ok(7), 2));
    }

    #[test]
    fn does_not_retry_a_refusal() {
        let refused = Failure::from_response(401, None, b"{}");
        assert_eq!(run(vec![Err(refused), Ok(7)]), (Err(Verdict::Fatal), 1));
    }

    #[test]
    fn retries_until_the_budget_is_spent() {
        let started = Instant::now();
        let (outcome, tries) = run(Vec::new());
        assert_eq!(outcome, Err(Verdict::Retry));
        assert!(tries > 2, "{tries}");
        assert!(started.elapsed() < Duration::from_millis(400));
    }
}
