//! Sign-in with the OpenID Connect provider: to the provider, and back with a code.

use axum::extract::{Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use test_engine_store::{
    Actor, ActorKind, Change, NewUserSession, ProvidedPerson, ProvidedSignIn, Timestamp,
};
use uuid::Uuid;

use super::super::page::PageError;
use super::super::viewer::{self, Viewer};
use super::{Query, SESSION_DAYS, local_path};
use crate::App;
use crate::http::client_address::ClientAddress;
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::oidc::{Admissions, Attempt, Identified, Provider, ProviderError, admissions};
use crate::secrets;

/// Starts a sign-in.
pub(in super::super) const START: &str = "/sign-in/provider";
/// Where the provider redirects to.
pub(in super::super) const CALLBACK: &str = "/sign-in/callback";

/// Seconds that a person may take at the provider.
const ATTEMPT_SECONDS: i64 = 10 * 60;
/// Days for which a used answer is remembered: much longer than an attempt or an ID token lasts.
const USED_DAYS: i64 = 2;
/// Longer paths to return to do not fit into a cookie.
const MAX_NEXT: usize = 1_500;

#[derive(Deserialize)]
pub(in super::super) struct Answer {
    code: Option<SecretString>,
    state: Option<SecretString>,
    iss: Option<String>,
    error: Option<String>,
}

fn provider(app: &App) -> Result<&Provider, PageError> {
    app.provider.as_ref().ok_or(PageError::NotFound)
}

fn redirect_address(app: &App) -> String {
    format!("{}{CALLBACK}", app.links.public_url())
}

pub(in super::super) async fn start(
    State(app): State<App>,
    Params(query): Params<Query>,
) -> Result<Response, PageError> {
    let provider = provider(&app)?;
    let next = local_path(query.next.as_deref().filter(|next| next.len() <= MAX_NEXT));
    let attempt = Attempt::new();
    let address = provider
        .address(&attempt, &redirect_address(&app), app.clock.now())
        .await
        .map_err(|error| failed(provider, None, &error))?;
    let value = format!(
        "{}.{}",
        attempt.secret().expose_secret(),
        URL_SAFE_NO_PAD.encode(&next)
    );
    let mut response = Redirect::to(&address).into_response();
    response
        .headers_mut()
        .insert(SET_COOKIE, cookie(&app, &value, ATTEMPT_SECONDS)?);
    Ok(response)
}

pub(in super::super) async fn callback(
    State(app): State<App>,
    viewer: Viewer,
    client: ClientAddress,
    Params(answer): Params<Answer>,
    request: Request,
) -> Result<Response, PageError> {
    let provider = provider(&app)?;
    super::check_attempts(&app, &client)?;
    let finished = finish(&app, provider, viewer, &client, answer, request.headers()).await;
    let mut response = match finished {
        Ok(response) => response,
        Err(error) => error.into_response(),
    };
    // The attempt is over, whatever came of it.
    response
        .headers_mut()
        .append(SET_COOKIE, cookie(&app, "", 0)?);
    Ok(response)
}

async fn finish(
    app: &App,
    provider: &Provider,
    viewer: Viewer,
    client: &ClientAddress,
    answer: Answer,
    headers: &HeaderMap,
) -> Result<Response, PageError> {
    let now = app.clock.now();
    let rejected = |error: &ProviderError| {
        if matches!(error, ProviderError::Rejected(_)) {
            app.sign_in_attempts.failed(client.0.as_deref(), now);
        }
        failed(provider, Some(client), error)
    };
    let reject = |cause: &str| rejected(&ProviderError::Rejected(cause.to_owned()));
    let state = answer.state.unwrap_or_default();
    let Some((attempt, next)) = attempt(app, headers, state.expose_secret()) else {
        return Err(reject("the answer is not for an attempt of this browser"));
    };
    if !provider.is_issuer(answer.iss.as_deref()) {
        return Err(reject("the answer is of another issuer"));
    }
    if let Some(error) = answer.error {
        let error: String = error.chars().take(100).collect();
        return Err(reject(&format!("the provider answered {error:?}")));
    }
    let code = answer.code.unwrap_or_default();
    let redirect = redirect_address(app);
    let person = provider
        .identify(&attempt, code.expose_secret(), &redirect, now)
        .await
        .map_err(|error| rejected(&error))?;
    match open_session(app, &attempt, &person, client, headers).await? {
        (ProvidedSignIn::SignedIn(user), secret) => {
            viewer.end_session(app, client.clone()).await?;
            tracing::info!(client = client.0, user = %user.uuid, "signed in");
            super::signed_in(app, &secret, &next)
        }
        (ProvidedSignIn::Used, _) => Err(reject("the answer was used before")),
        (ProvidedSignIn::NotAdmitted, _) => {
            let cause = "no sign-in rule admits the person";
            tracing::warn!(client = client.0, cause, "sign-in failed");
            Err(PageError::Forbidden(format!(
                "You are {} at {}, but no organization of this server admits you. Ask an admin to \
                 add a sign-in rule: your subject is {}.",
                person.name, provider.name, person.subject
            )))
        }
    }
}

/// Starts a session if an organization admits the person.
async fn open_session(
    app: &App,
    attempt: &Attempt,
    person: &Identified,
    client: &ClientAddress,
    headers: &HeaderMap,
) -> Result<(ProvidedSignIn, SecretString), PageError> {
    let now = app.clock.now();
    let rules = app.store.sign_in_rules(None).await?;
    let admissions = admissions(&rules, person, now);
    let secret = secrets::generate_for_person();
    let session = NewUserSession {
        uuid: Uuid::now_v7(),
        secret_hash: secrets::hash_of(&secret),
        client_address: client.0.clone(),
        user_agent: super::user_agent(headers),
        expires_at: now.plus_days(SESSION_DAYS),
    };
    let change = Change {
        client_address: client.0.clone(),
        ..Change::new(Actor::of_kind(ActorKind::User), now)
    };
    let person = provided(attempt, person, admissions, now);
    let signed_in = app
        .store
        .sign_in_provided(&person, &session, change)
        .await?;
    Ok((signed_in, secret))
}

fn provided(
    attempt: &Attempt,
    person: &Identified,
    admissions: Admissions,
    now: Timestamp,
) -> ProvidedPerson {
    ProvidedPerson {
        new_uuid: Uuid::now_v7(),
        issuer: person.issuer.clone(),
        subject: person.subject.clone(),
        name: person.name.clone(),
        admissions: admissions.admitted,
        barred: admissions.barred,
        state_hash: secrets::hash(&attempt.state()),
        state_expires_at: now.plus_days(USED_DAYS),
    }
}

/// The attempt in the browser's cookie that the state belongs to, and the path to return to.
fn attempt(app: &App, headers: &HeaderMap, state: &str) -> Option<(Attempt, String)> {
    for value in viewer::cookies(headers, cookie_name(app)) {
        let Some((secret, next)) = value.split_once('.') else {
            continue;
        };
        if let Some(attempt) = Attempt::of(secret).filter(|attempt| attempt.owns_state(state)) {
            let next = URL_SAFE_NO_PAD.decode(next).ok();
            let next = next.and_then(|next| String::from_utf8(next).ok());
            return Some((attempt, local_path(next.as_deref())));
        }
    }
    None
}

/// With TLS, browsers accept this prefix only from this host, not from its siblings.
fn cookie_name(app: &App) -> &'static str {
    if app.links.is_https() {
        "__Host-test_engine_sign_in"
    } else {
        "test_engine_sign_in"
    }
}

fn cookie(app: &App, value: &str, seconds: i64) -> Result<HeaderValue, PageError> {
    super::cookie(app, cookie_name(app), value, seconds)
}

/// The page for a failure, whose cause only the log has.
fn failed(provider: &Provider, client: Option<&ClientAddress>, error: &ProviderError) -> PageError {
    let client = client.and_then(|client| client.0.as_deref());
    tracing::warn!(client, cause = %error, "sign-in failed");
    let name = &provider.name;
    let (status, message) = match error {
        ProviderError::Unavailable(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{name} is unavailable. Try again later. The server log has the cause."),
        ),
        ProviderError::Rejected(_) => (
            StatusCode::FORBIDDEN,
            format!(
                "The sign-in with {name} failed: it was cancelled, took longer than 10 minutes, or \
                 was started in another browser. Try again. The server log has the cause."
            ),
        ),
    };
    ApiError::new(status, message).into()
}
