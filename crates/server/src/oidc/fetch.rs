//! Fetches an issuer's keys: two small documents, with limits on time and size.
//!
//! Also exchanges the codes of people who sign in. There are no other outgoing requests of OIDC.
//! They use TLS and do not follow redirects; plain HTTP is
//! possible only to loopback addresses, with `--oidc-allow-loopback-http`.

use std::net::IpAddr;
use std::time::Duration;

use axum::http::Uri;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use ureq::Agent;
use ureq::http::StatusCode;
use ureq::tls::{RootCerts, TlsConfig};

use super::keys::KeySet;
use crate::config::Oidc;

/// For one document, from the DNS lookup to its last byte.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_DOCUMENT_BYTES: u64 = 256 * 1024;
const DISCOVERY: &str = "/.well-known/openid-configuration";

#[derive(Clone)]
pub(super) struct Fetcher {
    settings: Oidc,
    agent: Agent,
}

/// Why keys cannot be fetched. Responses say nothing of the network or of what was received,
/// because a policy may name any address.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FetchError {
    /// For the response.
    pub(super) public: &'static str,
    /// For the log.
    pub(super) cause: String,
}

impl From<String> for FetchError {
    fn from(cause: String) -> Self {
        let public = "the cause is in the log of the server";
        Self { public, cause }
    }
}

/// What an issuer says about itself. The endpoints matter only for signing people in.
#[derive(Deserialize)]
pub(super) struct Discovery {
    issuer: String,
    jwks_uri: String,
    pub(super) authorization_endpoint: Option<String>,
    pub(super) token_endpoint: Option<String>,
    pub(super) token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

impl Fetcher {
    /// Trusts the system's certificate authorities.
    pub(super) fn new(settings: Oidc) -> Self {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let agent = Agent::config_builder()
            .timeout_global(Some(FETCH_TIMEOUT))
            .max_redirects(0)
            .user_agent(concat!("test-engine/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .build()
            .new_agent();
        Self { settings, agent }
    }

    /// The keys that an issuer publishes now. Blocks.
    pub(super) fn keys(&self, issuer: &str) -> Result<KeySet, FetchError> {
        let keys = self.get(&self.discovery(issuer)?.jwks_uri)?;
        KeySet::parse(&keys).map_err(|problem| problem.to_owned().into())
    }

    /// The discovery document of an issuer. Blocks.
    pub(super) fn discovery(&self, issuer: &str) -> Result<Discovery, FetchError> {
        let address = format!("{}{DISCOVERY}", issuer.trim_end_matches('/'));
        let discovery: Discovery = serde_json::from_slice(&self.get(&address)?)
            .map_err(|_error| format!("{address} is not a discovery document"))?;
        if discovery.issuer != issuer {
            let cause = format!("{address} describes the issuer {:?}", discovery.issuer);
            return Err(cause.into());
        }
        Ok(discovery)
    }

    /// Posts a form to the token endpoint of a provider; the status and body of the response,
    /// whatever the status. Blocks.
    pub(super) fn post_form(
        &self,
        address: &str,
        authorization: Option<&SecretString>,
        form: &SecretString,
    ) -> Result<(u16, Vec<u8>), FetchError> {
        self.check(address)?;
        let failed = |error: ureq::Error| format!("failed to post to {address}: {error}");
        let mut request = self
            .agent
            .post(address)
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization.expose_secret());
        }
        let mut response = request
            .config()
            .http_status_as_error(false)
            .build()
            .send(form.expose_secret())
            .map_err(failed)?;
        let body = response
            .body_mut()
            .with_config()
            .limit(MAX_DOCUMENT_BYTES)
            .read_to_vec()
            .map_err(failed)?;
        Ok((response.status().as_u16(), body))
    }

    fn get(&self, address: &str) -> Result<Vec<u8>, FetchError> {
        self.check(address)?;
        let failed = |error: ureq::Error| format!("failed to get {address}: {error}");
        let mut response = self
            .agent
            .get(address)
            .header("accept", "application/json")
            .call()
            .map_err(failed)?;
        if response.status() != StatusCode::OK {
            let cause = format!(
                "{address} responded with {}, expected 200; redirects are not followed",
                response.status()
            );
            return Err(cause.into());
        }
        response
            .body_mut()
            .with_config()
            .limit(MAX_DOCUMENT_BYTES)
            .read_to_vec()
            .map_err(|error| failed(error).into())
    }

    /// Fails unless requests to this address are allowed.
    pub(super) fn check(&self, address: &str) -> Result<(), FetchError> {
        let uri: Uri = address
            .parse()
            .map_err(|_error| format!("{address:?} is not a URL"))?;
        match (uri.scheme_str(), uri.host()) {
            (Some("https"), Some(_)) => Ok(()),
            (Some("http"), Some(host)) if is_loopback(host) => {
                if self.settings.allow_loopback_http {
                    return Ok(());
                }
                Err(FetchError {
                    public: "plain HTTP requires --oidc-allow-loopback-http",
                    cause: format!("{address} uses plain HTTP"),
                })
            }
            _ => Err(format!("{address} does not start with https://").into()),
        }
    }
}

pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::Fetcher;
    use crate::config::Oidc;

    #[test]
    fn allows_plain_http_only_to_loopback_and_only_if_enabled() {
        let [default, with_loopback] = [false, true].map(|allow_loopback_http| {
            Fetcher::new(Oidc {
                allow_loopback_http,
            })
        });
        for (address, by_default, if_enabled) in [
            ("https://issuer.example/keys", true, true),
            ("http://127.0.0.1:1/keys", false, true),
            ("http://localhost/keys", false, true),
            ("http://issuer.example/keys", false, false),
            ("http://127.0.0.1.issuer.example/", false, false),
            ("file:///etc/passwd", false, false),
            ("/keys", false, false),
            ("", false, false),
        ] {
            assert_eq!(default.check(address).is_ok(), by_default, "{address}");
            let is_allowed = with_loopback.check(address).is_ok();
            assert_eq!(is_allowed, if_enabled, "{address}");
        }
    }
}
