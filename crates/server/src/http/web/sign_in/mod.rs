//! The sign-in page, and sign-out. `password` and `token` are its forms, `provider` is its button.

mod password;
mod provider;
mod token;

pub(super) use password::{is_password_of, post as post_password};
pub(super) use provider::{CALLBACK, START as START_PROVIDER, callback, start};
pub(super) use token::post as post_token;

use askama::Template;
use axum::body::Body;
use axum::extract::{Form, FromRequest as _, Request, State};
use axum::http::header::{SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::START;
use super::page::{Frame, PageError, show};
use super::viewer::{COOKIE_NAME, Viewer};
use crate::App;
use crate::http::body;
use crate::http::client_address::ClientAddress;
use crate::http::error::ApiError;
use crate::http::params::Params;

const SESSION_DAYS: i64 = 7;
/// In bytes.
const MAX_FORM: usize = 16 * 1024;
/// Bytes of a user agent that a session keeps.
const MAX_USER_AGENT: usize = 200;

/// The form that somebody used, or is most likely to use without a provider. It is unfolded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FormKind {
    Password,
    Token,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page {
    frame: Frame,
    next: String,
    problem: Option<&'static str>,
    /// Name of the provider, and the address that starts a sign-in.
    provider: Option<(String, String)>,
    has_logins: bool,
    opens_password: bool,
    opens_token: bool,
}

#[derive(Default, Deserialize)]
pub(super) struct Query {
    next: Option<String>,
}

#[derive(Deserialize)]
struct SignOut {
    #[serde(default)]
    form_token: String,
}

pub(super) async fn get(
    State(app): State<App>,
    viewer: Viewer,
    Params(query): Params<Query>,
) -> Result<Response, PageError> {
    let next = local_path(query.next.as_deref());
    show(&page(&app, &viewer, next, None).await?)
}

/// The page with a problem of one of its forms.
async fn page(
    app: &App,
    viewer: &Viewer,
    next: String,
    problem: Option<(FormKind, &'static str)>,
) -> Result<Page, PageError> {
    let has_logins = app.store.has_logins().await?;
    let likely = if has_logins {
        FormKind::Password
    } else {
        FormKind::Token
    };
    let provider = app.provider.as_ref().map(|provider| {
        let query = serde_urlencoded::to_string([("next", &next)]).unwrap_or_default();
        (provider.name.clone(), format!("{START_PROVIDER}?{query}"))
    });
    let likely = provider.is_none().then_some(likely);
    let open = problem.map_or(likely, |(form, _)| Some(form));
    Ok(Page {
        frame: Frame::new("Sign in", viewer),
        next,
        problem: problem.map(|(_, text)| text),
        provider,
        has_logins,
        opens_password: open == Some(FormKind::Password),
        opens_token: open == Some(FormKind::Token),
    })
}

/// The page for a sign-in that failed.
async fn failed(
    app: &App,
    viewer: &Viewer,
    next: String,
    form: FormKind,
    problem: &'static str,
) -> Result<Response, PageError> {
    let page = page(app, viewer, next, Some((form, problem))).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page.render()?)).into_response())
}

/// Fails after too many failed attempts from an address.
fn check_attempts(app: &App, client: &ClientAddress) -> Result<(), PageError> {
    let address = client.0.as_deref();
    if app.sign_in_attempts.is_allowed(address, app.clock.now()) {
        return Ok(());
    }
    tracing::warn!(
        client = address,
        "sign-in rejected: too many failed attempts"
    );
    let message = "Too many failed attempts to sign in. Wait a minute and try again.";
    Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, message).into())
}

/// Redirects to a page with the cookie of a new session.
fn signed_in(app: &App, secret: &SecretString, next: &str) -> Result<Response, PageError> {
    let cookie = cookie(
        app,
        COOKIE_NAME,
        secret.expose_secret(),
        SESSION_DAYS * 24 * 60 * 60,
    )?;
    let mut response = Redirect::to(next).into_response();
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}

pub(super) fn cookie(
    app: &App,
    name: &str,
    value: &str,
    seconds: i64,
) -> Result<HeaderValue, PageError> {
    let secure = if app.links.is_https() { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&text)
        .map_err(|error| ApiError::internal("create a cookie", &error).into())
}

/// What the browser says it is, for the list of sessions.
fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(USER_AGENT)?.to_str().ok()?;
    Some(text.chars().take(MAX_USER_AGENT).collect())
}

pub(super) async fn sign_out(
    State(app): State<App>,
    viewer: Viewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let form: SignOut = form(request).await?;
    viewer.check_form(&form.form_token)?;
    viewer.end_session(&app, client).await?;
    let mut response = Redirect::to(START).into_response();
    response
        .headers_mut()
        .insert(SET_COOKIE, cookie(&app, COOKIE_NAME, "", 0)?);
    Ok(response)
}

/// Reads the fields of a small form.
pub(super) async fn form<T: DeserializeOwned>(request: Request) -> Result<T, PageError> {
    form_of(request, MAX_FORM).await
}

/// Reads the fields of a form of at most so many bytes.
pub(super) async fn form_of<T: DeserializeOwned>(
    request: Request,
    max_bytes: usize,
) -> Result<T, PageError> {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, max_bytes).await?;
    let request = Request::from_parts(parts, Body::from(bytes));
    let Form(form) = Form::from_request(request, &())
        .await
        .map_err(|error| ApiError::bad_request(error.body_text()))?;
    Ok(form)
}

/// Rejects forms that another site submits. Older browsers send the site in `Origin` only.
pub(super) fn reject_cross_site(headers: &HeaderMap, public_url: &str) -> Result<(), PageError> {
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
pub(super) fn local_path(next: Option<&str>) -> String {
    next.filter(|next| {
        next.starts_with('/')
            && !next.starts_with("//")
            && !next.contains(|c: char| c == '\\' || c.is_control())
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
            "/\u{0}/evil",
            "javascript:alert(1)",
            "evil.example",
            "",
        ] {
            assert_eq!(local_path(Some(bad)), super::START, "{bad}");
        }
        assert_eq!(local_path(None), super::START);
    }
}
