//! Reading the `Authorization` header: which secret was sent, in which of the spellings seen.
//!
//! Collectors and clients disagree on how a suite token is written, so all four spellings mean the
//! same. Whether the secret is known is [`super::auth`]'s question.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use secrecy::SecretString;

/// The secret of `Bearer T`; what the REST API takes.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<SecretString> {
    let (scheme, rest) = scheme_and_rest(headers)?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| secret(rest))
        .flatten()
}

/// The secret of `Token token="T"`, `Token token=T`, `Token T` or `Bearer T`; what uploads take.
pub(crate) fn any_spelling(headers: &HeaderMap) -> Option<SecretString> {
    let (scheme, rest) = scheme_and_rest(headers)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return secret(rest);
    }
    if !scheme.eq_ignore_ascii_case("token") {
        return None;
    }
    let value = match rest.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("token") => value.trim(),
        _ => rest,
    };
    let unquoted = value
        .strip_prefix('"')
        .and_then(|inner| inner.strip_suffix('"'))
        .unwrap_or(value);
    secret(unquoted)
}

fn scheme_and_rest(headers: &HeaderMap) -> Option<(&str, &str)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?.trim();
    let (scheme, rest) = value.split_once(char::is_whitespace)?;
    Some((scheme, rest.trim()))
}

fn secret(text: &str) -> Option<SecretString> {
    let text = text.trim();
    (!text.is_empty()).then(|| SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};
    use secrecy::ExposeSecret as _;

    use super::{any_spelling, bearer};

    fn headers(value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static(value));
        headers
    }

    #[test]
    fn every_spelling_of_a_suite_token_is_read() {
        for value in [
            "Token token=\"abc\"",
            "Token token=abc",
            "Token abc",
            "Bearer abc",
            "token  token = \"abc\"",
            "bearer   abc ",
        ] {
            let read = any_spelling(&headers(value));
            assert_eq!(read.expect(value).expose_secret(), "abc", "{value}");
        }
    }

    #[test]
    fn what_is_no_token_is_none() {
        for value in [
            "",
            "abc",
            "Token",
            "Token token=\"\"",
            "Basic abc",
            "Bearer ",
        ] {
            assert!(any_spelling(&headers(value)).is_none(), "{value}");
        }
        assert!(any_spelling(&HeaderMap::new()).is_none());
    }

    #[test]
    fn the_rest_api_takes_bearer_only() {
        assert_eq!(
            bearer(&headers("Bearer abc")).unwrap().expose_secret(),
            "abc"
        );
        assert!(bearer(&headers("Token token=abc")).is_none());
    }

    #[test]
    fn a_padded_base64_token_keeps_its_equals_signs() {
        assert_eq!(
            any_spelling(&headers("Token ab=="))
                .unwrap()
                .expose_secret(),
            "ab=="
        );
        let quoted = any_spelling(&headers("Token token=\"ab==\"")).unwrap();
        assert_eq!(quoted.expose_secret(), "ab==");
    }
}
