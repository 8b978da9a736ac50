//! Tokens: the upload tokens of a suite, and the access tokens of an organization. A new token is
//! shown once, in the response to its form.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use test_engine_store::{Organization, Suite, Timestamp, Token, TokenKind};
use uuid::Uuid;

use super::super::format;
use super::super::page::{Frame, PageError, show};
use super::super::sign_in::form;
use super::super::viewer::{OrganizationViewer, SuiteViewer, Viewer};
use super::{Done, Nav, Section, refused, to};
use crate::App;
use crate::admin::{self, CreatedToken, TokenRequest};
use crate::clock::rfc3339;
use crate::http::client_address::ClientAddress;
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::scopes::Scope;

/// Characters of a purpose.
const MAX_PURPOSE: usize = 200;
/// Days that an access token may be valid.
const MAX_DAYS: i64 = 3_650;
/// Tokens on the page: the live ones first.
const MAX_TOKENS: usize = 200;

#[derive(Template)]
#[template(path = "settings_tokens.html")]
struct Page {
    frame: Frame,
    nav: Nav,
    is_of_suite: bool,
    /// Whether the viewer may create and revoke them.
    may_change: bool,
    tokens: Vec<Row>,
    hidden: String,
    scopes: Vec<(&'static str, bool)>,
    purpose: String,
    max_purpose: usize,
    max_days: i64,
}

struct Row {
    id: String,
    purpose: String,
    scopes: String,
    owner: String,
    state: &'static str,
    is_live: bool,
    created: String,
    created_time: String,
    used: String,
    left: String,
}

/// Scopes are fields of their own, with the value `yes`.
fn field<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    let mut found = fields.iter().filter(|(known, _)| known == name);
    found.next().map_or("", |(_, value)| value.as_str())
}

#[derive(Deserialize)]
struct Revoked {
    #[serde(default)]
    form_token: String,
    id: Uuid,
}

impl Row {
    fn new(token: Token, now: Timestamp) -> Self {
        let is_live = token.is_live(now);
        Self {
            id: token.uuid.to_string(),
            purpose: token.description.unwrap_or_default(),
            scopes: token.scopes.join(", "),
            owner: token.owner.map_or_else(String::new, |owner| owner.name),
            state: match (token.revoked_at, is_live) {
                (Some(_), _) => "revoked",
                (None, true) => "live",
                (None, false) => "expired",
            },
            is_live,
            created: format::ago(token.created_at, now),
            created_time: rfc3339(token.created_at),
            used: token
                .last_used_at
                .map_or_else(|| "never".to_owned(), |used| format::ago(used, now)),
            left: token
                .expires_at
                .map_or_else(|| "no end".to_owned(), |end| format::left(end, now)),
        }
    }
}

/// Those of the organization, the live ones first, then the newest.
async fn tokens(
    app: &App,
    organization: &Organization,
    is_shown: impl Fn(&Token) -> bool,
) -> Result<(Vec<Row>, String), PageError> {
    let now = app.clock.now();
    let mut tokens = app.store.tokens(organization.id).await?;
    tokens.retain(is_shown);
    tokens.sort_by_key(|token| (!token.is_live(now), std::cmp::Reverse(token.created_at)));
    let hidden = tokens.len().saturating_sub(MAX_TOKENS) as u64;
    let rows = tokens.into_iter().take(MAX_TOKENS);
    let rows = rows.map(|token| Row::new(token, now)).collect();
    let hidden = match hidden {
        0 => String::new(),
        hidden => format!("and {}", format::counted(hidden, "more token")),
    };
    Ok((rows, hidden))
}

async fn suite_page(app: &App, viewer: &Viewer, suite: &Suite) -> Result<Page, PageError> {
    let (frame, nav) = super::in_suite(app, viewer, suite, Section::Tokens).await?;
    let organization = app.store.organization(&suite.organization_slug).await?;
    let organization = organization.ok_or(PageError::NotFound)?;
    let (tokens, hidden) = tokens(app, &organization, |token| {
        token.kind == TokenKind::Suite && token.suite == Some(suite.id)
    })
    .await?;
    Ok(Page {
        frame,
        may_change: nav.may_write,
        nav,
        is_of_suite: true,
        tokens,
        hidden,
        scopes: Vec::new(),
        purpose: String::new(),
        max_purpose: MAX_PURPOSE,
        max_days: MAX_DAYS,
    })
}

async fn organization_page(
    app: &App,
    viewer: &Viewer,
    organization: &Organization,
    chosen: &[(String, String)],
) -> Result<Page, PageError> {
    let (frame, nav) = super::in_organization(viewer, organization, Section::Tokens)?;
    let (tokens, hidden) =
        tokens(app, organization, |token| token.kind == TokenKind::Access).await?;
    let scope = |scope: Scope| (scope.name(), field(chosen, scope.name()) == "yes");
    Ok(Page {
        frame,
        nav,
        is_of_suite: false,
        may_change: viewer.is_admin(&organization.slug),
        tokens,
        hidden,
        scopes: Scope::ALL.map(scope).to_vec(),
        purpose: field(chosen, "purpose").to_owned(),
        max_purpose: MAX_PURPOSE,
        max_days: MAX_DAYS,
    })
}

