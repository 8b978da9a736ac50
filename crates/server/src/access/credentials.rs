//! Extracts the secret from the value of an `Authorization` header.
//!
//! Collectors and clients write a suite token in four formats; all of them are accepted.

use secrecy::SecretString;

/// The secret of `Bearer T`, the only format of the REST API.
pub(crate) fn bearer(authorization: &str) -> Option<SecretString> {
    let (scheme, rest) = scheme_and_rest(authorization)?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| secret(rest))
        .flatten()
}

/// The secret of `Token token="T"`, `Token token=T`, `Token T` or `Bearer T`, for uploads.
pub(crate) fn any_format(authorization: &str) -> Option<SecretString> {
    let (scheme, rest) = scheme_and_rest(authorization)?;
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

fn scheme_and_rest(authorization: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = authorization.trim().split_once(char::is_whitespace)?;
    Some((scheme, rest.trim()))
}

fn secret(text: &str) -> Option<SecretString> {
    let text = text.trim();
    (!text.is_empty()).then(|| SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::{any_format, bearer};

    #[test]
    fn uploads_accept_every_format() {
        for (value, expected) in [
            ("Token token=\"abc\"", "abc"),
            ("Token token=abc", "abc"),
            ("Token abc", "abc"),
            ("Bearer abc", "abc"),
            ("token  token = \"abc\"", "abc"),
            ("bearer   abc ", "abc"),
            // Padded base64.
            ("Token ab==", "ab=="),
            ("Token token=\"ab==\"", "ab=="),
        ] {
            let secret = any_format(value).expect(value);
            assert_eq!(secret.expose_secret(), expected, "{value}");
        }
    }

    #[test]
    fn headers_without_a_token_yield_none() {
        for value in [
            "",
            "abc",
            "Token",
            "Token token=\"\"",
            "Basic abc",
            "Bearer ",
        ] {
            assert!(any_format(value).is_none(), "{value}");
        }
    }

    #[test]
    fn the_rest_api_accepts_bearer_only() {
        assert_eq!(bearer("Bearer abc").unwrap().expose_secret(), "abc");
        assert!(bearer("Token token=abc").is_none());
    }
}
