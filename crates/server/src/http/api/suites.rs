//! `…/suites` and `…/suites/{suite}`.

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Map, Value};
use test_engine_store as store;
use test_engine_store::Change;
use test_engine_wire::Suite;
use utoipa::IntoParams;
use uuid::Uuid;

use super::suite_fields::{self, Fields, NewSuite, SuiteChanges};
use crate::App;
use crate::access::AccessError;
use crate::admin;
use crate::http::auth::{OrganizationAccess, ReadSuites, SuiteAccess, WriteSuites};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::openapi::{BadRequest, Invalid};
use crate::http::paging::{PageOf, Paging};
use crate::http::params::Params;
use crate::http::resources;
use crate::scopes::Scope;

/// The description of tokens created by `PATCH`.
const TOKEN_DESCRIPTION: &str = "created through the API";

/// List suites, by slug
#[utoipa::path(
    get, path = "/suites", tag = "Suites",
    params(OrganizationAccess<ReadSuites>, Paging),
    responses(PageOf<Suite>, OrganizationAccess<ReadSuites>),
)]
pub(super) async fn list_suites(
    State(app): State<App>,
    access: OrganizationAccess<ReadSuites>,
    paging: Paging,
) -> Result<PageOf<Suite>, ApiError> {
    let organization = access.principal.organization;
    let listed = app.store.suites(organization, paging.page).await?;
    Ok(paging.respond(listed, |suite| resources::suite(&suite, &app.links)))
}

/// Create a suite
///
/// With `show_api_token`, the response has the suite's token; it cannot be retrieved later.
#[utoipa::path(
    post, path = "/suites", tag = "Suites",
    params(OrganizationAccess<WriteSuites>), request_body = NewSuite,
    responses(
        (status = 201, body = Suite, headers(("Location" = String))),
        BadRequest, OrganizationAccess<WriteSuites>, Invalid,
    ),
)]
pub(super) async fn create_suite(
    State(app): State<App>,
    access: OrganizationAccess<WriteSuites>,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> Result<Response, ApiError> {
    let fields = suite_fields::read(&body, true, app.config.oidc)?;
    fields.check_grants(|scope| access.principal.has_scope(scope))?;
    let name = fields.changes.name.unwrap_or_default();
    let slug = fields.slug.unwrap_or_else(|| admin::slug_of(&name));
    let unset = store::QuarantineSettings::default();
    let suite = store::NewSuite {
        uuid: Uuid::now_v7(),
        slug,
        name,
        default_branch: fields.changes.default_branch.unwrap_or_default(),
        application_name: fields.changes.application_name.flatten(),
        color: fields.changes.color.flatten(),
        emoji: fields.changes.emoji.flatten(),
        oidc_policy: fields.changes.oidc_policy.flatten(),
        quarantine: store::QuarantineSettings {
            days: fields.changes.quarantine_days.unwrap_or(unset.days),
            max_days: fields.changes.quarantine_max_days.unwrap_or(unset.max_days),
            api_days: fields.changes.quarantine_api_days.flatten(),
        },
    };
    let organization = &access.principal.organization_slug;
    let change = access.change(app.clock.now());
    let created = admin::create_suite(&app.store, organization, suite, &change).await?;
    tracing::info!(
        organization = access.principal.organization_slug,
        suite = created.suite.slug,
        "suite created"
    );
    let mut body = resources::suite(&created.suite, &app.links);
    if fields.show_api_token {
        body.api_token = Some(created.token.expose_secret().to_owned());
    }
    let location = HeaderValue::from_str(&body.url).ok();
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    if let Some(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SuiteQuery {
    /// Accepted for compatibility, if the token has the scope `write_suites`. The response never
    /// has a token, because the server stores only hashes.
    #[serde(default)]
    show_api_token: bool,
}

/// Get a suite
#[utoipa::path(
    get, path = "/suites/{suite}", tag = "Suites",
    params(SuiteAccess<ReadSuites>, SuiteQuery),
    responses((status = 200, body = Suite), BadRequest, SuiteAccess<ReadSuites>),
)]
pub(super) async fn get_suite(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    Params(query): Params<SuiteQuery>,
) -> Result<Json<Suite>, ApiError> {
    if query.show_api_token && !access.principal.has_scope(Scope::WriteSuites) {
        return Err(AccessError::MissingScope(Scope::WriteSuites).into());
    }
    Ok(Json(resources::suite(&access.suite, &app.links)))
}

/// Change a suite
///
/// Fields that are not sent stay as they are; the slug never changes. With `show_api_token`, the
/// response has a new suite token; existing tokens stay valid.
#[utoipa::path(
    patch, path = "/suites/{suite}", tag = "Suites",
    params(SuiteAccess<WriteSuites>), request_body = SuiteChanges,
    responses((status = 200, body = Suite), BadRequest, SuiteAccess<WriteSuites>, Invalid),
)]
pub(super) async fn update_suite(
    State(app): State<App>,
    access: SuiteAccess<WriteSuites>,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> Result<Json<Suite>, ApiError> {
    let fields = suite_fields::read(&body, false, app.config.oidc)?;
    let change = access.change(app.clock.now());
    let has_scope = |scope| access.principal.has_scope(scope);
    let suite = apply(&app, &access.suite, &fields, has_scope, &change).await?;
    let mut body = resources::suite(&suite, &app.links);
    if fields.show_api_token {
        let description = Some(TOKEN_DESCRIPTION.to_owned());
        let created = admin::create_suite_token(&app.store, &suite, description, &change).await?;
        body.api_token = Some(created.secret.expose_secret().to_owned());
    }
    Ok(Json(body))
}

/// Changes a suite as `PATCH` does, for somebody who has the scope `write_suites`. `has_scope`
/// tells whether they have another one.
pub(in crate::http) async fn change(
    app: &App,
    suite: &store::Suite,
    body: &Map<String, Value>,
    has_scope: impl Fn(Scope) -> bool,
    change: &Change,
) -> Result<store::Suite, ApiError> {
    let fields = suite_fields::read(body, false, app.config.oidc)?;
    apply(app, suite, &fields, has_scope, change).await
}

async fn apply(
    app: &App,
    suite: &store::Suite,
    fields: &Fields,
    has_scope: impl Fn(Scope) -> bool,
    change: &Change,
) -> Result<store::Suite, ApiError> {
    fields.check_grants(has_scope)?;
    let changes = fields.changes.clone();
    let changed = app.store.update_suite(suite.id, changes, change).await?;
    let gone = || ApiError::not_found("The suite was deleted in the meantime.");
    let changed = changed.ok_or_else(gone)?;
    tracing::info!(suite = changed.slug, "suite changed");
    Ok(changed)
}

/// Delete a suite with everything in it, including its tokens
#[utoipa::path(
    delete, path = "/suites/{suite}", tag = "Suites",
    params(SuiteAccess<WriteSuites>),
    responses((status = 204), SuiteAccess<WriteSuites>),
)]
pub(super) async fn delete_suite(
    State(app): State<App>,
    access: SuiteAccess<WriteSuites>,
) -> Result<StatusCode, ApiError> {
    // Also a success if a concurrent request deleted it first.
    let change = access.change(app.clock.now());
    app.store.delete_suite(access.suite.id, &change).await?;
    tracing::info!(suite = access.suite.slug, "suite deleted");
    Ok(StatusCode::NO_CONTENT)
}
