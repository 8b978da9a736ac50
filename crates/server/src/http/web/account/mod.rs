//! The page of the person who is signed in: roles, sessions, tokens and password.
//!
//! `changes` handles its forms.

mod changes;

pub(super) use changes::{create_token, end_session, revoke_token, set_password};

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use test_engine_store::{Identity, Timestamp, Token, TokenKind, UserId};

use super::format;
use super::page::{Frame, PageError, show};
use super::viewer::{SignedIn, Viewer};
use crate::App;
use crate::clock::rfc3339;
use crate::passwords::MIN_PASSWORD;
use crate::scopes::Scope;

/// The page of the account.
pub(super) const ACCOUNT: &str = "/account";
/// The days for which a token of a person may be valid.
const MAX_TOKEN_DAYS: i64 = 365;
/// Suggested for a new token.
const TOKEN_DAYS: i64 = 90;
/// Characters of the purpose of a token.
const MAX_PURPOSE: usize = 200;

#[derive(Template)]
#[template(path = "account.html")]
struct Page {
    frame: Frame,
    name: String,
    /// What was done, or why not; empty without.
    done: String,
    problem: String,
    /// Of a new token; empty without.
    secret: String,
    roles: Vec<(String, &'static str)>,
    sessions: Vec<SessionRow>,
    tokens: Vec<TokenRow>,
    scopes: Vec<&'static str>,
    token_days: i64,
    max_token_days: i64,
    max_purpose: usize,
    has_password: bool,
    min_password: usize,
}

/// The page of somebody who signed in with an access token.
#[derive(Template)]
#[template(path = "account_of_token.html")]
struct TokenPage {
    frame: Frame,
    id: String,
    description: String,
}

struct SessionRow {
    id: String,
    is_current: bool,
    browser: String,
    address: String,
    started: String,
    started_at: String,
    used: String,
    left: String,
}

struct TokenRow {
    id: String,
    purpose: String,
    organization: String,
    scopes: String,
    used: String,
    left: String,
}

/// What the page says on top.
#[derive(Default)]
struct Notice {
    done: String,
    problem: String,
    secret: String,
}

pub(super) async fn get(State(app): State<App>, viewer: Viewer) -> Result<Response, PageError> {
    if let Some(actor) = viewer.access_token() {
        return show(&TokenPage {
            id: actor.uuid.map_or_else(String::new, |id| id.to_string()),
            description: actor.name.clone().unwrap_or_default(),
            frame: Frame::new("Account", &viewer),
        });
    }
    show(&page(&app, &viewer, Notice::default()).await?)
}

/// The person, or a redirect to the sign-in page.
fn person(viewer: &Viewer) -> Result<SignedIn<'_>, PageError> {
    viewer.person().ok_or_else(|| PageError::SignIn {
        next: ACCOUNT.to_owned(),
    })
}

async fn page(app: &App, viewer: &Viewer, notice: Notice) -> Result<Page, PageError> {
    let SignedIn {
        user,
        roles,
        session: current,
    } = person(viewer)?;
    let now = app.clock.now();
    let sessions = app.store.sessions_of(user.id, now).await?;
    let sessions = sessions
        .into_iter()
        .map(|session| SessionRow {
            id: session.uuid.to_string(),
            is_current: session.uuid == current,
            browser: session.user_agent.unwrap_or_default(),
            address: session.client_address.unwrap_or_default(),
            started: format::ago(session.created_at, now),
            started_at: rfc3339(session.created_at),
            used: used(session.last_used_at, now),
            left: left(session.expires_at, now),
        })
        .collect();
    let tokens = live_tokens(app, user.id, now).await?;
    let can = |scope: &Scope| {
        roles
            .iter()
            .any(|(_, role)| Scope::of_role(*role).contains(scope))
    };
    Ok(Page {
        frame: Frame::new("Account", viewer),
        name: user.name.clone(),
        done: notice.done,
        problem: notice.problem,
        secret: notice.secret,
        roles: roles
            .iter()
            .map(|(slug, role)| (slug.clone(), role.name()))
            .collect(),
        sessions,
        tokens: tokens.into_iter().map(|token| row(token, now)).collect(),
        scopes: Scope::ALL
            .into_iter()
            .filter(can)
            .map(Scope::name)
            .collect(),
        token_days: TOKEN_DAYS,
        max_token_days: MAX_TOKEN_DAYS,
        max_purpose: MAX_PURPOSE,
        has_password: matches!(user.identity, Identity::Login(_)),
        min_password: MIN_PASSWORD,
    })
}

/// The tokens of a person that are neither revoked nor expired, oldest first.
async fn live_tokens(app: &App, user: UserId, now: Timestamp) -> Result<Vec<Token>, PageError> {
    let mut tokens = app.store.tokens_of(user).await?;
    tokens.retain(|token| token.kind == TokenKind::Access && token.is_live(now));
    Ok(tokens)
}

fn row(token: Token, now: Timestamp) -> TokenRow {
    TokenRow {
        id: token.uuid.to_string(),
        purpose: token.description.unwrap_or_default(),
        organization: token.organization_slug,
        scopes: token.scopes.join(", "),
        used: used(token.last_used_at, now),
        left: left(token.expires_at, now),
    }
}

fn used(last: Option<Timestamp>, now: Timestamp) -> String {
    last.map_or_else(|| "never".to_owned(), |last| format::ago(last, now))
}

fn left(end: Option<Timestamp>, now: Timestamp) -> String {
    end.map_or_else(|| "no end".to_owned(), |end| format::left(end, now))
}
