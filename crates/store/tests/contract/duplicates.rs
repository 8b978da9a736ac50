//! Repeated uploads and duplicate results are stored once.

use test_engine_store::{NewUpload, Store};

use crate::support::{NOON, failed, on_every_engine, passed, record, run, upload, with_id};

#[tokio::test]
async fn returns_first_receipt_for_a_repeated_upload() {
    on_every_engine(async |db| {
        let mut first = upload(&db.suite, "k");
        first.executions = vec![passed("a", 1.0)];
        first.skipped = 2;
        first.errors = vec!["result 3: no name".to_owned()];
        let mut again = first.clone();
        again.uuid = uuid::Uuid::new_v4();
        again.received_at = NOON.plus_millis(60_000);
        let receipt = db.store.record_upload(first).await.unwrap();
        let repeated = db.store.record_upload(again.clone()).await.unwrap();
        assert!(repeated.repeated);
        assert_eq!(
            test_engine_store::Recorded {
                repeated: false,
                ..repeated
            },
            receipt
        );
        let run_now = run(&db, "k").await;
        assert_eq!(run_now.counts.passed, 1);
        assert_eq!(run_now.updated_at, NOON);

        // In another run it is not a repetition.
        again.run.key = "other".to_owned();
        again.run.uuid = uuid::Uuid::new_v4();
        assert!(!db.store.record_upload(again).await.unwrap().repeated);
        assert_eq!(run(&db, "other").await.counts.passed, 1);
    })
    .await;
}

#[tokio::test]
async fn stores_concurrent_repetitions_once() {
    on_every_engine(async |db| {
        let mut first = upload(&db.suite, "k");
        first.executions = (0..50).map(|n| passed(&format!("test {n}"), 0.1)).collect();
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let store = db.store.clone();
                let again = NewUpload {
                    uuid: uuid::Uuid::new_v4(),
                    ..first.clone()
                };
                tokio::spawn(async move { store.record_upload(again).await.unwrap() })
            })
            .collect();
        let mut receipts = Vec::new();
        for task in tasks {
            receipts.push(task.await.unwrap());
        }
        assert_eq!(
            receipts.iter().filter(|receipt| !receipt.repeated).count(),
            1
        );
        assert!(
            receipts
                .iter()
                .all(|receipt| receipt.upload_uuid == receipts[0].upload_uuid)
        );
        let run = run(&db, "k").await;
        assert_eq!((run.counts.passed, run.uploads), (50, 1));
    })
    .await;
}

#[tokio::test]
async fn drops_duplicates_but_keeps_further_attempts() {
    on_every_engine(async |db| {
        let first = record(&db, "k", vec![with_id("1", failed("a", 1.0))]).await;
        assert_eq!((first.kept, first.duplicates), (1, 0));
        let again = record(
            &db,
            "k",
            vec![
                with_id("1", failed("a", 1.0)), // the same again
                with_id("1", passed("a", 1.0)), // another outcome: a further attempt
                with_id("1", failed("a", 2.0)), // another duration: a further attempt
                with_id("1", failed("b", 1.0)), // another test
                with_id("2", failed("a", 1.0)), // another id
                with_id("2", failed("a", 1.0)), // twice in one file
                failed("a", 1.0),               // without an id always
                failed("a", 1.0),
            ],
        )
        .await;
        assert_eq!((again.kept, again.duplicates), (6, 2));
        assert_eq!(run(&db, "k").await.counts.executions(), 7);
        // Other runs are not affected.
        let other = record(&db, "other", vec![with_id("1", failed("a", 1.0))]).await;
        assert_eq!((other.kept, other.duplicates), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn recognizes_duplicates_after_restart_and_across_processes() {
    on_every_engine(async |db| {
        let results = || {
            vec![
                with_id("1", passed("a", 1.0)),
                with_id("2", passed("b", 2.0)),
            ]
        };
        record(&db, "k", results()).await;
        let second = Store::open(&db.url).await.unwrap();
        let mut more = upload(&db.suite, "k");
        more.executions = results();
        more.executions.push(with_id("3", passed("c", 3.0)));
        let receipt = second.record_upload(more.clone()).await.unwrap();
        assert_eq!((receipt.kept, receipt.duplicates), (1, 2));
        // In the other direction, while both processes have the run cached.
        more.digest[31] ^= 1;
        more.uuid = uuid::Uuid::new_v4();
        more.executions.push(with_id("4", passed("a", 4.0)));
        let receipt = db.store.record_upload(more).await.unwrap();
        assert_eq!((receipt.kept, receipt.duplicates), (1, 3));
        let changes = second
            .selectors_changed_since(db.suite.id, 0)
            .await
            .unwrap();
        assert_eq!(
            changes.selectors[0].recent[0].duration.get(),
            6_000_000,
            "a's retry is left out"
        );
        second.close().await;
    })
    .await;
}
