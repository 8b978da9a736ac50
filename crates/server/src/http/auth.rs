//! Extractors that authenticate and authorize a request.
//!
//! A handler names in its signature what it requires of a token; `access` checks the token.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use test_engine_store::Suite;

use super::error::ApiError;
use super::notes::RequestNotes;
use super::params::path_parameter;
use crate::App;
use crate::access::{AccessError, Principal};
use crate::rate_limits::Bucket;
use crate::scopes::Scope;

/// How stale the time of a token's last use may get, in milliseconds.
const LAST_USE_STEP: i64 = 60_000;

/// Somebody who proved who they are.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    /// Of the token.
    pub(crate) token_uuid: Uuid,
    /// For people.
    pub(crate) description: Option<String>,
    /// What it may do.
    pub(crate) scopes: Vec<String>,
    /// The only organization it sees.
    pub(crate) organization: OrganizationId,
    /// That organization's slug.
    pub(crate) organization_slug: String,
    /// The slug of the only suite it sees; `None` when it sees all of its organization.
    pub(crate) only_suite: Option<String>,
}

impl Principal {
    pub(crate) fn may(&self, scope: Scope) -> bool {
        scope.is_granted_by(&self.scopes)
    }
}

impl From<Token> for Principal {
    fn from(token: Token) -> Self {
        Self {
            token_uuid: token.uuid,
            description: token.description,
            scopes: token.scopes,
            organization: token.organization,
            organization_slug: token.organization_slug,
            only_suite: None,
        }
    }
}

impl From<Grant> for Principal {
    fn from(grant: Grant) -> Self {
        Self {
            token_uuid: grant.uuid,
            description: Some(grant.description),
            scopes: grant.scopes,
            organization: grant.suite.organization,
            organization_slug: grant.suite.organization_slug,
            only_suite: Some(grant.suite.slug),
        }
    }
}

impl From<OidcError> for ApiError {
    fn from(error: OidcError) -> Self {
        match error {
            OidcError::Store(error) => error.into(),
            // Worth another try, so it must not look like a bad token.
            OidcError::Issuer { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            }
            _ => Self::unauthorized(error.to_string()),
        }
    }
}

/// Turns a secret into who is behind it.
pub(crate) struct Authenticator {
    store: Store,
    links: Links,
    oidc: oidc::Verifier,
}

impl Authenticator {
    /// `links` says what the suites are called in OIDC tokens.
    pub(crate) fn new(store: Store, links: Links, settings: Oidc) -> Self {
        Self {
            store,
            links,
            oidc: oidc::Verifier::new(settings),
        }
    }

    /// Whom an OIDC token speaks for; `None` when the secret is not one.
    async fn oidc(&self, secret: &SecretString, now: Timestamp) -> Result<Option<Grant>, ApiError> {
        let token = secret.expose_secret();
        if !oidc::is_jwt(token) {
            return Ok(None);
        }
        let grant = self.oidc.verify(token, &self.store, &self.links, now);
        Ok(Some(grant.await?))
    }

