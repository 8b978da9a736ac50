//! Asking an issuer for its keys: two small documents, within limits of time and size.
//!
//! The only outgoing requests of OIDC. Over TLS, without following redirects; plain HTTP only to
//! this very machine, and only when the settings say so.

use std::net::IpAddr;
use std::time::Duration;

use axum::http::Uri;
use serde::Deserialize;
use ureq::Agent;
use ureq::http::StatusCode;
use ureq::tls::{RootCerts, TlsConfig};

use super::keys::KeySet;
use crate::config::Oidc;

/// The longest one document may take, from the name look-up to its last byte.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// Bytes of one document.
const SIZE_LIMIT: u64 = 256 * 1024;
/// Where an issuer says where its keys are.
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Fetches the keys of issuers.
#[derive(Clone)]
pub(super) struct Fetcher {
    settings: Oidc,
    agent: Agent,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Fetcher {
    /// Trusts what the system trusts.
    pub(super) fn new(settings: Oidc) -> Self {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let agent = Agent::config_builder()
            .timeout_global(Some(TIME_LIMIT))
            .max_redirects(0)
            .user_agent(concat!("test-engine/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .build()
            .new_agent();
        Self { settings, agent }
    }

    /// The keys an issuer publishes now. Takes its time; not for threads that serve requests.
    pub(super) fn keys(&self, issuer: &str) -> Result<KeySet, String> {
        let address = format!("{}{DISCOVERY}", issuer.trim_end_matches('/'));
        let discovery: Discovery = serde_json::from_slice(&self.get(&address)?)
            .map_err(|_error| format!("{address} is not a discovery document"))?;
        if discovery.issuer != issuer {
            return Err(format!("{address} is about another issuer"));
        }
        let keys = self.get(&discovery.jwks_uri)?;
        KeySet::parse(&keys).map_err(str::to_owned)
    }

    fn get(&self, address: &str) -> Result<Vec<u8>, String> {
        self.check(address)?;
        let failed = |error: ureq::Error| format!("failed to get {address}: {error}");
        let mut response = self
            .agent
            .get(address)
            .header("accept", "application/json")
            .call()
            .map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(format!(
                "{address} answers {}, and only 200 is taken; redirects are not followed",
                response.status()
            ));
        }
        response
            .body_mut()
            .with_config()
            .limit(SIZE_LIMIT)
            .read_to_vec()
            .map_err(failed)
    }

    fn check(&self, address: &str) -> Result<(), String> {
        let uri: Uri = address
            .parse()
            .map_err(|_error| format!("{address:?} is not a URL"))?;
        match (uri.scheme_str(), uri.host()) {
            (Some("https"), Some(_)) => Ok(()),
            (Some("http"), Some(host)) if is_loopback(host) => {
                if self.settings.allow_loopback_http {
                    return Ok(());
                }
                Err(format!(
                    "{address} is plain HTTP, which --oidc-allow-loopback-http would allow"
                ))
            }
            _ => Err(format!("{address} does not begin with https://")),
        }
    }
}

/// Whether a host of a URL is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::Fetcher;
    use crate::config::Oidc;

    #[test]
    fn only_tls_leaves_the_machine() {
        let careful = Fetcher::new(Oidc::default());
        let trying = Fetcher::new(Oidc {
            allow_loopback_http: true,
        });
        for (address, careful_may, trying_may) in [
            ("https://issuer.example/keys", true, true),
            ("http://127.0.0.1:1/keys", false, true),
            ("http://localhost/keys", false, true),
            ("http://issuer.example/keys", false, false),
            ("http://127.0.0.1.issuer.example/", false, false),
            ("file:///etc/passwd", false, false),
            ("/keys", false, false),
            ("", false, false),
        ] {
            assert_eq!(careful.check(address).is_ok(), careful_may, "{address}");
            assert_eq!(trying.check(address).is_ok(), trying_may, "{address}");
        }
    }
}
