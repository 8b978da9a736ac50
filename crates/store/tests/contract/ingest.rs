//! Storing uploads: runs, tests, failures, and what fails a run.

use std::collections::BTreeMap;

use test_engine_duration::Micros;
use test_engine_results::FailureDetail;
use test_engine_store::{
    Change, NewUpload, OutcomeCounts, Page, RunResult, RunState, StoreError, TestState, test_uuid,
};

use crate::support::{
    NOON, create_suite, failed, on_every_engine, passed, record, run, skipped, that_day, upload,
    with_id,
};

const ALL: Page = Page {
    number: 1,
    size: 1000,
};

#[tokio::test]
async fn creates_run_and_tests_from_an_upload() {
    on_every_engine(async |db| {
        let receipt = record(
            &db,
            "build-1",
            vec![passed("adds", 0.25), failed("pays", 1.5), skipped("ships")],
        )
        .await;
        assert_eq!(
            (receipt.kept, receipt.duplicates, receipt.repeated),
            (3, 0, false)
        );

        let run = db
            .store
            .run(db.suite.id, receipt.run_uuid)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(run.key, "build-1");
        assert_eq!(run.branch.as_deref(), Some("main"));
        assert_eq!(run.commit_sha.as_deref(), Some("commit-of-build-1"));
        assert_eq!(
            (run.state, run.result),
            (RunState::Finished, RunResult::Failed)
        );
        assert_eq!(
            run.counts,
            OutcomeCounts {
                passed: 1,
                failed: 1,
                skipped: 1,
                unknown: 0
            }
        );
        assert_eq!((run.duration.get(), run.uploads), (1_750_000, 1));
        assert_eq!((run.created_at, run.updated_at), (NOON, NOON));

        let test = db
            .store
            .find_test(&db.suite, "Basket", "adds")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(test.uuid, test_uuid(db.suite.uuid, "Basket", "adds"));
        assert_eq!(test.location.as_deref(), Some("basket.py:7"));
        assert_eq!(test.selector.as_deref(), Some("basket.py"));
        assert_eq!((test.state, test.first_seen_at), (TestState::Enabled, NOON));
        assert_eq!(db.store.count_tests(db.suite.id).await.unwrap(), 3);
    })
    .await;
}

#[tokio::test]
async fn run_is_pending_until_a_test_passes_or_fails() {
    on_every_engine(async |db| {
        let receipt = record(&db, "empty", vec![]).await;
        assert_eq!(receipt.kept, 0);
        assert_eq!(run(&db, "empty").await.result, RunResult::Pending);
        record(&db, "empty", vec![skipped("a")]).await;
        assert_eq!(run(&db, "empty").await.result, RunResult::Pending);
        record(&db, "empty", vec![passed("a", 1.0)]).await;
        assert_eq!(run(&db, "empty").await.result, RunResult::Passed);
    })
    .await;
}

