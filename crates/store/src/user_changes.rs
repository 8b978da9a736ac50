//! Changes of users that end sessions: removal, and a new password.

use uuid::Uuid;

use crate::error::StoreError;
use crate::records::{Change, OrganizationId};
use crate::sql::values;
use crate::store::Store;
use crate::{tokens, user_sessions, users};

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Takes a person out of an organization: ends all their sessions, revokes their tokens of that
    /// organization, and deletes them if they are in no other. False if they are not in it.
    pub async fn remove_member(
        &self,
        user: Uuid,
        organization: OrganizationId,
        change: &Change,
    ) -> Result<bool> {
        let mut session = self.write().await?;
        let Some(user) = users::by_uuid(&mut session, user).await? else {
            return Ok(false);
        };
        if users::membership(&user, organization).is_none() {
            return Ok(false);
        }
        tokens::revoke_of_user(&mut session, user.id, Some(organization), change).await?;
        user_sessions::end_all(&mut session, &user, None, change).await?;
        users::drop_role(&mut session, &user, organization, change).await?;
        if user.memberships.len() == 1 {
            tokens::revoke_of_user(&mut session, user.id, None, change).await?;
            session
                .execute("DELETE FROM users WHERE id = $1", values![user.id.get()])
                .await?;
        }
        session.commit().await?;
        Ok(true)
    }

    /// Changes a password and ends the person's sessions, except for one. False if the person has
    /// no login.
    pub async fn set_password(
        &self,
        user: Uuid,
        password_hash: &str,
        kept_session: Option<Uuid>,
        change: &Change,
    ) -> Result<bool> {
        let mut session = self.write().await?;
        let changed = session
            .execute(
                "UPDATE users SET password_hash = $2 WHERE uuid = $1 AND login IS NOT NULL",
                values![user, password_hash],
            )
            .await?;
        let user = users::by_uuid(&mut session, user).await?;
        let Some(user) = user.filter(|_| changed > 0) else {
            return Ok(false);
        };
        users::record_in_all(&mut session, &user, change, "user.password_changed", None).await?;
        user_sessions::end_all(&mut session, &user, kept_session, change).await?;
        session.commit().await?;
        Ok(true)
    }
}
