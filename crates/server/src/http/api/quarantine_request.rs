//! The optional body of `…/mute`, `/skip` and `/enable`.
//!
//! Clients of the hosted product send none, and their requests are never refused: only a body that
//! has one of the fields below counts.

use axum::extract::{FromRequest, Request as HttpRequest};
use axum::http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::test_query::timestamp;
use crate::App;
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::openapi;
use crate::quarantine::{End, QuarantineError, Request};

/// With any of these fields, `reason` is required.
#[derive(Deserialize, ToSchema)]
pub(super) struct QuarantineRequest {
    /// Why the state changes.
    #[schema(max_length = 1000, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    reason: Option<String>,
    /// The person or team that looks after the test.
    #[schema(max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    owner: Option<String>,
    /// An id or address in an issue tracker.
    #[schema(max_length = 500, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    ticket: Option<String>,
    #[schema(pattern = "^(everywhere|default_branch|not_touched)$")]
    scope: Option<String>,
    /// At most the suite's maximum; by default the suite's default.
    #[schema(minimum = 1)]
    days: Option<i64>,
    /// Instead of `days`.
    #[schema(schema_with = openapi::nullable_time)]
    ends_at: Option<String>,
    /// Also if the test is broken, or its failure is new. By default false.
    force: Option<bool>,
}

const FIELDS: [&str; 7] = [
    "reason", "owner", "ticket", "scope", "days", "ends_at", "force",
];

/// The body, if there is one with details.
pub(super) struct OptionalRequest(pub(super) Option<Request>);

impl FromRequest<App> for OptionalRequest {
    type Rejection = ApiError;

    async fn from_request(request: HttpRequest, app: &App) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let bytes = body::read(&parts.headers, body, app).await?;
        let content_type = parts.headers.get(CONTENT_TYPE);
        let is_json = content_type
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.to_ascii_lowercase().contains("json"));
        parse(&bytes, is_json).map(Self)
    }
}

fn parse(body: &[u8], is_json: bool) -> Result<Option<Request>, ApiError> {
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let invalid = |error: serde_json::Error| {
        ApiError::bad_request(format!("The body is not the expected JSON: {error}."))
    };
    let fields: Map<String, Value> = match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => fields,
        Ok(_other) => return Ok(None),
        Err(error) if is_json => return Err(invalid(error)),
        Err(_other_format) => return Ok(None),
    };
    let is_given = |name: &&str| fields.get(*name).is_some_and(|value| !value.is_null());
    if !FIELDS.iter().any(is_given) {
        return Ok(None);
    }
    let sent: QuarantineRequest = body::decode(body)?;
    let end = match (sent.days, &sent.ends_at) {
        (None, None) => End::SuiteDefault,
        (Some(days), None) => End::Days(days),
        (None, Some(text)) => End::At(timestamp("ends_at", text).map_err(ApiError::bad_request)?),
        (Some(_), Some(_)) => {
            return Err(ApiError::bad_request("Send days or ends_at, not both."));
        }
    };
    Ok(Some(Request {
        reason: sent.reason.unwrap_or_default(),
        owner: sent.owner,
        ticket: sent.ticket,
        scope: sent.scope,
        end,
        force: sent.force.unwrap_or_default(),
    }))
}

impl From<QuarantineError> for ApiError {
    fn from(error: QuarantineError) -> Self {
        match error {
            QuarantineError::Invalid(_) | QuarantineError::Refused(_) => {
                Self::unprocessable(error.to_string())
            }
            QuarantineError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{End, parse};

    #[test]
    fn a_body_without_details_is_no_request() {
        for body in [
            "",
            " \n",
            "null",
            "{}",
            "[]",
            "7",
            r#"{"team": 1}"#,
            r#"{"reason": null}"#,
        ] {
            assert_eq!(parse(body.as_bytes(), true).ok(), Some(None), "{body}");
        }
        assert_eq!(parse(b"state=muted", false).ok(), Some(None));
        assert!(parse(b"{\"reason\": ", true).is_err());
        assert!(parse(br#"{"reason": 7}"#, true).is_err());
    }

    #[test]
    fn details_are_read_whatever_the_content_type() {
        let end = |body: &str| parse(body.as_bytes(), false).map(|request| request.unwrap().end);
        assert_eq!(end(r#"{"reason": "a"}"#).ok(), Some(End::SuiteDefault));
        assert_eq!(end(r#"{"days": 3}"#).ok(), Some(End::Days(3)));
        let at = end(r#"{"ends_at": "2026-11-23T01:00:00+01:00"}"#)
            .ok()
            .unwrap();
        assert!(matches!(at, End::At(time) if time.millis() == 1_795_392_000_000));
        assert!(end(r#"{"ends_at": "tomorrow"}"#).is_err());
        assert!(end(r#"{"ends_at": "2026-11-23T00:00:00Z", "days": 3}"#).is_err());
    }
}
