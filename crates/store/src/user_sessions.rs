//! The sessions of people, and the list of all sessions: those of access tokens are tokens.

use serde_json::json;
use uuid::Uuid;

use crate::error::StoreError;
use crate::records::{
    Change, Listed, NewUserSession, OrganizationId, Page, Timestamp, User, UserId, UserSession,
};
use crate::sql::{Row, Session, values};
use crate::store::Store;
use crate::users;

type Result<T> = std::result::Result<T, StoreError>;

/// Precision of the time of last use, in milliseconds.
const LAST_USE_STEP_MS: i64 = 60_000;

const SELECT_SESSION: &str = "\
    SELECT user_sessions.uuid AS uuid, user_sessions.user_id AS user_id, \
    users.uuid AS user_uuid, users.name AS user_name, \
    user_sessions.client_address AS client_address, user_sessions.user_agent AS user_agent, \
    user_sessions.created_at AS created_at, user_sessions.expires_at AS expires_at, \
    user_sessions.last_used_at AS last_used_at \
    FROM user_sessions JOIN users ON users.id = user_sessions.user_id";

/// The same columns for sessions of access tokens.
const SELECT_TOKEN_SESSION: &str = "\
    SELECT uuid, NULL AS user_id, NULL AS user_uuid, NULL AS user_name, \
    NULL AS client_address, NULL AS user_agent, created_at, expires_at, last_used_at FROM tokens";

impl Store {
    /// Starts a session of a person. Fails if the person was removed meanwhile.
    pub async fn start_session(
        &self,
        user: &User,
        new: NewUserSession,
        change: &Change,
    ) -> Result<()> {
        let mut session = self.write().await?;
        start(&mut session, user, &new, change).await?;
        session.commit().await
    }

    /// The live session with this secret, and its person.
    pub async fn session_by_hash(
        &self,
        secret_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<(UserSession, User)>> {
        let mut session = self.read().await?;
        let row = session
            .optional(
                format!(
                    "{SELECT_SESSION} WHERE user_sessions.secret_hash = ? \
                     AND user_sessions.expires_at > ?"
                ),
                values![secret_hash, now],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let found = user_session(&row)?;
        let id = UserId::new(row.integer("user_id")?);
        let user = users::by_id(&mut session, id).await?;
        Ok(user.map(|user| (found, user)))
    }

    /// The person whose session has this id.
    pub async fn user_of_session(&self, uuid: Uuid) -> Result<Option<User>> {
        let mut session = self.read().await?;
        let row = session
            .optional(
                "SELECT user_id FROM user_sessions WHERE uuid = $1",
                values![uuid],
            )
            .await?;
        match row {
            Some(row) => users::by_id(&mut session, UserId::new(row.integer("user_id")?)).await,
            None => Ok(None),
        }
    }

    /// Records the time of use, at most once a minute.
    pub async fn touch_session(&self, uuid: Uuid, now: Timestamp) -> Result<()> {
        let mut session = self.write().await?;
        session
            .execute(
                "UPDATE user_sessions SET last_used_at = $2 \
                 WHERE uuid = $1 AND (last_used_at IS NULL OR last_used_at <= $3)",
                values![uuid, now, now.plus_millis(-LAST_USE_STEP_MS)],
            )
            .await?;
        session.commit().await
    }

    /// The live sessions of a person, newest first.
    pub async fn sessions_of(&self, user: UserId, now: Timestamp) -> Result<Vec<UserSession>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                format!(
                    "{SELECT_SESSION} WHERE user_sessions.user_id = ? \
                     AND user_sessions.expires_at > ? ORDER BY user_sessions.id DESC"
                ),
                values![user.get(), now],
            )
            .await?;
        rows.iter().map(user_session).collect()
    }

