//! Users and their roles in organizations.

use std::collections::HashMap;

use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::audit::{self, Event, Place, Subject};
use crate::error::{Conflict, StoreError};
use crate::records::{
    Change, Identity, Membership, NewUser, OrganizationId, Role, Timestamp, User, UserId,
};
use crate::roles::{role, role_code};
use crate::sql::{Row, Session, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

const SELECT_USER: &str = "SELECT id, uuid, name, login, issuer, subject, created_at FROM users";

const SELECT_ROLE: &str = "\
    SELECT memberships.user_id, memberships.organization_id, organizations.slug, \
    memberships.role, sign_in_rules.uuid AS rule, memberships.since, memberships.expires_at \
    FROM memberships \
    JOIN organizations ON organizations.id = memberships.organization_id \
    LEFT JOIN sign_in_rules ON sign_in_rules.id = memberships.rule_id";
const BY_SLUG: &str = "ORDER BY organizations.slug";

impl Store {
    /// Fails with a conflict if the login is taken.
    pub async fn create_user(&self, user: NewUser, change: &Change) -> Result<User> {
        let mut session = self.write().await?;
        let row = session
            .one(
                "INSERT INTO users (uuid, name, login, password_hash, created_at) \
                 VALUES ($1, $2, $2, $3, $4) RETURNING id",
                values![user.uuid, &user.login, &user.password_hash, change.at],
            )
            .await
            .map_err(|error| error.or_conflict(Conflict::User))?;
        let id = UserId::new(row.integer("id")?);
        let described = (user.uuid, user.login.as_str());
        add_role(&mut session, id, user.organization, user.role, change).await?;
        record(
            &mut session,
            described,
            user.organization,
            change,
            (None, Some(user.role)),
        )
        .await?;
        let created = by_id(&mut session, id).await?;
        session.commit().await?;
        created.ok_or(StoreError::Gone("the person"))
    }

    /// Ordered by name.
    pub async fn users(&self, organization: Option<OrganizationId>) -> Result<Vec<User>> {
        let mut session = self.read().await?;
        let among = "id IN (SELECT user_id FROM memberships WHERE organization_id = ?)";
        let (users, roles) = match organization {
            None => {
                let users = format!("{SELECT_USER} ORDER BY name, id");
                let roles = format!("{SELECT_ROLE} {BY_SLUG}");
                let users = session.rows(users, []).await?;
                (users, session.rows(roles, []).await?)
            }
            Some(organization) => {
                let id = organization.get();
                let users = format!("{SELECT_USER} WHERE {among} ORDER BY name, id");
                let roles = format!("{SELECT_ROLE} WHERE memberships.user_{among} {BY_SLUG}");
                let users = session.rows(users, values![id]).await?;
                (users, session.rows(roles, values![id]).await?)
            }
        };
        let mut roles_of: HashMap<i64, Vec<Membership>> = HashMap::new();
        for row in &roles {
            let of = roles_of.entry(row.integer("user_id")?).or_default();
            of.push(read_membership(row)?);
        }
        users
            .iter()
            .map(|row| {
                let memberships = roles_of.remove(&row.integer("id")?).unwrap_or_default();
                read_user(row, memberships)
            })
            .collect()
    }

    /// Finds a user by their public id.
    pub async fn user(&self, uuid: Uuid) -> Result<Option<User>> {
        let mut session = self.read().await?;
        by_uuid(&mut session, uuid).await
    }

    /// The user with this login, and the hash of their password.
    pub async fn user_by_login(&self, login: &str) -> Result<Option<(User, String)>> {
        let mut session = self.read().await?;
        let row = session
            .optional(
                "SELECT id, uuid, name, login, issuer, subject, created_at, password_hash \
                 FROM users WHERE login = $1",
                values![login],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let hash = row.text("password_hash")?;
        Ok(Some((user(&mut session, &row).await?, hash)))
    }

    /// Whether anybody signs in with a password.
    pub async fn has_logins(&self) -> Result<bool> {
        let mut session = self.read().await?;
        let found = session
            .optional("SELECT 1 FROM users WHERE login IS NOT NULL LIMIT 1", [])
            .await?;
        Ok(found.is_some())
    }

    /// Gives a person a role that no sign-in rule changes. False if there is no such person.
    pub async fn set_role(
        &self,
        user: Uuid,
        organization: OrganizationId,
        role: Role,
        change: &Change,
    ) -> Result<bool> {
        let mut session = self.write().await?;
        let Some(user) = by_uuid(&mut session, user).await? else {
            return Ok(false);
        };
        let before = membership(&user, organization).map(|membership| membership.role);
        add_role(&mut session, user.id, organization, role, change).await?;
        if before != Some(role) {
            let roles = (before, Some(role));
            record(&mut session, described(&user), organization, change, roles).await?;
        }
        session.commit().await?;
        Ok(true)
    }
}

pub(crate) fn membership(user: &User, organization: OrganizationId) -> Option<&Membership> {
    user.memberships
        .iter()
        .find(|membership| membership.organization == organization)
}

pub(crate) async fn by_id(session: &mut Session, id: UserId) -> Result<Option<User>> {
    let select = format!("{SELECT_USER} WHERE id = ?");
    match session.optional(select, values![id.get()]).await? {
        Some(row) => user(session, &row).await.map(Some),
        None => Ok(None),
    }
}

pub(crate) async fn by_uuid(session: &mut Session, uuid: Uuid) -> Result<Option<User>> {
    let select = format!("{SELECT_USER} WHERE uuid = ?");
    match session.optional(select, values![uuid]).await? {
        Some(row) => user(session, &row).await.map(Some),
        None => Ok(None),
    }
}

async fn user(session: &mut Session, row: &Row) -> Result<User> {
    let select = format!("{SELECT_ROLE} WHERE memberships.user_id = ? {BY_SLUG}");
    let roles = session.rows(select, values![row.integer("id")?]).await?;
    let roles = roles.iter().map(read_membership).collect::<Result<_>>()?;
    read_user(row, roles)
}

fn read_user(row: &Row, memberships: Vec<Membership>) -> Result<User> {
    let identity = match row.text_or_null("login")? {
        Some(login) => Identity::Login(login),
        None => Identity::Provider {
            issuer: row.text("issuer")?,
            subject: row.text("subject")?,
        },
    };
    Ok(User {
        id: UserId::new(row.integer("id")?),
        uuid: row.uuid("uuid")?,
        name: row.text("name")?,
        identity,
        created_at: row.time("created_at")?,
        memberships,
    })
}

fn read_membership(row: &Row) -> Result<Membership> {
    Ok(Membership {
        organization: OrganizationId::new(row.integer("organization_id")?),
        organization_slug: row.text("slug")?,
        role: role(row.integer("role")?)?,
        rule: row.uuid_or_null("rule")?,
        since: row.time("since")?,
        expires_at: row.time_or_null("expires_at")?,
    })
}

/// Sets a role that no rule gave.
async fn add_role(
    session: &mut Session,
    user: UserId,
    organization: OrganizationId,
    role: Role,
    change: &Change,
) -> Result<()> {
    write_role(session, user, organization, (role, None, None), change.at).await
}

/// Sets a role with the id of its rule, and its end.
pub(crate) async fn write_role(
    session: &mut Session,
    user: UserId,
    organization: OrganizationId,
    (role, rule, expires_at): (Role, Option<i64>, Option<Timestamp>),
    now: Timestamp,
) -> Result<()> {
    session
        .execute(
            "INSERT INTO memberships \
             (user_id, organization_id, role, rule_id, since, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (user_id, organization_id) DO UPDATE SET role = EXCLUDED.role, \
             rule_id = EXCLUDED.rule_id, expires_at = EXCLUDED.expires_at",
            values![
                user.get(),
                organization.get(),
                role_code(role),
                rule,
                now,
                expires_at
            ],
        )
        .await
        .map_err(|error| error.or_gone("the organization, person or sign-in rule"))?;
    Ok(())
}

pub(crate) async fn drop_role(
    session: &mut Session,
    user: &User,
    organization: OrganizationId,
    change: &Change,
) -> Result<()> {
    session
        .execute(
            "DELETE FROM memberships WHERE user_id = $1 AND organization_id = $2",
            values![user.id.get(), organization.get()],
        )
        .await?;
    let before = membership(user, organization).map(|membership| membership.role);
    let roles = (before, None);
    record(session, described(user), organization, change, roles).await
}

pub(crate) fn described(user: &User) -> (Uuid, &str) {
    (user.uuid, &user.name)
}

/// An entry for a role that begins, changes or ends.
pub(crate) async fn record(
    session: &mut Session,
    (uuid, name): (Uuid, &str),
    organization: OrganizationId,
    change: &Change,
    roles: (Option<Role>, Option<Role>),
) -> Result<()> {
    let action = match roles {
        (None, _) => "user.added",
        (_, None) => "user.removed",
        _ => "user.role_changed",
    };
    let described = |role: Role| json!({ "role": role.name() });
    let event = Event {
        action: action.to_owned(),
        subject: subject(uuid, name),
        before: roles.0.map(described),
        after: roles.1.map(described),
    };
    let place = Place::of_organization(organization);
    audit::record(session, &place, change, event).await
}

/// An entry in every organization of a person.
pub(crate) async fn record_in_all(
    session: &mut Session,
    user: &User,
    change: &Change,
    action: &str,
    after: Option<Json>,
) -> Result<()> {
    for membership in &user.memberships {
        let event = Event {
            action: action.to_owned(),
            subject: subject(user.uuid, &user.name),
            before: None,
            after: after.clone(),
        };
        let place = Place::of_organization(membership.organization);
        audit::record(session, &place, change, event).await?;
    }
    Ok(())
}

fn subject(uuid: Uuid, name: &str) -> Subject {
    Subject {
        kind: "user",
        uuid,
        name: name.to_owned(),
    }
}