pub(in crate::http::web) async fn of_suite(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    Params(done): Params<Done>,
) -> Result<Response, PageError> {
    let mut page = suite_page(&app, &viewer, &suite).await?;
    page.nav = page.nav.with_done(&done);
    show(&page)
}

pub(in crate::http::web) async fn of_organization(
    State(app): State<App>,
    OrganizationViewer {
        viewer,
        organization,
    }: OrganizationViewer,
    Params(done): Params<Done>,
) -> Result<Response, PageError> {
    let mut page = organization_page(&app, &viewer, &organization, &[]).await?;
    page.nav = page.nav.with_done(&done);
    show(&page)
}

/// The purpose, or what is wrong with it.
fn purpose(fields: &[(String, String)]) -> Result<String, String> {
    let purpose = field(fields, "purpose").trim();
    let is_long = purpose.chars().count() > MAX_PURPOSE;
    if purpose.is_empty() || is_long || purpose.contains(char::is_control) {
        return Err(format!(
            "Give a purpose of at most {MAX_PURPOSE} characters."
        ));
    }
    Ok(purpose.to_owned())
}

/// The page with the secret, which is in no later response.
fn created(mut page: Page, created: &CreatedToken) -> Result<Response, PageError> {
    created
        .secret
        .expose_secret()
        .clone_into(&mut page.nav.secret);
    page.purpose.clear();
    show(&page)
}

pub(in crate::http::web) async fn create_for_suite(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let fields: Vec<(String, String)> = form(request).await?;
    viewer.check_form(field(&fields, "form_token"))?;
    viewer.check_may_write(&suite.organization_slug)?;
    let purpose = match purpose(&fields) {
        Ok(purpose) => purpose,
        Err(problem) => {
            let mut page = suite_page(&app, &viewer, &suite).await?;
            page.nav = page.nav.with_problem(problem);
            return refused(&page);
        }
    };
    let change = viewer.change(client, app.clock.now());
    let token = admin::create_suite_token(&app.store, &suite, Some(purpose), &change)
        .await
        .map_err(ApiError::from)?;
    created(suite_page(&app, &viewer, &suite).await?, &token)
}

fn token_request(fields: &[(String, String)], now: Timestamp) -> Result<TokenRequest, String> {
    let is_chosen = |scope: &Scope| field(fields, scope.name()) == "yes";
    let scopes: Vec<Scope> = Scope::ALL.into_iter().filter(is_chosen).collect();
    if scopes.is_empty() {
        return Err("Choose at least one scope.".to_owned());
    }
    let expires_at = match field(fields, "days").trim() {
        "" => None,
        days => {
            let days = days.parse().ok();
            let days = days.filter(|days| (1..=MAX_DAYS).contains(days));
            let days = days.ok_or_else(|| format!("A token is valid for 1 to {MAX_DAYS} days."))?;
            Some(now.plus_days(days))
        }
    };
    Ok(TokenRequest {
        scopes,
        description: Some(purpose(fields)?),
        expires_at,
        user: None,
    })
}

pub(in crate::http::web) async fn create(
    State(app): State<App>,
    OrganizationViewer {
        viewer,
        organization,
    }: OrganizationViewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let fields: Vec<(String, String)> = form(request).await?;
    viewer.check_form(field(&fields, "form_token"))?;
    viewer.check_is_admin(&organization.slug)?;
    let now = app.clock.now();
    let request = match token_request(&fields, now) {
        Ok(request) => request,
        Err(problem) => {
            let mut page = organization_page(&app, &viewer, &organization, &fields).await?;
            page.nav = page.nav.with_problem(problem);
            return refused(&page);
        }
    };
    let change = viewer.change(client, now);
    let token = admin::create_token(&app.store, &organization, request, &change)
        .await
        .map_err(ApiError::from)?;
    created(
        organization_page(&app, &viewer, &organization, &[]).await?,
        &token,
    )
}

/// Revokes a token that the page lists.
async fn revoke_listed(
    app: &App,
    page: Page,
    organization: &Organization,
    (viewer, client): (&Viewer, ClientAddress),
    id: Uuid,
) -> Result<Response, PageError> {
    let wanted = id.to_string();
    if !page.tokens.iter().any(|token| token.id == wanted) {
        return Err(PageError::NotFound);
    }
    let change = viewer.change(client, app.clock.now());
    // Somebody else may have been faster.
    app.store.revoke_token(organization.id, id, &change).await?;
    Ok(to(&page.nav.address, "revoked"))
}

pub(in crate::http::web) async fn revoke_of_suite(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let fields: Revoked = form(request).await?;
    viewer.check_form(&fields.form_token)?;
    viewer.check_may_write(&suite.organization_slug)?;
    let organization = app.store.organization(&suite.organization_slug).await?;
    let organization = organization.ok_or(PageError::NotFound)?;
    let page = suite_page(&app, &viewer, &suite).await?;
    revoke_listed(&app, page, &organization, (&viewer, client), fields.id).await
}

pub(in crate::http::web) async fn revoke(
    State(app): State<App>,
    OrganizationViewer {
        viewer,
        organization,
    }: OrganizationViewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let fields: Revoked = form(request).await?;
    viewer.check_form(&fields.form_token)?;
    viewer.check_is_admin(&organization.slug)?;
    let page = organization_page(&app, &viewer, &organization, &[]).await?;
    revoke_listed(&app, page, &organization, (&viewer, client), fields.id).await
}
