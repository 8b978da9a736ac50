//! The viewer of a page: signed in with a session, or anonymous.
//!
//! A session is a secret in a cookie: of a person, whose roles count at each request, or of an
//! access token. The latter records the hash of that token, and ends together with it.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::header::COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use secrecy::{ExposeSecret as _, SecretString};
use test_engine_store::{
    Actor, ActorKind, Change, Organization, Role, Suite, Timestamp, Token, TokenKind, User,
};
use uuid::Uuid;

use super::page::PageError;
use super::theme::Theme;
use crate::App;
use crate::access::{Principal, person_actor};
use crate::http::client_address::ClientAddress;
use crate::http::error::ApiError;
use crate::http::notes::RequestNotes;
use crate::http::params::path_parameter;
use crate::scopes::Scope;
use crate::secrets;

pub(super) const COOKIE_NAME: &str = "test_engine_session";

pub(super) struct Viewer {
    session: Option<Session>,
    path: String,
    /// A form was sent to the path.
    is_form: bool,
    pub(super) theme: Theme,
}

struct Session {
    uuid: Uuid,
    holder: Holder,
    /// The person, or the access token that the session was opened with.
    actor: Actor,
    secret: SecretString,
}

impl Session {
    /// The access token that the session was opened with, or the session of a person.
    fn id_for_log(&self) -> Uuid {
        match &self.holder {
            Holder::Token(_) => self.actor.uuid.unwrap_or(self.uuid),
            Holder::Person(..) => self.uuid,
        }
    }
}

enum Holder {
    Token(Principal),
    /// A person, with at least one live role.
    Person(User, Vec<(String, Role)>),
}

/// A person who is signed in.
pub(super) struct SignedIn<'a> {
    pub(super) user: &'a User,
    /// Live roles, with the slugs of their organizations.
    pub(super) roles: &'a [(String, Role)],
    /// The id of the session.
    pub(super) session: Uuid,
}

impl Session {
    fn grants(&self, organization_slug: &str, scope: Scope) -> bool {
        match &self.holder {
            Holder::Token(principal) => {
                principal.organization_slug == organization_slug && principal.has_scope(scope)
            }
            Holder::Person(_, roles) => roles.iter().any(|(slug, role)| {
                slug == organization_slug && Scope::of_role(*role).contains(&scope)
            }),
        }
    }
}

impl Viewer {
    pub(super) fn anonymous() -> Self {
        Self {
            session: None,
            path: String::new(),
            is_form: false,
            theme: Theme::System,
        }
    }

    pub(super) fn is_signed_in(&self) -> bool {
        self.session.is_some()
    }

    /// Path and query of the request.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The organizations of the session, by slug.
    pub(super) fn organization_slugs(&self) -> Vec<String> {
        match self.session.as_ref().map(|session| &session.holder) {
            None => Vec::new(),
            Some(Holder::Token(principal)) => vec![principal.organization_slug.clone()],
            Some(Holder::Person(_, roles)) => {
                roles.iter().map(|(slug, _role)| slug.clone()).collect()
            }
        }
    }

    /// The slugs of the organizations that the viewer can see. Anonymous viewers are sent to sign
    /// in, unless the pages are open.
    pub(super) async fn visible_organizations(&self, app: &App) -> Result<Vec<String>, PageError> {
        if self.is_signed_in() {
            return Ok(self.organization_slugs());
        }
        if !app.config.web.open {
            return Err(self.no_access());
        }
        let all = app.store.organizations().await?.into_iter();
        Ok(all.map(|organization| organization.slug).collect())
    }

