//! `POST …/suites`: make a suite. Its token is in the answer when asked for, and never again.

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value};
use test_engine_store::{Conflict, NewSuite};
use uuid::Uuid;

use super::suite_fields;
use crate::App;
use crate::admin::{self, AdminError};
use crate::http::auth::{OrganizationAccess, WriteSuites};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::shapes;

pub(super) async fn post(
    State(app): State<App>,
    access: OrganizationAccess<WriteSuites>,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> Result<Response, ApiError> {
    let fields = suite_fields::read(&body, true)?;
    fields.check_grants(&access.principal)?;
    let name = fields.changes.name.unwrap_or_default();
    let slug = fields.slug.unwrap_or_else(|| admin::slug_of(&name));
    let suite = NewSuite {
        uuid: Uuid::now_v7(),
        slug,
        name,
        default_branch: fields.changes.default_branch.unwrap_or_default(),
        application_name: fields.changes.application_name.flatten(),
        color: fields.changes.color.flatten(),
        emoji: fields.changes.emoji.flatten(),
        oidc_policy: fields.changes.oidc_policy.flatten(),
    };
    let organization = access.principal.organization;
    let made = admin::create_suite_in(&app.store, organization, suite, app.clock.now()).await?;
    tracing::info!(
        organization = access.principal.organization_slug,
        suite = made.suite.slug,
        "suite made"
    );
    let mut shape = shapes::suite(&made.suite, &app.links);
    if fields.show_api_token {
        shape.api_token = Some(made.token.expose_secret().to_owned());
    }
    let location = HeaderValue::from_str(&shape.url).ok();
    let mut response = (StatusCode::CREATED, Json(shape)).into_response();
    if let Some(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

impl From<AdminError> for ApiError {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Slug { given } if given.is_empty() => suite_fields::invalid(
                "Slug can't be blank (none can be made of this name: send a slug of lower-case \
                 letters, digits, - and _)",
            ),
            AdminError::Slug { .. } => suite_fields::invalid(
                "Slug is invalid (use lower-case letters, digits, - and _, at most 100)",
            ),
            AdminError::Exists(Conflict::Suite) => {
                suite_fields::invalid("Slug has already been taken")
            }
            AdminError::OidcPolicy(error) => suite_fields::invalid(&error.to_string()),
            AdminError::Store(error) => error.into(),
            other => Self::not_found(format!("Not possible: {other}.")),
        }
    }
}
