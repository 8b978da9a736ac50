//! `…/sign-in-rules`: who may sign in with the provider, and with which role.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use test_engine_store::{Role, SignInRule};
use utoipa::ToSchema;

use super::members::invalid;
use crate::App;
use crate::clock::rfc3339;
use crate::http::auth::PeopleAccess;
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::openapi::{BadRequest, Invalid};
use crate::http::paging::{PageOf, Paging, paginate};
use crate::http::params::IdInPath;
use crate::people::{self, PeopleError};

/// Whom a rule matches, and the role that it gives.
#[derive(Default, Serialize, ToSchema)]
pub(super) struct SignInRuleBody {
    #[schema(format = "uuid")]
    id: String,
    #[serde(rename = "match")]
    #[schema(pattern = "^(email_domain|claim|subject)$")]
    matches: &'static str,
    /// The domain, `NAME=VALUE` of a claim, or the subject.
    value: String,
    #[schema(pattern = "^(reader|writer|admin|none)$")]
    role: &'static str,
    #[schema(format = "date-time")]
    created_at: String,
}

impl From<SignInRule> for SignInRuleBody {
    fn from(rule: SignInRule) -> Self {
        let (matches, value) = people::rule_parts(&rule.matches);
        Self {
            id: rule.uuid.to_string(),
            matches,
            value,
            role: rule.role.map_or(people::NO_ROLE, Role::name),
            created_at: rfc3339(rule.created_at),
        }
    }
}

#[derive(Deserialize, ToSchema)]
pub(super) struct NewSignInRule {
    #[serde(rename = "match")]
    #[schema(pattern = "^(email_domain|claim|subject)$")]
    matches: String,
    /// The domain, `NAME=VALUE` of a claim, or the subject.
    #[schema(max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    value: String,
    /// `none` keeps people out, whatever other rules say.
    #[schema(pattern = "^(reader|writer|admin|none)$")]
    role: String,
}

/// List the sign-in rules, oldest first
#[utoipa::path(
    get, path = "/sign-in-rules", tag = "People",
    params(PeopleAccess, Paging),
    responses(PageOf<SignInRuleBody>, PeopleAccess),
)]
pub(super) async fn list_sign_in_rules(
    State(app): State<App>,
    access: PeopleAccess,
    paging: Paging,
) -> Result<PageOf<SignInRuleBody>, ApiError> {
    let organization = Some(access.principal.organization);
    let rules = app.store.sign_in_rules(organization).await?;
    Ok(paging.respond(paginate(rules, paging.page), SignInRuleBody::from))
}

/// Create a sign-in rule
///
/// It counts from the next sign-in of each person. Of several matching rules, the highest role
/// counts.
#[utoipa::path(
    post, path = "/sign-in-rules", tag = "People",
    params(PeopleAccess), request_body = NewSignInRule,
    responses((status = 201, body = SignInRuleBody), BadRequest, PeopleAccess, Invalid),
)]
pub(super) async fn create_sign_in_rule(
    State(app): State<App>,
    access: PeopleAccess,
    JsonBody(body): JsonBody<NewSignInRule>,
) -> Result<(StatusCode, Json<SignInRuleBody>), ApiError> {
    let matches = people::rule_match(&body.matches, &body.value).map_err(|e| invalid(&e))?;
    let role = people::role_or_none(&body.role).map_err(|error| invalid(&error))?;
    let organization = access.principal.organization;
    let change = access.change(app.clock.now());
    let rule = people::create_rule(&app.store, organization, matches, role, &change)
        .await
        .map_err(|error| match error {
            PeopleError::Store(error) => error.into(),
            error => invalid(&error),
        })?;
    tracing::info!(rule = %rule.uuid, "sign-in rule created");
    Ok((StatusCode::CREATED, Json(rule.into())))
}

/// Delete a sign-in rule
///
/// The roles that it gave end, and so do the sessions of those people. Another rule may admit them
/// at their next sign-in.
#[utoipa::path(
    delete, path = "/sign-in-rules/{id}", tag = "People",
    params(PeopleAccess, IdInPath),
    responses((status = 204), PeopleAccess),
)]
pub(super) async fn delete_sign_in_rule(
    State(app): State<App>,
    access: PeopleAccess,
    IdInPath(id): IdInPath,
) -> Result<StatusCode, ApiError> {
    let organization = access.principal.organization;
    let change = access.change(app.clock.now());
    let deleted = app
        .store
        .delete_sign_in_rule(organization, id, &change)
        .await?;
    if !deleted {
        return Err(ApiError::not_found(format!(
            "There is no sign-in rule {id} in this organization."
        )));
    }
    tracing::info!(rule = %id, "sign-in rule deleted");
    Ok(StatusCode::NO_CONTENT)
}
