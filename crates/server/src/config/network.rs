//! The address to listen on and the public URL.

use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use clap::builder::TypedValueParser as _;
use clap::value_parser;

/// Loopback only: a server without TLS should not be exposed by accident.
pub(crate) const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Where the server listens, under which URL it is known, and how it shuts down.
#[derive(Clone, Debug, clap::Args)]
pub struct Network {
    /// Address and port to listen on, such as localhost:8080; port 0 selects a free port
    #[arg(long, value_name = "ADDRESS", env = "TEST_ENGINE_LISTEN")]
    #[arg(default_value_t = DEFAULT_LISTEN, value_parser = parse_listen)]
    pub listen: SocketAddr,
    /// Base URL of links; by default the address listened on
    #[arg(
        help = "Base URL of links, such as https://tests.example.com; by default the address \
                  listened on"
    )]
    #[arg(long, value_name = "URL", env = "TEST_ENGINE_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// Number of proxies in front of the server that append to X-Forwarded-For
    #[arg(
        help = "Number of proxies in front of the server that append to X-Forwarded-For; with 0, \
                  the header is ignored"
    )]
    #[arg(
        long,
        value_name = "COUNT",
        env = "TEST_ENGINE_TRUSTED_PROXIES",
        default_value = "0"
    )]
    pub trusted_proxies: u32,
    /// Seconds that requests in progress may take during shutdown
    #[arg(long = "shutdown-seconds", value_name = "SECONDS")]
    #[arg(env = "TEST_ENGINE_SHUTDOWN_SECONDS")]
    #[arg(default_value = "30", value_parser = value_parser!(u32).map(seconds))]
    pub shutdown_limit: Duration,
}

/// Parses `IP:PORT` or `NAME:PORT`. Of the addresses of a name, IPv4 ones are preferred.
pub(crate) fn parse_listen(given: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = given.parse() {
        return Ok(address);
    }
    let is_complete = given
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if !is_complete {
        return Err("it is not HOST:PORT, such as 127.0.0.1:8080 or localhost:8080".to_owned());
    }
    let mut addresses: Vec<SocketAddr> = given
        .to_socket_addrs()
        .map_err(|error| format!("its host cannot be resolved: {error}"))?
        .collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    let first = addresses.into_iter().next();
    first.ok_or_else(|| "its host has no address".to_owned())
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{given:?} is not a public URL: {problem}")]
pub(crate) struct PublicUrlError {
    given: String,
    pub(super) problem: &'static str,
}

impl Network {
    /// Whether other machines can reach this server without TLS, as far as the settings tell.
    pub(crate) fn is_exposed_without_tls(&self) -> bool {
        let has_tls = self
            .public_url
            .as_deref()
            .is_some_and(|url| url.starts_with("https://"));
        !self.listen.ip().is_loopback() && !has_tls
    }

    /// Checks a public URL and removes slashes at its end; `None` if it is empty.
    pub(crate) fn parse_public_url(given: &str) -> Result<Option<String>, PublicUrlError> {
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
            return Err(problem("it must start with http:// or https://"));
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err(problem("it has no host"));
        }
        if uri.query().is_some() || trimmed.contains('#') {
            return Err(problem("it must not contain a query or a fragment"));
        }
        Ok(Some(trimmed.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Network, parse_listen};

    #[test]
    fn listens_on_addresses_and_names() {
        for (given, expected) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("[::1]:0", "[::1]:0"),
            ("localhost:8080", "127.0.0.1:8080"),
        ] {
            assert_eq!(
                parse_listen(given),
                Ok(expected.parse().unwrap()),
                "{given}"
            );
        }
        for given in ["localhost", ":8080", "8080", "localhost:99999", ""] {
            let problem = parse_listen(given).unwrap_err();
            assert!(problem.contains("HOST:PORT"), "{given}: {problem}");
        }
    }

    #[test]
    fn removes_trailing_slashes() {
        let url = Network::parse_public_url("https://tests.example.com/engine/").unwrap();
        assert_eq!(url.as_deref(), Some("https://tests.example.com/engine"));
        assert_eq!(Network::parse_public_url("  ").unwrap(), None);
    }

    #[test]
    fn rejects_what_is_not_a_base_url() {
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
