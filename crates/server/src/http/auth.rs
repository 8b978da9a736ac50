//! Who is asking: from a secret in a header to the organization, the suite and the scopes behind it.
//!
//! [`Authenticator`] is the one place that knows the kinds of proof: the secrets made here, and the
//! signed tokens of a CI, which `oidc` checks. The extractors below say what an endpoint needs, in
//! the endpoint's own signature.

use std::collections::HashMap;
use std::marker::PhantomData;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use test_engine_store::{OrganizationId, Store, Suite, Timestamp, Token, TokenKind};
use uuid::Uuid;

use super::credentials;
use super::error::ApiError;
use super::links::Links;
use super::notes::RequestNotes;
use super::rate_limits::Bucket;
use crate::App;
use crate::config::Oidc;
use crate::oidc::{self, Grant, OidcError};
use crate::scopes::Scope;
use crate::secrets;

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
        if !oidc::looks_like_one(token) {
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
        if !secrets::same(&token.secret_hash, &hash) || !token.is_live(now) {
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

macro_rules! needs {
    ($($name:ident = $scope:expr, $bucket:expr;)*) => {$(
        pub(crate) struct $name;

        impl Needs for $name {
            const SCOPE: Scope = $scope;
            const BUCKET: Bucket = $bucket;
        }
    )*};
}

needs! {
    ReadSuites = Scope::ReadSuites, Bucket::Rest;
    WriteSuites = Scope::WriteSuites, Bucket::Rest;
    WriteExecutionTags = Scope::WriteSuites, Bucket::ExecutionTags;
    ReadPlans = Scope::ReadTestPlan, Bucket::Plan;
    WritePlans = Scope::WriteTestPlan, Bucket::Plan;
}

/// An endpoint of an organization: the token belongs to it and has the scope.
pub(crate) struct OrganizationAccess<N> {
    pub(crate) principal: Principal,
    needs: PhantomData<N>,
}

/// An endpoint of a suite: as [`OrganizationAccess`], and the suite is there.
pub(crate) struct SuiteAccess<N> {
    pub(crate) principal: Principal,
    pub(crate) suite: Suite,
    needs: PhantomData<N>,
}

impl<N: Needs> FromRequestParts<App> for OrganizationAccess<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let path = path_parameters(parts, app).await;
        let principal = authorize::<N>(parts, app, path.get("organization")).await?;
        if let Some(suite) = &principal.only_suite {
            return Err(ApiError::forbidden(format!(
                "This OIDC token is for the suite {suite:?} only. Send an API access token."
            )));
        }
        Ok(Self {
            principal,
            needs: PhantomData,
        })
    }
}

impl<N: Needs> FromRequestParts<App> for SuiteAccess<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let path = path_parameters(parts, app).await;
        let principal = authorize::<N>(parts, app, path.get("organization")).await?;
        let slug = path.get("suite").map_or("", String::as_str);
        if principal
            .only_suite
            .as_deref()
            .is_some_and(|only| only != slug)
        {
            return Err(ApiError::not_found(format!(
                "There is no suite {slug:?} for this OIDC token. Check the suite slug, and the \
                 audience of the token."
            )));
        }
        let suite = app
            .store
            .suite(&principal.organization_slug, slug)
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
            needs: PhantomData,
        })
    }
}

/// An endpoint of the token itself: any live access token will do.
pub(crate) struct AnyAccess(pub(crate) Principal);

impl FromRequestParts<App> for AnyAccess {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let principal = app
            .authenticator
            .access(&parts.headers, app.clock.now())
            .await?;
        count(parts, app, &principal, Bucket::Rest).await?;
        Ok(Self(principal))
    }
}

/// An endpoint that every token of the organization may ask.
pub(crate) struct OrganizationMember(pub(crate) Principal);

impl FromRequestParts<App> for OrganizationMember {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let path = path_parameters(parts, app).await;
        let principal = member(parts, app, path.get("organization")).await?;
        count(parts, app, &principal, Bucket::Rest).await?;
        Ok(Self(principal))
    }
}

/// Who asks, when it is a token of this organization.
async fn member(
    parts: &Parts,
    app: &App,
    organization: Option<&String>,
) -> Result<Principal, ApiError> {
    let principal = app
        .authenticator
        .access(&parts.headers, app.clock.now())
        .await?;
    let asked = organization.map_or("", String::as_str);
    if principal.organization_slug != asked {
        return Err(ApiError::not_found(format!(
            "There is no organization {asked:?} for this access token. Check the organization \
             slug."
        )));
    }
    Ok(principal)
}

async fn authorize<N: Needs>(
    parts: &Parts,
    app: &App,
    organization: Option<&String>,
) -> Result<Principal, ApiError> {
    let principal = member(parts, app, organization).await?;
    count(parts, app, &principal, N::BUCKET).await?;
    if !principal.may(N::SCOPE) {
        return Err(missing(N::SCOPE));
    }
    Ok(principal)
}

/// Count the request against the organization's limit and note it for the answer's headers.
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
    let Some(rate) = app
        .rate_limits
        .take(principal.organization, bucket, now)
        .await?
    else {
        return Ok(());
    };
    if let Some(notes) = notes {
        notes.rate(rate);
    }
    if rate.exceeded {
        return Err(ApiError::too_often(rate));
    }
    Ok(())
}

async fn path_parameters(parts: &mut Parts, app: &App) -> HashMap<String, String> {
    match RawPathParams::from_request_parts(parts, app).await {
        Ok(parameters) => parameters
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        Err(_undecodable) => HashMap::new(),
    }
}
