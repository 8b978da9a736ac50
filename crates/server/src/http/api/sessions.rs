//! `…/sessions`: the browsers that are signed in.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use test_engine_store::UserSession;
use utoipa::ToSchema;

use crate::App;
use crate::clock::rfc3339;
use crate::http::auth::PeopleAccess;
use crate::http::error::ApiError;
use crate::http::paging::{PageOf, Paging};
use crate::http::params::IdInPath;
use crate::people;

/// A browser that is signed in.
#[derive(Default, Serialize, ToSchema)]
pub(super) struct SessionBody {
    #[schema(format = "uuid")]
    id: String,
    /// Null for a session of an access token.
    user: Option<SessionUser>,
    /// The IP address at sign-in.
    client_address: Option<String>,
    user_agent: Option<String>,
    #[schema(format = "date-time")]
    created_at: String,
    /// Precise to the minute.
    #[schema(format = "date-time")]
    last_used_at: Option<String>,
    #[schema(format = "date-time")]
    expires_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct SessionUser {
    #[schema(format = "uuid")]
    id: String,
    name: String,
}

impl From<UserSession> for SessionBody {
    fn from(session: UserSession) -> Self {
        Self {
            id: session.uuid.to_string(),
            user: session.user.map(|(id, name)| SessionUser {
                id: id.to_string(),
                name,
            }),
            client_address: session.client_address,
            user_agent: session.user_agent,
            created_at: rfc3339(session.created_at),
            last_used_at: session.last_used_at.map(rfc3339),
            expires_at: session.expires_at.map(rfc3339),
        }
    }
}

/// List the sessions of an organization's people and access tokens, newest first
#[utoipa::path(
    get, path = "/sessions", tag = "People",
    params(PeopleAccess, Paging),
    responses(PageOf<SessionBody>, PeopleAccess),
)]
pub(super) async fn list_sessions(
    State(app): State<App>,
    access: PeopleAccess,
    paging: Paging,
) -> Result<PageOf<SessionBody>, ApiError> {
    let organization = access.principal.organization;
    let now = app.clock.now();
    let listed = app.store.sessions(organization, now, paging.page).await?;
    Ok(paging.respond(listed, SessionBody::from))
}

/// End a session
#[utoipa::path(
    delete, path = "/sessions/{id}", tag = "People",
    params(PeopleAccess, IdInPath),
    responses((status = 204), PeopleAccess),
)]
pub(super) async fn end_session(
    State(app): State<App>,
    access: PeopleAccess,
    IdInPath(id): IdInPath,
) -> Result<StatusCode, ApiError> {
    let organization = access.principal.organization;
    let change = access.change(app.clock.now());
    if !people::end_session(&app.store, organization, id, &change).await? {
        return Err(ApiError::not_found(format!(
            "There is no session {id} in this organization."
        )));
    }
    tracing::info!(session = %id, "session ended");
    Ok(StatusCode::NO_CONTENT)
}
