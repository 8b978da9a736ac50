//! Sign-in with an access token, and sign-out.

use askama::Template;
use axum::body::Body;
use axum::extract::{Form, FromRequest as _, Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use test_engine_store::{Change, NewToken, Token, TokenKind};
use uuid::Uuid;

use super::START;
use super::page::{Frame, PageError, show};
use super::viewer::{self, COOKIE_NAME, Viewer};
use crate::App;
use crate::http::body;
use crate::http::client_address::ClientAddress;
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::scopes::Scope;
use crate::secrets;

const SESSION_DAYS: i64 = 7;
/// In bytes.
const MAX_FORM: usize = 16 * 1024;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page {
    frame: Frame,
    next: String,
    problem: Option<&'static str>,
}

#[derive(Default, Deserialize)]
pub(super) struct Query {
    next: Option<String>,
}

#[derive(Deserialize)]
struct SignIn {
    #[serde(default)]
    token: String,
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
struct SignOut {
    #[serde(default)]
    form_token: String,
}

pub(super) async fn get(
    viewer: Viewer,
    Params(query): Params<Query>,
) -> Result<Response, PageError> {
    show(&page(&viewer, local_path(query.next.as_deref()), None))
}

fn page(viewer: &Viewer, next: String, problem: Option<&'static str>) -> Page {
    Page {
        frame: Frame::new("Sign in", viewer),
        next,
        problem,
    }
}

pub(super) async fn post(
    State(app): State<App>,
    viewer: Viewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    reject_cross_site(request.headers(), app.links.public_url())?;
    let form: SignIn = form(request).await?;
    let next = local_path(Some(&form.next));
    let now = app.clock.now();
    let address = client.0.clone();
    if !app.sign_in_attempts.is_allowed(address.as_deref(), now) {
        tracing::warn!(
            client = address,
            "sign-in rejected: too many failed attempts"
        );
        let message = "Too many failed attempts to sign in. Wait a minute and try again.";
        return Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, message).into());
    }
    let secret = SecretString::from(form.token.trim());
    let token = app.authenticator.live_token(&secret, now).await?;
    let problem = match &token {
        Some(token) if token.kind != TokenKind::Access => {
            Some("This is not an API access token. Create one with: test-engine token create")
        }
        Some(token) if !Scope::ReadSuites.is_granted_by(&token.scopes) => {
            Some("This token does not have the scope read_suites.")
        }
        Some(_) => None,
        None => Some("This token is unknown, expired or revoked."),
    };
    match (token, problem) {
        (Some(token), None) => {
            let cookie = open_session(&app, &token, client).await?;
            tracing::info!(client = address, token = %token.uuid, "signed in");
            let mut response = Redirect::to(&next).into_response();
            response.headers_mut().insert(SET_COOKIE, cookie);
            Ok(response)
        }
        (_, problem) => {
            app.sign_in_attempts.failed(address.as_deref(), now);
            tracing::warn!(client = address, cause = problem, "sign-in failed");
            let html = page(&viewer, next, problem).render()?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(html)).into_response())
        }
    }
}

/// Creates a session for an access token, and returns its cookie.
async fn open_session(
    app: &App,
    access: &Token,
    client: ClientAddress,
) -> Result<HeaderValue, PageError> {
    let now = app.clock.now();
    let secret = secrets::generate(TokenKind::Session);
    let session = NewToken {
        uuid: Uuid::now_v7(),
        organization: access.organization,
        suite: None,
        kind: TokenKind::Session,
        secret_hash: secrets::hash_of(&secret),
        scopes: access.scopes.clone(),
        description: Some(viewer::session_description(access)),
        expires_at: Some(now.plus_days(SESSION_DAYS)),
    };
    let change = Change {
        client_address: client.0,
        ..Change::new(viewer::person(access), now)
    };
    app.store.create_token(session, &change).await?;
    cookie(app, secret.expose_secret(), SESSION_DAYS * 24 * 60 * 60)
}

fn cookie(app: &App, value: &str, seconds: i64) -> Result<HeaderValue, PageError> {
    let secure = if app.links.is_https() { "; Secure" } else { "" };
    let text =
        format!("{COOKIE_NAME}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&text)
        .map_err(|error| ApiError::internal("create a cookie", &error).into())
}

pub(super) async fn sign_out(
    State(app): State<App>,
    viewer: Viewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let form: SignOut = form(request).await?;
    if !viewer.owns_form(&form.form_token) {
        return Err(PageError::Forbidden(
            "This form has expired. Go back and reload the page.".to_owned(),
        ));
    }
    if let Some(secret) = viewer.secret()
        && let Some(token) = app.store.token_by_hash(&secrets::hash_of(secret)).await?
    {
        let change = viewer.change(client, app.clock.now());
        app.store
            .revoke_token(token.organization, token.uuid, &change)
            .await?;
    }
    let mut response = Redirect::to(START).into_response();
    response
        .headers_mut()
        .insert(SET_COOKIE, cookie(&app, "", 0)?);
    Ok(response)
}

/// Reads the fields of a small form.
pub(super) async fn form<T: DeserializeOwned>(request: Request) -> Result<T, PageError> {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, MAX_FORM).await?;
    let request = Request::from_parts(parts, Body::from(bytes));
    let Form(form) = Form::from_request(request, &())
        .await
        .map_err(|error| ApiError::bad_request(error.body_text()))?;
    Ok(form)
}

/// Rejects forms that another site submits. Older browsers send the site in `Origin` only.
fn reject_cross_site(headers: &HeaderMap, public_url: &str) -> Result<(), PageError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_same_site = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, None) => true,
        (None, Some(origin)) => {
            let (_, authority) = origin.split_once("://").unwrap_or_default();
            let is_public = public_url
                .strip_prefix(origin)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            is_public || text("host").is_some_and(|host| host == authority)
        }
    };
    if is_same_site {
        return Ok(());
    }
    Err(PageError::Forbidden(
        "This form was submitted by another site.".to_owned(),
    ))
}

/// The path to redirect to; the start page instead of another site.
fn local_path(next: Option<&str>) -> String {
    next.filter(|next| {
        next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n', '\t'])
    })
    .unwrap_or(START)
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::local_path;

    #[test]
    fn sign_in_never_redirects_to_another_site() {
        assert_eq!(
            local_path(Some("/organizations/a/analytics?x=1")),
            "/organizations/a/analytics?x=1"
        );
        for bad in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/\t/evil",
            "",
        ] {
            assert_eq!(local_path(Some(bad)), super::START, "{bad}");
        }
        assert_eq!(local_path(None), super::START);
    }
}
