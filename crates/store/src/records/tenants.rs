//! Organizations, suites and tokens, as they go in and come out.

use uuid::Uuid;

use super::values::{OrganizationId, SuiteId, Timestamp, TokenId};

/// An organization: the tenant. Nothing is shared between two of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Internal.
    pub id: OrganizationId,
    /// Public.
    pub uuid: Uuid,
    /// Unique.
    pub slug: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A test suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suite {
    /// Internal.
    pub id: SuiteId,
    /// Public.
    pub uuid: Uuid,
    /// Its organization, internal.
    pub organization: OrganizationId,
    /// Its organization, public.
    pub organization_uuid: Uuid,
    /// Its organization's slug.
    pub organization_slug: String,
    /// Unique within the organization.
    pub slug: String,
    /// For people.
    pub name: String,
    /// The branch that pages and plans prefer.
    pub default_branch: String,
    /// What is tested.
    pub application_name: Option<String>,
    /// For people.
    pub color: Option<String>,
    /// For people.
    pub emoji: Option<String>,
    /// Who may use the suite with an OIDC token, as the text that was given.
    pub oidc_policy: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A suite to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewSuite {
    /// Public id.
    pub uuid: Uuid,
    /// Unique within the organization.
    pub slug: String,
    /// For people.
    pub name: String,
    /// The branch that pages and plans prefer.
    pub default_branch: String,
    /// What is tested.
    pub application_name: Option<String>,
    /// For people.
    pub color: Option<String>,
    /// For people.
    pub emoji: Option<String>,
    /// Who may use the suite with an OIDC token.
    pub oidc_policy: Option<String>,
}

/// Changes to a suite; what is `None` stays, `Some(None)` clears.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SuiteChanges {
    /// For people.
    pub name: Option<String>,
    /// The branch that pages and plans prefer.
    pub default_branch: Option<String>,
    /// What is tested.
    pub application_name: Option<Option<String>>,
    /// For people.
    pub color: Option<Option<String>>,
    /// For people.
    pub emoji: Option<Option<String>>,
    /// Who may use the suite with an OIDC token.
    pub oidc_policy: Option<Option<String>>,
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// The REST and plan API of an organization.
    Access,
    /// Uploads to one suite.
    Suite,
    /// A signed-in browser.
    Session,
}

/// A token. The secret itself is never stored, only its SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Internal.
    pub id: TokenId,
    /// Public.
    pub uuid: Uuid,
    /// The organization it belongs to.
    pub organization: OrganizationId,
    /// That organization's slug.
    pub organization_slug: String,
    /// The suite, for suite tokens.
    pub suite: Option<SuiteId>,
    /// What it is for.
    pub kind: TokenKind,
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    /// What it may do, such as `read_suites`.
    pub scopes: Vec<String>,
    /// For people.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// Last use, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

impl Token {
    /// Neither revoked nor expired.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// A token to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// Public id.
    pub uuid: Uuid,
    /// The organization it belongs to.
    pub organization: OrganizationId,
    /// The suite, for suite tokens.
    pub suite: Option<SuiteId>,
    /// What it is for.
    pub kind: TokenKind,
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    /// What it may do.
    pub scopes: Vec<String>,
    /// For people.
    pub description: Option<String>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
}
