//! The tests of a run that failed, by how they ended; and failures by fingerprint.

use test_engine_insights::Fingerprint;
use test_engine_store::{
    Change, FailureCause, NewExecution, NewUpload, Page, TestCounts, TestState, test_uuid,
};

use crate::support::{
    Database, NOON, OtherProgram, failed, on_every_engine, on_upgraded_databases, passed, run,
    skipped, upload,
};

const ALL: Page = Page {
    number: 1,
    size: 100,
};

/// A failure with this fingerprint.
pub(crate) fn failed_with(name: &str, fingerprint: u64) -> NewExecution {
    NewExecution {
        cause: Some(FailureCause {
            fingerprint: Fingerprint(fingerprint),
            frame: Some("lib/basket.py:3".to_owned()),
        }),
        ..failed(name, 1.0)
    }
}

/// An upload of a job.
async fn record(db: &Database, key: &str, job: &str, executions: Vec<NewExecution>) {
    let new = NewUpload {
        job_id: Some(job.to_owned()),
        executions,
        ..upload(&db.suite, key)
    };
    db.store.record_upload(new).await.unwrap();
}

async fn counts(db: &Database, key: &str) -> [u64; 4] {
    let tests = run(db, key).await.tests.unwrap();
    [
        tests.first_failed,
        tests.broken,
        tests.recovered,
        tests.muted_failed,
    ]
}

#[tokio::test]
async fn a_run_tells_broken_recovered_and_muted_tests_apart() {
    on_every_engine(async |db| {
        let names = ["broken", "recovered", "muted", "late"];
        record(
            &db,
            "before",
            "1",
            names.map(|name| passed(name, 1.0)).to_vec(),
        )
        .await;
        assert_eq!(counts(&db, "before").await, [0, 0, 0, 0]);
        let muted = test_uuid(db.suite.uuid, "Basket", "muted");
        let change = Change::by_server(NOON);
        let set = db
            .store
            .set_test_state(db.suite.id, muted, TestState::Muted, &change)
            .await;
        assert_eq!(set.unwrap().unwrap().state, TestState::Muted);

        let first = ["broken", "recovered", "muted"].map(|name| failed(name, 1.0));
        record(&db, "k", "1", first.to_vec()).await;
        assert_eq!(counts(&db, "k").await, [3, 2, 0, 1]);
        // A pass of another job repairs nothing.
        let other = names.map(|name| passed(name, 1.1)).to_vec();
        record(&db, "k", "2", other).await;
        assert_eq!(counts(&db, "k").await, [3, 2, 0, 1]);
        // Another server has an empty cache.
        let again = db.reopened().await;
        let retry = vec![
            failed("broken", 1.2),
            passed("recovered", 1.2),
            skipped("muted"),
        ];
        record(&again, "k", "1", retry).await;
        assert_eq!(counts(&db, "k").await, [3, 1, 1, 1]);
        // Its cache is behind now.
        record(&db, "k", "1", vec![failed("late", 1.3)]).await;
        assert_eq!(counts(&db, "k").await, [3, 2, 1, 1], "its first one passed");
        let k = run(&db, "k").await;
        assert_eq!((k.counts.failed, k.failed_muted), (5, 1));
    })
    .await;
}

#[tokio::test]
async fn a_repeated_execution_is_stored_as_such() {
    on_every_engine(async |db| {
        record(&db, "k", "1", vec![failed("a", 1.0), passed("a", 1.1)]).await;
        record(&db, "k", "2", vec![passed("a", 1.2), passed("b", 1.0)]).await;
        let found = db.store.find_test(&db.suite, "Basket", "a").await;
        let found = found.unwrap().unwrap();
        let executions = db.store.test_executions(&found, ALL).await.unwrap();
        let first: Vec<Option<bool>> = executions.items.iter().map(|one| one.is_first).collect();
        assert_eq!(
            first,
            [Some(false), Some(false), Some(true)],
            "newest first"
        );
    })
    .await;
}

