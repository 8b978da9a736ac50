//! Migrations: run once, forward only, and without losing rows.

use test_engine_store::{Page, Store, StoreError};

use crate::support::{OtherProgram, on_every_engine, passed, record};

const ALL: Page = Page {
    number: 1,
    size: 10,
};

#[tokio::test]
async fn reopens_a_database_with_its_rows() {
    on_every_engine(async |db| {
        record(&db, "k", vec![passed("a", 1.0)]).await;
        db.store.close().await;
        let again = Store::open(&db.url).await.unwrap();
        assert_eq!(again.runs(db.suite.id, None, ALL).await.unwrap().total, 1);
        assert_eq!(again.count_tests(db.suite.id).await.unwrap(), 1);
        again.close().await;
    })
    .await;
}

/// Each round starts with a new file, because only the switch to a write-ahead log is not waited
/// for.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_can_start_concurrently() {
    for _ in 0..15 {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/test.db", directory.path().display());
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move { Store::open(&url).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap().ping().await.unwrap();
        }
    }
}

#[tokio::test]
async fn rejects_newer_databases_without_changing_them() {
    on_every_engine(async |db| {
        db.store.close().await;
        OtherProgram::new(&db.url)
            .await
            .say(
                "INSERT INTO _sqlx_migrations \
                 (version, description, success, checksum, execution_time) \
                 SELECT 900, 'from the future', TRUE, checksum, 0 \
                 FROM _sqlx_migrations WHERE version = 1",
            )
            .await;
        let result = Store::open(&db.url).await;
        let Err(StoreError::Newer { found, known }) = result else {
            panic!("{result:?}")
        };
        assert_eq!(found, 900);
        assert!(known < 900);
    })
    .await;
}

#[tokio::test]
async fn detects_changed_migrations() {
    on_every_engine(async |db| {
        db.store.close().await;
        OtherProgram::new(&db.url)
            .await
            .say("UPDATE _sqlx_migrations SET checksum = '' WHERE version = 1")
            .await;
        let result = Store::open(&db.url).await;
        assert!(
            matches!(result, Err(StoreError::Migration(_))),
            "{result:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn rejects_files_that_are_no_database() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    fs_err::write(
        &path,
        "this is a text, not a database, and it is long enough".repeat(100),
    )
    .unwrap();
    let result = Store::open_file(&path).await;
    assert!(matches!(result, Err(StoreError::Other(_))), "{result:?}");
    let nowhere = Store::open_file(&directory.path().join("missing/test.db")).await;
    assert!(
        matches!(nowhere, Err(StoreError::Unavailable(_))),
        "{nowhere:?}"
    );
}

#[tokio::test]
async fn opens_unusual_file_names() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a b%20?c#d'é.db");
    let store = Store::open_file(&path).await.unwrap();
    store.ping().await.unwrap();
    store.close().await;
    assert!(path.exists());
}

#[tokio::test]
async fn adds_commit_tables_to_older_databases() {
    on_every_engine(async |db| {
        record(&db, "k", vec![passed("a", 1.0)]).await;
        db.store.close().await;
        OtherProgram::new(&db.url)
            .await
            .say(
                "DROP TABLE commits; DROP TABLE backfills; DROP TABLE server_secrets; \
                 DELETE FROM _sqlx_migrations WHERE version = 2",
            )
            .await;
        let again = Store::open(&db.url).await.unwrap();
        assert_eq!(again.runs(db.suite.id, None, ALL).await.unwrap().total, 1);
        assert_eq!(again.count_commits(db.suite.id).await.unwrap(), 0);
        again.close().await;
    })
    .await;
}
