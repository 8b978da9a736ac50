//! Which runs and failures test selection learns from.

use test_engine_selection::FailedItem;
use test_engine_store::{
    AccountingSummary, AccountingVerdict, BackfillOutcome, BuildOfDecision, CommitRecord,
    DecisionState, NewExecution, NewJobReport, NewUpload, RunId, SelectionFailure, SelectionStep,
    SwitchChange, Timestamp,
};
use uuid::Uuid;

use crate::accounting::report;
use crate::selection::{decided, decision};
use crate::support::{
    Database, NOON, failed, on_every_engine, on_upgraded_databases, passed, run, upload,
};

const MINUTE: i64 = 60_000;

/// Results of a run on a branch.
async fn results(db: &Database, key: &str, branch: &str, executions: Vec<NewExecution>) -> RunId {
    let mut upload = NewUpload {
        executions,
        ..upload(&db.suite, key)
    };
    upload.run.branch = Some(branch.to_owned());
    db.store.record_upload(upload).await.unwrap();
    run(db, key).await.id
}

/// Every node of a plan has reported its end.
async fn finished(db: &Database, identifier: &str, key: &str) {
    let report = NewJobReport {
        identifier: identifier.to_owned(),
        run_key: key.to_owned(),
        ..report(db.suite.id, key, b"")
    };
    db.store.insert_job_report(report).await.unwrap();
    for plan in db.store.pending_accountings(NOON, 10).await.unwrap() {
        let summary = AccountingSummary {
            verdict: AccountingVerdict::Complete,
            ..AccountingSummary::default()
        };
        db.store
            .set_accounting_summary(&plan, &summary)
            .await
            .unwrap();
    }
}

async fn build(db: &Database, identifier: &str, now: Timestamp) -> BuildOfDecision {
    let stored = db.store.selection_decision(db.suite.id, identifier).await;
    let stored = stored.unwrap().unwrap();
    db.store.build_of_decision(&stored, now).await.unwrap()
}

#[tokio::test]
async fn a_run_has_ended_with_its_last_report_or_after_half_an_hour() {
    on_every_engine(async |db| {
        decided(&db, "key/step", &decision("feature")).await;
        let soon = NOON.plus_millis(MINUTE);
        assert_eq!(
            build(&db, "key/step", soon).await,
            BuildOfDecision::default()
        );
        let own = results(&db, "key", "feature", vec![passed("a", 1.0)]).await;
        results(&db, "other", "feature", vec![passed("a", 1.0)]).await;
        let running = build(&db, "key/step", soon).await;
        assert_eq!((running.runs, running.is_finished), (vec![own], false));
        let quiet = build(&db, "key/step", NOON.plus_millis(30 * MINUTE)).await;
        assert!(quiet.is_finished);

        decided(&db, "unrelated", &decision("feature")).await;
        finished(&db, "unrelated", "key").await;
        let reported = build(&db, "unrelated", soon).await;
        assert_eq!((reported.runs, reported.is_finished), (vec![own], true));
        // The report makes the decision due, which otherwise waits for a minute.
        let due = db.store.due_selection_decisions(NOON, 9).await.unwrap();
        let due: Vec<&str> = due.iter().map(|one| one.identifier.as_str()).collect();
        assert_eq!(due, ["unrelated"]);
    })
    .await;
}

fn failure<'a>(failures: &'a [SelectionFailure], name: &str) -> &'a SelectionFailure {
    failures.iter().find(|one| one.name == name).unwrap()
}

#[tokio::test]
async fn failures_tell_what_else_is_known_of_their_tests() {
    on_every_engine(async |db| {
        let mut elsewhere = passed("elsewhere", 1.0);
        elsewhere.selector = Some("elsewhere.py".to_owned());
        let main = vec![
            passed("new failure", 1.0),
            passed("flaky", 1.0),
            failed("old failure", 1.0),
            elsewhere,
        ];
        results(&db, "main", "main", main).await;
        finished(&db, "main/step", "main").await;
        let branch = vec![
            failed("new failure", 1.0),
            failed("flaky", 1.0),
            passed("flaky", 2.0),
            failed("old failure", 1.0),
            failed("new test", 1.0),
        ];
        let own = results(&db, "branch", "feature", branch).await;
        let found = db
            .store
            .selection_failures(db.suite.id, "main", &[own], NOON)
            .await
            .unwrap();
        let item = |name| failure(&found.failures, name).item;
        assert!(item("new failure").is_caused_by_change());
        assert_eq!(item("new failure").passed_on_default_branch, Some(true));
        assert!(item("flaky").passed_on_commit);
        assert_eq!(item("old failure").passed_on_default_branch, Some(false));
        assert_eq!(item("old failure").failures, 2);
        let new = FailedItem {
            failures: 1,
            ..FailedItem::default()
        };
        assert_eq!(item("new test"), new);
        let selector = failure(&found.failures, "new test").selector.as_deref();
        assert_eq!(selector, Some("basket.py"));
        assert_eq!((found.executed_tests, found.failed_tests), (4, 4));
        assert_eq!((found.executed_selectors, found.failed_selectors), (1, 1));
        assert!(!found.has_errors_outside_tests);

        let mut broken = upload(&db.suite, "broken");
        broken.errors_outside_tests = vec!["syntax error".to_owned()];
        db.store.record_upload(broken).await.unwrap();
        let broken = run(&db, "broken").await.id;
        let found = db
            .store
            .selection_failures(db.suite.id, "main", &[broken], NOON)
            .await
            .unwrap();
        assert!(found.has_errors_outside_tests && found.failures.is_empty());
    })
    .await;
}

