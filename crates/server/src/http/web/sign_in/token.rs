//! Sign-in with an access token of CI. The session has its scopes and ends with it.

use axum::extract::{Request, State};
use axum::response::Response;
use secrecy::SecretString;
use serde::Deserialize;
use test_engine_store::{Change, NewToken, Token, TokenKind};
use uuid::Uuid;

use super::super::page::PageError;
use super::super::viewer::{self, Viewer};
use super::{FormKind, SESSION_DAYS};
use crate::App;
use crate::http::client_address::ClientAddress;
use crate::scopes::Scope;
use crate::secrets;

#[derive(Deserialize)]
struct SignIn {
    #[serde(default)]
    token: String,
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
    let form: SignIn = super::form(request).await?;
    let next = super::local_path(Some(&form.next));
    super::check_attempts(&app, &client)?;
    let now = app.clock.now();
    let secret = SecretString::from(form.token.trim());
    match check(app.authenticator.live_token(&secret, now).await?) {
        Ok(token) => {
            viewer.end_session(&app, client.clone()).await?;
            tracing::info!(client = client.0, token = %token.uuid, "signed in");
            let secret = open_session(&app, &token, client).await?;
            super::signed_in(&app, &secret, &next)
        }
        Err(problem) => {
            app.sign_in_attempts.failed(client.0.as_deref(), now);
            tracing::warn!(client = client.0, cause = problem, "sign-in failed");
            super::failed(&app, &viewer, next, FormKind::Token, problem).await
        }
    }
}

fn check(token: Option<Token>) -> Result<Token, &'static str> {
    match token {
        Some(token) if token.kind != TokenKind::Access => {
            Err("This is not an API access token. Create one with: test-engine token create")
        }
        // Its holder has better ways, and a session of it would not follow changes of the role.
        Some(token) if token.owner.is_some() => {
            Err("This token belongs to a person and is for the API only. Sign in as that person.")
        }
        Some(token) if !Scope::ReadSuites.is_granted_by(&token.scopes) => {
            Err("This token does not have the scope read_suites.")
        }
        Some(token) => Ok(token),
        None => Err("This token is unknown, expired or revoked."),
    }
}

/// Creates a session for an access token, and returns its secret.
async fn open_session(
    app: &App,
    access: &Token,
    client: ClientAddress,
) -> Result<SecretString, PageError> {
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
        user: None,
    };
    let change = Change {
        client_address: client.0,
        ..Change::new(viewer::token_actor(access), now)
    };
    app.store.create_token(session, &change).await?;
    Ok(secret)
}
