//! Opening, closing and reaching the database. The queries are with their subjects.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::error::StoreError;
use crate::ingest::Caches;
use crate::sql::Session;

type Result<T> = std::result::Result<T, StoreError>;

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// How long to wait for another process that writes to the same file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait for a connection; the writer is handed out in order of asking.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections that only read.
const READERS: u32 = 8;
/// Connections to Postgres, to read and to write.
const CONNECTIONS: u32 = 16;
/// Prepared statements that a connection keeps: every text there is, with room.
const STATEMENTS: usize = 256;

/// The database. Cheap to clone: all clones are one.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    engine: Engine,
    caches: Caches,
}

/// The engines there are. A new one is a variant here, in `sql`, and a folder of migrations.
#[derive(Debug)]
enum Engine {
    Sqlite {
        /// One connection: writers of this process stand in line and never meet a locked file.
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

impl Store {
    /// Opens `sqlite:///path/to/file.db`. A missing file is made (its folder is not), missing
    /// migrations are run, a database that a newer program has changed is refused.
    pub async fn open(url: &str) -> Result<Self> {
        let address = || StoreError::Address {
            url: without_password(url),
        };
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let options = PgConnectOptions::from_str(url).map_err(|_| address())?;
            return Self::open_postgres(options).await;
        }
        let path = url.strip_prefix("sqlite:").ok_or_else(address)?;
        if path.is_empty() || path.contains(":memory:") || path.contains("mode=memory") {
            // Several connections to memory would be several databases.
            return Err(address());
        }
        Self::open_sqlite(SqliteConnectOptions::from_str(url).map_err(|_| address())?).await
    }

    /// The same for a file, whatever characters its path has.
    pub async fn open_file(path: &Path) -> Result<Self> {
        Self::open_sqlite(SqliteConnectOptions::new().filename(path)).await
    }

    async fn open_sqlite(options: SqliteConnectOptions) -> Result<Self> {
        // What is acknowledged must outlive a power cut: FULL syncs the log at each commit.
        let options = options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .statement_cache_capacity(STATEMENTS)
            .pragma("temp_store", "MEMORY")
            .pragma("journal_size_limit", "67108864");
        let pool = || {
            SqlitePoolOptions::new()
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
        };
        let writer = pool()
            .max_connections(1)
            .connect_with(
                options
                    .clone()
                    .pragma("cache_size", "-32768")
                    // Fewer, larger checkpoints: pages that many uploads touch are written once.
                    .pragma("wal_autocheckpoint", "4096"),
            )
            .await?;
        migrate_sqlite(&writer).await?;
        let readers = pool()
            .max_connections(READERS)
            .min_connections(0)
            .connect_with(
                options
                    .pragma("query_only", "ON")
                    .pragma("cache_size", "-8192"),
            )
            .await?;
        Ok(Self::over(Engine::Sqlite { writer, readers }))
    }

    async fn open_postgres(options: PgConnectOptions) -> Result<Self> {
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.statement_cache_capacity(STATEMENTS))
            .await?;
        migrate_postgres(&pool).await?;
        Ok(Self::over(Engine::Postgres(pool)))
    }

    fn over(engine: Engine) -> Self {
        Self {
            inner: Arc::new(Inner {
                engine,
                caches: Caches::default(),
            }),
        }
    }

    /// Waits for what is under way, then closes every connection. Later calls fail as
    /// unavailable.
    pub async fn close(&self) {
        match &self.inner.engine {
            Engine::Sqlite { writer, readers } => {
                // The writer last: the last connection to close tidies the log away.
                readers.close().await;
                writer.close().await;
            }
            Engine::Postgres(pool) => pool.close().await,
        }
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        self.read()
            .await?
            .one("SELECT COUNT(*) FROM organizations", [])
            .await?;
        Ok(())
    }

    /// Whether servers on other machines may have the same database open. A file is one server's.
    pub fn may_be_shared(&self) -> bool {
        matches!(self.inner.engine, Engine::Postgres(_))
    }

    /// A connection to read with, outside any transaction.
    pub(crate) async fn read(&self) -> Result<Session> {
        match &self.inner.engine {
            Engine::Sqlite { readers, .. } => Ok(Session::SqliteRead(readers.acquire().await?)),
            Engine::Postgres(pool) => Ok(Session::PostgresRead(pool.acquire().await?)),
        }
    }

    /// A transaction to write in; undone unless committed.
    pub(crate) async fn write(&self) -> Result<Session> {
        match &self.inner.engine {
            // The lock is taken at once: a transaction that begins by reading could not get it
            // later without the risk of being refused.
            Engine::Sqlite { writer, .. } => Ok(Session::SqliteWrite(
                writer.begin_with("BEGIN IMMEDIATE").await?,
            )),
            Engine::Postgres(pool) => Ok(Session::PostgresWrite(pool.begin().await?)),
        }
    }

