//! Opening, closing and reaching the database. The queries are with their subjects.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Sqlite, SqlitePool, Transaction};

use crate::error::StoreError;
use crate::ingest::Caches;
use crate::sql::Session;

type Result<T> = std::result::Result<T, StoreError>;

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// How long to wait for another process that writes to the same file.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait for a connection; the writer is handed out in order of asking.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// The same for Postgres, where this is also how long a request waits for a server that is away.
const POSTGRES_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the sign of life may take: who asks for it does not wait long either.
const PING_TIMEOUT: Duration = Duration::from_secs(3);
/// Connections that only read.
const READERS: u32 = 8;
/// Connections to Postgres, to read and to write.
pub const DEFAULT_CONNECTIONS: u32 = 16;
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
    /// Opens `postgres://user:password@host/database`, or `sqlite:///path/to/file.db`: a missing
    /// file is made (its folder is not). Missing migrations are run, a database that a newer
    /// program has changed is refused.
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_with(url, DEFAULT_CONNECTIONS).await
    }

    /// The same, with at most so many connections to Postgres. A file has as many as it needs.
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
            .ok_or_else(|| address("there is no such kind of database".to_owned()))?;
        if path.is_empty() || path.contains(":memory:") || path.contains("mode=memory") {
            // Several connections to memory would be several databases.
            return Err(address("a file is needed".to_owned()));
        }
        let options =
            SqliteConnectOptions::from_str(url).map_err(|error| address(error.to_string()))?;
        Self::open_sqlite(options).await
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
        Self::over(Engine::Sqlite { writer, readers }).await
    }

    async fn open_postgres(options: PgConnectOptions, connections: u32) -> Result<Self> {
        let options = options
            .statement_cache_capacity(STATEMENTS)
            .application_name("test-engine");
        // Apart from the pool, which would wait for a server that is away without saying why.
        let connecting = PgConnection::connect_with(&options);
        let first = tokio::time::timeout(POSTGRES_ACQUIRE_TIMEOUT, connecting)
            .await
            .map_err(|_| StoreError::Unavailable(sqlx::Error::PoolTimedOut))??;
        migrate_postgres(first).await?;
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(POSTGRES_ACQUIRE_TIMEOUT)
            .connect_lazy_with(options);
        Self::over(Engine::Postgres(pool)).await
    }

    async fn over(engine: Engine) -> Result<Self> {
        let store = Self {
            inner: Arc::new(Inner {
                engine,
                caches: Caches::default(),
            }),
        };
        store.move_old_day_sums().await?;
        Ok(store)
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

    /// Whether the database answers, and soon.
    pub async fn ping(&self) -> Result<()> {
        let answer = async {
            self.read()
                .await?
                .one("SELECT COUNT(*) FROM organizations", [])
                .await
        };
        tokio::time::timeout(PING_TIMEOUT, answer)
            .await
            .map_err(|_| StoreError::Unavailable(sqlx::Error::PoolTimedOut))??;
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
            Engine::Sqlite { writer, .. } => Ok(Session::SqliteWrite(begin_sqlite(writer).await?)),
            Engine::Postgres(pool) => Ok(Session::PostgresWrite(pool.begin().await?)),
        }
    }

    pub(crate) fn caches(&self) -> &Caches {
        &self.inner.caches
    }
}

/// Begins to write. The lock is taken at once: a transaction that begins by reading could not get
/// it later without the risk of being refused.
async fn begin_sqlite(writer: &SqlitePool) -> Result<Transaction<'static, Sqlite>> {
    loop {
        match writer.begin_with("BEGIN IMMEDIATE").await {
            // When the disk is full SQLite undoes a transaction by itself. The driver, which is
            // then refused to undo it, takes the connection to be in it for ever.
            Err(sqlx::Error::InvalidSavePointStatement) => {
                let connection = writer.acquire().await?;
                // Another may have seen to it meanwhile.
                if connection.is_in_transaction() {
                    connection.close().await?;
                }
            }
            begun => return Ok(begun?),
        }
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
        Ok(()) => {
            // A file that may only be read opens, and begins transactions, without complaint.
            sqlx::query("UPDATE organizations SET slug = slug WHERE id = 0")
                .execute(&mut *transaction)
                .await?;
            Ok(transaction.commit().await?)
        }
        Err(error) => {
            let found = sqlx::query_scalar(LATEST_MIGRATION)
                .fetch_one(&mut *transaction)
                .await;
            Err(refused(error, &SQLITE_MIGRATIONS, found.ok()))
        }
    }
}

/// Runs missing migrations. A lock in the database lets one program do it.
async fn migrate_postgres(mut connection: PgConnection) -> Result<()> {
    let done = POSTGRES_MIGRATIONS
        .run_direct(None, &mut connection, false)
        .await;
    let done = match done {
        Ok(()) => Ok(()),
        Err(error) => {
            let found = sqlx::query_scalar(LATEST_MIGRATION)
                .fetch_one(&mut connection)
                .await;
            Err(refused(error, &POSTGRES_MIGRATIONS, found.ok()))
        }
    };
    // The lock is the connection's: it must not outlive this.
    connection.close().await?;
    done
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

/// A database address as it may be shown: without what stands between `//` and `@`, and without
/// the parameters, because either may hold a password.
pub fn without_secrets(url: &str) -> String {
    // A password that was not encoded may hold a question mark: what is before the last @ first.
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
    fn passwords_do_not_show() {
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
