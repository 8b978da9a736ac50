//! The rules that say who may sign in through the provider, and sign-ins by them.

use serde_json::json;
use uuid::Uuid;

use crate::audit::{self, Event, Place, Subject};
use crate::error::{Conflict, StoreError};
use crate::records::{
    Admission, Change, Membership, NewUserSession, OrganizationId, ProvidedPerson, ProvidedSignIn,
    RuleMatch, SignInRule, User, UserId,
};
use crate::roles::{NO_ROLE, role, role_code};
use crate::sql::{Row, Session, values};
use crate::store::Store;
use crate::{tokens, user_sessions, users};

type Result<T> = std::result::Result<T, StoreError>;

const SELECT_RULE: &str =
    "SELECT uuid, organization_id, kind, claim, value, role, created_at FROM sign_in_rules";

impl Store {
    /// Fails with a conflict if the organization has a rule for the same people.
    pub async fn create_sign_in_rule(&self, rule: &SignInRule, change: &Change) -> Result<()> {
        let mut session = self.write().await?;
        let (kind, claim, value) = columns(&rule.matches);
        session
            .execute(
                "INSERT INTO sign_in_rules \
                 (uuid, organization_id, kind, claim, value, role, created_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
                values![
                    rule.uuid,
                    rule.organization.get(),
                    kind,
                    claim,
                    value,
                    rule.role.map_or(NO_ROLE, role_code),
                    rule.created_at,
                ],
            )
            .await
            .map_err(|error| {
                error
                    .or_conflict(Conflict::SignInRule)
                    .or_gone("the organization")
            })?;
        record(&mut session, rule, change, true).await?;
        session.commit().await
    }

    /// The rules of one or all organizations, oldest first.
    pub async fn sign_in_rules(
        &self,
        organization: Option<OrganizationId>,
    ) -> Result<Vec<SignInRule>> {
        let mut session = self.read().await?;
        let rows = match organization {
            None => {
                let select = format!("{SELECT_RULE} ORDER BY id");
                session.rows(select, []).await?
            }
            Some(organization) => {
                let select = format!("{SELECT_RULE} WHERE organization_id = ? ORDER BY id");
                session.rows(select, values![organization.get()]).await?
            }
        };
        rows.iter().map(rule).collect()
    }

    /// Deletes a rule, and ends the roles that it gave and the sessions of those people; another
    /// rule may admit them again. False if the organization has no such rule.
    pub async fn delete_sign_in_rule(
        &self,
        organization: OrganizationId,
        uuid: Uuid,
        change: &Change,
    ) -> Result<bool> {
        let mut session = self.write().await?;
        let select = format!("{SELECT_RULE} WHERE organization_id = ? AND uuid = ?");
        let found = session
            .optional(select, values![organization.get(), uuid])
            .await?;
        let Some(found) = found else {
            return Ok(false);
        };
        let members = session
            .rows(
                "SELECT user_id FROM memberships WHERE rule_id = \
                 (SELECT id FROM sign_in_rules WHERE uuid = $1) ORDER BY user_id",
                values![uuid],
            )
            .await?;
        for member in members {
            let id = UserId::new(member.integer("user_id")?);
            if let Some(user) = users::by_id(&mut session, id).await? {
                user_sessions::end_all(&mut session, &user, None, change).await?;
                users::drop_role(&mut session, &user, organization, change).await?;
            }
        }
        session
            .execute("DELETE FROM sign_in_rules WHERE uuid = $1", values![uuid])
            .await?;
        record(&mut session, &rule(&found)?, change, false).await?;
        session.commit().await?;
        Ok(true)
    }

    /// Signs a person in whom the provider has identified: creates the user at the first time,
    /// brings the roles that rules give up to date, and starts a session. The actor of `change`
    /// becomes the person.
    pub async fn sign_in_provided(
        &self,
        person: &ProvidedPerson,
        new: &NewUserSession,
        change: Change,
    ) -> Result<ProvidedSignIn> {
        let mut session = self.write().await?;
        if !use_state(&mut session, person).await? {
            return Ok(ProvidedSignIn::Used);
        }
        let user = upsert(&mut session, person, &change).await?;
        let mut change = change;
        change.actor.uuid = Some(user.uuid);
        change.actor.name = Some(user.name.clone());
        update_roles(&mut session, &user, person, &change).await?;
        let user = users::by_id(&mut session, user.id)
            .await?
            .ok_or(StoreError::Gone("the person"))?;
        if user.memberships.is_empty() {
            tokens::revoke_of_user(&mut session, user.id, None, &change).await?;
            session
                .execute("DELETE FROM users WHERE id = $1", values![user.id.get()])
                .await?;
            session.commit().await?;
            return Ok(ProvidedSignIn::NotAdmitted);
        }
        user_sessions::start(&mut session, &user, new, &change).await?;
        session.commit().await?;
        Ok(ProvidedSignIn::SignedIn(Box::new(user)))
    }
}

