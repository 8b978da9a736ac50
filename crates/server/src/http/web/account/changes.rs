//! The forms of the account page. Each must have the token of its session.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use test_engine_store::{Organization, Role, Timestamp, User};
use uuid::Uuid;

use super::super::page::PageError;
use super::super::sign_in;
use super::super::viewer::{SignedIn, Viewer};
use super::{ACCOUNT, MAX_PURPOSE, MAX_TOKEN_DAYS, Notice};
use crate::App;
use crate::admin::{self, TokenRequest};
use crate::http::client_address::ClientAddress;
use crate::http::error::ApiError;
use crate::people::{self, PeopleError};
use crate::scopes::Scope;

/// Live tokens of a person.
const MAX_TOKENS: usize = 50;

#[derive(Deserialize)]
struct Chosen {
    #[serde(default)]
    form_token: String,
    id: Uuid,
}

/// The fields of a new token. Each scope is a field of its own.
#[derive(Deserialize)]
struct NewToken {
    #[serde(default)]
    form_token: String,
    #[serde(default)]
    organization: String,
    #[serde(default)]
    purpose: String,
    #[serde(default)]
    days: String,
    read_suites: Option<String>,
    write_suites: Option<String>,
    read_test_plan: Option<String>,
    write_test_plan: Option<String>,
    read_test_pool: Option<String>,
    write_test_pool: Option<String>,
}

impl NewToken {
    fn scopes(&self) -> Vec<Scope> {
        let chosen = [
            (Scope::ReadSuites, &self.read_suites),
            (Scope::WriteSuites, &self.write_suites),
            (Scope::ReadTestPlan, &self.read_test_plan),
            (Scope::WriteTestPlan, &self.write_test_plan),
            (Scope::ReadTestPool, &self.read_test_pool),
            (Scope::WriteTestPool, &self.write_test_pool),
        ];
        chosen
            .into_iter()
            .filter_map(|(scope, field)| field.as_ref().map(|_| scope))
            .collect()
    }
}

#[derive(Deserialize)]
struct Passwords {
    #[serde(default)]
    form_token: String,
    #[serde(default)]
    current: SecretString,
    #[serde(default)]
    new: SecretString,
}

pub(in super::super) async fn end_session(
    State(app): State<App>,
    viewer: Viewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let form: Chosen = sign_in::form(request).await?;
    viewer.check_form(&form.form_token)?;
    let user = super::person(&viewer)?.user;
    let change = viewer.change(client, app.clock.now());
    if !app.store.end_session(user, form.id, &change).await? {
        return Err(PageError::NotFound);
    }
    Ok(Redirect::to(ACCOUNT).into_response())
}

pub(in super::super) async fn revoke_token(
    State(app): State<App>,
    viewer: Viewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let form: Chosen = sign_in::form(request).await?;
    viewer.check_form(&form.form_token)?;
    let user = super::person(&viewer)?.user;
    let now = app.clock.now();
    let tokens = super::live_tokens(&app, user.id, now).await?;
    let own = tokens.iter().find(|token| token.uuid == form.id);
    let own = own.ok_or(PageError::NotFound)?;
    let change = viewer.change(client, now);
    app.store
        .revoke_token(own.organization, own.uuid, &change)
        .await?;
    Ok(Redirect::to(ACCOUNT).into_response())
}

pub(in super::super) async fn create_token(
    State(app): State<App>,
    viewer: Viewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let form: NewToken = sign_in::form(request).await?;
    viewer.check_form(&form.form_token)?;
    let SignedIn { user, roles, .. } = super::person(&viewer)?;
    let now = app.clock.now();
    let count = super::live_tokens(&app, user.id, now).await?.len();
    let request = match token_request(&form, user, roles, count, now) {
        Ok(request) => request,
        Err(problem) => return refused(&app, &viewer, problem).await,
    };
    let organization: Option<Organization> = app.store.organization(&form.organization).await?;
    let organization = organization.ok_or(PageError::NotFound)?;
    let change = viewer.change(client, now);
    let created = admin::create_token(&app.store, &organization, request, &change)
        .await
        .map_err(|error| ApiError::internal("create the token", &error))?;
    let notice = Notice {
        secret: created.secret.expose_secret().to_owned(),
        ..Notice::default()
    };
    super::show(&super::page(&app, &viewer, notice).await?)
}

fn token_request(
    form: &NewToken,
    user: &User,
    roles: &[(String, Role)],
    count: usize,
    now: Timestamp,
) -> Result<TokenRequest, String> {
    let role = roles
        .iter()
        .find(|(slug, _role)| *slug == form.organization)
        .map(|(_slug, role)| *role)
        .ok_or("Choose one of your organizations.")?;
    let scopes = form.scopes();
    if scopes.is_empty() {
        return Err("Choose at least one scope.".to_owned());
    }
    let allowed = Scope::of_role(role);
    if let Some(scope) = scopes.iter().find(|scope| !allowed.contains(scope)) {
        let role = role.name();
        return Err(format!("The role {role} does not have the scope {scope}."));
    }
    let days = form.days.trim().parse().ok();
    let days = days.filter(|days| (1..=MAX_TOKEN_DAYS).contains(days));
    let days: i64 =
        days.ok_or_else(|| format!("A token is valid for 1 to {MAX_TOKEN_DAYS} days."))?;
    let purpose = form.purpose.trim();
    if purpose.is_empty() || purpose.chars().count() > MAX_PURPOSE {
        return Err(format!(
            "Give a purpose of at most {MAX_PURPOSE} characters."
        ));
    }
    if count >= MAX_TOKENS {
        return Err(format!("You have {MAX_TOKENS} tokens. Revoke one first."));
    }
    Ok(TokenRequest {
        scopes,
        description: Some(purpose.to_owned()),
        expires_at: Some(now.plus_days(days)),
        user: Some(user.id),
    })
}

/// Wrong passwords count as failed sign-ins, so that nobody can guess the password at an unlocked
/// browser.
pub(in super::super) async fn set_password(
    State(app): State<App>,
    viewer: Viewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let form: Passwords = sign_in::form(request).await?;
    viewer.check_form(&form.form_token)?;
    let SignedIn { user, session, .. } = super::person(&viewer)?;
    if !sign_in::is_password_of(&app, &client, user, form.current).await? {
        let problem = "The current password is wrong.".to_owned();
        return refused(&app, &viewer, problem).await;
    }
    let change = viewer.change(client, app.clock.now());
    let new = Some(form.new);
    match people::set_password(&app.store, user, new, Some(session), &change).await {
        Ok(_) => {
            let done = "The password was changed, and your other sessions have ended.".to_owned();
            let notice = Notice {
                done,
                ..Notice::default()
            };
            super::show(&super::page(&app, &viewer, notice).await?)
        }
        Err(PeopleError::Store(error)) => Err(error.into()),
        Err(error) => refused(&app, &viewer, format!("Nothing was changed: {error}.")).await,
    }
}

/// The page with a problem, for a form that was not accepted.
async fn refused(app: &App, viewer: &Viewer, problem: String) -> Result<Response, PageError> {
    let notice = Notice {
        problem,
        ..Notice::default()
    };
    let html = askama::Template::render(&super::page(app, viewer, notice).await?)?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(html)).into_response())
}
