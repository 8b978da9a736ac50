//! A copy of a database that is in use: one moment of it, whole, without stopping anybody.
//!
//! For SQLite only. Postgres has tools of its own for this, and they are better.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use crate::error::StoreError;
use crate::open::BUSY_TIMEOUT;

type Result<T> = std::result::Result<T, StoreError>;

/// The file that a `sqlite:` address means; `None` for other engines.
pub fn database_file(url: &str) -> Option<PathBuf> {
    url.strip_prefix("sqlite:")?;
    let options = SqliteConnectOptions::from_str(url).ok()?;
    Some(options.get_filename().to_owned())
}

/// Copies the database in the file `from` to the file `to`, which must not exist, and reads the
/// copy through.
///
/// What was committed before the call is in the copy; of anything later, each transaction is in it
/// as a whole or not at all. Others go on reading and writing meanwhile. The schema is left as it
/// is: a copy made before an upgrade is what the older program can open. The caller has to sync the
/// file.
pub async fn copy_database(from: &Path, to: &Path) -> Result<()> {
    let options = SqliteConnectOptions::new()
        .create_if_missing(false)
        .busy_timeout(BUSY_TIMEOUT);
    let mut source = options.clone().filename(from).connect().await?;
    // One read transaction copies it all; a writer's log only grows a little longer by it.
    sqlx::query("VACUUM INTO ?")
        .bind(to.to_string_lossy().into_owned())
        .execute(&mut source)
        .await?;
    source.close().await?;
    let mut copy = options.filename(to).read_only(true).connect().await?;
    check(&mut copy).await?;
    Ok(copy.close().await?)
}

/// Reads all pages and compares indexes with tables.
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
    fn only_a_file_has_a_file() {
        let file = database_file("sqlite:///var/lib/a.db?mode=rwc");
        assert_eq!(file.as_deref(), Some(Path::new("/var/lib/a.db")));
        assert_eq!(database_file("postgres://host/database"), None);
    }

    #[tokio::test]
    async fn what_is_no_database_is_not_copied() {
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
