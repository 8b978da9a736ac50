//! Organizations, suites and tokens.

use uuid::Uuid;

use super::people::Role;
use super::quarantine::QuarantineSettings;
use super::values::{OrganizationId, SuiteId, Timestamp, TokenId, UserId};

/// The tenant: organizations share no data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    pub id: OrganizationId,
    pub uuid: Uuid,
    pub slug: String,
    pub created_at: Timestamp,
}

/// A test suite: tests with their own history and tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suite {
    pub id: SuiteId,
    pub uuid: Uuid,
    pub organization: OrganizationId,
    pub organization_uuid: Uuid,
    pub organization_slug: String,
    /// Unique within the organization.
    pub slug: String,
    pub name: String,
    /// Preferred by pages and plans.
    pub default_branch: String,
    pub application_name: Option<String>,
    pub color: Option<String>,
    pub emoji: Option<String>,
    /// The text of the policy for OIDC tokens.
    pub oidc_policy: Option<String>,
    pub quarantine: QuarantineSettings,
    pub created_at: Timestamp,
}

/// A suite to create.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewSuite {
    pub uuid: Uuid,
    /// Unique within the organization.
    pub slug: String,
    pub name: String,
    /// Preferred by pages and plans.
    pub default_branch: String,
    pub application_name: Option<String>,
    pub color: Option<String>,
    pub emoji: Option<String>,
    /// The text of the policy for OIDC tokens.
    pub oidc_policy: Option<String>,
    pub quarantine: QuarantineSettings,
}

/// Changes to a suite: `None` keeps a value, `Some(None)` clears it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SuiteChanges {
    pub name: Option<String>,
    pub default_branch: Option<String>,
    pub application_name: Option<Option<String>>,
    pub color: Option<Option<String>>,
    pub emoji: Option<Option<String>>,
    pub oidc_policy: Option<Option<String>>,
    pub quarantine_days: Option<u32>,
    pub quarantine_max_days: Option<u32>,
    /// Setting it also gives an end to the muted and skipped tests that have none.
    pub quarantine_api_days: Option<Option<u32>>,
}

/// What a token gives access to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// The REST and plan APIs of an organization.
    Access,
    /// Uploads to one suite.
    Suite,
    /// A signed-in browser.
    Session,
}

/// A token. Only a hash of its secret is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub id: TokenId,
    pub uuid: Uuid,
    pub organization: OrganizationId,
    pub organization_slug: String,
    pub suite: Option<SuiteId>,
    pub kind: TokenKind,
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    /// Such as `read_suites`.
    pub scopes: Vec<String>,
    pub description: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// Precise to the minute.
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    /// `None` for tokens of CI.
    pub owner: Option<TokenOwner>,
}

impl Token {
    /// Neither revoked nor expired, and its owner still has a role.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none()
            && self.expires_at.is_none_or(|end| now < end)
            && self
                .owner
                .as_ref()
                .is_none_or(|owner| owner.role_at(now).is_some())
    }
}

/// The suite that a request with a token is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestedSuite<'a> {
    /// The one whose uploads the token is for.
    OfToken,
    /// The one of the token's organization with this slug.
    Slug(&'a str),
}

/// The person whom a token belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenOwner {
    pub uuid: Uuid,
    pub name: String,
    /// In the organization of the token, with its end; `None` after the person was removed.
    pub role: Option<(Role, Option<Timestamp>)>,
}

impl TokenOwner {
    pub fn role_at(&self, now: Timestamp) -> Option<Role> {
        let (role, end) = self.role?;
        end.is_none_or(|end| now < end).then_some(role)
    }
}

/// A token to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    pub uuid: Uuid,
    pub organization: OrganizationId,
    pub suite: Option<SuiteId>,
    pub kind: TokenKind,
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    pub scopes: Vec<String>,
    pub description: Option<String>,
    pub expires_at: Option<Timestamp>,
    /// `None` for tokens of CI.
    pub user: Option<UserId>,
}
