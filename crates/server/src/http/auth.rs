//! Extractors that authenticate and authorize a request.
//!
//! A handler names in its signature what it requires of a token; `access` checks the token.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use test_engine_store::{Actor, Change, Suite, Timestamp};
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, IntoResponses};

use super::client_address::ClientAddress;
use super::error::ApiError;
use super::notes::RequestNotes;
use super::openapi::{self, Responses};
use super::params::path_parameter;
use crate::App;
use crate::access::{AccessError, Principal};
use crate::rate_limits::Bucket;
use crate::scopes::Scope;

/// The scope an endpoint requires, and the rate limit it counts against.
pub(crate) trait Requirement: Send + Sync + 'static {
    const SCOPE: Scope;
    /// `None` for a handler that counts the request itself, once it knows that it is valid.
    const BUCKET: Option<Bucket>;
}

macro_rules! requirements {
    ($($name:ident = $scope:expr, $bucket:expr;)*) => {$(
        pub(crate) struct $name;

        impl Requirement for $name {
            const SCOPE: Scope = $scope;
            const BUCKET: Option<Bucket> = $bucket;
        }
    )*};
}

requirements! {
    ReadSuites = Scope::ReadSuites, Some(Bucket::Rest);
    WriteSuites = Scope::WriteSuites, Some(Bucket::Rest);
    WriteExecutionTags = Scope::WriteSuites, None;
    ReadPlans = Scope::ReadTestPlan, Some(Bucket::Plan);
    WritePlans = Scope::WriteTestPlan, Some(Bucket::Plan);
}

/// A token of the organization in the path, with the required scope.
pub(crate) struct OrganizationAccess<R> {
    pub(crate) principal: Principal,
    client: ClientAddress,
    requirement: PhantomData<R>,
}

impl<R: Requirement> FromRequestParts<App> for OrganizationAccess<R> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let principal = authorize::<R>(parts, app).await?;
        if let Some(suite) = &principal.only_suite {
            return Err(ApiError::forbidden(format!(
                "This OIDC token is for the suite {suite:?} only. Send an API access token."
            )));
        }
        Ok(Self {
            principal,
            client: ClientAddress::of(parts, app),
            requirement: PhantomData,
        })
    }
}

impl<R> OrganizationAccess<R> {
    /// A change that this request makes.
    pub(crate) fn change(&self, now: Timestamp) -> Change {
        change(self.principal.actor(), &self.client, now)
    }
}

impl<R> IntoParams for OrganizationAccess<R> {
    fn into_params(_within: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        OrganizationMember::into_params(|| None)
    }
}

impl<R: Requirement> IntoResponses for OrganizationAccess<R> {
    fn responses() -> Responses {
        let mut responses = openapi::errors([401, 404, 429]);
        let forbidden = format!("The token does not have the scope `{}`.", R::SCOPE);
        responses.insert("403".to_owned(), openapi::error(forbidden).into());
        responses
    }
}

/// As [`OrganizationAccess`], and the suite in the path exists.
pub(crate) struct SuiteAccess<R> {
    pub(crate) principal: Principal,
    pub(crate) suite: Suite,
    client: ClientAddress,
    requirement: PhantomData<R>,
}

impl<R> SuiteAccess<R> {
    /// A change that this request makes.
    pub(crate) fn change(&self, now: Timestamp) -> Change {
        change(self.principal.actor(), &self.client, now)
    }
}

