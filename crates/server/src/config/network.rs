//! The section of the network: the address to listen on and the address to be known by.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Loopback only: a server without TLS should not be reachable from afar by accident.
pub(crate) const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Seconds requests under way may take once the server is to stop.
pub(crate) const DEFAULT_SHUTDOWN_SECONDS: u32 = 30;

/// Where the server listens and what it calls itself.
#[derive(Clone, Debug)]
pub struct Network {
    /// Port 0 lets the system choose.
    pub listen: SocketAddr,
    /// What links begin with, without a slash at the end; `None` means the address listened on.
    pub public_url: Option<String>,
    /// How long requests under way may take once the server is to stop.
    pub shutdown_limit: Duration,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            listen: DEFAULT_LISTEN,
            public_url: None,
            shutdown_limit: Duration::from_secs(DEFAULT_SHUTDOWN_SECONDS.into()),
        }
    }
}

/// A public URL that cannot be one.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{given:?} is not a public URL: {problem}")]
pub struct PublicUrlError {
    /// What was given.
    pub given: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl Network {
    /// Check a public URL and cut the slash at its end; an empty one is none.
    pub fn parse_public_url(given: &str) -> Result<Option<String>, PublicUrlError> {
        let trimmed = given.trim().trim_end_matches('/');
        let problem = |problem| PublicUrlError {
            given: given.to_owned(),
            problem,
        };
        if trimmed.is_empty() {
            return Ok(None);
        }
        let Ok(uri) = trimmed.parse::<axum::http::Uri>() else {
            return Err(problem("it cannot be read as a URL"));
        };
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(problem("it must begin with http:// or https://"));
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err(problem("it has no host"));
        }
        if uri.query().is_some() || trimmed.contains('#') {
            return Err(problem("it must not have a query or a fragment"));
        }
        Ok(Some(trimmed.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::Network;

    #[test]
    fn a_public_url_loses_its_last_slash() {
        let url = Network::parse_public_url("https://tests.example.com/engine/").unwrap();
        assert_eq!(url.as_deref(), Some("https://tests.example.com/engine"));
        assert_eq!(Network::parse_public_url("  ").unwrap(), None);
    }

    #[test]
    fn what_cannot_be_linked_to_is_refused() {
        for given in [
            "tests.example.com",
            "ftp://a",
            "http://",
            "http://a/?b=c",
            "http://a b",
        ] {
            assert!(Network::parse_public_url(given).is_err(), "{given}");
        }
    }
}
