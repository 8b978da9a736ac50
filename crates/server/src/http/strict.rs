//! Rejects requests that HTTP forbids or the documented limits exclude, before anything reads them.

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::error::ApiError;

/// Of the request line and headers. The connection's own limit is less exact: it is about the bytes
/// that are read at once.
pub(super) const MAX_HEADER_BYTES: usize = 64 * 1024;
/// Separators of a header line and of the request line.
const LINE_OVERHEAD: usize = 4;

pub(super) async fn layer(request: Request, next: Next) -> Response {
    match check(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn check(request: &Request) -> Result<(), ApiError> {
    let line = request.method().as_str().len() + request.uri().to_string().len();
    let headers = request.headers();
    let fields = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + LINE_OVERHEAD);
    if line + fields.sum::<usize>() > MAX_HEADER_BYTES {
        return Err(ApiError::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            format!("The headers are larger than {MAX_HEADER_BYTES} bytes. Send less."),
        ));
    }
    check_host(headers, request.version()).map_err(ApiError::bad_request)
}

/// Proxies and the server must agree on the host, so that one request cannot be two (RFC 9112).
/// HTTP/1.0, which some health checks use, has no such header.
fn check_host(headers: &HeaderMap, version: Version) -> Result<(), &'static str> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (_, Some(_)) => return Err("The request has more than one Host header. Send one."),
        (None, None) if version == Version::HTTP_10 => return Ok(()),
        (None, None) => return Err("The request has no Host header. Send one."),
        (Some(host), None) => host,
    };
    let is_valid = host.is_empty() || Authority::try_from(host.as_bytes()).is_ok();
    is_valid
        .then_some(())
        .ok_or("The Host header is not a host. Send the host of the address.")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use axum::http::{StatusCode, Version};

    use super::{MAX_HEADER_BYTES, check};

    fn status(version: Version, headers: &[(&str, &str)]) -> Option<StatusCode> {
        let mut request = Request::get("/healthz").version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let checked = check(&request.body(Body::empty()).unwrap());
        checked.err().map(|error| error.status())
    }

    #[test]
    fn a_request_has_one_host() {
        let bad = Some(StatusCode::BAD_REQUEST);
        for (version, hosts, expected) in [
            (Version::HTTP_11, &["a"][..], None),
            (Version::HTTP_11, &["tests.example.com:8080"], None),
            (Version::HTTP_11, &["[::1]:8080"], None),
            (Version::HTTP_11, &[""], None),
            (Version::HTTP_11, &[], bad),
            (Version::HTTP_11, &["a", "a"], bad),
            (Version::HTTP_11, &["a b"], bad),
            (Version::HTTP_11, &["a/b"], bad),
            (Version::HTTP_10, &[], None),
            (Version::HTTP_10, &["a"], None),
            (Version::HTTP_10, &["a", "b"], bad),
        ] {
            let headers: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
            assert_eq!(status(version, &headers), expected, "{version:?} {hosts:?}");
        }
    }

    #[test]
    fn headers_are_limited_to_64_kib() {
        for (length, expected) in [
            (MAX_HEADER_BYTES - 100, None),
            (
                MAX_HEADER_BYTES,
                Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
            ),
        ] {
            let long = "x".repeat(length);
            let headers = [("host", "a"), ("x-filler", &*long)];
            assert_eq!(status(Version::HTTP_11, &headers), expected, "{length}");
        }
    }
}