/// False if the state was used before.
async fn use_state(session: &mut Session, person: &ProvidedPerson) -> Result<bool> {
    let inserted = session
        .execute(
            "INSERT INTO used_sign_ins (state_hash, expires_at) VALUES ($1, $2) \
             ON CONFLICT (state_hash) DO NOTHING",
            values![&person.state_hash, person.state_expires_at],
        )
        .await?;
    Ok(inserted > 0)
}

async fn upsert(session: &mut Session, person: &ProvidedPerson, change: &Change) -> Result<User> {
    let row = session
        .one(
            "INSERT INTO users (uuid, name, issuer, subject, created_at) \
             VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (issuer, subject) DO UPDATE SET name = EXCLUDED.name RETURNING id",
            values![
                person.new_uuid,
                &person.name,
                &person.issuer,
                &person.subject,
                change.at
            ],
        )
        .await?;
    let id = UserId::new(row.integer("id")?);
    let user = users::by_id(session, id).await?;
    user.ok_or(StoreError::Gone("the person"))
}

/// Roles that people set by hand stay, unless a rule keeps the person out.
async fn update_roles(
    session: &mut Session,
    user: &User,
    person: &ProvidedPerson,
    change: &Change,
) -> Result<()> {
    for membership in &user.memberships {
        let organization = membership.organization;
        let is_barred = person.barred.contains(&organization);
        if is_barred || (by_rule(membership) && admission(person, organization).is_none()) {
            users::drop_role(session, user, organization, change).await?;
        }
    }
    for admission in &person.admissions {
        let organization = admission.organization;
        let before = users::membership(user, organization);
        if person.barred.contains(&organization) || before.is_some_and(|role| !by_rule(role)) {
            continue;
        }
        let rule = rule_id(session, admission).await?;
        let given = (admission.role, Some(rule), Some(admission.expires_at));
        users::write_role(session, user.id, organization, given, change.at).await?;
        let roles = (before.map(|before| before.role), Some(admission.role));
        if roles.0 != roles.1 {
            let described = users::described(user);
            users::record(session, described, organization, change, roles).await?;
        }
    }
    Ok(())
}

fn by_rule(membership: &Membership) -> bool {
    membership.rule.is_some()
}

fn admission(person: &ProvidedPerson, organization: OrganizationId) -> Option<&Admission> {
    person
        .admissions
        .iter()
        .find(|admission| admission.organization == organization)
}

async fn rule_id(session: &mut Session, admission: &Admission) -> Result<i64> {
    let row = session
        .optional(
            "SELECT id FROM sign_in_rules WHERE uuid = $1",
            values![admission.rule],
        )
        .await?;
    row.ok_or(StoreError::Gone("sign-in rule"))?.integer("id")
}

/// The numbers are stored; do not change them.
fn columns(matches: &RuleMatch) -> (i64, &str, &str) {
    match matches {
        RuleMatch::EmailDomain(domain) => (0, "", domain),
        RuleMatch::Claim { name, value } => (1, name, value),
        RuleMatch::Subject(subject) => (2, "", subject),
    }
}

fn rule(row: &Row) -> Result<SignInRule> {
    let value = row.text("value")?;
    Ok(SignInRule {
        uuid: row.uuid("uuid")?,
        organization: OrganizationId::new(row.integer("organization_id")?),
        matches: match row.integer("kind")? {
            0 => RuleMatch::EmailDomain(value),
            1 => RuleMatch::Claim {
                name: row.text("claim")?,
                value,
            },
            2 => RuleMatch::Subject(value),
            _ => {
                return Err(StoreError::Damaged {
                    what: "sign-in rule",
                });
            }
        },
        role: match row.integer("role")? {
            NO_ROLE => None,
            code => Some(role(code)?),
        },
        created_at: row.time("created_at")?,
    })
}

async fn record(
    session: &mut Session,
    rule: &SignInRule,
    change: &Change,
    is_new: bool,
) -> Result<()> {
    let (kind, value) = match &rule.matches {
        RuleMatch::EmailDomain(domain) => ("email_domain", domain.clone()),
        RuleMatch::Claim { name, value } => ("claim", format!("{name}={value}")),
        RuleMatch::Subject(subject) => ("subject", subject.clone()),
    };
    let role = rule.role.map_or("none", crate::records::Role::name);
    let described = Some(json!({ "match": kind, "value": value, "role": role }));
    let (verb, before, after) = if is_new {
        ("created", None, described)
    } else {
        ("deleted", described, None)
    };
    let event = Event {
        action: format!("sign_in_rule.{verb}"),
        subject: Subject {
            kind: "sign_in_rule",
            uuid: rule.uuid,
            name: format!("{kind} {value}"),
        },
        before,
        after,
    };
    let place = Place::of_organization(rule.organization);
    audit::record(session, &place, change, event).await
}
