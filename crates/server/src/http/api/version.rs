//! The `Buildkite-Version` header, which selects the format of the tests API.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};

use crate::http::error::ApiError;
use crate::http::openapi;

/// Year, month and day of the version that added metrics to tests.
const METRICS_SINCE: (u16, u8, u8) = (2026, 8, 1);

/// Whether the response includes metrics of tests.
pub(super) struct WithMetrics(pub(super) bool);

impl IntoParams for WithMetrics {
    fn into_params(_within: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let version = ParameterBuilder::new()
            .name("Buildkite-Version")
            .parameter_in(ParameterIn::Header)
            .description(Some("From 2026-08-01, tests include their metrics."))
            .schema(Some(openapi::optional_text("date")));
        vec![version.build()]
    }
}

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

/// Parses a calendar date as year, month and day.
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
    fn dates_are_validated() {
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
