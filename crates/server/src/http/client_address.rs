//! The IP address of a client, for the audit log.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::App;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The other end of the connection: the client, or the proxy closest to the server.
#[derive(Clone, Copy)]
pub(super) struct PeerAddress(pub(super) SocketAddr);

/// `None` only if the request did not come over a connection, as in some tests.
#[derive(Clone)]
pub(crate) struct ClientAddress(pub(crate) Option<String>);

impl ClientAddress {
    pub(crate) fn of(parts: &Parts, app: &App) -> Self {
        let peer = parts.extensions.get::<PeerAddress>();
        let peer = peer.map(|peer| peer.0.ip().to_canonical());
        let proxies = app.config.network.trusted_proxies;
        let forwarded = forwarded_for(&parts.headers, proxies as usize);
        Self(forwarded.or(peer).map(|address| address.to_string()))
    }
}

impl FromRequestParts<App> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self::of(parts, app))
    }
}

/// The address that the outermost trusted proxy received the request from. Each proxy appends the
/// address of its peer to the header, so everything before that entry was sent by the client.
fn forwarded_for(headers: &HeaderMap, proxies: usize) -> Option<IpAddr> {
    if proxies == 0 {
        return None;
    }
    let entries: Vec<&str> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let entry = entries.get(entries.len().saturating_sub(proxies))?;
    let address = entry.parse::<IpAddr>().or_else(|_not_bare| {
        let with_port = entry.parse::<SocketAddr>();
        with_port.map(|address| address.ip())
    });
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::{FORWARDED_FOR, forwarded_for};

    #[test]
    fn only_entries_of_trusted_proxies_count() {
        for (values, proxies, expected) in [
            (&["203.0.113.7"][..], 0, None),
            (&["203.0.113.7"], 1, Some("203.0.113.7")),
            // The first entry is whatever the client sent.
            (&["10.9.9.9, 203.0.113.7"], 1, Some("203.0.113.7")),
            (
                &["10.9.9.9", "203.0.113.7, 10.0.0.1"],
                2,
                Some("203.0.113.7"),
            ),
            // Fewer proxies than configured: the request came from inside.
            (&["10.0.0.5"], 2, Some("10.0.0.5")),
            (&["203.0.113.7:4711"], 1, Some("203.0.113.7")),
            (&["[2001:db8::1]:4711"], 1, Some("2001:db8::1")),
            (&["::ffff:203.0.113.7"], 1, Some("203.0.113.7")),
            (&["unknown"], 1, None),
            (&[], 1, None),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(FORWARDED_FOR, HeaderValue::from_static(value));
            }
            let found = forwarded_for(&headers, proxies).map(|address| address.to_string());
            assert_eq!(found.as_deref(), expected, "{values:?} {proxies}");
        }
    }
}
