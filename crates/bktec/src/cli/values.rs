//! The types of options and how their texts are read.
//!
//! The syntax is Go's, because existing pipelines were written for a client in Go.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use ureq::http::Uri;

use super::option::OptionValue;
use crate::result_format::ResultFormat;

impl OptionValue for String {
    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl OptionValue for PathBuf {
    fn read(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }
}

impl OptionValue for SecretString {
    fn read(text: &str) -> Result<Self, String> {
        Ok(text.trim().into())
    }
}

impl OptionValue for bool {
    fn read(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "1" | "t" | "true" => Ok(true),
            "0" | "f" | "false" => Ok(false),
            _ => Err("true or false".to_owned()),
        }
    }
}

impl OptionValue for i64 {
    fn read(text: &str) -> Result<Self, String> {
        let number = text.trim().parse();
        number.map_err(|_| "a whole number".to_owned())
    }
}

impl OptionValue for ResultFormat {
    fn read(text: &str) -> Result<Self, String> {
        let names: Vec<_> = Self::all().map(Self::name).collect();
        Self::from_name(text.trim()).ok_or_else(|| format!("one of {}", names.join(", ")))
    }
}

/// Go's syntax: `2m30s`, `1.5h`, `0`.
impl OptionValue for Duration {
    fn read(text: &str) -> Result<Self, String> {
        duration(text.trim()).ok_or_else(|| "a duration such as 90s, 2m30s or 1.5h".to_owned())
    }
}

fn duration(text: &str) -> Option<Duration> {
    /// What Go's type can hold.
    const MAX: Duration = Duration::from_nanos(i64::MAX.cast_unsigned());

    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut seconds = 0.0_f64;
    loop {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..number_end].parse().ok()?;
        rest = &rest[number_end..];
        let is_number = |c: char| c.is_ascii_digit() || c == '.';
        let unit_end = rest.find(is_number).unwrap_or(rest.len());
        seconds += number
            * match &rest[..unit_end] {
                "ns" => 1e-9,
                "us" | "µs" | "μs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
        rest = &rest[unit_end..];
        if rest.is_empty() {
            let duration = Duration::try_from_secs_f64(seconds).ok()?;
            return (duration <= MAX).then_some(duration);
        }
    }
}

/// An `http` or `https` URL with a host and without a query; no trailing slashes.
#[derive(Clone, Debug)]
pub struct BaseUrl(pub String);

impl OptionValue for BaseUrl {
    fn read(text: &str) -> Result<Self, String> {
        base_url(text.trim()).ok_or_else(|| "a URL such as https://api.example.com".to_owned())
    }
}

fn base_url(text: &str) -> Option<BaseUrl> {
    let uri: Uri = text.parse().ok()?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let has_host = uri.host().is_some_and(|host| !host.is_empty());
    (is_http && has_host && uri.query().is_none())
        .then(|| BaseUrl(text.trim_end_matches('/').to_owned()))
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
    #[case("0s", 0)]
    #[case("+1s", 1_000_000_000)]
    #[case(" .5s ", 500_000_000)]
    #[case("2562047h", 9_223_369_200_000_000_000)]
    fn reads_durations(#[case] text: &str, #[case] nanoseconds: u64) {
        assert_eq!(Duration::read(text), Ok(Duration::from_nanos(nanoseconds)));
    }

    #[rstest]
    #[case("")]
    #[case("-")]
    #[case("-1s")]
    #[case("90")]
    #[case("s")]
    #[case("1d")]
    #[case("1 m")]
    #[case("1..5s")]
    #[case("one minute")]
    #[case("1e3s")]
    #[case("2562048h")]
    #[case("9999999999999h")]
    fn rejects_other_durations(#[case] text: &str) {
        assert!(Duration::read(text).is_err(), "{text}");
    }

    #[test]
    fn reads_booleans_and_numbers() {
        for (text, value) in [
            ("TRUE", true),
            ("t", true),
            ("1", true),
            ("f", false),
            ("0", false),
        ] {
            assert_eq!(bool::read(text), Ok(value));
        }
        assert!(bool::read("yes").is_err());
        assert_eq!(i64::read("-3"), Ok(-3));
        assert!(i64::read("3.0").is_err());
        assert!(i64::read("99999999999999999999").is_err());
    }

    #[rstest]
    #[case("https://api.example.com/", Some("https://api.example.com"))]
    #[case("http://127.0.0.1:8080/engine", Some("http://127.0.0.1:8080/engine"))]
    #[case("api.example.com", None)]
    #[case("ftp://example.com", None)]
    #[case("https://", None)]
    #[case("not a url", None)]
    #[case("", None)]
    fn reads_base_urls(#[case] text: &str, #[case] expected: Option<&str>) {
        let url = BaseUrl::read(text).ok();
        assert_eq!(url.as_ref().map(|url| url.0.as_str()), expected);
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,24}") {
            let _ = Duration::read(&text);
            let _ = bool::read(&text);
            let _ = i64::read(&text);
            let _ = BaseUrl::read(&text);
        }
    }
}
