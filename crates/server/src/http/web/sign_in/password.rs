//! Sign-in with a login and a password.

use axum::extract::{Request, State};
use axum::response::Response;
use secrecy::SecretString;
use serde::Deserialize;
use test_engine_store::{Change, Identity, NewUserSession, User};
use uuid::Uuid;

use super::super::page::PageError;
use super::super::viewer::Viewer;
use super::{FormKind, SESSION_DAYS};
use crate::App;
use crate::access::person_actor;
use crate::http::client_address::ClientAddress;
use crate::http::error::ApiError;
use crate::secrets;

#[derive(Deserialize)]
struct SignIn {
    #[serde(default)]
    login: String,
    #[serde(default)]
    password: SecretString,
    #[serde(default)]
    next: String,
}

pub(in super::super) async fn post(
    State(app): State<App>,
    viewer: Viewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    super::reject_cross_site(request.headers(), app.links.public_url())?;
    let user_agent = super::user_agent(request.headers());
    let form: SignIn = super::form(request).await?;
    let next = super::local_path(Some(&form.next));
    super::check_attempts(&app, &client)?;
    let user = check(&app, &client, form.login.trim(), form.password).await?;
    let Some(user) = user else {
        let problem = "This login or password is wrong.";
        return super::failed(&app, &viewer, next, FormKind::Password, problem).await;
    };
    viewer.end_session(&app, client.clone()).await?;
    let now = app.clock.now();
    let secret = secrets::generate_for_person();
    let session = NewUserSession {
        uuid: Uuid::now_v7(),
        secret_hash: secrets::hash_of(&secret),
        client_address: client.0.clone(),
        user_agent,
        expires_at: now.plus_days(SESSION_DAYS),
    };
    tracing::info!(client = client.0, user = %user.uuid, "signed in");
    let change = Change {
        client_address: client.0,
        ..Change::new(person_actor(user.uuid, &user.name), now)
    };
    app.store.start_session(&user, session, &change).await?;
    super::signed_in(&app, &secret, &next)
}

/// The user, if login and password are right and the user has a role.
async fn check(
    app: &App,
    client: &ClientAddress,
    login: &str,
    password: SecretString,
) -> Result<Option<User>, PageError> {
    // A failure counts only after the check, so few may be under way.
    let check = app.passwords.next().await;
    super::check_attempts(app, client)?;
    let now = app.clock.now();
    let (user, hash) = app.store.user_by_login(login).await?.unzip();
    let matches = check
        .verify(password, hash)
        .await
        .map_err(|error| ApiError::internal("check the password", &error))?;
    let has_role = |user: &User| user.memberships.iter().any(|role| role.is_live(now));
    let user = user.filter(|user| matches && has_role(user));
    if user.is_none() {
        app.sign_in_attempts.failed(client.0.as_deref(), now);
        let cause = if matches {
            "no role"
        } else {
            "wrong login or password"
        };
        tracing::warn!(client = client.0, cause, "sign-in failed");
    }
    Ok(user)
}

/// Whether this is the password of a user. False without a login.
pub(in super::super) async fn is_password_of(
    app: &App,
    client: &ClientAddress,
    user: &User,
    password: SecretString,
) -> Result<bool, PageError> {
    let Identity::Login(login) = &user.identity else {
        return Ok(false);
    };
    let found = check(app, client, login, password).await?;
    Ok(found.is_some_and(|found| found.id == user.id))
}
