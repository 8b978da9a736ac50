//! Where a webhook sends to, and the secret that it signs with. Both are stored encrypted, because
//! the URLs of chats are secrets too.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr as _;

use ipnet::IpNet;
use lettre::Address;
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use test_engine_store::WebhookFormat;

use super::addresses;

/// In bytes.
const MAX_URL: usize = 2_000;

/// Reads after "url ".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlProblem {
    #[error("must be an http:// or https:// URL, or mailto: with one address")]
    Invalid,
    #[error("is too long (maximum is {MAX_URL} bytes)")]
    TooLong,
    #[error("must not have a user name or password")]
    Credentials,
    #[error("is the address of this server")]
    Itself,
    #[error(
        "has an address that is not public; the operator of the server can allow it with \
         --webhook-allowed-networks"
    )]
    NotPublic,
}

/// A decrypted target. It cannot be printed.
pub(crate) struct Target {
    url: Url,
    secret: SecretString,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.address()).finish()
    }
}

impl Target {
    /// Parses the URL of a new target. `itself` is the server's public URL.
    pub(crate) fn new(
        given: &str,
        secret: SecretString,
        allowed: &[IpNet],
        itself: Option<&str>,
    ) -> Result<Self, UrlProblem> {
        if given.len() > MAX_URL {
            return Err(UrlProblem::TooLong);
        }
        let url = Url::parse(given.trim()).map_err(|_| UrlProblem::Invalid)?;
        if url.scheme() == "mailto" {
            let is_address = Address::from_str(url.path()).is_ok() && !url.path().contains('%');
            let is_plain = url.query().is_none() && url.fragment().is_none();
            let target = (is_address && is_plain).then_some(Self { url, secret });
            return target.ok_or(UrlProblem::Invalid);
        }
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(UrlProblem::Invalid);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlProblem::Credentials);
        }
        let itself = itself.and_then(|itself| Url::parse(itself).ok());
        if itself.is_some_and(|itself| itself.origin() == url.origin()) {
            return Err(UrlProblem::Itself);
        }
        let target = Self { url, secret };
        if let Host::Address(address) = target.host()
            && !addresses::is_permitted(address, allowed)
        {
            return Err(UrlProblem::NotPublic);
        }
        Ok(target)
    }

    /// What to send if nobody has chosen.
    pub(crate) fn default_format(&self) -> WebhookFormat {
        match self.mail_address() {
            Some(_) => WebhookFormat::Email,
            None => WebhookFormat::Json,
        }
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn secret(&self) -> &SecretString {
        &self.secret
    }

    pub(crate) fn with_secret(self, secret: SecretString) -> Self {
        Self { secret, ..self }
    }

    /// The address of a `mailto:` URL.
    pub(crate) fn mail_address(&self) -> Option<&str> {
        (self.url.scheme() == "mailto").then(|| self.url.path())
    }

    pub(crate) fn host(&self) -> Host<'_> {
        let host = self.url.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        address.parse().map_or(Host::Name(host), Host::Address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }

    /// Scheme, host and port, because whatever follows may be a secret; or an e-mail address.
    pub(crate) fn address(&self) -> String {
        if self.mail_address().is_some() {
            return self.url.to_string();
        }
        let rest = if self.url.path().len() > 1 || self.url.query().is_some() {
            "/…"
        } else {
            ""
        };
        format!("{}{rest}", self.url.origin().ascii_serialization())
    }

    /// What is encrypted.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let fields = json!({
            "url": self.url.as_str(),
            "secret": self.secret.expose_secret(),
        });
        fields.to_string().into_bytes()
    }

    /// `None` if they are not from [`Self::to_bytes`].
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let fields: Value = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            url: Url::parse(fields["url"].as_str()?).ok()?,
            secret: fields["secret"].as_str()?.to_owned().into(),
        })
    }
}

/// The host of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host<'a> {
    Name(&'a str),
    Address(IpAddr),
}

#[cfg(test)]
mod tests {
    use super::{Host, Target, UrlProblem};

    fn target(url: &str) -> Result<Target, UrlProblem> {
        let itself = Some("https://tests.example.com");
        Target::new(url, "secret".to_owned().into(), &[], itself)
    }

    #[test]
    fn the_address_hides_what_may_be_secret() {
        for (url, address) in [
            ("https://hooks.example.com", "https://hooks.example.com"),
            ("https://hooks.example.com/", "https://hooks.example.com"),
            (
                "https://HOOKS.example.com:443/T0/secret",
                "https://hooks.example.com/…",
            ),
            (
                "http://hooks.example.com:8080/?key=secret",
                "http://hooks.example.com:8080/…",
            ),
            ("mailto:team@example.com", "mailto:team@example.com"),
        ] {
            let target = target(url).unwrap();
            assert_eq!(target.address(), address);
            assert!(!format!("{target:?}").contains("secret"));
            let read = Target::from_bytes(&target.to_bytes()).unwrap();
            assert_eq!(read.url(), target.url());
        }
        assert!(Target::from_bytes(b"{}").is_none());
    }

    #[test]
    fn hosts_are_names_or_addresses_in_every_notation() {
        assert_eq!(
            target("https://a.example").unwrap().host(),
            Host::Name("a.example")
        );
        let public = Host::Address("1.1.1.1".parse().unwrap());
        for url in ["http://1.1.1.1/", "http://0x1010101/", "http://16843009/"] {
            assert_eq!(target(url).unwrap().host(), public, "{url}");
        }
        let port = target("https://a.example").unwrap().port();
        assert_eq!(port, 443);
    }

    #[test]
    fn rejects_what_cannot_be_a_receiver() {
        for (url, problem) in [
            ("", UrlProblem::Invalid),
            ("hooks.example.com", UrlProblem::Invalid),
            ("ftp://hooks.example.com", UrlProblem::Invalid),
            ("file:///etc/passwd", UrlProblem::Invalid),
            ("https://", UrlProblem::Invalid),
            ("mailto:", UrlProblem::Invalid),
            ("mailto:team", UrlProblem::Invalid),
            ("mailto:a@b.example,c@d.example", UrlProblem::Invalid),
            ("mailto:a@b.example?bcc=c@d.example", UrlProblem::Invalid),
            ("mailto:a%0d@b.example", UrlProblem::Invalid),
            (
                "https://me:secret@hooks.example.com",
                UrlProblem::Credentials,
            ),
            ("https://tests.example.com/readyz", UrlProblem::Itself),
            ("https://tests.example.com:443", UrlProblem::Itself),
            ("http://127.0.0.1/", UrlProblem::NotPublic),
            ("http://127.1/", UrlProblem::NotPublic),
            ("http://2130706433/", UrlProblem::NotPublic),
            ("http://[::1]:8080/", UrlProblem::NotPublic),
            ("http://[::ffff:7f00:1]/", UrlProblem::NotPublic),
            ("http://169.254.169.254/latest", UrlProblem::NotPublic),
        ] {
            assert_eq!(target(url).unwrap_err(), problem, "{url}");
        }
        let long = format!("https://a.example/{}", "x".repeat(2_000));
        assert_eq!(target(&long).unwrap_err(), UrlProblem::TooLong);
    }
}
