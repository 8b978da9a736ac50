//! The audit log: who changes something, and what a change looked like.

use serde_json::Value;
use uuid::Uuid;

use super::values::Timestamp;

/// The kind of an [`Actor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActorKind {
    /// A request with an access token or a suite token.
    Token,
    /// Somebody who signed in with an access token, whose id and name these are.
    Session,
    /// A person, with a page or a token of their own.
    User,
    /// A request with an OIDC token; the name is issuer and subject.
    Oidc,
    /// A rule of the suite.
    Rule,
    /// Nobody: a time had come.
    Time,
    /// A command on the server's machine; the name is the user of the operating system.
    CommandLine,
    /// The server itself, such as at its first start.
    Server,
}

impl ActorKind {
    const ALL: [Self; 8] = [
        Self::Token,
        Self::Session,
        Self::User,
        Self::Oidc,
        Self::Rule,
        Self::Time,
        Self::CommandLine,
        Self::Server,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Session => "session",
            Self::User => "user",
            Self::Oidc => "oidc",
            Self::Rule => "rule",
            Self::Time => "time",
            Self::CommandLine => "command_line",
            Self::Server => "server",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Who changes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub kind: ActorKind,
    /// Of the token, person or rule.
    pub uuid: Option<Uuid>,
    /// For people.
    pub name: Option<String>,
}

impl Actor {
    /// An actor without id and name.
    pub const fn of_kind(kind: ActorKind) -> Self {
        Self {
            kind,
            uuid: None,
            name: None,
        }
    }
}

/// What is known of a change before it is made. Every change of a state, label, token or setting
/// takes one, and writes it to the audit log in its own transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub at: Timestamp,
    pub actor: Actor,
    pub reason: Option<String>,
    /// The IP address of the request.
    pub client_address: Option<String>,
}

impl Change {
    /// Without reason and address.
    pub const fn new(actor: Actor, at: Timestamp) -> Self {
        Self {
            at,
            actor,
            reason: None,
            client_address: None,
        }
    }

    /// A change that the server makes on its own.
    pub const fn by_server(at: Timestamp) -> Self {
        Self::new(Actor::of_kind(ActorKind::Server), at)
    }

    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    pub uuid: Uuid,
    pub change: Change,
    /// Such as `mute.created`.
    pub action: String,
    /// Of the suite that was changed, or whose test or token was; as it was then.
    pub suite_uuid: Option<Uuid>,
    pub suite_slug: Option<String>,
    /// `organization`, `suite`, `test`, `token`, `user` or `sign_in_rule`.
    pub subject_kind: String,
    pub subject_uuid: Uuid,
    pub subject_name: String,
    /// The changed fields; `None` for something new. Times are in milliseconds, and their names end
    /// in `_at`.
    pub before: Option<Value>,
    /// `None` for something that was deleted.
    pub after: Option<Value>,
}

/// Selects entries of an organization's audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// The slug of a suite, which may have been deleted since.
    pub suite: Option<String>,
    pub subject: Option<Uuid>,
}
