//! The viewer of a page: signed in with a session, or anonymous.
//!
//! A session is a token in a cookie. It records the hash of the access token it was created from,
//! and ends together with it.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use axum::http::request::Parts;
use secrecy::{ExposeSecret as _, SecretString};
use test_engine_store::{
    Actor, ActorKind, Change, Organization, Suite, Timestamp, Token, TokenKind,
};

use super::page::PageError;
use crate::App;
use crate::access::Principal;
use crate::http::client_address::ClientAddress;
use crate::http::error::ApiError;
use crate::http::notes::RequestNotes;
use crate::scopes::Scope;
use crate::secrets;

pub(super) const COOKIE_NAME: &str = "test_engine_session";

pub(super) struct Viewer {
    session: Option<Session>,
    path: String,
}

struct Session {
    principal: Principal,
    /// The access token that the session was opened with.
    actor: Actor,
    secret: SecretString,
}

impl Viewer {
    pub(super) fn anonymous() -> Self {
        Self {
            session: None,
            path: String::new(),
        }
    }

    pub(super) fn is_signed_in(&self) -> bool {
        self.session.is_some()
    }

    /// The organization of the session.
    pub(super) fn organization_slug(&self) -> Option<&str> {
        self.session
            .as_ref()
            .map(|session| session.principal.organization_slug.as_str())
    }

    pub(super) fn secret(&self) -> Option<&SecretString> {
        self.session.as_ref().map(|session| &session.secret)
    }

    /// The CSRF token of forms in this session.
    pub(super) fn form_token(&self) -> String {
        self.session.as_ref().map_or_else(String::new, |session| {
            secrets::form_token(session.secret.expose_secret())
        })
    }

    /// Whether a form belongs to this session.
    pub(super) fn owns_form(&self, form_token: &str) -> bool {
        self.is_signed_in() && secrets::equal(self.form_token().as_bytes(), form_token.as_bytes())
    }

    /// A change that a form of this session makes.
    pub(super) fn change(&self, client: ClientAddress, now: Timestamp) -> Change {
        let actor = self.session.as_ref().map_or_else(
            || Actor::of_kind(ActorKind::Session),
            |session| session.actor.clone(),
        );
        Change {
            client_address: client.0,
            ..Change::new(actor, now)
        }
    }

    /// Whether the viewer may change the organization's suites.
    pub(super) fn may_write(&self, organization_slug: &str) -> bool {
        self.session.as_ref().is_some_and(|session| {
            session.principal.organization_slug == organization_slug
                && session.principal.has_scope(Scope::WriteSuites)
        })
    }

    /// The organization, if the viewer has access.
    pub(super) async fn organization(
        &self,
        app: &App,
        slug: &str,
    ) -> Result<Organization, PageError> {
        let is_own = self.session.as_ref().is_some_and(|session| {
            session.principal.organization_slug == slug
                && session.principal.has_scope(Scope::ReadSuites)
        });
        if !is_own && !app.config.web.open {
            return Err(self.no_access());
        }
        app.store
            .organization(slug)
            .await?
            .ok_or_else(|| self.no_access())
    }

    /// Anonymous viewers are sent to sign in. For others, no access looks like a missing page.
    fn no_access(&self) -> PageError {
        if self.is_signed_in() {
            PageError::NotFound
        } else {
            PageError::SignIn {
                next: self.path.clone(),
            }
        }
    }
}

impl FromRequestParts<App> for Viewer {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        let path = parts
            .extensions
            .get::<axum::extract::OriginalUri>()
            .and_then(|uri| uri.path_and_query())
            .or_else(|| parts.uri.path_and_query())
            .map_or_else(String::new, |path| path.as_str().to_owned());
        let session = match cookie(&parts.headers) {
            Some(secret) => session(app, secret).await?,
            None => None,
        };
        if let (Some(session), Some(notes)) = (&session, parts.extensions.get::<RequestNotes>()) {
            notes.token(session.principal.token_uuid);
        }
        Ok(Self { session, path })
    }
}

/// The session of a cookie, while both it and its access token are live.
async fn session(app: &App, secret: SecretString) -> Result<Option<Session>, ApiError> {
    let now = app.clock.now();
    let Some(token) = app.authenticator.live_token(&secret, now).await? else {
        return Ok(None);
    };
    let Some(parent) = parent_hash(&token) else {
        return Ok(None);
    };
    let parent = app.store.token_by_hash(&parent).await?;
    let parent = parent.filter(|parent| parent.kind == TokenKind::Access && parent.is_live(now));
    Ok(parent.map(|parent| Session {
        principal: token.into(),
        actor: person(&parent),
        secret,
    }))
}

/// The person who signs in with an access token.
pub(super) fn person(access_token: &Token) -> Actor {
    Actor {
        kind: ActorKind::Session,
        uuid: Some(access_token.uuid),
        name: access_token.description.clone(),
    }
}

/// The description of a session, which identifies its access token.
pub(super) fn session_description(access_token: &Token) -> String {
    hex::encode(access_token.secret_hash)
}

fn parent_hash(token: &Token) -> Option<[u8; 32]> {
    if token.kind != TokenKind::Session {
        return None;
    }
    let mut hash = [0; 32];
    hex::decode_to_slice(token.description.as_deref()?, &mut hash).ok()?;
    Some(hash)
}

fn cookie(headers: &HeaderMap) -> Option<SecretString> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == COOKIE_NAME && !value.is_empty())
        .map(|(_, value)| SecretString::from(value))
}

/// The viewer and suite of a page below a suite.
pub(super) struct SuiteViewer {
    pub(super) viewer: Viewer,
    pub(super) suite: Suite,
}

impl FromRequestParts<App> for SuiteViewer {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        let viewer = Viewer::from_request_parts(parts, app).await?;
        let path: HashMap<String, String> =
            match RawPathParams::from_request_parts(parts, app).await {
                Ok(parameters) => parameters
                    .iter()
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
                Err(_undecodable) => return Err(PageError::NotFound),
            };
        let part = |name: &str| path.get(name).map_or("", String::as_str);
        let organization = viewer.organization(app, part("organization")).await?;
        let suite = app
            .store
            .suite(&organization.slug, part("suite"))
            .await?
            .ok_or(PageError::NotFound)?;
        if let Some(notes) = parts.extensions.get::<RequestNotes>() {
            notes.organization(&suite.organization_slug);
            notes.suite(&suite.slug);
        }
        Ok(Self { viewer, suite })
    }
}