    /// The live sessions of the people and tokens of an organization, newest first.
    pub async fn sessions(
        &self,
        organization: OrganizationId,
        now: Timestamp,
        page: Page,
    ) -> Result<Listed<UserSession>> {
        let all = format!(
            "{SELECT_SESSION} WHERE user_sessions.expires_at > ? AND user_sessions.user_id IN \
             (SELECT user_id FROM memberships WHERE organization_id = ?) \
             UNION ALL {SELECT_TOKEN_SESSION} WHERE organization_id = ? AND kind = 2 \
             AND revoked_at IS NULL AND expires_at > ?"
        );
        let of = organization.get();
        let mut session = self.read().await?;
        let total = session
            .count(
                format!("SELECT COUNT(*) FROM ({all}) AS sessions"),
                values![now, of, of, now],
            )
            .await?;
        let rows = session
            .rows(
                format!("{all} ORDER BY created_at DESC, uuid LIMIT ? OFFSET ?"),
                values![now, of, of, now, page.limit(), page.offset()],
            )
            .await?;
        Ok(Listed {
            items: rows.iter().map(user_session).collect::<Result<_>>()?,
            total,
        })
    }

    /// Ends a session of a person. False if there is none, or it is that of somebody else.
    pub async fn end_session(&self, user: &User, uuid: Uuid, change: &Change) -> Result<bool> {
        let mut session = self.write().await?;
        let ended = end(&mut session, user, uuid, change).await?;
        session.commit().await?;
        Ok(ended)
    }

    /// Deletes sessions that have expired, and what is remembered of sign-ins. At most `limit` rows
    /// of each kind; returns how many.
    pub async fn delete_expired_sessions(&self, now: Timestamp, limit: u32) -> Result<u64> {
        let mut session = self.write().await?;
        let mut deleted = 0;
        for text in [
            "DELETE FROM user_sessions WHERE id IN \
             (SELECT id FROM user_sessions WHERE expires_at <= $1 LIMIT $2)",
            "DELETE FROM used_sign_ins WHERE state_hash IN \
             (SELECT state_hash FROM used_sign_ins WHERE expires_at <= $1 LIMIT $2)",
            "DELETE FROM tokens WHERE id IN \
             (SELECT id FROM tokens WHERE kind = 2 AND expires_at <= $1 LIMIT $2)",
        ] {
            deleted += session
                .execute(text, values![now, i64::from(limit)])
                .await?;
        }
        session.commit().await?;
        Ok(deleted)
    }
}

pub(crate) async fn start(
    session: &mut Session,
    user: &User,
    new: &NewUserSession,
    change: &Change,
) -> Result<()> {
    session
        .execute(
            "INSERT INTO user_sessions (uuid, user_id, secret_hash, client_address, user_agent, \
             created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            values![
                new.uuid,
                user.id.get(),
                &new.secret_hash,
                &new.client_address,
                &new.user_agent,
                change.at,
                new.expires_at,
            ],
        )
        .await
        .map_err(|error| error.or_gone("the person"))?;
    let after = json!({ "session": new.uuid, "expires_at": new.expires_at.millis() });
    users::record_in_all(session, user, change, "session.created", Some(after)).await
}

async fn end(session: &mut Session, user: &User, uuid: Uuid, change: &Change) -> Result<bool> {
    let ended = session
        .execute(
            "DELETE FROM user_sessions WHERE uuid = $1 AND user_id = $2",
            values![uuid, user.id.get()],
        )
        .await?;
    if ended > 0 {
        let after = json!({ "session": uuid });
        users::record_in_all(session, user, change, "session.ended", Some(after)).await?;
    }
    Ok(ended > 0)
}

/// Ends the sessions of a person, except for one.
pub(crate) async fn end_all(
    session: &mut Session,
    user: &User,
    kept: Option<Uuid>,
    change: &Change,
) -> Result<()> {
    let rows = session
        .rows(
            "SELECT uuid FROM user_sessions WHERE user_id = $1 ORDER BY id",
            values![user.id.get()],
        )
        .await?;
    for row in rows {
        let uuid = row.uuid("uuid")?;
        if kept != Some(uuid) {
            end(session, user, uuid, change).await?;
        }
    }
    Ok(())
}

fn user_session(row: &Row) -> Result<UserSession> {
    let user = match row.uuid_or_null("user_uuid")? {
        Some(uuid) => Some((uuid, row.text("user_name")?)),
        None => None,
    };
    Ok(UserSession {
        uuid: row.uuid("uuid")?,
        user,
        client_address: row.text_or_null("client_address")?,
        user_agent: row.text_or_null("user_agent")?,
        created_at: row.time("created_at")?,
        expires_at: row.time_or_null("expires_at")?,
        last_used_at: row.time_or_null("last_used_at")?,
    })
}