    /// For the REST and plan API: an access token, or an OIDC token.
    pub(crate) async fn access(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Principal, ApiError> {
        let secret = credentials::bearer(headers).ok_or_else(|| {
            ApiError::unauthorized(
                "Authentication required. Send an API access token as \"Authorization: Bearer \
                 TOKEN\"; test-engine token create makes one.",
            )
        })?;
        if let Some(grant) = self.oidc(&secret, now).await? {
            return Ok(grant.into());
        }
        match self.live_token(&secret, now).await? {
            Some(token) if token.kind == TokenKind::Access => Ok(token.into()),
            Some(token) if token.kind == TokenKind::Suite => Err(ApiError::unauthorized(
                "This is a suite token, which is for uploads only. Send an API access token; \
                 test-engine token create makes one.",
            )),
            _ => Err(ApiError::unauthorized(
                "The API access token is not known, has expired or was revoked. Make one with \
                 test-engine token create.",
            )),
        }
    }

    /// For uploads: the suite whose token it is, or whose address an OIDC token is for.
    pub(crate) async fn upload_suite(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Suite, ApiError> {
        let secret = credentials::any_spelling(headers).ok_or_else(|| {
            ApiError::unauthorized(
                "Authentication required. Send the suite's token as \"Authorization: Token \
                 token=\\\"TOKEN\\\"\".",
            )
        })?;
        if let Some(grant) = self.oidc(&secret, now).await? {
            if !Scope::WriteUploads.is_granted_by(&grant.scopes) {
                return Err(missing(Scope::WriteUploads));
            }
            return Ok(grant.suite);
        }
        let unknown = || {
            ApiError::unauthorized(
                "A test suite could not be found with the supplied token. Send the suite token \
                 that test-engine suite create printed.",
            )
        };
        let token = self.live_token(&secret, now).await?.ok_or_else(unknown)?;
        let (TokenKind::Suite, Some(suite)) = (token.kind, token.suite) else {
            return Err(unknown());
        };
        self.store.suite_by_id(suite).await?.ok_or_else(unknown)
    }

    /// The token of this secret, unless it has expired or was revoked.
    pub(crate) async fn live_token(
        &self,
        secret: &SecretString,
        now: Timestamp,
    ) -> Result<Option<Token>, ApiError> {
        let hash = secrets::hash(secret.expose_secret());
        let Some(token) = self.store.token_by_hash(&hash).await? else {
            return Ok(None);
        };
        if !secrets::equal(&token.secret_hash, &hash) || !token.is_live(now) {
            return Ok(None);
        }
        let stale = token
            .last_used_at
            .is_none_or(|used| now.millis() - used.millis() >= LAST_USE_STEP);
        if stale {
            self.touch(token.clone(), now);
        }
        Ok(Some(token))
    }

    /// Note the use, beside the request: nobody should wait for it.
    fn touch(&self, token: Token, now: Timestamp) {
        let store = self.store.clone();
        tokio::spawn(async move {
            if let Err(error) = store.touch_token(&token, now).await {
                tracing::warn!(cause = %error, "failed to note the use of a token");
            }
        });
    }
}

/// 403 for what a token may not do.
fn missing(scope: Scope) -> ApiError {
    ApiError::forbidden(format!(
        "Your access token doesn't have the {scope} scope (missing required scope: {scope})."
    ))
}

/// What an endpoint needs of an access token.
pub(crate) trait Needs: Send + Sync + 'static {
    const SCOPE: Scope;
    const BUCKET: Bucket;
}

macro_rules! requirements {
    ($($name:ident = $scope:expr, $bucket:expr;)*) => {$(
        pub(crate) struct $name;

        impl Requirement for $name {
            const SCOPE: Scope = $scope;
            const BUCKET: Bucket = $bucket;
        }
    )*};
}

requirements! {
    ReadSuites = Scope::ReadSuites, Bucket::Rest;
    WriteSuites = Scope::WriteSuites, Bucket::Rest;
    WriteExecutionTags = Scope::WriteSuites, Bucket::ExecutionTags;
    ReadPlans = Scope::ReadTestPlan, Bucket::Plan;
    WritePlans = Scope::WriteTestPlan, Bucket::Plan;
}

/// The token belongs to the organization in the path, and has the scope.
pub(crate) struct OrganizationAccess<R> {
    pub(crate) principal: Principal,
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
            requirement: PhantomData,
        })
    }
}

/// As [`OrganizationAccess`], and the suite in the path exists.
pub(crate) struct SuiteAccess<R> {
    pub(crate) principal: Principal,
    pub(crate) suite: Suite,
    requirement: PhantomData<R>,
}

impl<R: Requirement> FromRequestParts<App> for SuiteAccess<R> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let principal = authorize::<R>(parts, app).await?;
        let slug = path_parameter(parts, "suite").await.unwrap_or_default();
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
        let suite = app
            .store
            .suite(&principal.organization_slug, &slug)
            .await?
            .ok_or_else(|| {
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
            requirement: PhantomData,
        })
    }
}

/// Any live access token or OIDC token.
pub(crate) struct AnyAccess(pub(crate) Principal);

impl FromRequestParts<App> for AnyAccess {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let principal = principal(parts, app).await?;
        count(parts, app, &principal, Bucket::Rest).await?;
        Ok(Self(principal))
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

/// The suite of an upload's token. It is not counted against a rate limit.
pub(crate) struct UploadSuite(pub(crate) Suite);

impl FromRequestParts<App> for UploadSuite {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let suite = app
            .authenticator
            .upload_suite(authorization(&parts.headers), app.clock.now())
            .await?;
        if let Some(notes) = parts.extensions.get::<RequestNotes>() {
            notes.organization(&suite.organization_slug);
            notes.suite(&suite.slug);
        }
        Ok(Self(suite))
    }
}

/// The value of the `Authorization` header.
pub(crate) fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()
}

async fn principal(parts: &Parts, app: &App) -> Result<Principal, AccessError> {
    app.authenticator
        .principal(authorization(&parts.headers), app.clock.now())
        .await
}

/// The principal, if it belongs to the organization in the path.
async fn member(parts: &mut Parts, app: &App) -> Result<Principal, ApiError> {
    let principal = principal(parts, app).await?;
    let organization = path_parameter(parts, "organization")
        .await
        .unwrap_or_default();
    if principal.organization_slug != organization {
        return Err(ApiError::not_found(format!(
            "There is no organization {organization:?} for this access token. Check the \
             organization slug."
        )));
    }
    Ok(principal)
}

async fn authorize<R: Requirement>(parts: &mut Parts, app: &App) -> Result<Principal, ApiError> {
    let principal = member(parts, app).await?;
    count(parts, app, &principal, R::BUCKET).await?;
    if !principal.has_scope(R::SCOPE) {
        return Err(AccessError::MissingScope(R::SCOPE).into());
    }
    Ok(principal)
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
