//! Errors of the database: reported as such, without losing data, and recoverable.

use test_engine_store::{NewUpload, StoreError};

use crate::support::{OtherProgram, on_every_engine, passed, run, upload};

#[tokio::test]
async fn waits_for_other_writers() {
    on_every_engine(async |db| {
        let mut other = OtherProgram::new(&db.url).await;
        other.block_writers().await;
        let store = db.store.clone();
        let new = NewUpload {
            executions: vec![passed("a", 1.0)],
            ..upload(&db.suite, "k")
        };
        let waiting = tokio::spawn(async move { store.record_upload(new).await });
        // Readers are not blocked.
        db.store.ping().await.unwrap();
        assert_eq!(db.store.count_tests(db.suite.id).await.unwrap(), 0);
        assert!(!waiting.is_finished());
        other.say("COMMIT").await;
        assert_eq!(waiting.await.unwrap().unwrap().kept, 1);
        assert_eq!(run(&db, "k").await.counts.passed, 1);
    })
    .await;
}

#[tokio::test]
async fn reports_a_closed_database_as_unavailable() {
    on_every_engine(async |db| {
        db.store.close().await;
        let result = db.store.ping().await;
        assert!(
            matches!(result, Err(StoreError::Unavailable(_))),
            "{result:?}"
        );
        let result = db.store.record_upload(upload(&db.suite, "k")).await;
        assert!(
            matches!(result, Err(StoreError::Unavailable(_))),
            "{result:?}"
        );
    })
    .await;
}
