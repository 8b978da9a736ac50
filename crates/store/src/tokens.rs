//! Tokens. Only hashes of their secrets are stored.

use uuid::Uuid;

use crate::audit::{self, Place};
use crate::error::{Conflict, StoreError};
use crate::records::{
    Change, NewToken, OrganizationId, RequestedSuite, Suite, SuiteId, Timestamp, Token, TokenId,
    TokenKind, TokenOwner, UserId,
};
use crate::roles::role;
use crate::sql::{Row, Session, Value, values};
use crate::store::Store;
use crate::suites::{self, suite_columns};

type Result<T> = std::result::Result<T, StoreError>;

/// Precision of the time of last use, in milliseconds: a busy token is not written at each use.
const LAST_USE_STEP_MS: i64 = 60_000;

macro_rules! select_token {
    ($more_columns:expr) => {
        concat!(
            "SELECT tokens.id, tokens.uuid, tokens.organization_id, organizations.slug AS \
             organization_slug, tokens.suite_id, tokens.kind, tokens.secret_hash, tokens.scopes, \
             tokens.description, tokens.created_at, tokens.expires_at, tokens.last_used_at, \
             tokens.revoked_at, users.uuid AS user_uuid, users.name AS user_name, \
             memberships.role AS user_role, memberships.expires_at AS user_role_end",
            $more_columns,
            " FROM tokens \
             JOIN organizations ON organizations.id = tokens.organization_id \
             LEFT JOIN users ON users.id = tokens.user_id \
             LEFT JOIN memberships ON memberships.user_id = tokens.user_id \
             AND memberships.organization_id = tokens.organization_id"
        )
    };
}

const SELECT_TOKEN: &str = select_token!("");
const SELECT_TOKEN_AND_SUITE: &str = select_token!(concat!(", ", suite_columns!()));

impl Store {
    /// Fails with a conflict if the secret or the UUID exists.
    pub async fn create_token(&self, token: NewToken, change: &Change) -> Result<Token> {
        let mut session = self.write().await?;
        let row = session
            .one(
                "INSERT INTO tokens (uuid, organization_id, suite_id, kind, secret_hash, scopes, \
                 description, created_at, expires_at, user_id) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
                values![
                    token.uuid,
                    token.organization.get(),
                    token.suite.map(SuiteId::get),
                    kind_code(token.kind),
                    &token.secret_hash,
                    token.scopes.join(" "),
                    &token.description,
                    change.at,
                    token.expires_at,
                    token.user.map(UserId::get),
                ],
            )
            .await
            .map_err(|error| {
                error
                    .or_conflict(Conflict::Token)
                    .or_gone("the organization, suite or person")
            })?;
        let inserted = session
            .one(
                format!("{SELECT_TOKEN} WHERE tokens.id = ?"),
                values![row.integer("id")?],
            )
            .await?;
        let created = self::token(&inserted)?;
        let place = place(&mut session, &created).await?;
        audit::record_token(&mut session, &place, change, "created", &created).await?;
        session.commit().await?;
        Ok(created)
    }

    /// Includes revoked and expired tokens: see [`Token::is_live`].
    pub async fn token_by_hash(&self, secret_hash: &[u8; 32]) -> Result<Option<Token>> {
        let mut session = self.read().await?;
        let row = session
            .optional(
                format!("{SELECT_TOKEN} WHERE tokens.secret_hash = ?"),
                values![secret_hash],
            )
            .await?;
        row.as_ref().map(token).transpose()
    }

    /// [`Store::token_by_hash`], and the suite that a request with the token is about: every
    /// request needs both, and one query takes half of the time of two.
    pub async fn token_and_suite(
        &self,
        secret_hash: &[u8; 32],
        suite: RequestedSuite<'_>,
    ) -> Result<Option<(Token, Option<Suite>)>> {
        let (condition, slug) = match suite {
            RequestedSuite::OfToken => ("suites.id = tokens.suite_id", None),
            RequestedSuite::Slug(slug) => (
                "suites.organization_id = tokens.organization_id AND suites.slug = ?",
                Some(slug),
            ),
        };
        let text = format!(
            "{SELECT_TOKEN_AND_SUITE} LEFT JOIN suites ON {condition} AND NOT suites.deleted \
             WHERE tokens.secret_hash = ?"
        );
        let values = slug.map(Value::from).into_iter();
        let values = values.chain(values![secret_hash]);
        let mut session = self.read().await?;
        let Some(row) = session.optional(text, values).await? else {
            return Ok(None);
        };
        let suite = match row.integer_or_null("suite_number")? {
            Some(_) => Some(suites::suite(&row)?),
            None => None,
        };
        Ok(Some((token(&row)?, suite)))
    }

