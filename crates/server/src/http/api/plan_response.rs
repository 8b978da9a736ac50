//! A stored plan as a response, gzip-compressed if the client accepts that.

use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};

use crate::error_chain::ErrorChain;
use crate::http::error::ApiError;
use crate::planning::{PlanBytes, PlanError};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub(super) fn respond(plan: &PlanBytes, request: &HeaderMap) -> Result<Response, ApiError> {
    let mut response = if accepts_gzip(request) {
        let mut response = plan.gzip().into_response();
        response
            .headers_mut()
            .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response
    } else {
        plan.plain().map_err(PlanError::from)?.into_response()
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    Ok(response)
}

fn accepts_gzip(request: &HeaderMap) -> bool {
    request
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let is_rejected = parts.any(|part| {
                part.strip_prefix("q=")
                    .and_then(|quality| quality.parse().ok())
                    == Some(0.0_f32)
            });
            name.eq_ignore_ascii_case("gzip") && !is_rejected
        })
}

impl From<PlanError> for ApiError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Invalid(_) => Self::bad_request(error.to_string()),
            PlanError::Store(error) => error.into(),
            PlanError::Selection(error) => error.into(),
            PlanError::Encoding(_) | PlanError::Task(_) => {
                Self::internal("create the plan", &ErrorChain(&error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::accepts_gzip;

    #[test]
    fn gzip_is_used_only_if_accepted() {
        for (value, expected) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("identity", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("accept-encoding", HeaderValue::from_static(value));
            assert_eq!(accepts_gzip(&headers), expected, "{value}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
