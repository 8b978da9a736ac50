//! The `Buildkite-Version` header: which shape of the tests API is wanted.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::http::error::ApiError;

/// The day from which tests carry their metrics.
const METRICS_SINCE: (u16, u8, u8) = (2026, 8, 1);

/// Whether tests shall carry their metrics.
pub(super) struct WithMetrics(pub(super) bool);

impl<S: Send + Sync> FromRequestParts<S> for WithMetrics {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let Some(value) = parts.headers.get("buildkite-version") else {
            return Ok(Self(false));
        };
        let text = value.to_str().unwrap_or("?").trim();
        if text.is_empty() {
            return Ok(Self(false));
        }
        parse(text)
            .map(|day| Self(day >= METRICS_SINCE))
            .ok_or_else(|| ApiError::bad_request("Buildkite-Version must be in format YYYY-MM-DD"))
    }
}

/// A day that the calendar has.
fn parse(text: &str) -> Option<(u16, u8, u8)> {
    if text.len() != 10 {
        return None;
    }
    let date: jiff::civil::Date = text.parse().ok()?;
    let year = u16::try_from(date.year()).ok()?;
    Some((year, date.month().unsigned_abs(), date.day().unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn days_are_checked() {
        assert_eq!(parse("2026-08-01"), Some((2026, 8, 1)));
        for bad in [
            "2026-8-1",
            "2026-13-01",
            "2026-02-30",
            "latest",
            "20260801",
            "2026-08-01x",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
