//! Text → value: the forms in which options are written.
//!
//! Pure. They are Go's forms, since pipelines were written for a client that reads them so. An
//! error is the phrase that follows "must be".

use std::collections::BTreeMap;

use ureq::http::Uri;

/// Nanoseconds in one second.
const SECOND: f64 = 1e9;

/// `true`, `false`, `1`, `0`, `t`, `f`, in any case.
pub(super) fn boolean(text: &str) -> Result<bool, &'static str> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "t" | "true" => Ok(true),
        "0" | "f" | "false" => Ok(false),
        _ => Err("true or false"),
    }
}

/// A decimal number, with an optional sign.
pub(super) fn integer(text: &str) -> Result<i64, &'static str> {
    text.trim().parse().map_err(|_| "a whole number")
}

/// Go's form of a duration (`2m30s`, `1.5h`, `-90s`, `0`) as nanoseconds.
pub(super) fn duration(text: &str) -> Result<i64, &'static str> {
    const EXPECTED: &str = "a duration such as 90s, 2m30s or 1.5h";
    let text = text.trim();
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(EXPECTED);
    }
    let mut nanoseconds = 0.0_f64;
    while !rest.is_empty() {
        let number_end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or(EXPECTED)?;
        let number: f64 = rest[..number_end].parse().map_err(|_| EXPECTED)?;
        rest = &rest[number_end..];
        let unit_end = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let unit = match &rest[..unit_end] {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => SECOND,
            "m" => 60.0 * SECOND,
            "h" => 3600.0 * SECOND,
            _ => return Err(EXPECTED),
        };
        rest = &rest[unit_end..];
        nanoseconds += number * unit;
    }
    // 2^63 as a float: the first value that no longer fits.
    if nanoseconds >= 9_223_372_036_854_775_808.0 {
        return Err("a duration below 292 years");
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the bound is checked above"
    )]
    let whole = nanoseconds.round() as i64;
    Ok(if negative { -whole } else { whole })
}

/// An address with `http` or `https` and a host, without its trailing slashes.
pub(super) fn base_url(text: &str) -> Result<String, &'static str> {
    const EXPECTED: &str = "a URL such as https://api.example.com";
    let text = text.trim();
    let uri: Uri = text.parse().map_err(|_| EXPECTED)?;
    let known_scheme = matches!(uri.scheme_str(), Some("http" | "https"));
    let has_host = uri.host().is_some_and(|host| !host.is_empty());
    if !known_scheme || !has_host || uri.query().is_some() {
        return Err(EXPECTED);
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// `KEY=VALUE` pairs; the value may hold anything, `=` too. The last of two equal keys wins.
pub(super) fn pairs<'a>(
    texts: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeMap<String, String>, &'static str> {
    texts
        .into_iter()
        .map(|text| match text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                Ok((key.trim().to_owned(), value.to_owned()))
            }
            _ => Err("KEY=VALUE"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("90s", 90_000_000_000)]
    #[case("2m30s", 150_000_000_000)]
    #[case("1.5h", 5_400_000_000_000)]
    #[case("1h", 3_600_000_000_000)]
    #[case("350ms", 350_000_000)]
    #[case("1µs", 1_000)]
    #[case("0", 0)]
    #[case("-1s", -1_000_000_000)]
    #[case("+1s", 1_000_000_000)]
    #[case(" .5s ", 500_000_000)]
    fn durations(#[case] text: &str, #[case] nanoseconds: i64) {
        assert_eq!(duration(text), Ok(nanoseconds));
    }

    #[rstest]
    #[case("")]
    #[case("-")]
    #[case("90")]
    #[case("s")]
    #[case("1d")]
    #[case("1 m")]
    #[case("1..5s")]
    #[case("one minute")]
    #[case("1e3s")]
    #[case("9999999999999h")]
    fn not_durations(#[case] text: &str) {
        assert!(duration(text).is_err(), "{text}");
    }

    #[test]
    fn booleans_and_numbers() {
        for (text, value) in [
            ("TRUE", true),
            ("t", true),
            ("1", true),
            ("f", false),
            ("0", false),
        ] {
            assert_eq!(boolean(text), Ok(value));
        }
        assert!(boolean("yes").is_err());
        assert_eq!(integer("-3"), Ok(-3));
        assert!(integer("3.0").is_err());
        assert!(integer("99999999999999999999").is_err());
    }

    #[rstest]
    #[case("https://api.example.com/", Some("https://api.example.com"))]
    #[case("http://127.0.0.1:8080/engine", Some("http://127.0.0.1:8080/engine"))]
    #[case("api.example.com", None)]
    #[case("ftp://example.com", None)]
    #[case("https://", None)]
    #[case("not a url", None)]
    #[case("", None)]
    fn addresses(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(base_url(text).ok().as_deref(), expected);
    }

    #[test]
    fn pairs_keep_what_stands_after_the_first_equals_sign() {
        let read = pairs(["a=1", "b=x=y, z\nw", " c =", "a=2"]).unwrap();
        let expected = [("a", "2"), ("b", "x=y, z\nw"), ("c", "")];
        assert_eq!(
            read.iter()
                .map(|(k, v)| (k.as_str(), v.as_str()))
                .collect::<Vec<_>>(),
            expected
        );
        assert!(pairs(["no-sign"]).is_err());
        assert!(pairs(["=value"]).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_a_reader_panic(text in ".{0,24}") {
            let _ = duration(&text);
            let _ = boolean(&text);
            let _ = integer(&text);
            let _ = base_url(&text);
        }
    }
}
