//! Authentication: from the `Authorization` header to the organization, suite and scopes of its
//! secret.
//!
//! [`Authenticator`] accepts the tokens that this server created and the signed tokens of a CI
//! system, which `oidc` verifies. What each endpoint requires is declared in `http::auth`.

pub(crate) mod credentials;

use secrecy::{ExposeSecret as _, SecretString};
use test_engine_store::{
    Actor, ActorKind, OrganizationId, RequestedSuite, Role, Store, StoreError, Suite, Timestamp,
    Token, TokenKind, User, UserSession,
};
use uuid::Uuid;

use crate::config::Oidc;
use crate::links::Links;
use crate::oidc::{self, Grant, OidcError};
use crate::scopes::Scope;
use crate::secrets;

/// Milliseconds between updates of a token's time of last use.
const LAST_USE_INTERVAL: i64 = 60_000;

/// The holder of a valid token, and what it grants.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    pub(crate) kind: ActorKind,
    pub(crate) token_uuid: Uuid,
    pub(crate) description: Option<String>,
    pub(crate) scopes: Vec<String>,
    /// The only organization the token can access.
    pub(crate) organization: OrganizationId,
    pub(crate) organization_slug: String,
    /// The slug of the only suite the token can access; `None` for the whole organization.
    pub(crate) only_suite: Option<String>,
    /// Whom the token belongs to; `None` for CI.
    pub(crate) person: Option<Person>,
}

/// The owner of a token.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    uuid: Uuid,
    name: String,
    role: Role,
}

impl Principal {
    pub(crate) fn has_scope(&self, scope: Scope) -> bool {
        scope.is_granted_by(&self.scopes)
    }

    /// Only for the token of an admin that is not limited to some scopes. Tokens of CI never do.
    pub(crate) fn may_manage_people(&self) -> bool {
        let is_admin = |person: &Person| person.role == Role::Admin;
        self.person.as_ref().is_some_and(is_admin)
            && Scope::ALL.into_iter().all(|scope| self.has_scope(scope))
    }

    /// As the audit log names it.
    pub(crate) fn actor(&self) -> Actor {
        if let Some(person) = &self.person {
            return person_actor(person.uuid, &person.name);
        }
        Actor {
            kind: self.kind,
            uuid: Some(self.token_uuid),
            name: self.description.clone(),
        }
    }
}

/// A person as the audit log names them.
pub(crate) fn person_actor(uuid: Uuid, name: &str) -> Actor {
    Actor {
        kind: ActorKind::User,
        uuid: Some(uuid),
        name: Some(name.to_owned()),
    }
}

/// The token must be live. That of a person has at most the scopes of their role.
impl From<Token> for Principal {
    fn from(token: Token) -> Self {
        let person = token.owner.and_then(|owner| {
            let (role, _end) = owner.role?;
            let (uuid, name) = (owner.uuid, owner.name);
            Some(Person { uuid, name, role })
        });
        let mut scopes = token.scopes;
        if let Some(person) = &person {
            let allowed = Scope::of_role(person.role);
            scopes.retain(|name| allowed.iter().any(|scope| scope.name() == name));
        }
        Self {
            kind: ActorKind::Token,
            token_uuid: token.uuid,
            description: token.description,
            scopes,
            organization: token.organization,
            organization_slug: token.organization_slug,
            only_suite: None,
            person,
        }
    }
}

impl From<Grant> for Principal {
    fn from(grant: Grant) -> Self {
        Self {
            kind: ActorKind::Oidc,
            token_uuid: grant.uuid,
            description: Some(grant.description),
            scopes: grant.scopes,
            organization: grant.suite.organization,
            organization_slug: grant.suite.organization_slug,
            only_suite: Some(grant.suite.slug),
            person: None,
        }
    }
}

/// Why a request is not authenticated or not authorized. The texts are part of API responses.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccessError {
    #[error(
        "Authentication required. Send an API access token as \"Authorization: Bearer TOKEN\"; \
         create one with test-engine token create."
    )]
    NoAccessToken,
    #[error(
        "This is a suite token, which is valid for uploads only. Send an API access token; create \
         one with test-engine token create."
    )]
    SuiteToken,
    #[error(
        "The API access token is unknown, expired or revoked. Create one with test-engine token \
         create."
    )]
    UnknownAccessToken,
    #[error(
        "Authentication required. Send the suite token as \"Authorization: Token \
         token=\\\"TOKEN\\\"\"."
    )]
    NoSuiteToken,
    #[error(
        "A test suite could not be found with the supplied token. Send the suite token that \
         test-engine suite create printed."
    )]
    UnknownSuiteToken,
    #[error("Your access token doesn't have the {0} scope (missing required scope: {0}).")]
    MissingScope(Scope),
    #[error(transparent)]
    Oidc(#[from] OidcError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(crate) struct Authenticator {
    store: Store,
    links: Links,
    oidc: oidc::Verifier,
}

impl Authenticator {
    /// `links` gives the addresses that name a suite in the audience of OIDC tokens.
    pub(crate) fn new(store: Store, links: Links, settings: Oidc) -> Self {
        Self {
            store,
            links,
            oidc: oidc::Verifier::new(settings),
        }
    }

    /// Authenticates a request of the REST and plan API: an access token, or an OIDC token.
    ///
    /// `authorization` is the value of the header of that name.
    pub(crate) async fn principal(
        &self,
        authorization: Option<&str>,
        now: Timestamp,
    ) -> Result<Principal, AccessError> {
        let secret = bearer(authorization)?;
        if let Some(grant) = self.oidc(&secret, now).await? {
            return Ok(grant.into());
        }
        of_access_token(self.live_token(&secret, now).await?)
    }