impl<R: Requirement> FromRequestParts<App> for SuiteAccess<R> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let slug = path_parameter(parts, "suite").await.unwrap_or_default();
        let (principal, suite) = app
            .authenticator
            .principal_and_suite(authorization(&parts.headers), &slug, app.clock.now())
            .await?;
        note_token(parts, &principal);
        check_organization(parts, &principal).await?;
        permit::<R>(parts, app, &principal).await?;
        if principal
            .only_suite
            .as_ref()
            .is_some_and(|only| *only != slug)
        {
            return Err(ApiError::not_found(format!(
                "There is no suite {slug:?} for this OIDC token. Check the suite slug, and the \
                 audience of the token."
            )));
        }
        let suite = suite.ok_or_else(|| {
            ApiError::not_found(format!(
                "There is no suite {slug:?} in this organization. Check the suite slug."
            ))
        })?;
        if let Some(notes) = parts.extensions.get::<RequestNotes>() {
            notes.suite(&suite.slug);
        }
        Ok(Self {
            principal,
            suite,
            client: ClientAddress::of(parts, app),
            requirement: PhantomData,
        })
    }
}

impl<R> IntoParams for SuiteAccess<R> {
    fn into_params(_within: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut parameters = OrganizationMember::into_params(|| None);
        parameters.push(openapi::path_parameter(
            "suite",
            "The slug of the suite.",
            None,
        ));
        parameters
    }
}

impl<R: Requirement> IntoResponses for SuiteAccess<R> {
    fn responses() -> Responses {
        OrganizationAccess::<R>::responses()
    }
}

/// A token of an admin of the organization in the path, with every scope.
pub(crate) struct PeopleAccess {
    pub(crate) principal: Principal,
    client: ClientAddress,
}

impl PeopleAccess {
    /// A change that this request makes.
    pub(crate) fn change(&self, now: Timestamp) -> Change {
        change(self.principal.actor(), &self.client, now)
    }
}

impl FromRequestParts<App> for PeopleAccess {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let principal = member(parts, app).await?;
        count(parts, app, &principal, Bucket::Rest).await?;
        if !principal.may_manage_people() {
            return Err(ApiError::forbidden(
                "Only people with the role admin may manage people, with a token of their own that \
                 has every scope. Create one on the page /account.",
            ));
        }
        Ok(Self {
            principal,
            client: ClientAddress::of(parts, app),
        })
    }
}

impl IntoParams for PeopleAccess {
    fn into_params(_within: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        OrganizationMember::into_params(|| None)
    }
}

impl IntoResponses for PeopleAccess {
    fn responses() -> Responses {
        let mut responses = openapi::errors([401, 404, 429]);
        let forbidden = "The token is not that of an admin, or does not have every scope.";
        responses.insert("403".to_owned(), openapi::error(forbidden).into());
        responses
    }
}

/// Any live access token or OIDC token.
pub(crate) struct AnyAccess {
    pub(crate) principal: Principal,
    client: ClientAddress,
}

impl AnyAccess {
    /// A change that this request makes.
    pub(crate) fn change(&self, now: Timestamp) -> Change {
        change(self.principal.actor(), &self.client, now)
    }
}

impl FromRequestParts<App> for AnyAccess {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let principal = principal(parts, app).await?;
        count(parts, app, &principal, Bucket::Rest).await?;
        Ok(Self {
            principal,
            client: ClientAddress::of(parts, app),
        })
    }
}

impl IntoResponses for AnyAccess {
    fn responses() -> Responses {
        openapi::errors([401, 429])
    }
}

/// Any token of the organization in the path.
pub(crate) struct OrganizationMember(pub(crate) Principal);

impl FromRequestParts<App> for OrganizationMember {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let principal = member(parts, app).await?;
        count(parts, app, &principal, Bucket::Rest).await?;
        Ok(Self(principal))
    }
}

impl IntoParams for OrganizationMember {
    fn into_params(_within: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "The slug of the organization.";
        vec![openapi::path_parameter("organization", description, None)]
    }
}

impl IntoResponses for OrganizationMember {
    fn responses() -> Responses {
        openapi::errors([401, 404, 429])
    }
}

/// The suite of an upload's token. It is not counted against a rate limit.
pub(crate) struct UploadSuite {
    pub(crate) suite: Suite,
    sender: Actor,
    client: ClientAddress,
}