    /// The person who is signed in; `None` with an access token.
    pub(super) fn person(&self) -> Option<SignedIn<'_>> {
        let session = self.session.as_ref()?;
        match &session.holder {
            Holder::Person(user, roles) => Some(SignedIn {
                user,
                roles,
                session: session.uuid,
            }),
            Holder::Token(_) => None,
        }
    }

    /// The id and description of the access token that the session was opened with.
    pub(super) fn access_token(&self) -> Option<&Actor> {
        let session = self.session.as_ref()?;
        matches!(session.holder, Holder::Token(_)).then_some(&session.actor)
    }

    /// Ends the session, if there is one.
    pub(super) async fn end_session(
        &self,
        app: &App,
        client: ClientAddress,
    ) -> Result<(), PageError> {
        let Some(session) = &self.session else {
            return Ok(());
        };
        let change = self.change(client, app.clock.now());
        match &session.holder {
            Holder::Person(user, _) => {
                app.store.end_session(user, session.uuid, &change).await?;
            }
            Holder::Token(principal) => {
                let organization = principal.organization;
                app.store
                    .revoke_token(organization, session.uuid, &change)
                    .await?;
            }
        }
        Ok(())
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

    /// Fails unless a form belongs to this session.
    pub(super) fn check_form(&self, form_token: &str) -> Result<(), PageError> {
        if self.owns_form(form_token) {
            return Ok(());
        }
        Err(PageError::Forbidden(
            "This form has expired. Go back and reload the page.".to_owned(),
        ))
    }

    /// Fails unless the viewer may change the organization's suites.
    pub(super) fn check_may_write(&self, organization_slug: &str) -> Result<(), PageError> {
        if self.may_write(organization_slug) {
            return Ok(());
        }
        if !self.is_signed_in() {
            return Err(self.no_access());
        }
        let may = match self.person() {
            Some(_) => "Your role does not allow changes.",
            None => "Your token does not have the scope write_suites.",
        };
        Err(PageError::Forbidden(may.to_owned()))
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
        self.session
            .as_ref()
            .is_some_and(|session| session.grants(organization_slug, Scope::WriteSuites))
    }

    /// Whether the viewer's role or token has this scope.
    pub(super) fn has_scope(&self, organization_slug: &str, scope: Scope) -> bool {
        let session = self.session.as_ref();
        session.is_some_and(|session| session.grants(organization_slug, scope))
    }

    /// Whether the viewer is a person who may manage people and tokens. With an access token nobody
    /// may: what it creates would outlive it.
    pub(super) fn is_admin(&self, organization_slug: &str) -> bool {
        self.person().is_some_and(|person| {
            let mut roles = person.roles.iter();
            roles.any(|(slug, role)| slug == organization_slug && *role == Role::Admin)
        })
    }

    /// Fails unless the viewer may manage people and tokens.
    pub(super) fn check_is_admin(&self, organization_slug: &str) -> Result<(), PageError> {
        if self.is_admin(organization_slug) {
            return Ok(());
        }
        if !self.is_signed_in() {
            return Err(self.no_access());
        }
        Err(PageError::Forbidden(
            "Only people with the role admin may see and change this. Sign in as one, or use the \
             command line on the server."
                .to_owned(),
        ))
    }

    /// The organization, if the viewer has access.
    pub(super) async fn organization(
        &self,
        app: &App,
        slug: &str,
    ) -> Result<Organization, PageError> {
        let is_own = self
            .session
            .as_ref()
            .is_some_and(|session| session.grants(slug, Scope::ReadSuites));
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
                next: if self.is_form {
                    page_of_form(&self.path).to_owned()
                } else {
                    self.path.clone()
                },
            }
        }
    }
}

/// The page that a form is on, if its address is below that of the page. If the session ended
/// before the form was sent, signing in leads back to this page.
fn page_of_form(path: &str) -> &str {
    let people = ["/rules", "/sessions"].iter();
    let mut people = people.filter_map(|form| path.strip_suffix(form));
    if let Some(page) = people.find(|page| page.ends_with("/settings/people")) {
        return page;
    }
    let forms = [
        "/state", "/labels", "/views", "/switch", "/delete", "/revoke", "/change",
    ];
    let mut pages = forms.iter().filter_map(|form| path.strip_suffix(form));
    pages.next().unwrap_or(path)
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
            notes.token(session.id_for_log());
        }
        let theme = Theme::of(&parts.headers);
        Ok(Self {
            session,
            path,
            is_form: parts.method == Method::POST,
            theme,
        })
    }
}

/// The session of a cookie, while it is live, and so are the roles or the access token behind it.
async fn session(app: &App, secret: SecretString) -> Result<Option<Session>, ApiError> {
    if secrets::is_of_person(&secret) {
        return person_session(app, secret).await;
    }
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
        uuid: token.uuid,
        holder: Holder::Token(token.into()),
        actor: token_actor(&parent),
        secret,
    }))
}

async fn person_session(app: &App, secret: SecretString) -> Result<Option<Session>, ApiError> {
    let now = app.clock.now();
    let Some((session, user)) = app.authenticator.live_session(&secret, now).await? else {
        return Ok(None);
    };
    let live = user.memberships.iter().filter(|role| role.is_live(now));
    let roles: Vec<(String, Role)> = live
        .map(|membership| (membership.organization_slug.clone(), membership.role))
        .collect();
    Ok((!roles.is_empty()).then(|| Session {
        uuid: session.uuid,
        actor: person_actor(user.uuid, &user.name),
        holder: Holder::Person(user, roles),
        secret,
    }))
}

/// For the audit log: a session that was started with an access token.
pub(super) fn token_actor(access_token: &Token) -> Actor {
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
    let mut values = cookies(headers, COOKIE_NAME).filter(|value| !value.is_empty());
    values.next().map(SecretString::from)
}

/// The values of the cookies with this name.
pub(super) fn cookies<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(move |(found, _)| *found == name)
        .map(|(_, value)| value)
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

/// The viewer and organization of a page below an organization.
pub(super) struct OrganizationViewer {
    pub(super) viewer: Viewer,
    pub(super) organization: Organization,
}

impl FromRequestParts<App> for OrganizationViewer {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        let viewer = Viewer::from_request_parts(parts, app).await?;
        let slug = path_parameter(parts, "organization").await;
        let slug = slug.ok_or(PageError::NotFound)?;
        let organization = viewer.organization(app, &slug).await?;
        if let Some(notes) = parts.extensions.get::<RequestNotes>() {
            notes.organization(&organization.slug);
        }
        Ok(Self {
            viewer,
            organization,
        })
    }
}