#[tokio::test]
async fn adds_uploads_to_a_run_and_keeps_it_failed() {
    on_every_engine(async |db| {
        let first = record(&db, "k", vec![passed("a", 1.0), failed("b", 1.0)]).await;
        let second = record(&db, "k", vec![passed("b", 1.0)]).await;
        assert_eq!(first.run_uuid, second.run_uuid);
        assert_ne!(first.upload_uuid, second.upload_uuid);
        let run = run(&db, "k").await;
        assert_eq!(
            run.result,
            RunResult::Failed,
            "a pass on retry does not repair a run"
        );
        assert_eq!(run.counts.executions(), 3);
        assert_eq!(run.uploads, 2);
        assert_eq!(db.store.run_uploads(&run).await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn fills_in_missing_run_metadata() {
    on_every_engine(async |db| {
        let mut bare = upload(&db.suite, "k");
        bare.run.branch = None;
        bare.run.commit_sha = None;
        db.store.record_upload(bare).await.unwrap();
        assert_eq!(run(&db, "k").await.branch, None);
        let mut full = upload(&db.suite, "k");
        full.run.build_id = Some("b-9".to_owned());
        db.store.record_upload(full).await.unwrap();
        let mut other = upload(&db.suite, "k");
        other.run.branch = Some("other".to_owned());
        db.store.record_upload(other).await.unwrap();
        let run = run(&db, "k").await;
        assert_eq!(run.branch.as_deref(), Some("main"));
        assert_eq!(run.build_id.as_deref(), Some("b-9"));
    })
    .await;
}

#[tokio::test]
async fn rolled_back_upload_leaves_no_branch() {
    on_every_engine(async |db| {
        let first = upload(&db.suite, "k");
        db.store.record_upload(first.clone()).await.unwrap();
        let mut again = first;
        again.run.branch = Some("phantom".to_owned());
        assert!(db.store.record_upload(again).await.unwrap().repeated);
        assert_eq!(db.store.branch(db.suite.id, "phantom").await.unwrap(), None);
        for branch in ["real", "phantom"] {
            let mut new = upload(&db.suite, branch);
            new.run.branch = Some(branch.to_owned());
            db.store.record_upload(new).await.unwrap();
        }
        for branch in ["real", "phantom"] {
            assert_eq!(run(&db, branch).await.branch.as_deref(), Some(branch));
        }
    })
    .await;
}

#[tokio::test]
async fn stores_all_parallel_uploads_to_one_run() {
    on_every_engine(async |db| {
        let tasks: Vec<_> = (0..24)
            .map(|node| {
                let store = db.store.clone();
                let mut upload = upload(&db.suite, "k");
                // All nodes have tests in common, and some of their own.
                upload.executions = (0..20)
                    .map(|n| passed(&format!("test {}", n + node * 10), 0.5))
                    .collect();
                tokio::spawn(async move { store.record_upload(upload).await.unwrap().kept })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), 20);
        }
        let run = run(&db, "k").await;
        assert_eq!((run.counts.passed, run.uploads), (24 * 20, 24));
        assert_eq!(
            db.store.count_tests(db.suite.id).await.unwrap(),
            20 + 23 * 10
        );
        let test = db
            .store
            .find_test(&db.suite, "Basket", "test 15")
            .await
            .unwrap()
            .unwrap();
        let metrics = db
            .store
            .test_metrics(&test, that_day(), None)
            .await
            .unwrap();
        assert_eq!(metrics.counts.passed, 2);
        // Only the first execution of each test counts for the selector.
        let changes = db
            .store
            .selectors_changed_since(db.suite.id, 0)
            .await
            .unwrap();
        assert_eq!(
            changes.selectors[0].recent[0].duration.get(),
            (20 + 23 * 10) * 500_000
        );
    })
    .await;
}

#[tokio::test]
async fn muted_failures_do_not_fail_a_run() {
    on_every_engine(async |db| {
        record(&db, "before", vec![failed("a", 1.0)]).await;
        let test = test_uuid(db.suite.uuid, "Basket", "a");
        db.store
            .set_test_state(
                db.suite.id,
                test,
                TestState::Muted,
                &Change::by_server(NOON),
            )
            .await
            .unwrap();
        record(&db, "muted", vec![failed("a", 1.0), passed("b", 1.0)]).await;
        let run_now = run(&db, "muted").await;
        assert_eq!(run_now.result, RunResult::Passed);
        assert_eq!((run_now.counts.failed, run_now.failed_muted), (1, 1));
        let failures = db.store.failed_executions(&run_now, ALL).await.unwrap();
        assert!(failures.items[0].muted);
        assert_eq!(
            run(&db, "before").await.result,
            RunResult::Failed,
            "as of its own time"
        );
        record(&db, "muted", vec![failed("b", 1.0)]).await;
        assert_eq!(run(&db, "muted").await.result, RunResult::Failed);
    })
    .await;
}

#[tokio::test]
async fn errors_outside_tests_fail_the_run() {
    on_every_engine(async |db| {
        let mut broken = upload(&db.suite, "k");
        broken.executions = vec![passed("a", 1.0)];
        broken.errors_outside_tests = vec!["b.py does not load".to_owned()];
        db.store.record_upload(broken).await.unwrap();
        let run = run(&db, "k").await;
        assert_eq!(run.result, RunResult::Failed);
        let uploads = db.store.run_uploads(&run).await.unwrap();
        assert_eq!(uploads[0].errors_outside_tests, ["b.py does not load"]);
    })
    .await;
}

#[tokio::test]
async fn returns_failures_with_all_details() {
    on_every_engine(async |db| {
        let mut execution = failed("pays", 1.25);
        execution.result.extras.failure_expanded = vec![FailureDetail {
            expanded: vec!["expected 1".to_owned(), "got \u{1F980}\0".to_owned()],
            backtrace: vec!["basket.py:9".to_owned()],
        }];
        execution.tags = BTreeMap::from([("shard".to_owned(), "2".to_owned())]);
        let mut new = upload(&db.suite, "k");
        new.tags = BTreeMap::from([
            ("scm.branch".to_owned(), "main".to_owned()),
            ("shard".to_owned(), "1".to_owned()),
        ]);
        new.executions = vec![passed("a", 1.0), execution.clone(), failed("b", 1.0)];
        db.store.record_upload(new).await.unwrap();
        let run = run(&db, "k").await;
        let page = Page::new(1, 1);
        let failures = db.store.failed_executions(&run, page).await.unwrap();
        assert_eq!((failures.total, failures.items.len()), (2, 1));
        let failure = &failures.items[0];
        assert_eq!(failure.test.name, "pays");
        assert_eq!(failure.duration, Some(Micros::new(1_250_000)));
        assert_eq!(failure.failure_reason.as_deref(), Some("pays is broken"));
        assert_eq!(
            failure.failure_expanded,
            execution.result.extras.failure_expanded
        );
        assert_eq!(failure.tags["shard"], "2", "an execution's own tag wins");
        assert_eq!(failure.tags["scm.branch"], "main");
        assert_eq!((failure.run_uuid, failure.created_at), (run.uuid, NOON));
        // The test's history contains the same execution.
        let history = db.store.test_executions(&failure.test, ALL).await.unwrap();
        assert_eq!(history.items[0].uuid, failure.uuid);
        assert_eq!(history.items[0].tags, failure.tags);
        assert_eq!(history.items[0].failure_reason, failure.failure_reason);
    })
    .await;
}

#[tokio::test]
async fn stores_unusual_names() {
    on_every_engine(async |db| {
        let long = "x".repeat(10_000);
        let names = [
            "[id] (a) 'b' \"c\"",
            "\u{202e}\u{1F980}",
            "a\nb",
            "nul\0here",
            "%_\\",
            &long,
        ];
        let mut new = upload(&db.suite, "k");
        new.executions = names
            .iter()
            .map(|name| {
                let mut execution = passed(name, 1.0);
                execution.result.file_name = Some((*name).to_owned().into());
                execution.selector = Some((*name).to_owned());
                execution
            })
            .collect();
        db.store.record_upload(new).await.unwrap();
        assert_eq!(
            db.store.count_tests(db.suite.id).await.unwrap(),
            names.len() as u64
        );
        for name in names {
            let test = db
                .store
                .find_test(&db.suite, "Basket", name)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(test.name, name.replace('\0', "\u{fffd}"));
        }
        let changes = db
            .store
            .selectors_changed_since(db.suite.id, 0)
            .await
            .unwrap();
        assert_eq!(changes.selectors.len(), names.len());
    })
    .await;
}

#[tokio::test]
async fn rejects_keys_that_are_too_long() {
    on_every_engine(async |db| {
        let mut new = upload(&db.suite, &"k".repeat(1025));
        let result = db.store.record_upload(new.clone()).await;
        assert!(
            matches!(
                result,
                Err(StoreError::TooLarge {
                    what: "run key",
                    size: 1025,
                    limit: 1024
                })
            ),
            "{result:?}"
        );
        new.run.key = "k".repeat(1024);
        db.store.record_upload(new).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn rejects_uploads_to_deleted_suites() {
    on_every_engine(async |db| {
        let new = NewUpload {
            executions: vec![passed("a", 1.0)],
            ..upload(&db.suite, "k")
        };
        db.store.record_upload(new.clone()).await.unwrap();
        assert!(
            db.store
                .delete_suite(db.suite.id, &Change::by_server(NOON))
                .await
                .unwrap()
        );
        let result = db.store.record_upload(new.clone()).await;
        assert!(
            matches!(result, Err(StoreError::Gone("the suite"))),
            "{result:?}"
        );
        // A new suite of the same name is empty.
        let suite = create_suite(&db.store, "acme", "web").await;
        let new = NewUpload {
            executions: new.executions,
            ..upload(&suite, "k")
        };
        assert!(!db.store.record_upload(new).await.unwrap().repeated);
        assert_eq!(db.store.count_tests(suite.id).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn dropped_requests_are_rolled_back() {
    on_every_engine(async |db| {
        for round in 0..30_u64 {
            let mut new = upload(&db.suite, &format!("run {round}"));
            new.executions = (0..300)
                .map(|n| with_id(&n.to_string(), passed(&format!("test {round} {n}"), 0.1)))
                .collect();
            let given_up = tokio::time::timeout(
                std::time::Duration::from_micros(round * 300),
                db.store.record_upload(new.clone()),
            );
            drop(given_up.await);
            new.digest[31] = 1;
            new.uuid = uuid::Uuid::new_v4();
            let receipt = db.store.record_upload(new).await.unwrap();
            assert_eq!(receipt.kept + receipt.duplicates, 300);
            assert!(
                receipt.kept == 300 || receipt.duplicates == 300,
                "all or nothing"
            );
            assert_eq!(run(&db, &format!("run {round}")).await.counts.passed, 300);
        }
        assert_eq!(db.store.count_tests(db.suite.id).await.unwrap(), 9000);
    })
    .await;
}

#[tokio::test]
async fn latest_execution_determines_location() {
    on_every_engine(async |db| {
        record(&db, "k1", vec![passed("a", 1.0)]).await;
        let mut moved = passed("a", 1.0);
        moved.result.location = Some("cart.py:3".into());
        moved.result.file_name = Some("cart.py".into());
        moved.selector = Some("cart.py".into());
        record(&db, "k2", vec![passed("a", 1.0), moved]).await;
        let mut nowhere = passed("a", 1.0);
        nowhere.result.location = None;
        nowhere.result.file_name = None;
        nowhere.selector = None;
        let mut later = upload(&db.suite, "k3");
        later.received_at = NOON.plus_days(1);
        later.executions = vec![nowhere];
        db.store.record_upload(later).await.unwrap();
        let test = db
            .store
            .find_test(&db.suite, "Basket", "a")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(test.location.as_deref(), Some("cart.py:3"));
        assert_eq!(test.file_name.as_deref(), Some("cart.py"));
        assert_eq!(test.selector.as_deref(), Some("cart.py"));
        assert_eq!(test.first_seen_at, NOON);
        assert_eq!(test.last_seen_at, NOON.plus_days(1));
        let found = db
            .store
            .tests_in_files(db.suite.id, &["cart.py".to_owned()])
            .await
            .unwrap();
        assert_eq!(found.len(), 1);
        let found = db
            .store
            .tests_in_files(db.suite.id, &["basket.py".to_owned()])
            .await
            .unwrap();
        assert!(found.is_empty());
    })
    .await;
}