impl UploadSuite {
    /// A change that this request makes.
    pub(crate) fn change(&self, now: Timestamp) -> Change {
        change(self.sender.clone(), &self.client, now)
    }
}

impl FromRequestParts<App> for UploadSuite {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let (suite, sender) = app
            .authenticator
            .upload_suite(authorization(&parts.headers), app.clock.now())
            .await?;
        if let Some(notes) = parts.extensions.get::<RequestNotes>() {
            notes.organization(&suite.organization_slug);
            notes.suite(&suite.slug);
            if let Some(id) = sender.uuid {
                notes.token(id);
            }
        }
        Ok(Self {
            suite,
            sender,
            client: ClientAddress::of(parts, app),
        })
    }
}

impl IntoResponses for UploadSuite {
    fn responses() -> Responses {
        openapi::errors([401])
    }
}

fn change(actor: Actor, client: &ClientAddress, now: Timestamp) -> Change {
    Change {
        client_address: client.0.clone(),
        ..Change::new(actor, now)
    }
}

/// The value of the `Authorization` header.
pub(crate) fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()
}

async fn principal(parts: &Parts, app: &App) -> Result<Principal, AccessError> {
    let principal = app
        .authenticator
        .principal(authorization(&parts.headers), app.clock.now())
        .await?;
    note_token(parts, &principal);
    Ok(principal)
}

fn note_token(parts: &Parts, principal: &Principal) {
    if let Some(notes) = parts.extensions.get::<RequestNotes>() {
        notes.token(principal.token_uuid);
    }
}

/// The principal, if it belongs to the organization in the path.
async fn member(parts: &mut Parts, app: &App) -> Result<Principal, ApiError> {
    let principal = principal(parts, app).await?;
    check_organization(parts, &principal).await?;
    Ok(principal)
}

async fn check_organization(parts: &mut Parts, principal: &Principal) -> Result<(), ApiError> {
    let organization = path_parameter(parts, "organization")
        .await
        .unwrap_or_default();
    if principal.organization_slug != organization {
        return Err(ApiError::not_found(format!(
            "There is no organization {organization:?} for this access token. Check the \
             organization slug."
        )));
    }
    Ok(())
}

async fn authorize<R: Requirement>(parts: &mut Parts, app: &App) -> Result<Principal, ApiError> {
    let principal = member(parts, app).await?;
    permit::<R>(parts, app, &principal).await?;
    Ok(principal)
}

/// Counts the request, and checks the scopes.
async fn permit<R: Requirement>(
    parts: &Parts,
    app: &App,
    principal: &Principal,
) -> Result<(), ApiError> {
    if let Some(bucket) = R::BUCKET {
        count(parts, app, principal, bucket).await?;
    }
    if !principal.has_scope(R::SCOPE) {
        return Err(AccessError::MissingScope(R::SCOPE).into());
    }
    Ok(())
}

/// Counts the request against the organization's rate limit; the status goes into the response
/// headers.
async fn count(
    parts: &Parts,
    app: &App,
    principal: &Principal,
    bucket: Bucket,
) -> Result<(), ApiError> {
    let notes = parts.extensions.get::<RequestNotes>();
    if let Some(notes) = notes {
        notes.organization(&principal.organization_slug);
    }
    take(app, principal, bucket, notes).await
}

/// [`count`] for a handler that counts a request only once it knows that it is valid.
pub(crate) async fn take(
    app: &App,
    principal: &Principal,
    bucket: Bucket,
    notes: Option<&RequestNotes>,
) -> Result<(), ApiError> {
    let now = app.clock.now();
    let status = app.rate_limits.take(principal.organization, bucket, now);
    let Some(status) = status.await? else {
        return Ok(());
    };
    if let Some(notes) = notes {
        notes.rate(status);
    }
    if status.exceeded {
        return Err(ApiError::rate_limited(status));
    }
    Ok(())
}
