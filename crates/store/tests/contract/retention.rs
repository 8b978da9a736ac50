//! Retention deletes old rows in small steps, and keeps newer rows and test states.

use test_engine_insights::Fingerprint;
use test_engine_store::{
    Change, Expired, NewUpload, Page, Period, RetentionStart, TestState, Timestamp, test_uuid,
};

use crate::failed_tests::failed_with;
use crate::support::{Database, NOON, failed, on_every_engine, passed, run, upload, with_spans};

const ALL: Page = Page {
    number: 1,
    size: 1000,
};

async fn record_on(db: &Database, key: &str, day: i64, failures: usize) {
    let mut executions = vec![passed("steady", 1.0)];
    let numbers = 0..failures as u64;
    executions.extend(numbers.map(|number| failed_with(&format!("broken {number}"), number)));
    let upload = NewUpload {
        executions,
        received_at: NOON.plus_days(day),
        ..upload(&db.suite, key)
    };
    db.store.record_upload(upload).await.unwrap();
}

fn retention_start(executions: i64, aggregates: i64) -> RetentionStart {
    RetentionStart {
        spans: Some(NOON.plus_days(executions).day()),
        executions: Some(NOON.plus_days(executions).day()),
        aggregates: Some(NOON.plus_days(aggregates).day()),
    }
}

async fn remove_all(db: &Database, kept: RetentionStart) -> (Expired, usize) {
    let mut removed = Expired::default();
    let mut steps = 0;
    loop {
        let step = db
            .store
            .delete_some_expired(db.suite.id, kept)
            .await
            .unwrap();
        if step == Expired::default() {
            return (removed, steps);
        }
        removed += step;
        steps += 1;
    }
}

#[tokio::test]
async fn deletes_executions_before_sums() {
    on_every_engine(async |db| {
        for day in 0..10 {
            record_on(&db, &format!("build-{day}"), day, 1).await;
        }
        let kept = retention_start(6, 3);
        let expected = Expired {
            executions: 12,
            segments: 6,
            failures: 6,
            spans: 0,
            runs: 3,
            sums: 6,
            events: 0,
            evidence: 3,
        };
        let counted = db.store.count_expired(db.suite.id, kept).await.unwrap();
        assert_eq!(counted, expected);
        assert_eq!(remove_all(&db, kept).await.0, expected);
        let counted = db.store.count_expired(db.suite.id, kept).await.unwrap();
        assert_eq!(counted, Expired::default());

        let test = db.store.find_test(&db.suite, "Basket", "steady").await;
        let test = test.unwrap().unwrap();
        let executions = db.store.test_executions(&test, ALL).await.unwrap();
        assert_eq!((executions.total, executions.items.len()), (4, 4));
        let always = Period::between(NOON.plus_days(-1), NOON.plus_days(100));
        let sums = db.store.test_metrics(&test, always, None).await.unwrap();
        assert_eq!(sums.counts.passed, 7);
        assert_eq!(
            db.store.runs(db.suite.id, None, ALL).await.unwrap().total,
            7
        );

        // Runs are deleted with their fingerprints.
        let fingerprint = Fingerprint(0);
        let same = db
            .store
            .runs_with_fingerprint(db.suite.id, fingerprint, ALL);
        let same = same.await.unwrap();
        assert_eq!((same.total, same.items.len()), (7, 7));

        // A run without executions still has its result.
        let old = run(&db, "build-4").await;
        assert_eq!((old.counts.passed, old.counts.failed), (1, 1));
        let failures = db.store.failed_executions(&old, ALL).await.unwrap();
        assert_eq!(failures.total, 0);
        let young = run(&db, "build-6").await;
        let failures = db.store.failed_executions(&young, ALL).await.unwrap();
        assert_eq!(
            failures.items[0].failure_reason.as_deref(),
            Some("broken 0 is broken")
        );
    })
    .await;
}

