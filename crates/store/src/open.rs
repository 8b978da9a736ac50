//! Opening a database: connection options and migrations.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, SqlitePool};

use crate::error::{StoreError, is_locked};
use crate::migrations;
use crate::store::{Engine, Store};

type Result<T> = std::result::Result<T, StoreError>;

/// How long to wait for another process that writes to the same file.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How often to try again to open a file that another process has locked.
const LOCK_RETRY: Duration = Duration::from_millis(20);
/// How long to wait for a connection to a file. Writers get theirs in the order of their requests.
const SQLITE_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// Also how long a request waits while the Postgres server is unavailable.
const POSTGRES_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
const SQLITE_READERS: u32 = 8;
/// Connections to Postgres, for reading and writing.
pub const DEFAULT_CONNECTIONS: u32 = 16;
/// Prepared statements per connection: more than there are queries.
const MAX_STATEMENTS: usize = 512;
/// Rows of SQLite that wait for the task that reads them. All are kept anyway; with few, the
/// threads of both wake each other again and again.
const ROW_BUFFER: usize = 1_024;

impl Store {
    /// Opens `postgres://user:password@host/database` or `sqlite:///path/to/file.db`. A missing
    /// file is created, its directory is not. Missing migrations are run; a database that a newer
    /// version has migrated is rejected.
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_with(url, DEFAULT_CONNECTIONS).await
    }

    /// [`Store::open`] with a limit on connections to Postgres. It has no effect on a file.
    pub async fn open_with(url: &str, connections: u32) -> Result<Self> {
        let address = |problem: String| StoreError::Address {
            url: without_secrets(url),
            problem,
        };
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let options =
                PgConnectOptions::from_str(url).map_err(|error| address(error.to_string()))?;
            return Self::open_postgres(options, connections).await;
        }
        let path = url
            .strip_prefix("sqlite:")
            .ok_or_else(|| address("unknown scheme".to_owned()))?;
        if path.is_empty() || path.contains(":memory:") || path.contains("mode=memory") {
            // Every connection would open a database of its own.
            return Err(address("in-memory databases are not supported".to_owned()));
        }
        let options =
            SqliteConnectOptions::from_str(url).map_err(|error| address(error.to_string()))?;
        Self::open_sqlite(options).await
    }

    /// Opens an SQLite file. Its path may contain characters that a URL cannot.
    pub async fn open_file(path: &Path) -> Result<Self> {
        Self::open_sqlite(SqliteConnectOptions::new().filename(path)).await
    }

    async fn open_sqlite(options: SqliteConnectOptions) -> Result<Self> {
        // Acknowledged uploads must survive a power cut: FULL syncs the log at each commit.
        let options = options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .statement_cache_capacity(MAX_STATEMENTS)
            .row_buffer_size(ROW_BUFFER)
            .pragma("temp_store", "MEMORY")
            .pragma("journal_size_limit", "67108864");
        let pool = || {
            SqlitePoolOptions::new()
                .acquire_timeout(SQLITE_ACQUIRE_TIMEOUT)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
        };
        let writer = connect_unlocked(
            &pool().max_connections(1),
            &options
                .clone()
                .pragma("cache_size", "-32768")
                // Fewer, larger checkpoints write pages that many uploads change only once.
                .pragma("wal_autocheckpoint", "4096"),
        )
        .await?;
        migrate_sqlite(&writer).await?;
        let readers = pool()
            .max_connections(SQLITE_READERS)
            .min_connections(0)
            .connect_with(
                options
                    .pragma("query_only", "ON")
                    .pragma("cache_size", "-8192"),
            )
            .await?;
        Self::opened(Engine::Sqlite { writer, readers }).await
    }

    async fn open_postgres(options: PgConnectOptions, connections: u32) -> Result<Self> {
        let options = options
            .statement_cache_capacity(MAX_STATEMENTS)
            .application_name("test-engine");
        // Not from the pool, which would wait for an unavailable server without reporting why.
        let connecting = PgConnection::connect_with(&options);
        let first = tokio::time::timeout(POSTGRES_ACQUIRE_TIMEOUT, connecting)
            .await
            .map_err(|_| StoreError::Unavailable(sqlx::Error::PoolTimedOut))??;
        migrate_postgres(first).await?;
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(POSTGRES_ACQUIRE_TIMEOUT)
            .connect_lazy_with(options);
        Self::opened(Engine::Postgres(pool)).await
    }

    async fn opened(engine: Engine) -> Result<Self> {
        let store = Self::new(engine);
        store.migrate_day_sums().await?;
        Ok(store)
    }
}

/// Connects to a file. SQLite does not wait for another process that is just turning a new file
/// into one with a write-ahead log, but reports it as locked.
async fn connect_unlocked(
    pool: &SqlitePoolOptions,
    options: &SqliteConnectOptions,
) -> Result<SqlitePool> {
    let deadline = tokio::time::Instant::now() + BUSY_TIMEOUT;
    loop {
        let connected = pool.clone().connect_with(options.clone()).await;
        match connected.map_err(StoreError::from) {
            Err(StoreError::Unavailable(error))
                if is_locked(&error) && tokio::time::Instant::now() < deadline =>
            {
                tokio::time::sleep(LOCK_RETRY).await;
            }
            done => return done,
        }
    }
}

