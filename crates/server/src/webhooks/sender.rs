//! Sends requests to a receiver that may be slow, broken or hostile.
//!
//! The name is resolved once and every address checked, and the connection is made to one of
//! exactly these addresses, so a name cannot change between check and use. Redirects are not
//! followed, no proxy is used, and of the response little is read and nothing kept.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, Url};

use super::addresses;
use super::target::{Host, Target};
use crate::error_chain::ErrorChain;

/// Of a response; enough to use the connection again.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// Why an attempt failed. Reads as a sentence for the owner of the webhook, and says nothing of the
/// network that the server is in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error("the name {host} cannot be resolved")]
    Unresolved { host: String },
    #[error(
        "{host} has an address that is not public; the operator of the server can allow it with \
         --webhook-allowed-networks"
    )]
    NotPublic { host: String },
    #[error("no response within {} seconds", .0.as_secs())]
    Timeout(Duration),
    #[error("the request failed: {0}")]
    Request(String),
    #[error("the e-mail was not sent: {cause}")]
    Mail {
        cause: String,
        /// Whether the mail server rejected it for good.
        is_final: bool,
    },
    #[error("the response was {status}; redirects are not followed")]
    Redirect { status: u16 },
    #[error("the response was {status}, expected 2xx")]
    Status {
        status: u16,
        retry_after: Option<Duration>,
    },
}

impl SendError {
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Redirect { status } | Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the receiver wants no further attempt.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Mail { is_final: true, .. }) || self.status() == Some(410)
    }
}

/// Requests to one receiver, over one connection if possible.
pub(crate) struct Sender {
    client: Client,
    url: Url,
    /// For one request.
    time: Duration,
}

impl Sender {
    /// Resolves the name, unless that takes longer than `time`.
    pub(crate) async fn open(
        target: &Target,
        allowed: &[IpNet],
        time: Duration,
    ) -> Result<Self, SendError> {
        // An error means that a provider is installed already.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let builder = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(time)
            .user_agent(concat!("test-engine/", env!("CARGO_PKG_VERSION")));
        let builder = match target.host() {
            Host::Address(address) => {
                if !addresses::is_permitted(address, allowed) {
                    let host = address.to_string();
                    return Err(SendError::NotPublic { host });
                }
                builder
            }
            Host::Name(name) => {
                let resolving = resolve(name, target.port(), allowed);
                let resolved = tokio::time::timeout(time, resolving);
                let addresses = resolved.await.map_err(|_| SendError::Timeout(time))??;
                builder.resolve_to_addrs(name, &addresses)
            }
        };
        let client = builder.build().map_err(request)?;
        Ok(Self {
            client,
            url: target.url().clone(),
            time,
        })
    }

    /// Posts JSON; the status of a successful response.
    pub(crate) async fn post(
        &self,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<u16, SendError> {
        let mut request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let exchange = async {
            let mut response = request.body(body).send().await.map_err(self::request)?;
            read_some(&mut response).await;
            Ok(response)
        };
        let exchange = tokio::time::timeout(self.time, exchange);
        let response = exchange
            .await
            .map_err(|_elapsed| SendError::Timeout(self.time))??;
        let status = response.status();
        if status.is_success() {
            return Ok(status.as_u16());
        }
        let retry_after = retry_after(&response);
        let status = status.as_u16();
        Err(match status {
            300..400 => SendError::Redirect { status },
            _ => SendError::Status {
                status,
                retry_after,
            },
        })
    }
}

async fn resolve(name: &str, port: u16, allowed: &[IpNet]) -> Result<Vec<SocketAddr>, SendError> {
    let host = || name.to_owned();
    let found = tokio::net::lookup_host((name, port))
        .await
        .map_err(|_error| SendError::Unresolved { host: host() })?;
    let found: Vec<SocketAddr> = found.collect();
    if found.is_empty() {
        return Err(SendError::Unresolved { host: host() });
    }
    let is_permitted = |found: &SocketAddr| addresses::is_permitted(found.ip(), allowed);
    if !found.iter().all(is_permitted) {
        return Err(SendError::NotPublic { host: host() });
    }
    Ok(found)
}

/// Reads at most [`MAX_RESPONSE_BYTES`]. The status has been received, so it counts even if the
/// rest is broken.
async fn read_some(response: &mut Response) {
    let mut read = 0;
    while read < MAX_RESPONSE_BYTES {
        match response.chunk().await {
            Ok(Some(chunk)) => read += chunk.len(),
            Ok(None) | Err(_) => return,
        }
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().map(Duration::from_secs).ok()
}

fn request(error: reqwest::Error) -> SendError {
    if error.is_connect() {
        return SendError::Request("the connection failed".to_owned());
    }
    // The URL may contain a secret.
    SendError::Request(ErrorChain(&error.without_url()).to_string())
}
