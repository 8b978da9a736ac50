//! When the database cannot do its work: said clearly, nothing lost, and well again by itself.

use test_engine_store::{NewUpload, StoreError};

use crate::support::{OtherProgram, on_every_engine, passed, run, upload};

#[tokio::test]
async fn another_writer_is_waited_for() {
    on_every_engine(async |db| {
        let mut other = OtherProgram::new(&db.url).await;
        other.lock_writers_out().await;
        let store = db.store.clone();
        let new = NewUpload {
            executions: vec![passed("a", 1.0)],
            ..upload(&db.suite, "k")
        };
        let waiting = tokio::spawn(async move { store.record_upload(new).await });
        // Readers are not kept waiting.
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
async fn a_closed_database_is_unavailable() {
    on_every_engine(async |db| {
        db.store.close().await;
        let refused = db.store.ping().await;
        assert!(
            matches!(refused, Err(StoreError::Unavailable(_))),
            "{refused:?}"
        );
        let refused = db.store.record_upload(upload(&db.suite, "k")).await;
        assert!(
            matches!(refused, Err(StoreError::Unavailable(_))),
            "{refused:?}"
        );
    })
    .await;
}
