//! `…/members`: the people of an organization and their roles.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use test_engine_store::{Identity, Membership, OrganizationId, User};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::App;
use crate::clock::rfc3339;
use crate::http::auth::PeopleAccess;
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::openapi::{BadRequest, Invalid};
use crate::http::paging::{PageOf, Paging, paginate};
use crate::http::params::IdInPath;
use crate::people;

/// A person of the organization.
#[derive(Default, Serialize, ToSchema)]
pub(super) struct Member {
    #[schema(format = "uuid")]
    id: String,
    /// The login, or what the provider sent at the last sign-in.
    name: String,
    #[schema(pattern = "^(reader|writer|admin)$")]
    role: &'static str,
    /// Of the provider; null for a login with a password.
    issuer: Option<String>,
    subject: Option<String>,
    /// The sign-in rule that gave the role; null if somebody set it.
    #[schema(format = "uuid")]
    sign_in_rule: Option<String>,
    #[schema(format = "date-time")]
    since: String,
    /// When the role ends unless the person signs in again. It may be past.
    #[schema(format = "date-time")]
    expires_at: Option<String>,
}

impl Member {
    fn of(user: &User, organization: OrganizationId) -> Option<Self> {
        let is_in = |role: &&Membership| role.organization == organization;
        let membership = user.memberships.iter().find(is_in)?;
        let (issuer, subject) = match &user.identity {
            Identity::Login(_) => (None, None),
            Identity::Provider { issuer, subject } => (Some(issuer.clone()), Some(subject.clone())),
        };
        Some(Self {
            id: user.uuid.to_string(),
            name: user.name.clone(),
            role: membership.role.name(),
            issuer,
            subject,
            sign_in_rule: membership.rule.map(|rule| rule.to_string()),
            since: rfc3339(membership.since),
            expires_at: membership.expires_at.map(rfc3339),
        })
    }
}

#[derive(Deserialize, ToSchema)]
pub(super) struct RoleChange {
    #[schema(pattern = "^(reader|writer|admin)$")]
    role: String,
}

/// List the people of an organization, by name
#[utoipa::path(
    get, path = "/members", tag = "People",
    params(PeopleAccess, Paging),
    responses(PageOf<Member>, PeopleAccess),
)]
pub(super) async fn list_members(
    State(app): State<App>,
    access: PeopleAccess,
    paging: Paging,
) -> Result<PageOf<Member>, ApiError> {
    let organization = access.principal.organization;
    let users = app.store.users(Some(organization)).await?;
    let members = users
        .iter()
        .filter_map(|user| Member::of(user, organization))
        .collect();
    Ok(paging.respond(paginate(members, paging.page), |member| member))
}

/// Give a person another role
///
/// Sign-in rules do not change it any more.
#[utoipa::path(
    patch, path = "/members/{id}", tag = "People",
    params(PeopleAccess, IdInPath), request_body = RoleChange,
    responses((status = 200, body = Member), BadRequest, PeopleAccess, Invalid),
)]
pub(super) async fn update_member(
    State(app): State<App>,
    access: PeopleAccess,
    IdInPath(id): IdInPath,
    JsonBody(body): JsonBody<RoleChange>,
) -> Result<Json<Member>, ApiError> {
    let organization = access.principal.organization;
    let role = people::role(&body.role).map_err(|error| invalid(&error))?;
    // Not for people of other organizations, so that nobody can find out who they are.
    member(&app, organization, id).await?;
    let change = access.change(app.clock.now());
    app.store.set_role(id, organization, role, &change).await?;
    tracing::info!(user = %id, role = role.name(), "role changed");
    let user = member(&app, organization, id).await?;
    Member::of(&user, organization)
        .map(Json)
        .ok_or_else(|| not_found(id))
}

/// Remove a person from the organization
///
/// Their sessions end, and their tokens of this organization are revoked. Somebody who signed in
/// with the provider may come back unless a sign-in rule with the role `none` keeps them out.
#[utoipa::path(
    delete, path = "/members/{id}", tag = "People",
    params(PeopleAccess, IdInPath),
    responses((status = 204), PeopleAccess),
)]
pub(super) async fn remove_member(
    State(app): State<App>,
    access: PeopleAccess,
    IdInPath(id): IdInPath,
) -> Result<StatusCode, ApiError> {
    let organization = access.principal.organization;
    let change = access.change(app.clock.now());
    if !app.store.remove_member(id, organization, &change).await? {
        return Err(not_found(id));
    }
    tracing::info!(user = %id, "person removed");
    Ok(StatusCode::NO_CONTENT)
}

async fn member(app: &App, organization: OrganizationId, id: Uuid) -> Result<User, ApiError> {
    let user = app.store.user(id).await?;
    let is_in = |user: &User| Member::of(user, organization).is_some();
    user.filter(is_in).ok_or_else(|| not_found(id))
}

fn not_found(id: Uuid) -> ApiError {
    ApiError::not_found(format!("There is no person {id} in this organization."))
}

pub(super) fn invalid(error: &people::PeopleError) -> ApiError {
    ApiError::unprocessable(format!("Validation failed: {error}"))
}
