//! What imports ask about a suite.

use test_engine_store::{NewUpload, SuiteContents};

use crate::support::{NOON, create_suite, on_every_engine, passed, upload};

#[tokio::test]
async fn counts_uploads_and_recognizes_them() {
    on_every_engine(async |db| {
        let other = create_suite(&db.store, "acme", "other").await;
        let empty = db.store.suite_contents(db.suite.id).await.unwrap();
        assert_eq!(empty, SuiteContents::default());
        let mut digests = Vec::new();
        for (key, days, tests) in [("a", 0, 2), ("a", -3, 1), ("b", -1, 3)] {
            let new = NewUpload {
                received_at: NOON.plus_days(days),
                executions: (0..tests)
                    .map(|one| passed(&format!("{one}"), 1.0))
                    .collect(),
                ..upload(&db.suite, key)
            };
            digests.push(new.digest);
            db.store.record_upload(new).await.unwrap();
        }
        let found = db.store.suite_contents(db.suite.id).await.unwrap();
        let expected = SuiteContents {
            runs: 2,
            uploads: 3,
            executions: 6,
            newest_upload: Some(NOON),
        };
        assert_eq!(found, expected);
        let untouched = db.store.suite_contents(other.id).await.unwrap();
        assert_eq!(untouched, SuiteContents::default());

        let has = async |suite, key, digest| {
            let found = db.store.has_upload(suite, key, digest).await;
            found.unwrap()
        };
        assert!(has(db.suite.id, "a", &digests[0]).await);
        assert!(!has(db.suite.id, "b", &digests[0]).await);
        assert!(!has(other.id, "a", &digests[0]).await);
        assert!(!has(db.suite.id, "a", &[7; 32]).await);
    })
    .await;
}