#[tokio::test]
async fn keeps_tests_and_their_states() {
    on_every_engine(async |db| {
        record_on(&db, "build", 0, 2).await;
        let id = |name: &str| test_uuid(db.suite.uuid, "Basket", name);
        for (name, state) in [
            ("broken 0", TestState::Muted),
            ("broken 1", TestState::Skipped),
        ] {
            let set = db
                .store
                .set_test_state(db.suite.id, id(name), state, &Change::by_server(NOON))
                .await;
            assert_eq!(set.unwrap().unwrap().state, state);
        }
        let timings = async || {
            db.store
                .selectors_changed_since(db.suite.id, 0)
                .await
                .unwrap()
        };
        let before = timings().await;
        remove_all(&db, retention_start(1000, 1000)).await;

        assert_eq!(db.store.count_tests(db.suite.id).await.unwrap(), 3);
        for (name, state) in [
            ("broken 0", TestState::Muted),
            ("broken 1", TestState::Skipped),
        ] {
            let test = db.store.test(db.suite.id, id(name)).await.unwrap().unwrap();
            assert_eq!((test.name.as_str(), test.state), (name, state));
        }
        assert_eq!(timings().await, before);
        assert_eq!(
            db.store.runs(db.suite.id, None, ALL).await.unwrap().total,
            0
        );

        // The same build may upload again, which creates a new run.
        record_on(&db, "build", 2000, 0).await;
        assert_eq!(run(&db, "build").await.counts.passed, 1);
    })
    .await;
}

#[tokio::test]
async fn deletes_in_small_steps() {
    on_every_engine(async |db| {
        record_on(&db, "large", 0, 1200).await;
        for number in 0..40 {
            record_on(&db, &format!("build-{number}"), 0, 0).await;
        }
        let kept = retention_start(1, 1);
        let first = db
            .store
            .delete_some_expired(db.suite.id, kept)
            .await
            .unwrap();
        assert_eq!((first.failures, first.segments), (500, 0));
        let (rest, steps) = remove_all(&db, kept).await;
        assert_eq!((rest.failures, rest.segments, rest.runs), (700, 41, 41));
        assert!(steps >= 7, "{steps}");
    })
    .await;
}

#[tokio::test]
async fn keeps_everything_without_a_limit() {
    on_every_engine(async |db| {
        record_on(&db, "build", 0, 1).await;
        let (removed, _) = remove_all(&db, RetentionStart::default()).await;
        assert_eq!(removed, Expired::default());
        assert_eq!(run(&db, "build").await.uploads, 1);
        assert!(run(&db, "build").await.created_at > Timestamp::from_millis(0));
    })
    .await;
}

/// The spans that are stored, by the day of their upload.
async fn days_with_spans(db: &Database) -> Vec<i64> {
    let mut days = Vec::new();
    for day in 0..10 {
        let run = run(db, &format!("build-{day}")).await;
        let failures = db.store.failed_executions(&run, ALL).await.unwrap().items;
        for failure in failures {
            let spans = db.store.spans(db.suite.id, failure.uuid).await.unwrap();
            if let Some(spans) = spans {
                assert_eq!(spans, format!("spans of {day}").into_bytes());
                days.push(day);
            }
        }
    }
    days
}

#[tokio::test]
async fn spans_expire_before_their_executions() {
    on_every_engine(async |db| {
        for day in 0..10 {
            let spans = format!("spans of {day}");
            let upload = NewUpload {
                executions: vec![
                    passed("steady", 1.0),
                    with_spans(failed("slow", 2.0), spans.as_bytes()),
                ],
                received_at: NOON.plus_days(day),
                ..upload(&db.suite, &format!("build-{day}"))
            };
            db.store.record_upload(upload).await.unwrap();
        }
        assert_eq!(days_with_spans(&db).await, (0..10).collect::<Vec<_>>());
        let kept = RetentionStart {
            spans: Some(NOON.plus_days(7).day()),
            ..RetentionStart::default()
        };
        let expected = Expired {
            spans: 7,
            ..Expired::default()
        };
        let counted = db.store.count_expired(db.suite.id, kept).await.unwrap();
        assert_eq!(counted, expected);
        assert_eq!(remove_all(&db, kept).await.0, expected);
        assert_eq!(days_with_spans(&db).await, [7, 8, 9]);
        let failed = db.store.find_test(&db.suite, "Basket", "slow").await;
        let failed = failed.unwrap().unwrap();
        let executions = db.store.test_executions(&failed, ALL).await.unwrap();
        assert_eq!(executions.total, 10);
    })
    .await;
}
