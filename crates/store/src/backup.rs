//! Copies a database in use: a consistent snapshot, without blocking readers or writers.
//!
//! SQLite only; use Postgres' own tools for Postgres.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use crate::error::StoreError;
use crate::open::BUSY_TIMEOUT;

type Result<T> = std::result::Result<T, StoreError>;

/// The file of a `sqlite:` URL; `None` for other engines.
pub fn database_file(url: &str) -> Option<PathBuf> {
    url.strip_prefix("sqlite:")?;
    let options = SqliteConnectOptions::from_str(url).ok()?;
    Some(options.get_filename().to_owned())
}

/// Copies the database file `from` to the file `to`, which must not exist, and verifies the copy.
///
/// The copy contains everything committed before the call; of later transactions, each is included
/// as a whole or not at all. The schema is not migrated, so the version that wrote the database can
/// open the copy. The caller has to sync the file.
pub async fn copy_database(from: &Path, to: &Path) -> Result<()> {
    let options = SqliteConnectOptions::new()
        .create_if_missing(false)
        .busy_timeout(BUSY_TIMEOUT);
    let mut source = options.clone().filename(from).connect().await?;
    // One read transaction copies everything; the write-ahead log grows meanwhile.
    sqlx::query("VACUUM INTO ?")
        .bind(to.to_string_lossy().into_owned())
        .execute(&mut source)
        .await?;
    source.close().await?;
    let mut copy = options.filename(to).read_only(true).connect().await?;
    check(&mut copy).await?;
    Ok(copy.close().await?)
}

async fn check(database: &mut SqliteConnection) -> Result<()> {
    let verdict: String = sqlx::query_scalar("PRAGMA integrity_check(1)")
        .fetch_one(database)
        .await?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(StoreError::Damaged {
            what: "page of the database",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_file_of_sqlite_urls() {
        let file = database_file("sqlite:///var/lib/a.db?mode=rwc");
        assert_eq!(file.as_deref(), Some(Path::new("/var/lib/a.db")));
        assert_eq!(database_file("postgres://host/database"), None);
    }

    #[tokio::test]
    async fn rejects_files_that_are_no_database() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from.db"), folder.path().join("to.db"));
        let missing = copy_database(&from, &to).await;
        assert!(
            matches!(missing, Err(StoreError::Unavailable(_))),
            "{missing:?}"
        );
        fs_err::write(&from, "no database at all, but long enough ".repeat(100)).unwrap();
        let refused = copy_database(&from, &to).await;
        assert!(matches!(refused, Err(StoreError::Other(_))), "{refused:?}");
    }
}