    /// Oldest first.
    pub async fn tokens(&self, organization: OrganizationId) -> Result<Vec<Token>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                format!("{SELECT_TOKEN} WHERE tokens.organization_id = ? ORDER BY tokens.id"),
                values![organization.get()],
            )
            .await?;
        rows.iter().map(token).collect()
    }

    /// Those of a person, in all organizations. Oldest first.
    pub async fn tokens_of(&self, user: UserId) -> Result<Vec<Token>> {
        let mut session = self.read().await?;
        let select = format!("{SELECT_TOKEN} WHERE tokens.user_id = ? ORDER BY tokens.id");
        let rows = session.rows(select, values![user.get()]).await?;
        rows.iter().map(token).collect()
    }

    /// Records the time of use, at most once a minute.
    pub async fn touch_token(&self, token: &Token, now: Timestamp) -> Result<()> {
        let fresh = now.plus_millis(-LAST_USE_STEP_MS);
        if token.last_used_at.is_some_and(|used| used > fresh) {
            return Ok(());
        }
        let mut session = self.write().await?;
        session
            .execute(
                "UPDATE tokens SET last_used_at = $2 \
                 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)",
                values![token.id.get(), now, fresh],
            )
            .await?;
        session.commit().await
    }

    /// Gives a live token another secret; the old one stops working. False if it was revoked
    /// meanwhile.
    pub async fn replace_secret(
        &self,
        id: TokenId,
        secret_hash: &[u8; 32],
        change: &Change,
    ) -> Result<bool> {
        let mut session = self.write().await?;
        let replaced = session
            .execute(
                "UPDATE tokens SET secret_hash = $2, last_used_at = NULL \
                 WHERE id = $1 AND revoked_at IS NULL",
                values![id.get(), secret_hash],
            )
            .await
            .map_err(|error| error.or_conflict(Conflict::Token))?;
        if replaced == 0 {
            return Ok(false);
        }
        let row = session
            .one(
                format!("{SELECT_TOKEN} WHERE tokens.id = ?"),
                values![id.get()],
            )
            .await?;
        let token = token(&row)?;
        let place = place(&mut session, &token).await?;
        audit::record_token(&mut session, &place, change, "replaced", &token).await?;
        session.commit().await?;
        Ok(true)
    }

    /// False if there is no such token or it is already revoked.
    pub async fn revoke_token(
        &self,
        organization: OrganizationId,
        uuid: Uuid,
        change: &Change,
    ) -> Result<bool> {
        let mut session = self.write().await?;
        let revoked = session
            .optional(
                "UPDATE tokens SET revoked_at = $3 \
                 WHERE organization_id = $1 AND uuid = $2 AND revoked_at IS NULL RETURNING id",
                values![organization.get(), uuid, change.at],
            )
            .await?;
        let Some(revoked) = revoked else {
            return Ok(false);
        };
        let row = session
            .one(
                format!("{SELECT_TOKEN} WHERE tokens.id = ?"),
                values![revoked.integer("id")?],
            )
            .await?;
        let token = token(&row)?;
        let place = place(&mut session, &token).await?;
        audit::record_token(&mut session, &place, change, "revoked", &token).await?;
        session.commit().await?;
        Ok(true)
    }
}

/// Revokes the tokens of a person, in one organization or in all.
pub(crate) async fn revoke_of_user(
    session: &mut Session,
    user: UserId,
    organization: Option<OrganizationId>,
    change: &Change,
) -> Result<()> {
    let select = format!(
        "{SELECT_TOKEN} WHERE tokens.user_id = ? AND tokens.revoked_at IS NULL ORDER BY tokens.id"
    );
    for row in session.rows(select, values![user.get()]).await? {
        let token = token(&row)?;
        if organization.is_some_and(|only| only != token.organization) {
            continue;
        }
        session
            .execute(
                "UPDATE tokens SET revoked_at = $2 WHERE id = $1",
                values![token.id.get(), change.at],
            )
            .await?;
        let place = Place::of_organization(token.organization);
        audit::record_token(session, &place, change, "revoked", &token).await?;
    }
    Ok(())
}

/// Deletes the tokens of a suite that is being deleted.
pub(crate) async fn delete_of_suite(
    session: &mut Session,
    suite: SuiteId,
    place: &Place,
    change: &Change,
) -> Result<()> {
    let select = format!("{SELECT_TOKEN} WHERE tokens.suite_id = ? ORDER BY tokens.id");
    for row in session.rows(select, values![suite.get()]).await? {
        audit::record_token(session, place, change, "deleted", &token(&row)?).await?;
    }
    session
        .execute(
            "DELETE FROM tokens WHERE suite_id = $1",
            values![suite.get()],
        )
        .await?;
    Ok(())
}

async fn place(session: &mut Session, token: &Token) -> Result<Place> {
    let of_suite = match token.suite {
        Some(suite) => Place::of_suite(session, suite).await?,
        None => None,
    };
    Ok(of_suite.unwrap_or_else(|| Place::of_organization(token.organization)))
}

const fn kind_code(kind: TokenKind) -> i64 {
    match kind {
        TokenKind::Access => 0,
        TokenKind::Suite => 1,
        TokenKind::Session => 2,
    }
}

fn token(row: &Row) -> Result<Token> {
    Ok(Token {
        id: TokenId::new(row.integer("id")?),
        uuid: row.uuid("uuid")?,
        organization: OrganizationId::new(row.integer("organization_id")?),
        organization_slug: row.text("organization_slug")?,
        suite: row.integer_or_null("suite_id")?.map(SuiteId::new),
        kind: match row.integer("kind")? {
            0 => TokenKind::Access,
            1 => TokenKind::Suite,
            2 => TokenKind::Session,
            _ => return Err(StoreError::Damaged { what: "token kind" }),
        },
        secret_hash: row.hash("secret_hash")?,
        scopes: row
            .text("scopes")?
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
        description: row.text_or_null("description")?,
        created_at: row.time("created_at")?,
        expires_at: row.time_or_null("expires_at")?,
        last_used_at: row.time_or_null("last_used_at")?,
        revoked_at: row.time_or_null("revoked_at")?,
        owner: owner(row)?,
    })
}

fn owner(row: &Row) -> Result<Option<TokenOwner>> {
    let Some(uuid) = row.uuid_or_null("user_uuid")? else {
        return Ok(None);
    };
    let role = match row.integer_or_null("user_role")? {
        Some(code) => Some((role(code)?, row.time_or_null("user_role_end")?)),
        None => None,
    };
    let name = row.text("user_name")?;
    Ok(Some(TokenOwner { uuid, name, role }))
}
