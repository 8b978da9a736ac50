//! What failed in a build: by lane, and compared with the default branch.

use std::collections::BTreeMap;

use test_engine_store::{
    BuildFailures, Change, NewExecution, NewJobReport, NewRun, NewUpload, TestState, test_uuid,
};

use crate::accounting::report;
use crate::support::{Database, NOON, failed, on_every_engine, passed, run, skipped, upload};

/// An upload of a job on the branch `topic`.
async fn record(db: &Database, key: &str, job: Option<&str>, executions: Vec<NewExecution>) {
    let new = upload(&db.suite, key);
    let new = NewUpload {
        run: NewRun {
            branch: Some("topic".to_owned()),
            ..new.run
        },
        job_id: job.map(str::to_owned),
        executions,
        ..new
    };
    db.store.record_upload(new).await.unwrap();
}

async fn record_on_main(db: &Database, key: &str, executions: Vec<NewExecution>) {
    let new = NewUpload {
        executions,
        ..upload(&db.suite, key)
    };
    db.store.record_upload(new).await.unwrap();
}

async fn failures(db: &Database, key: &str) -> BuildFailures {
    let run = run(db, key).await;
    db.store.build_failures(&run).await.unwrap()
}

/// Failed, muted and passed lanes by name.
fn lanes(found: &BuildFailures) -> Vec<(&str, [usize; 3])> {
    let lanes = found.tests.iter().map(|test| {
        let counts = [test.failed_lanes, test.muted_lanes, test.passed_lanes];
        (test.test.name.as_str(), counts)
    });
    lanes.collect()
}

#[tokio::test]
async fn a_retry_repairs_failures_of_its_own_job_only() {
    on_every_engine(async |db| {
        let first = vec![failed("a", 1.0), failed("b", 1.0), failed("c", 1.0)];
        record(&db, "k", Some("1"), first).await;
        record(
            &db,
            "k",
            Some("2"),
            vec![passed("b", 1.0), passed("c", 1.0)],
        )
        .await;
        let retry = vec![failed("a", 1.0), passed("b", 1.0), skipped("c")];
        record(&db, "k", Some("1"), retry).await;
        let found = failures(&db, "k").await;
        let expected = [("a", [1, 0, 0]), ("b", [0, 0, 2]), ("c", [1, 0, 1])];
        assert_eq!(lanes(&found), expected);
        assert_eq!(found.tests[0].reason.as_deref(), Some("a is broken"));
    })
    .await;
}

#[tokio::test]
async fn jobs_without_an_id_differ_by_their_tags() {
    on_every_engine(async |db| {
        for (version, execution) in [("3.11", failed("a", 1.0)), ("3.12", passed("a", 1.0))] {
            let new = upload(&db.suite, "k");
            let tags = BTreeMap::from([("language.version".to_owned(), version.to_owned())]);
            let new = NewUpload {
                tags,
                executions: vec![execution],
                ..new
            };
            db.store.record_upload(new).await.unwrap();
        }
        assert_eq!(lanes(&failures(&db, "k").await), [("a", [1, 0, 1])]);
    })
    .await;
}

#[tokio::test]
async fn all_runs_that_a_plan_connects_count() {
    on_every_engine(async |db| {
        for key in ["first", "second"] {
            let report = NewJobReport {
                run_key: key.to_owned(),
                ..report(db.suite.id, key, b"")
            };
            assert!(db.store.insert_job_report(report).await.unwrap().is_stored);
        }
        record(&db, "first", Some("1"), vec![failed("a", 1.0)]).await;
        record(&db, "second", Some("2"), vec![failed("b", 1.0)]).await;
        record_on_main(&db, "other", vec![failed("c", 1.0)]).await;
        let expected = [("a", [1, 0, 0]), ("b", [1, 0, 0])];
        for key in ["first", "second"] {
            let found = failures(&db, key).await;
            assert_eq!(lanes(&found), expected);
            assert_eq!(found.plans, ["b/s"]);
        }
        assert_eq!(lanes(&failures(&db, "other").await), [("c", [1, 0, 0])]);
    })
    .await;
}

#[tokio::test]
async fn muted_failures_and_errors_outside_tests_are_told_apart() {
    on_every_engine(async |db| {
        record_on_main(&db, "before", vec![passed("a", 1.0)]).await;
        let uuid = test_uuid(db.suite.uuid, "Basket", "a");
        let change = Change::by_server(NOON);
        let muted = db
            .store
            .set_test_state(db.suite.id, uuid, TestState::Muted, &change)
            .await;
        muted.unwrap().unwrap();
        let new = NewUpload {
            errors_outside_tests: vec!["no such file".to_owned()],
            executions: vec![failed("a", 1.0)],
            ..upload(&db.suite, "k")
        };
        db.store.record_upload(new).await.unwrap();
        let found = failures(&db, "k").await;
        assert_eq!(lanes(&found), [("a", [0, 1, 0])]);
        assert_eq!(found.errors_outside_tests, ["no such file"]);
    })
    .await;
}

#[tokio::test]
async fn the_latest_commits_of_the_default_branch_are_known() {
    use test_engine_insights::GroupOutcome::{Failed, Mixed, Passed};
    on_every_engine(async |db| {
        let oldest = vec![
            failed("twice", 1.0),
            failed("mixed", 1.0),
            failed("fixed", 1.0),
        ];
        record_on_main(&db, "1", oldest).await;
        let retried = vec![
            failed("twice", 1.0),
            failed("once", 1.0),
            failed("mixed", 1.0),
            passed("mixed", 1.1),
            passed("fixed", 1.0),
        ];
        record_on_main(&db, "2", retried).await;
        let latest = vec![failed("mixed", 1.0), passed("fixed", 1.0), skipped("twice")];
        record_on_main(&db, "3", latest).await;
        let names = ["twice", "once", "mixed", "fixed", "new"];
        let all = names.map(|name| failed(name, 1.0)).to_vec();
        record(&db, "k", None, all).await;
        let found = failures(&db, "k").await;
        let main: Vec<_> = found
            .tests
            .iter()
            .map(|test| test.history.main.as_slice())
            .collect();
        let expected: [&[_]; 5] = [
            &[Failed, Failed],
            &[Failed],
            &[Failed, Mixed, Failed],
            &[Passed, Failed],
            &[],
        ];
        assert_eq!(main, expected);
        // The commit of the build itself does not count.
        record_on_main(&db, "4", vec![failed("once", 1.0)]).await;
        assert_eq!(failures(&db, "4").await.tests[0].history.main, [Failed]);
        // Two failed runs of one commit are as good as two commits.
        let again = upload(&db.suite, "4 again");
        let again = NewUpload {
            run: NewRun {
                commit_sha: Some("COMMIT-of-4".to_owned()),
                ..again.run
            },
            executions: vec![failed("once", 1.0)],
            ..again
        };
        db.store.record_upload(again).await.unwrap();
        record(&db, "later", None, vec![failed("once", 1.0)]).await;
        let later = failures(&db, "later").await;
        assert_eq!(later.tests[0].history.main, [Failed, Failed, Failed]);
    })
    .await;
}