    pub(crate) fn caches(&self) -> &Caches {
        &self.inner.caches
    }
}

/// Bytes of a text that rows are found by: what an index entry has room for on every engine.
const MOST_KEY_BYTES: usize = 1024;

/// Refuses a text that is too long to find rows by.
pub(crate) fn check_key(what: &'static str, key: &str) -> Result<()> {
    if key.len() > MOST_KEY_BYTES {
        let (size, limit) = (key.len() as u64, MOST_KEY_BYTES as u64);
        return Err(StoreError::TooLarge { what, size, limit });
    }
    Ok(())
}

/// Runs missing migrations in one transaction, so that two programs starting at once do it once.
async fn migrate_sqlite(writer: &SqlitePool) -> Result<()> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    match SQLITE_MIGRATIONS
        .run_direct(None, &mut *transaction, false)
        .await
    {
        Ok(()) => Ok(transaction.commit().await?),
        Err(error) => {
            let found = sqlx::query_scalar(LATEST_MIGRATION)
                .fetch_one(&mut *transaction)
                .await;
            Err(refused(error, &SQLITE_MIGRATIONS, found.ok()))
        }
    }
}

/// Runs missing migrations. A lock in the database lets one program do it.
async fn migrate_postgres(pool: &PgPool) -> Result<()> {
    let mut connection = pool.acquire().await?;
    match POSTGRES_MIGRATIONS
        .run_direct(None, &mut *connection, false)
        .await
    {
        Ok(()) => Ok(()),
        Err(error) => {
            let found = sqlx::query_scalar(LATEST_MIGRATION)
                .fetch_one(&mut *connection)
                .await;
            // The lock is the connection's and is still held.
            connection.close_on_drop();
            Err(refused(error, &POSTGRES_MIGRATIONS, found.ok()))
        }
    }
}

const LATEST_MIGRATION: &str = "SELECT MAX(version) FROM _sqlx_migrations";

/// Tells apart why migrations did not run.
fn refused(error: MigrateError, migrations: &Migrator, found: Option<i64>) -> StoreError {
    match (error, found) {
        (MigrateError::VersionMissing(_), Some(found)) => {
            let known = migrations.iter().map(|migration| migration.version).max();
            StoreError::Newer {
                found,
                known: known.unwrap_or(0),
            }
        }
        (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _), _) => {
            match StoreError::from(error) {
                StoreError::Other(error) => StoreError::Migration(MigrateError::Execute(error)),
                told_apart => told_apart,
            }
        }
        (error, _) => StoreError::Migration(error),
    }
}

/// The address without what stands between `//` and `@`.
fn without_password(url: &str) -> String {
    match (url.find("//"), url.rfind('@')) {
        (Some(start), Some(end)) if start < end => {
            format!("{}//…{}", &url[..start], &url[end..])
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_do_not_show() {
        assert_eq!(without_password("mysql://me:secret@db/x"), "mysql://…@db/x");
        assert_eq!(without_password("file.db"), "file.db");
    }

    #[tokio::test]
    async fn other_addresses_are_refused() {
        for url in ["mysql://db/x", "file.db", "sqlite::memory:", "sqlite:", ""] {
            let refused = Store::open(url).await;
            assert!(matches!(refused, Err(StoreError::Address { .. })), "{url}");
        }
    }

    /// The engine's own limit of pages stands in for a disk that is full.
    #[tokio::test]
    async fn a_full_disk_is_told_apart_and_passes() {
        use crate::records::{NewPlan, NewSuite, Timestamp};
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_file(&folder.path().join("test.db"))
            .await
            .unwrap();
        let now = Timestamp::from_millis(0);
        let organization = store
            .create_organization(uuid::Uuid::nil(), "acme", now)
            .await
            .unwrap();
        let suite = store
            .create_suite(organization.id, NewSuite::default(), now)
            .await
            .unwrap();
        let plan = NewPlan {
            suite: suite.id,
            identifier: "build/step".to_owned(),
            body: vec![7; 1_000_000],
            digest: [0; 32],
            created_at: now,
            expires_at: now.plus_days(1),
        };
        let limit = async |pages| match &store.inner.engine {
            Engine::Sqlite { writer, .. } => {
                sqlx::raw_sql(pages).execute(writer).await.unwrap();
            }
            Engine::Postgres(_) => panic!("this is a file"),
        };
        limit("PRAGMA max_page_count = 1").await;
        let refused = store.insert_plan(plan.clone()).await;
        assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
        assert_eq!(store.plan(suite.id, "build/step", now).await.unwrap(), None);
        limit("PRAGMA max_page_count = 1000000").await;
        assert!(store.insert_plan(plan).await.unwrap().1);
        store.close().await;
    }
}
