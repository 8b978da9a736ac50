//! Summaries of plans over the runs of a build, and the tests that are missing from them.

use test_engine_store::AccountingVerdict::{self, Complete, Incomplete, Unknown};
use test_engine_store::{
    AccountingSummary, Change, NewExecution, NewJobReport, NewUpload, PendingAccounting, RunCommit,
    Vanished,
};

use crate::accounting::report;
use crate::support::{Database, NOON, on_every_engine, passed, record, skipped, upload};

/// Stores a report of a node of this plan, whose results are in the run with this key.
async fn report_of(db: &Database, identifier: &str, run_key: &str) {
    let report = NewJobReport {
        identifier: identifier.to_owned(),
        run_key: run_key.to_owned(),
        ..report(db.suite.id, run_key, b"")
    };
    assert!(db.store.insert_job_report(report).await.unwrap().is_stored);
}

async fn outdated(db: &Database) -> Vec<PendingAccounting> {
    db.store.pending_accountings(NOON, 10).await.unwrap()
}

/// Gives all plans without summary this verdict.
async fn summarize(db: &Database, verdict: AccountingVerdict) {
    for plan in outdated(db).await {
        let summary = AccountingSummary {
            verdict,
            ..AccountingSummary::default()
        };
        let set = db.store.set_accounting_summary(&plan, &summary);
        set.await.unwrap();
    }
}

/// A build of one plan and one run.
async fn build(db: &Database, key: &str, tests: &[&str], verdict: AccountingVerdict) {
    record(db, key, results(tests)).await;
    report_of(db, &format!("{key}/step"), key).await;
    summarize(db, verdict).await;
}

fn results(tests: &[&str]) -> Vec<NewExecution> {
    tests.iter().map(|name| passed(name, 1.0)).collect()
}

async fn vanished(db: &Database, keys: &[&str]) -> Vanished {
    db.store.vanished_tests(&db.suite, keys).await.unwrap()
}

fn names(vanished: &Vanished) -> Vec<&str> {
    vanished
        .tests
        .iter()
        .map(|test| test.name.as_str())
        .collect()
}

#[tokio::test]
async fn a_plan_belongs_to_every_run_that_its_nodes_upload_to() {
    on_every_engine(async |db| {
        report_of(&db, "b/step", "b").await;
        // Failed jobs run again under another key.
        report_of(&db, "b/step", "b-2").await;
        report_of(&db, "b/other", "b").await;
        summarize(&db, Complete).await;
        let found = db
            .store
            .accountings_of_runs(db.suite.id, &["b-2", "b"])
            .await
            .unwrap();
        let mut found: Vec<(&str, &str)> = found
            .iter()
            .map(|one| (one.run_key.as_str(), one.identifier.as_str()))
            .collect();
        found.sort_unstable();
        assert_eq!(
            found,
            [("b", "b/other"), ("b", "b/step"), ("b-2", "b/step")]
        );
    })
    .await;
}

#[tokio::test]
async fn results_of_all_runs_of_a_build_count() {
    on_every_engine(async |db| {
        let all = ["one", "two", "three"];
        build(&db, "b1", &all, Complete).await;
        // The node that ran the third test was lost, and runs again under another key.
        record(&db, "b2", results(&all[..2])).await;
        record(&db, "b2-2", results(&all[2..])).await;
        report_of(&db, "b2/step", "b2").await;
        report_of(&db, "b2/step", "b2-2").await;
        summarize(&db, Complete).await;
        assert_eq!(vanished(&db, &["b2", "b2-2"]).await.tests, []);
        assert_eq!(vanished(&db, &["b2-2"]).await.tests, []);

        // Both runs together are one earlier build.
        build(&db, "b3", &["one"], Complete).await;
        let found = vanished(&db, &["b3"]).await;
        assert_eq!(names(&found), ["three", "two"]);
        let commit = |key: &str| RunCommit {
            branch: "main".to_owned(),
            commit_sha: Some(format!("commit-of-{key}")),
        };
        assert_eq!(
            (found.run, found.newest),
            (Some(commit("b3")), Some(commit("b2-2")))
        );
    })
    .await;
}