/// Runs missing migrations in one transaction, so that of two processes starting concurrently only
/// one runs them.
async fn migrate_sqlite(writer: &SqlitePool) -> Result<()> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    let found = sqlx::query_scalar(LATEST_MIGRATION)
        .fetch_one(&mut *transaction)
        .await;
    log_migration(found.ok(), &migrations::SQLITE);
    match migrations::SQLITE
        .run_direct(None, &mut *transaction, false)
        .await
    {
        Ok(()) => {
            // Opening a read-only file and starting a transaction in it succeeds; a write fails.
            sqlx::query("UPDATE organizations SET slug = slug WHERE id = 0")
                .execute(&mut *transaction)
                .await?;
            Ok(transaction.commit().await?)
        }
        Err(error) => {
            let found = sqlx::query_scalar(LATEST_MIGRATION)
                .fetch_one(&mut *transaction)
                .await;
            Err(migration_error(error, &migrations::SQLITE, found.ok()))
        }
    }
}

/// Runs missing migrations under a database lock.
async fn migrate_postgres(mut connection: PgConnection) -> Result<()> {
    // Not the notice that the table of migrations exists already.
    sqlx::query("SET client_min_messages = warning")
        .execute(&mut connection)
        .await?;
    let found = sqlx::query_scalar(LATEST_MIGRATION)
        .fetch_one(&mut connection)
        .await;
    log_migration(found.ok(), &migrations::POSTGRES);
    let done = migrations::POSTGRES
        .run_direct(None, &mut connection, false)
        .await;
    let done = match done {
        Ok(()) => Ok(()),
        Err(error) => {
            let found = sqlx::query_scalar(LATEST_MIGRATION)
                .fetch_one(&mut connection)
                .await;
            Err(migration_error(error, &migrations::POSTGRES, found.ok()))
        }
    };
    // Closing the connection releases the lock.
    connection.close().await?;
    done
}

const LATEST_MIGRATION: &str = "SELECT MAX(version) FROM _sqlx_migrations";

fn latest(migrations: &Migrator) -> i64 {
    let versions = migrations.iter().map(|migration| migration.version);
    versions.max().unwrap_or(0)
}

/// Logs that the database of an older release is migrated, which can take a while.
fn log_migration(found: Option<i64>, migrations: &Migrator) {
    let latest = latest(migrations);
    if let Some(found) = found.filter(|&found| found < latest) {
        tracing::info!("migrating the database from version {found} to {latest}");
    }
}

fn migration_error(error: MigrateError, migrations: &Migrator, found: Option<i64>) -> StoreError {
    match (error, found) {
        (MigrateError::VersionMissing(_), Some(found)) => {
            let known = latest(migrations);
            StoreError::Newer { found, known }
        }
        (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _), _) => {
            match StoreError::from(error) {
                StoreError::Other(error) => StoreError::Migration(MigrateError::Execute(error)),
                specific => specific,
            }
        }
        (error, _) => StoreError::Migration(error),
    }
}

/// A database URL that is safe to print: without the part between `//` and `@`, and without the
/// parameters. Both may contain a password.
pub fn without_secrets(url: &str) -> String {
    // An unencoded password may contain a question mark, so cut at the last @ first.
    let (before, rest) = match (url.find("//"), url.rfind('@')) {
        (Some(start), Some(end)) if start < end => (format!("{}//…", &url[..start]), &url[end..]),
        _ => (String::new(), url),
    };
    let rest = rest.split('?').next().unwrap_or_default();
    format!("{before}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_passwords_from_addresses() {
        for (url, shown) in [
            ("mysql://me:secret@db/x", "mysql://…@db/x"),
            ("postgres://me:a?b@db/x", "postgres://…@db/x"),
            ("postgres://db/x?user=me&password=s", "postgres://db/x"),
            ("postgres://me:s@db/x?password=a@b", "postgres://…@b"),
            ("file.db", "file.db"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }

    #[tokio::test]
    async fn sqlite_is_compiled_with_the_settings_of_the_repository() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_file(&folder.path().join("test.db")).await;
        let mut session = store.unwrap().read().await.unwrap();
        let rows = session.rows("PRAGMA compile_options", []).await.unwrap();
        let options: Vec<String> = rows.iter().map(|row| row.text(0).unwrap()).collect();
        for (option, is_set) in [
            ("ENABLE_QPSG", true),
            ("DEFAULT_MEMSTATUS=0", true),
            ("ENABLE_MEMORY_MANAGEMENT", false),
        ] {
            let found = options.iter().any(|one| one == option);
            assert_eq!(found, is_set, "{option}; see .cargo/config.toml");
        }
    }

    #[tokio::test]
    async fn rejects_unsupported_addresses() {
        for url in ["mysql://db/x", "file.db", "sqlite::memory:", "sqlite:", ""] {
            let result = Store::open(url).await;
            assert!(matches!(result, Err(StoreError::Address { .. })), "{url}");
        }
    }
}