#[tokio::test]
async fn failures_of_one_cause_are_one_group_over_all_runs() {
    on_every_engine(async |db| {
        let (timeout, mismatch) = (u64::MAX - 7, 5);
        record(&db, "old", "1", vec![failed_with("a", timeout)]).await;
        let executions = vec![
            failed_with("a", mismatch),
            failed_with("b", timeout),
            failed_with("c", timeout),
            failed_with("c", timeout),
            failed("d", 1.0),
            passed("e", 1.0),
        ];
        record(&db, "k", "1", executions).await;
        let k = run(&db, "k").await;
        let groups = db.store.failure_groups(&k, ALL).await.unwrap();
        assert_eq!(groups.total, 3);
        let [first, second, without] = groups.items.as_slice() else {
            panic!("{groups:?}");
        };
        assert_eq!(first.fingerprint, Some(Fingerprint(timeout)));
        assert_eq!(
            (first.executions, first.tests_count, first.other_runs),
            (3, 2, 1)
        );
        assert_eq!(first.last_seen_elsewhere, Some(NOON));
        assert_eq!(first.reason.as_deref(), Some("b is broken"));
        assert_eq!(first.frame.as_deref(), Some("lib/basket.py:3"));
        let names: Vec<&str> = first.tests.iter().map(|test| test.name.as_str()).collect();
        assert_eq!(names, ["b", "c"]);
        assert_eq!(second.fingerprint, Some(Fingerprint(mismatch)));
        assert_eq!((second.other_runs, second.last_seen_elsewhere), (0, None));
        assert_eq!((without.fingerprint, without.tests_count), (None, 1));

        let page = db.store.failure_groups(&k, Page::new(2, 1)).await.unwrap();
        assert_eq!((page.total, &page.items[0]), (3, second));
        let suite = db.suite.id;
        let runs = db
            .store
            .runs_with_fingerprint(suite, Fingerprint(timeout), ALL)
            .await
            .unwrap();
        let keys: Vec<&str> = runs.items.iter().map(|run| run.key.as_str()).collect();
        assert_eq!((runs.total, keys), (2, vec!["k", "old"]));
        let failures = db.store.failed_executions(&k, ALL).await.unwrap();
        assert_eq!(failures.items[0].fingerprint, Some(Fingerprint(mismatch)));
        assert_eq!(failures.items[4].fingerprint, None);
    })
    .await;
}

/// Rows of version 18: a run with one upload and no result.
const ROWS: &str = "\
    INSERT INTO organizations (uuid, slug, created_at) \
    VALUES (X'00112233445566778899aabbccddeeff', 'acme', 0); \
    INSERT INTO suites (organization_id, uuid, slug, name, default_branch, created_at) \
    VALUES (1, X'00112233445566778899aabbccddeeff', 'web', 'Web', 'main', 0); \
    INSERT INTO runs (suite_id, uuid, key, commit_sha, run_env, result, passed, failed, uploads, \
    created_at, updated_at) \
    VALUES (1, X'01112233445566778899aabbccddeeff', 'old', 'abc', '{}', 3, 7, 2, 1, 5, 5); \
    INSERT INTO uploads (suite_id, run_id, uuid, format, tags, digest, kept, duplicates, skipped, \
    errors, errors_outside_tests, received_at) \
    VALUES (1, 1, X'02112233445566778899aabbccddeeff', 'json', '{}', X'00', 0, 0, 0, '[]', '[]', \
    5); \
    INSERT INTO failures (upload_id, position, run_id, test_id, muted, reason) \
    VALUES (1, 0, 1, 1, FALSE, 'e'); \
    INSERT INTO tests (suite_id, uuid, scope, name, first_seen_at, last_seen_at) \
    VALUES (1, X'03112233445566778899aabbccddeeff', 'Basket', 'a', 1, 9);";

#[tokio::test]
async fn runs_of_earlier_versions_are_unknown_until_they_get_results() {
    on_upgraded_databases(18, ROWS, async |store| {
        let suite = store.suite("acme", "web").await.unwrap().unwrap();
        let old = async || store.run_with_key(suite.id, "old").await.unwrap().unwrap();
        assert_eq!(old().await.tests, None);
        assert!(!old().await.guarded);
        let groups = store.failure_groups(&old().await, ALL).await.unwrap();
        assert_eq!(groups.items[0].fingerprint, None);
        assert_eq!(groups.items[0].tests[0].name, "a");
        let new = NewUpload {
            executions: vec![failed("b", 1.0)],
            ..upload(&suite, "old")
        };
        store.record_upload(new).await.unwrap();
        let expected = TestCounts {
            first_failed: 1,
            broken: 1,
            ..TestCounts::default()
        };
        assert_eq!(old().await.tests, Some(expected));
    })
    .await;
}

#[tokio::test]
async fn outages_are_recognized_and_undone() {
    on_every_engine(async |db| {
        let named = |from: usize, to: usize| (from..to).map(|number| format!("t{number}"));
        let all = |from, to| named(from, to).map(|name| passed(&name, 1.0)).collect();
        record(&db, "before", "1", all(0, 200)).await;
        let failing: Vec<NewExecution> = named(0, 25).map(|name| failed(&name, 1.0)).collect();
        let mut first = failing.clone();
        first.extend(named(25, 100).map(|name| passed(&name, 1.0)));
        record(&db, "k", "1", first).await;
        assert!(run(&db, "k").await.guarded, "25 of 100");
        let guarded = async || {
            let mut other = OtherProgram::new(&db.url).await;
            let sum = "SELECT CAST(SUM(guarded_failed) AS BIGINT) * 1000 \
                       + CAST(SUM(failed) AS BIGINT) FROM commit_groups";
            other.number(sum).await
        };
        assert_eq!(guarded().await, 25_000);
        record(&db, "k", "2", all(100, 200)).await;
        assert!(!run(&db, "k").await.guarded, "25 of 200");
        assert_eq!(guarded().await, 25);
        // Another server reads the run from the database.
        let again = db.reopened().await;
        let more = named(100, 160).map(|name| failed(&name, 1.1)).collect();
        record(&again, "k", "3", more).await;
        assert!(
            !run(&db, "k").await.guarded,
            "their first executions passed"
        );
        assert_eq!(guarded().await, 85);
    })
    .await;
}
