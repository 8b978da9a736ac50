//! The database handle: connections and transactions. The queries are in the files of their
//! subjects; `open` creates a [`Store`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::PgPool;
use sqlx::{Connection as _, Sqlite, SqlitePool, Transaction};

use crate::error::StoreError;
use crate::memory::Caches;
use crate::sql::Session;

type Result<T> = std::result::Result<T, StoreError>;

/// Health checks should fail fast.
const PING_TIMEOUT: Duration = Duration::from_secs(3);

/// The database. Cheap to clone: all clones share one pool.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    engine: Engine,
    caches: Caches,
    /// Whether uploads store what judges tests.
    keeps_evidence: AtomicBool,
}

/// A new engine is a variant here and in `sql`, and a directory of migrations.
#[derive(Debug)]
pub(crate) enum Engine {
    Sqlite {
        /// One connection: writers of this process queue for it and never find the file locked.
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

impl Store {
    pub(crate) fn new(engine: Engine) -> Self {
        Self {
            inner: Arc::new(Inner {
                engine,
                caches: Caches::default(),
                keeps_evidence: AtomicBool::new(true),
            }),
        }
    }

    /// Stores nothing that judges tests, to measure how much time and space that takes.
    #[must_use]
    pub fn without_evidence(self) -> Self {
        self.inner.keeps_evidence.store(false, Ordering::Relaxed);
        self
    }

    pub(crate) fn keeps_evidence(&self) -> bool {
        self.inner.keeps_evidence.load(Ordering::Relaxed)
    }

    /// Waits for running statements, then closes every connection. Later calls fail with
    /// [`StoreError::Unavailable`].
    pub async fn close(&self) {
        match &self.inner.engine {
            Engine::Sqlite { writer, readers } => {
                // The writer last: the last connection to close removes the write-ahead log.
                readers.close().await;
                writer.close().await;
            }
            Engine::Postgres(pool) => pool.close().await,
        }
    }

    /// Checks that the database responds within 3 seconds.
    pub async fn ping(&self) -> Result<()> {
        let response = async {
            self.read()
                .await?
                .one("SELECT COUNT(*) FROM organizations", [])
                .await
        };
        tokio::time::timeout(PING_TIMEOUT, response)
            .await
            .map_err(|_| StoreError::Unavailable(sqlx::Error::PoolTimedOut))??;
        Ok(())
    }

    /// Whether servers on other machines may use the same database. A file has one server.
    pub fn may_be_shared(&self) -> bool {
        matches!(self.inner.engine, Engine::Postgres(_))
    }

    /// A connection for reading, outside any transaction.
    pub(crate) async fn read(&self) -> Result<Session> {
        match &self.inner.engine {
            Engine::Sqlite { readers, .. } => Ok(Session::SqliteRead(readers.acquire().await?)),
            Engine::Postgres(pool) => Ok(Session::PostgresRead(pool.acquire().await?)),
        }
    }

    /// A transaction for writing; rolled back unless committed.
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

/// Takes the write lock immediately: a transaction that starts with a read could be refused the
/// lock later.
async fn begin_sqlite(writer: &SqlitePool) -> Result<Transaction<'static, Sqlite>> {
    loop {
        match writer.begin_with("BEGIN IMMEDIATE").await {
            // When the disk is full, SQLite rolls a transaction back by itself. The driver's own
            // rollback then fails, and it considers the connection to be in a transaction forever.
            Err(sqlx::Error::InvalidSavePointStatement) => {
                let connection = writer.acquire().await?;
                // Another task may have replaced the connection meanwhile.
                if connection.is_in_transaction() {
                    connection.close().await?;
                }
            }
            begun => return Ok(begun?),
        }
    }
}

/// The largest index entry that every engine supports.
const MAX_KEY_BYTES: usize = 1024;

/// Rejects a text that is too long to be indexed.
pub(crate) fn check_key(what: &'static str, key: &str) -> Result<()> {
    if key.len() > MAX_KEY_BYTES {
        let (size, limit) = (key.len() as u64, MAX_KEY_BYTES as u64);
        return Err(StoreError::TooLarge { what, size, limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SQLite's page limit stands in for a full disk.
    #[tokio::test]
    async fn recovers_from_a_full_disk() {
        use crate::records::{Change, NewPlan, NewSuite, PlanOrigin, Timestamp};
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open_file(&directory.path().join("test.db"))
            .await
            .unwrap();
        let now = Timestamp::from_millis(0);
        let organization = store
            .create_organization(uuid::Uuid::nil(), "acme", &Change::by_server(now))
            .await
            .unwrap();
        let suite = store
            .create_suite(
                organization.id,
                NewSuite::default(),
                &Change::by_server(now),
            )
            .await
            .unwrap();
        let plan = NewPlan {
            suite: suite.id,
            identifier: "build/step".to_owned(),
            body: vec![7; 1_000_000],
            digest: [0; 32],
            origin: PlanOrigin::default(),
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