#[tokio::test]
async fn facts_are_of_the_branch_and_the_default_branch() {
    on_every_engine(async |db| {
        let facts = async |branch: &str, now| {
            let facts = db.store.selection_facts(&db.suite, branch, now).await;
            facts.unwrap()
        };
        let nothing = facts("feature", NOON).await;
        assert_eq!(nothing.stale_run, RunId::default());
        assert!(!nothing.last_run_failed && nothing.branch.is_none());

        let main = vec![failed("broken", 1.0), passed("a", 1.0)];
        let first = results(&db, "main", "main", main).await;
        let red = results(&db, "red", "feature", vec![failed("a", 1.0)]).await;
        let now = NOON.plus_millis(MINUTE);
        let running = facts("feature", now).await;
        assert!(!running.last_run_failed, "it may still be running");
        let names = |tests: &[test_engine_store::FailingTest]| {
            tests
                .iter()
                .map(|test| test.name.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&running.failing_on_default_branch), ["broken"]);
        assert_eq!(names(&running.failing_on_branch), ["a"]);
        assert_eq!(running.failing_on_branch[0].run, red);
        assert!(
            facts("feature", NOON.plus_millis(30 * MINUTE))
                .await
                .last_run_failed
        );
        assert!(facts("main", now).await.failing_on_branch.is_empty());

        finished(&db, "green/step", "green").await;
        results(&db, "green", "feature", vec![passed("b", 1.0)]).await;
        finished(&db, "green/step", "green").await;
        assert!(!facts("feature", now).await.last_run_failed);

        let later = facts("feature", NOON.plus_days(15)).await;
        assert!(later.stale_run >= first);
        assert!(later.failing_on_default_branch.is_empty(), "it may be gone");
        let executed = db
            .store
            .last_executions(&db.suite, &[("Basket", "a"), ("Basket", "unknown")])
            .await
            .unwrap();
        assert_eq!(executed, [Some(NOON), None]);
        let names = db.store.names_by_selector(db.suite.id).await.unwrap();
        assert_eq!(names.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn many_runs_of_the_default_branch_make_executions_stale() {
    on_every_engine(async |db| {
        let mut runs = Vec::new();
        for number in 0..201 {
            let key = number.to_string();
            db.store
                .record_upload(NewUpload {
                    executions: vec![passed("a", 1.0)],
                    ..upload(&db.suite, &key)
                })
                .await
                .unwrap();
            if matches!(number, 0 | 1) {
                runs.push(run(&db, &key).await.id);
            }
        }
        let facts = db.store.selection_facts(&db.suite, "feature", NOON).await;
        let facts = facts.unwrap();
        // 200 newer runs exist of the first, 199 of the second.
        assert!(facts.stale_run >= runs[0] && facts.stale_run < runs[1]);
    })
    .await;
}

async fn waiting(db: &Database, identifier: &str, branch: &str, clock: u32) -> i64 {
    let mut decision = decision(branch);
    decision.record.commit_sha = Some(format!("sha-of-{identifier}"));
    let id = decided(db, identifier, &decision).await;
    wait_for_main(db, id, clock).await;
    id
}

/// The build of a decision passed.
async fn wait_for_main(db: &Database, id: i64, clock: u32) {
    let step = SelectionStep {
        suite: db.suite.id,
        clock,
        at: NOON,
        files: Vec::new(),
        folders: Vec::new(),
        items: None,
        renames: Vec::new(),
        holdout: None,
        drift: test_engine_selection::Drift::default(),
        switch: SwitchChange::Unchanged,
        decision: Some((id, DecisionState::Waiting, None)),
        history_run: None,
    };
    db.store.apply_selection_step(&step).await.unwrap();
}

#[tokio::test]
async fn plans_of_one_commit_wait_beside_each_other() {
    on_every_engine(async |db| {
        let unit = decided(&db, "build/unit", &decision("feature")).await;
        wait_for_main(&db, unit, 0).await;
        let system = decided(&db, "build/system", &decision("feature")).await;
        wait_for_main(&db, system, 1).await;
        let waiting = db.store.waiting_decisions(db.suite.id, NOON).await;
        let waiting: Vec<i64> = waiting.unwrap().iter().map(|one| one.id).collect();
        assert_eq!(waiting, [unit, system]);
    })
    .await;
}

#[tokio::test]
async fn decisions_wait_for_runs_of_the_default_branch() {
    on_every_engine(async |db| {
        results(&db, "before", "main", vec![passed("a", 1.0)]).await;
        let old = waiting(&db, "1", "feature", 0).await;
        let new = waiting(&db, "2", "feature", 1).await;
        let other = waiting(&db, "3", "other", 2).await;
        let suites = db.store.suites_with_waiting_decisions().await.unwrap();
        assert_eq!(suites, [db.suite.id]);
        let ids = async |oldest| {
            let waiting = db.store.waiting_decisions(db.suite.id, oldest).await;
            let waiting = waiting.unwrap().into_iter();
            waiting
                .map(|one| (one.id, one.main_runs))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            ids(NOON).await,
            [(new, 0), (other, 0)],
            "{old} was replaced"
        );

        let runs = async |now| {
            let runs = db.store.unseen_main_runs(db.suite.id, "main", now).await;
            runs.unwrap()
        };
        assert_eq!(
            runs(NOON.plus_days(1)).await,
            [],
            "runs before are not searched"
        );
        let first = results(&db, "first", "main", vec![passed("a", 1.0)]).await;
        let second = results(&db, "second", "main", vec![passed("a", 1.0)]).await;
        finished(&db, "second/step", "second").await;
        assert_eq!(runs(NOON).await, [], "the first run has not ended");
        finished(&db, "first/step", "first").await;
        let found = runs(NOON).await;
        let found: Vec<RunId> = found.iter().map(|one| one.run).collect();
        assert_eq!(found, [first, second]);

        let seen = async |run, merged: &[i64]| {
            let seen = db.store.main_run_seen(db.suite.id, run, merged, 2).await;
            seen.unwrap();
        };
        seen(first, &[new]).await;
        assert_eq!(ids(NOON).await, [(new, 1), (other, 0)]);
        assert_eq!(runs(NOON).await.len(), 1);
        seen(second, &[new, other]).await;
        assert_eq!(ids(NOON).await, [(other, 1)]);
        assert_eq!(runs(NOON).await, []);
        assert_eq!(
            ids(NOON.plus_millis(1)).await,
            [],
            "it has waited for too long"
        );
        assert!(
            db.store
                .suites_with_waiting_decisions()
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

fn commit(sha: &str, parents: &[&str], files: &str) -> CommitRecord {
    CommitRecord {
        sha: sha.to_owned(),
        parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
        author_name: "Ada".to_owned(),
        author_email: String::new(),
        author_date: String::new(),
        committer_name: String::new(),
        committer_email: String::new(),
        committer_date: String::new(),
        message: String::new(),
        files_changed: files.to_owned(),
        diff_stat: String::new(),
    }
}

#[tokio::test]
async fn merged_commits_are_read_from_known_parents() {
    on_every_engine(async |db| {
        let commits = [
            commit("commit-of-second", &["commit-of-first", "feature"], ""),
            commit("feature", &["commit-of-first"], "x.py\ny.py"),
        ];
        db.store
            .record_commits(db.suite.id, &commits)
            .await
            .unwrap();
        decided(&db, "1", &decision("feature")).await;
        for key in ["first", "second"] {
            results(&db, key, "main", vec![passed("a", 1.0)]).await;
        }
        let now = NOON.plus_days(1);
        let runs = db.store.unseen_main_runs(db.suite.id, "main", now).await;
        let runs = runs.unwrap();
        let merged = async |number: usize| {
            let merged = db
                .store
                .merged_commits(db.suite.id, "main", &runs[number], now)
                .await;
            let merged = merged.unwrap().into_iter();
            merged
                .map(|one| (one.sha, one.files_changed))
                .collect::<Vec<_>>()
        };
        assert_eq!(merged(0).await, [("commit-of-first".to_owned(), None)]);
        let expected = [("commit-of-second", ""), ("feature", "x.py\ny.py")];
        let expected = expected.map(|(sha, files)| (sha.to_owned(), Some(files.to_owned())));
        assert_eq!(merged(1).await, expected);
    })
    .await;
}

#[tokio::test]
async fn history_is_failed_runs_whose_commits_an_archive_has() {
    on_every_engine(async |db| {
        let red = vec![failed("a", 1.0)];
        results(&db, "main", "main", red.clone()).await;
        let first = results(&db, "first", "feature", red.clone()).await;
        results(&db, "green", "feature", vec![passed("a", 1.0)]).await;
        results(&db, "unknown", "feature", red.clone()).await;
        let keys = ["main", "first", "green", "later"];
        let commits = keys.map(|key| commit(&format!("commit-of-{key}"), &[], "a.py"));
        db.store
            .record_commits(db.suite.id, &commits)
            .await
            .unwrap();
        assert!(db.store.suites_with_history().await.unwrap().is_empty());

        let archive = async || {
            let (uuid, end) = (Uuid::now_v7(), NOON.plus_days(1));
            let store = &db.store;
            store
                .create_backfill(db.suite.id, uuid, NOON, end)
                .await
                .unwrap();
            assert!(store.begin_backfill(db.suite.id, uuid).await.unwrap());
            assert!(store.backfill_received(uuid, 7, NOON).await.unwrap());
            let outcome = BackfillOutcome::Ingested {
                commits: 1,
                skipped_records: 0,
                problems: Vec::new(),
            };
            store.finish_backfill(uuid, &outcome, NOON).await.unwrap();
        };
        archive().await;
        assert_eq!(db.store.suites_with_history().await.unwrap(), [db.suite.id]);
        let later = results(&db, "later", "feature", red).await;
        let history = async |limit| {
            let history = db.store.selection_history(db.suite.id, "main", limit).await;
            history.unwrap()
        };
        let part = history(2).await;
        assert!(!part.is_complete);
        let all = history(100).await;
        let runs: Vec<RunId> = all.runs.iter().map(|one| one.run).collect();
        assert_eq!((runs, all.is_complete), (vec![first], true));
        assert_eq!(all.runs[0].files_changed, "a.py");
        assert_eq!(all.runs[0].branch, "feature");
        db.store
            .history_read(db.suite.id, part.until)
            .await
            .unwrap();
        assert_eq!(history(100).await.runs, []);
        db.store.history_read(db.suite.id, all.until).await.unwrap();
        assert!(db.store.suites_with_history().await.unwrap().is_empty());

        // Another archive may have described what was not known.
        archive().await;
        let again = history(100).await.runs;
        let runs: Vec<RunId> = again.iter().map(|one| one.run).collect();
        assert_eq!(runs, [first, later]);
    })
    .await;
}

/// Rows of version 27.
const ROWS: &str = "\
    INSERT INTO organizations (uuid, slug, created_at) \
    VALUES (X'00112233445566778899aabbccddeeff', 'acme', 0); \
    INSERT INTO suites (organization_id, uuid, slug, name, default_branch, created_at) VALUES \
    (1, X'01112233445566778899aabbccddeeff', 'a', 'A', 'main', 0), \
    (1, X'02112233445566778899aabbccddeeff', 'b', 'B', 'main', 0); \
    INSERT INTO branches (suite_id, name) VALUES (1, 'main'), (2, 'main'); \
    INSERT INTO runs (suite_id, uuid, key, run_env, created_at, updated_at, branch_id, uploads) \
    VALUES (1, X'03112233445566778899aabbccddeeff', 'k', '{}', 0, 0, 1, 1), \
    (2, X'04112233445566778899aabbccddeeff', 'k', '{}', 0, 0, 2, 1); \
    INSERT INTO backfills (suite_id, uuid, state, created_at, expires_at) VALUES \
    (1, X'05112233445566778899aabbccddeeff', 3, 0, 0), \
    (2, X'06112233445566778899aabbccddeeff', 4, 0, 0);";

#[tokio::test]
async fn archives_that_earlier_versions_read_are_history() {
    on_upgraded_databases(27, ROWS, async |store| {
        let suites = store.suites_with_history().await.unwrap();
        assert_eq!(suites.len(), 1);
        let suite = store.suite("acme", "a").await.unwrap().unwrap();
        assert_eq!(suites, [suite.id]);
        let unseen = store
            .unseen_main_runs(suite.id, "main", NOON)
            .await
            .unwrap();
        assert_eq!(unseen, [], "no selection has missed anything in old runs");
    })
    .await;
}