    /// [`Self::principal`], and the suite of its organization with this slug, if the token can
    /// access it.
    pub(crate) async fn principal_and_suite(
        &self,
        authorization: Option<&str>,
        slug: &str,
        now: Timestamp,
    ) -> Result<(Principal, Option<Suite>), AccessError> {
        let secret = bearer(authorization)?;
        if let Some(grant) = self.oidc(&secret, now).await? {
            let suite = Some(&grant.suite).filter(|suite| suite.slug == slug);
            let suite = suite.cloned();
            return Ok((grant.into(), suite));
        }
        let (token, suite) = self
            .live_token_and_suite(&secret, RequestedSuite::Slug(slug), now)
            .await?
            .unzip();
        Ok((of_access_token(token)?, suite.flatten()))
    }

    /// Authenticates an upload: the suite of a suite token, or of the audience of an OIDC token,
    /// and who sends it.
    pub(crate) async fn upload_suite(
        &self,
        authorization: Option<&str>,
        now: Timestamp,
    ) -> Result<(Suite, Actor), AccessError> {
        let secret = authorization
            .and_then(credentials::any_format)
            .ok_or(AccessError::NoSuiteToken)?;
        if let Some(grant) = self.oidc(&secret, now).await? {
            if !Scope::WriteUploads.is_granted_by(&grant.scopes) {
                return Err(AccessError::MissingScope(Scope::WriteUploads));
            }
            let suite = grant.suite.clone();
            return Ok((suite, Principal::from(grant).actor()));
        }
        let found = self.live_token_and_suite(&secret, RequestedSuite::OfToken, now);
        match found.await? {
            Some((token, Some(suite))) if token.kind == TokenKind::Suite => {
                Ok((suite, Principal::from(token).actor()))
            }
            _ => Err(AccessError::UnknownSuiteToken),
        }
    }

    /// What an OIDC token grants; `None` when the secret is not an OIDC token.
    async fn oidc(
        &self,
        secret: &SecretString,
        now: Timestamp,
    ) -> Result<Option<Grant>, OidcError> {
        let token = secret.expose_secret();
        if !oidc::is_jwt(token) {
            return Ok(None);
        }
        let grant = self.oidc.verify(token, &self.store, &self.links, now);
        grant.await.map(Some)
    }

    /// The token with this secret, unless it has expired or was revoked.
    pub(crate) async fn live_token(
        &self,
        secret: &SecretString,
        now: Timestamp,
    ) -> Result<Option<Token>, StoreError> {
        let hash = secrets::hash(secret.expose_secret());
        let token = self.store.token_by_hash(&hash).await?;
        Ok(token.filter(|token| self.accepts(token, &hash, now)))
    }

    async fn live_token_and_suite(
        &self,
        secret: &SecretString,
        suite: RequestedSuite<'_>,
        now: Timestamp,
    ) -> Result<Option<(Token, Option<Suite>)>, StoreError> {
        let hash = secrets::hash(secret.expose_secret());
        let found = self.store.token_and_suite(&hash, suite).await?;
        Ok(found.filter(|(token, _)| self.accepts(token, &hash, now)))
    }

    /// Whether a token is live. Records its use.
    fn accepts(&self, token: &Token, hash: &[u8; 32], now: Timestamp) -> bool {
        let is_accepted = secrets::equal(&token.secret_hash, hash) && token.is_live(now);
        if is_accepted && is_use_due(token.last_used_at, now) {
            self.record_use(token.clone(), now);
        }
        is_accepted
    }

    /// The live session of a person with this secret.
    pub(crate) async fn live_session(
        &self,
        secret: &SecretString,
        now: Timestamp,
    ) -> Result<Option<(UserSession, User)>, StoreError> {
        let hash = secrets::hash_of(secret);
        let Some((session, user)) = self.store.session_by_hash(&hash, now).await? else {
            return Ok(None);
        };
        if is_use_due(session.last_used_at, now) {
            let (store, uuid) = (self.store.clone(), session.uuid);
            tokio::spawn(async move {
                if let Err(error) = store.touch_session(uuid, now).await {
                    tracing::warn!(cause = %error, "failed to record the use of a session");
                }
            });
        }
        Ok(Some((session, user)))
    }

    /// Records the time of use in the background, so that the request does not wait for it.
    fn record_use(&self, token: Token, now: Timestamp) {
        let store = self.store.clone();
        tokio::spawn(async move {
            if let Err(error) = store.touch_token(&token, now).await {
                tracing::warn!(cause = %error, "failed to record the use of a token");
            }
        });
    }
}

fn bearer(authorization: Option<&str>) -> Result<SecretString, AccessError> {
    authorization
        .and_then(credentials::bearer)
        .ok_or(AccessError::NoAccessToken)
}

fn of_access_token(token: Option<Token>) -> Result<Principal, AccessError> {
    match token {
        Some(token) if token.kind == TokenKind::Access => Ok(token.into()),
        Some(token) if token.kind == TokenKind::Suite => Err(AccessError::SuiteToken),
        _ => Err(AccessError::UnknownAccessToken),
    }
}

fn is_use_due(last: Option<Timestamp>, now: Timestamp) -> bool {
    last.is_none_or(|used| now.millis() - used.millis() >= LAST_USE_INTERVAL)
}
