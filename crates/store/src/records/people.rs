//! People: users, their roles in organizations, their sessions, and who may sign in.

use uuid::Uuid;

use super::values::{OrganizationId, Timestamp, UserId};

/// What a person may do in an organization. Each role includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Reader,
    Writer,
    Admin,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Reader, Self::Writer, Self::Admin];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Admin => "admin",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// A role in an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    pub organization: OrganizationId,
    pub organization_slug: String,
    pub role: Role,
    /// The sign-in rule that gave the role; `None` if a person set it.
    pub rule: Option<Uuid>,
    pub since: Timestamp,
    /// Only for roles that a rule gave: each sign-in moves it.
    pub expires_at: Option<Timestamp>,
}

impl Membership {
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// How a person proves who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// With a login and a password.
    Login(String),
    /// With the OpenID Connect provider.
    Provider { issuer: String, subject: String },
}

/// A person who can sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub uuid: Uuid,
    /// The login, or the address or name that the provider sent at the last sign-in.
    pub name: String,
    pub identity: Identity,
    pub created_at: Timestamp,
    /// By slug of the organization. Includes those that have expired.
    pub memberships: Vec<Membership>,
}

impl User {
    /// The role in an organization, unless it has expired.
    pub fn role_in(&self, organization: OrganizationId, now: Timestamp) -> Option<Role> {
        self.memberships
            .iter()
            .find(|membership| membership.organization == organization && membership.is_live(now))
            .map(|membership| membership.role)
    }
}

/// A user with a login, to be created.
#[derive(Clone, Debug)]
pub struct NewUser {
    pub uuid: Uuid,
    pub login: String,
    /// A PHC string.
    pub password_hash: String,
    pub organization: OrganizationId,
    pub role: Role,
}

/// The session of a person's browser. Only a hash of its secret is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUserSession {
    pub uuid: Uuid,
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    pub client_address: Option<String>,
    pub user_agent: Option<String>,
    pub expires_at: Timestamp,
}

/// A session of a browser: of a person, or of somebody who signed in with an access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSession {
    pub uuid: Uuid,
    /// UUID and name; `None` for an access token.
    pub user: Option<(Uuid, String)>,
    pub client_address: Option<String>,
    pub user_agent: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// Precise to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// What a sign-in rule compares.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleMatch {
    /// The domain of a verified e-mail address, in lower case.
    EmailDomain(String),
    /// A claim that equals the value, or is a list that has it.
    Claim {
        name: String,
        value: String,
    },
    Subject(String),
}

/// Gives people who sign in through the provider a role in an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInRule {
    pub uuid: Uuid,
    pub organization: OrganizationId,
    pub matches: RuleMatch,
    /// `None` keeps people out, whatever other rules say.
    pub role: Option<Role>,
    pub created_at: Timestamp,
}

/// A person whom the provider has identified.
#[derive(Clone, Debug)]
pub struct ProvidedPerson {
    /// Of the user, if this is the first sign-in.
    pub new_uuid: Uuid,
    pub issuer: String,
    pub subject: String,
    pub name: String,
    /// The roles that rules give.
    pub admissions: Vec<Admission>,
    /// Organizations that a rule keeps the person out of.
    pub barred: Vec<OrganizationId>,
    /// Of the answer of the provider, which signs in only once.
    pub state_hash: [u8; 32],
    /// Until when that is remembered.
    pub state_expires_at: Timestamp,
}

/// A role that a sign-in rule gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    pub organization: OrganizationId,
    pub role: Role,
    pub rule: Uuid,
    pub expires_at: Timestamp,
}

/// The result of a sign-in through the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProvidedSignIn {
    SignedIn(Box<User>),
    /// No organization admits the person.
    NotAdmitted,
    /// The answer of the provider was used before.
    Used,
}