#[tokio::test]
async fn steps_of_one_build_are_connected_by_their_runs() {
    on_every_engine(async |db| {
        record(&db, "b1", results(&["unit", "slow"])).await;
        record(&db, "b1-2", results(&["unit again"])).await;
        record(&db, "b1-3", results(&["slow again"])).await;
        for (plan, key) in [
            ("unit", "b1"),
            ("unit", "b1-2"),
            ("slow", "b1"),
            ("slow", "b1-3"),
        ] {
            report_of(&db, plan, key).await;
        }
        summarize(&db, Complete).await;
        build(&db, "b2", &["other"], Complete).await;
        assert_eq!(
            names(&vanished(&db, &["b2"]).await),
            ["slow", "slow again", "unit", "unit again"]
        );
        // A step of the build that is not complete makes all of it incomplete.
        report_of(&db, "late", "b1-3").await;
        summarize(&db, Incomplete).await;
        assert_eq!(vanished(&db, &["b2"]).await, Vanished::default());
    })
    .await;
}

#[tokio::test]
async fn plans_without_targets_neither_prove_nor_prevent_that_a_build_is_complete() {
    on_every_engine(async |db| {
        build(&db, "b1", &["one", "two"], Complete).await;
        build(&db, "b2", &["one"], Unknown).await;
        build(&db, "b3", &["one"], Complete).await;
        // The build without targets is not one of the earlier ones.
        assert_eq!(names(&vanished(&db, &["b3"]).await), ["two"]);
        report_of(&db, "b1/without targets", "b1").await;
        summarize(&db, Unknown).await;
        assert_eq!(names(&vanished(&db, &["b3"]).await), ["two"]);
        let incomplete = db.store.count_incomplete_accountings(NOON.plus_days(1));
        assert_eq!(incomplete.await.unwrap(), 0);
        report_of(&db, "b1/incomplete", "b1").await;
        summarize(&db, Incomplete).await;
        let incomplete = db.store.count_incomplete_accountings(NOON.plus_days(1));
        assert_eq!(incomplete.await.unwrap(), 1);
        let change = Change::by_server(NOON);
        db.store.delete_suite(db.suite.id, &change).await.unwrap();
        let incomplete = db.store.count_incomplete_accountings(NOON.plus_days(1));
        assert_eq!(incomplete.await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn tests_of_selectors_without_results_do_not_hide_the_others() {
    on_every_engine(async |db| {
        // More than are read. Their ids are smaller than those of the test that vanished.
        let mut many: Vec<NewExecution> = (0..5_010)
            .map(|number| {
                let mut execution = passed(&format!("other {number}"), 1.0);
                execution.selector = Some("other.py".to_owned());
                execution
            })
            .collect();
        many.extend(results(&["one", "two"]));
        let uploads = NewUpload {
            executions: many,
            ..upload(&db.suite, "b1")
        };
        db.store.record_upload(uploads).await.unwrap();
        report_of(&db, "b1/step", "b1").await;
        summarize(&db, Complete).await;
        record(&db, "b2", vec![passed("one", 1.0), skipped("three")]).await;
        report_of(&db, "b2/step", "b2").await;
        assert_eq!(names(&vanished(&db, &["b2"]).await), ["two"]);
    })
    .await;
}

#[tokio::test]
async fn late_results_make_the_summary_of_their_plans_outdated() {
    on_every_engine(async |db| {
        report_of(&db, "b/step", "b").await;
        report_of(&db, "b/step", "b-2").await;
        report_of(&db, "other/step", "other").await;
        summarize(&db, Complete).await;
        assert_eq!(outdated(&db).await, []);
        record(&db, "b-2", results(&["one"])).await;
        let plans = outdated(&db).await;
        let identifiers: Vec<&str> = plans.iter().map(|one| one.identifier.as_str()).collect();
        assert_eq!(identifiers, ["b/step"]);
        // With running nodes, their reports will do that.
        let running = AccountingSummary {
            pending_nodes: 1,
            ..AccountingSummary::default()
        };
        let set = db.store.set_accounting_summary(&plans[0], &running);
        set.await.unwrap();
        record(&db, "b", results(&["one"])).await;
        assert_eq!(outdated(&db).await, []);
        // A summary that is being computed may lack them.
        report_of(&db, "b/step", "b").await;
        let before = outdated(&db).await;
        record(&db, "b", results(&["two"])).await;
        assert_eq!(outdated(&db).await[0].changes, before[0].changes + 1);
    })
    .await;
}

#[tokio::test]
async fn a_deferred_summary_makes_room_for_others() {
    on_every_engine(async |db| {
        for plan in ["a", "b"] {
            report_of(&db, plan, "key").await;
        }
        let first = outdated(&db).await.remove(0);
        let later = NOON.plus_millis(1000);
        db.store.defer_accounting(&first, later).await.unwrap();
        let rest = db.store.pending_accountings(NOON, 1).await.unwrap();
        assert_eq!(rest[0].identifier, "b");
        assert_eq!(
            db.store.pending_accountings(later, 10).await.unwrap().len(),
            2
        );
    })
    .await;
}
