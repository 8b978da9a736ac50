//! What can go wrong in the store, told apart so that a server knows what to answer.

use sqlx::error::DatabaseError;

/// Why the store could not do it. Reads after "failed to …: ".
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address names no engine that is built in.
    #[error(
        "{url} is no database address ({problem}): write postgres://user@host/database or \
         sqlite:///path/to/file.db"
    )]
    Address {
        /// As given, without a password.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The server does not let this user in, or not with this password.
    #[error("the database server does not let this user in")]
    SignIn(#[source] sqlx::Error),
    /// The connection cannot be encrypted as the address asks for: the server knows no TLS, or has
    /// a certificate that is not trusted.
    #[error("the connection to the database server cannot be secured")]
    Unsecured(#[source] sqlx::Error),
    /// The server has no database of this name.
    #[error("the database server has no such database")]
    NoDatabase(#[source] sqlx::Error),
    /// Something with this name is already there.
    #[error("{0} already exists")]
    Conflict(Conflict),
    /// What a new row refers to has gone, such as a suite deleted meanwhile.
    #[error("{0} no longer exists")]
    Gone(&'static str),
    /// A value is larger than the store keeps.
    #[error("{what} is too large: {size}, at most {limit}")]
    TooLarge {
        /// Which value.
        what: &'static str,
        /// How large it is.
        size: u64,
        /// How large it may be.
        limit: u64,
    },
    /// The disk is full.
    #[error("the database disk is full")]
    Full(#[source] sqlx::Error),
    /// The file or folder may not be written.
    #[error("the database is read-only")]
    ReadOnly(#[source] sqlx::Error),
    /// The database does not answer, or has been locked for too long. Trying again may help.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// A newer program has been here.
    #[error(
        "the database is at version {found}, this program knows versions up to {known}: \
         use a newer program, or a backup from before the upgrade"
    )]
    Newer {
        /// The database's version.
        found: i64,
        /// The latest this program knows.
        known: i64,
    },
    /// A stored value cannot be read; the file has been damaged or changed by hand.
    #[error("a stored {what} cannot be read")]
    Damaged {
        /// Which value.
        what: &'static str,
    },
    /// The migrations could not be run.
    #[error("a database migration did not run")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// Anything else the engine says.
    #[error("the database refused")]
    Other(#[source] sqlx::Error),
}

/// What already exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// An organization with this slug.
    Organization,
    /// A suite with this slug in this organization.
    Suite,
    /// A token with this secret or UUID.
    Token,
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Organization => "an organization with this slug",
            Self::Suite => "a suite with this slug",
            Self::Token => "a token with this secret",
        })
    }
}

/// SQLite result codes (the low byte of the extended ones) that have a meaning of their own.
mod sqlite_code {
    pub(super) const BUSY: u32 = 5;
    pub(super) const LOCKED: u32 = 6;
    pub(super) const READONLY: u32 = 8;
    pub(super) const IOERR: u32 = 10;
    pub(super) const FULL: u32 = 13;
    pub(super) const CANTOPEN: u32 = 14;
}

enum Meaning {
    SignIn,
    NoDatabase,
    Full,
    ReadOnly,
    Unavailable,
    Other,
}

/// What an engine's refusal means for the one who asked.
fn meaning(refusal: &dyn DatabaseError) -> Meaning {
    let code = refusal.code().unwrap_or_default();
    if refusal
        .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
        .is_some()
    {
        return postgres_meaning(&code);
    }
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(sqlite_code::FULL) => Meaning::Full,
        Ok(sqlite_code::READONLY) => Meaning::ReadOnly,
        Ok(
            sqlite_code::BUSY | sqlite_code::LOCKED | sqlite_code::IOERR | sqlite_code::CANTOPEN,
        ) => Meaning::Unavailable,
        _ => Meaning::Other,
    }
}

/// By SQLSTATE; its first two letters are a class.
fn postgres_meaning(code: &str) -> Meaning {
    match code {
        // invalid_catalog_name
        "3D000" => Meaning::NoDatabase,
        // disk_full
        "53100" => Meaning::Full,
        // read_only_sql_transaction: a standby that has not been promoted
        "25006" => Meaning::ReadOnly,
        // lock_not_available
        "55P03" => Meaning::Unavailable,
        // invalid_authorization_specification
        _ if code.starts_with("28") => Meaning::SignIn,
        // connection trouble, rolled back for another, out of resources, shutting down or starting
        _ if ["08", "40", "53", "57"]
            .iter()
            .any(|class| code.starts_with(class)) =>
        {
            Meaning::Unavailable
        }
        _ => Meaning::Other,
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                Self::Unavailable(error)
            }
            sqlx::Error::Tls(_) => Self::Unsecured(error),
            // What the TLS library thinks of a certificate comes as an error of reading.
            sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::InvalidData => {
                Self::Unsecured(error)
            }
            sqlx::Error::Io(_) => Self::Unavailable(error),
            sqlx::Error::Database(refusal) => match meaning(refusal.as_ref()) {
                Meaning::SignIn => Self::SignIn(error),
                Meaning::NoDatabase => Self::NoDatabase(error),
                Meaning::Full => Self::Full(error),
                Meaning::ReadOnly => Self::ReadOnly(error),
                Meaning::Unavailable => Self::Unavailable(error),
                Meaning::Other => Self::Other(error),
            },
            _ => Self::Other(error),
        }
    }
}

impl StoreError {
    /// The same, unless it says that a value which must be unique is there already.
    pub(crate) fn or_conflict(self, conflict: Conflict) -> Self {
        match self {
            Self::Other(sqlx::Error::Database(refusal)) if refusal.is_unique_violation() => {
                Self::Conflict(conflict)
            }
            other => other,
        }
    }

    /// The same, unless it says that a row which is referred to is not there.
    pub(crate) fn or_gone(self, what: &'static str) -> Self {
        match self {
            Self::Other(sqlx::Error::Database(refusal)) if refusal.is_foreign_key_violation() => {
                Self::Gone(what)
            }
            other => other,
        }
    }
}
