//! The errors of the store, by what a server can do about them.

use sqlx::error::DatabaseError;

/// Reads after "failed to …: ".
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(
        "invalid database URL {url}: {problem}\n\
         hint: use postgres://user@host/database or sqlite:///path/to/file.db"
    )]
    Address {
        /// Without its password.
        url: String,
        problem: String,
    },
    /// Unknown user, wrong password, or a host that may not connect.
    #[error("the database server rejected the user name or password")]
    SignIn(#[source] sqlx::Error),
    /// The server has no TLS, or its certificate is not trusted.
    #[error("the connection to the database server cannot be secured by TLS")]
    Unsecured(#[source] sqlx::Error),
    #[error("the database does not exist on the server")]
    NoDatabase(#[source] sqlx::Error),
    #[error("{0} already exists")]
    Conflict(Conflict),
    /// A row to refer to does not exist, such as a suite deleted concurrently.
    #[error("{0} no longer exists")]
    Gone(&'static str),
    #[error("{what} is too large: {size}, at most {limit}")]
    TooLarge {
        what: &'static str,
        size: u64,
        limit: u64,
    },
    #[error("the database disk is full")]
    Full(#[source] sqlx::Error),
    /// The file or its directory is not writable.
    #[error("the database is read-only")]
    ReadOnly(#[source] sqlx::Error),
    /// No response, or a lock held for too long. A retry may help.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// A newer version has migrated the database.
    #[error(
        "the database has schema version {found}, but this program supports only versions up to \
         {known}\nhint: use a newer test-engine, or restore a backup from before the upgrade"
    )]
    Newer {
        /// The database's schema version.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// A stored value is invalid: the file was damaged or edited.
    #[error("invalid {what} in the database")]
    Damaged { what: &'static str },
    #[error("a database migration failed")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The texts of an upload's failures, which were kept in a temporary file.
    #[error("the temporary file with failure texts cannot be read")]
    Texts(#[source] std::io::Error),
    /// Any other error of the engine.
    #[error("the database reported an error")]
    Other(#[source] sqlx::Error),
}

/// A unique value that already exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Its slug.
    Organization,
    /// Its slug within the organization.
    Suite,
    /// Its secret or UUID.
    Token,
    /// Its login.
    User,
    /// Who it matches, within the organization.
    SignInRule,
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Organization => "an organization with this slug",
            Self::Suite => "a suite with this slug",
            Self::Token => "a token with this secret",
            Self::User => "a user with this login",
            Self::SignInRule => "a sign-in rule for these people",
        })
    }
}

/// SQLite result codes, without their extensions in the upper bytes.
mod sqlite_code {
    pub(super) const BUSY: u32 = 5;
    pub(super) const LOCKED: u32 = 6;
    pub(super) const READONLY: u32 = 8;
    pub(super) const IOERR: u32 = 10;
    pub(super) const FULL: u32 = 13;
    pub(super) const CANTOPEN: u32 = 14;
}

enum Class {
    SignIn,
    NoDatabase,
    Full,
    ReadOnly,
    Unavailable,
    Other,
}

fn classify(error: &dyn DatabaseError) -> Class {
    let code = error.code().unwrap_or_default();
    if error
        .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
        .is_some()
    {
        return classify_postgres(&code);
    }
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(sqlite_code::FULL) => Class::Full,
        Ok(sqlite_code::READONLY) => Class::ReadOnly,
        Ok(
            sqlite_code::BUSY | sqlite_code::LOCKED | sqlite_code::IOERR | sqlite_code::CANTOPEN,
        ) => Class::Unavailable,
        _ => Class::Other,
    }
}

/// Whether another process has locked an SQLite file.
pub(crate) fn is_locked(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    let code = code.and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == sqlite_code::BUSY)
}

/// By SQLSTATE, whose first two letters are a class.
fn classify_postgres(code: &str) -> Class {
    match code {
        // invalid_catalog_name
        "3D000" => Class::NoDatabase,
        // disk_full
        "53100" => Class::Full,
        // read_only_sql_transaction: a standby that has not been promoted
        "25006" => Class::ReadOnly,
        // lock_not_available
        "55P03" => Class::Unavailable,
        // invalid_authorization_specification
        _ if code.starts_with("28") => Class::SignIn,
        // connection exception, transaction rollback, insufficient resources, operator intervention
        _ if ["08", "40", "53", "57"]
            .iter()
            .any(|class| code.starts_with(class)) =>
        {
            Class::Unavailable
        }
        _ => Class::Other,
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                Self::Unavailable(error)
            }
            sqlx::Error::Tls(_) => Self::Unsecured(error),
            // Rejected certificates are reported as invalid data.
            sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::InvalidData => {
                Self::Unsecured(error)
            }
            sqlx::Error::Io(_) => Self::Unavailable(error),
            sqlx::Error::Database(database) => match classify(database.as_ref()) {
                Class::SignIn => Self::SignIn(error),
                Class::NoDatabase => Self::NoDatabase(error),
                Class::Full => Self::Full(error),
                Class::ReadOnly => Self::ReadOnly(error),
                Class::Unavailable => Self::Unavailable(error),
                Class::Other => Self::Other(error),
            },
            _ => Self::Other(error),
        }
    }
}

impl StoreError {
    /// Turns a unique violation into a conflict.
    pub(crate) fn or_conflict(self, conflict: Conflict) -> Self {
        match self {
            Self::Other(sqlx::Error::Database(database)) if database.is_unique_violation() => {
                Self::Conflict(conflict)
            }
            other => other,
        }
    }

    /// Turns a foreign key violation into [`Self::Gone`].
    pub(crate) fn or_gone(self, what: &'static str) -> Self {
        match self {
            Self::Other(sqlx::Error::Database(database)) if database.is_foreign_key_violation() => {
                Self::Gone(what)
            }
            other => other,
        }
    }
}
