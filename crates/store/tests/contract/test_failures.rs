//! The failures of tests by cause and by commit, and what flaky tests cost.

use test_engine_insights::{DAY, Fingerprint};
use test_engine_store::{
    Change, MainFailure, NewExecution, NewRun, NewUpload, Period, Test, TestState, Timestamp,
};

use crate::failed_tests::failed_with;
use crate::support::{Database, NOON, on_every_engine, passed, upload};

const TIMEOUT: u64 = 0x0000_0001_0000_0001;
const DIFFERENCE: u64 = 0x0000_0002_0000_0001;

/// Twelve hours apart, from noon.
fn time(commit: i64) -> Timestamp {
    NOON.plus_millis(commit * DAY / 2)
}

async fn record(db: &Database, commit: i64, branch: &str, executions: Vec<NewExecution>) {
    let new = upload(&db.suite, &format!("run {commit}"));
    let new = NewUpload {
        run: NewRun {
            branch: Some(branch.to_owned()),
            commit_sha: Some(format!("sha{commit}")),
            number: Some(commit.to_string()),
            ..new.run
        },
        received_at: time(commit),
        executions,
        ..new
    };
    db.store.record_upload(new).await.unwrap();
}

/// Twenty commits, of which every fifth is of a branch. `shaky` passes on retry on commits 3, 7, 11
/// and 15, and fails to the end on 13. `sound` fails with it on 13, and alone on 19.
async fn history(db: &Database) {
    for commit in 0..20 {
        let mut executions = match commit {
            3 | 11 | 15 => vec![failed_with("shaky", TIMEOUT), passed("shaky", 1.0)],
            7 => vec![failed_with("shaky", DIFFERENCE), passed("shaky", 1.0)],
            13 => vec![failed_with("shaky", TIMEOUT)],
            _ => vec![passed("shaky", 1.0)],
        };
        executions.push(match commit {
            17 | 19 => failed_with("sound", DIFFERENCE),
            _ => passed("sound", 0.5),
        });
        let branch = if commit % 5 == 0 { "topic" } else { "main" };
        record(db, commit, branch, executions).await;
    }
    while db.store.judge_some(time(20), 10).await.unwrap().tests > 0 {}
}

async fn test(db: &Database, name: &str) -> Test {
    let found = db.store.find_test(&db.suite, "Basket", name).await;
    found.unwrap().unwrap()
}

#[tokio::test]
async fn kinds_of_failures_have_their_commits_and_the_newest_text() {
    on_every_engine(async |db| {
        history(&db).await;
        let shaky = test(&db, "shaky").await;
        let kinds = db.store.failure_kinds(&shaky, NOON).await.unwrap();
        let times = |commits: &[i64]| commits.iter().copied().map(time).collect::<Vec<_>>();
        assert_eq!(kinds.len(), 2);
        assert_eq!(kinds[0].fingerprint, Some(Fingerprint(TIMEOUT)));
        assert_eq!(kinds[0].commits, times(&[3, 11, 13, 15]));
        assert_eq!(kinds[0].main_commits, 3);
        assert_eq!(kinds[0].reason.as_deref(), Some("shaky is broken"));
        assert_eq!(kinds[0].frame.as_deref(), Some("lib/basket.py:3"));
        assert_eq!(kinds[1].fingerprint, Some(Fingerprint(DIFFERENCE)));
        assert_eq!(kinds[1].commits, times(&[7]));
        let sound = test(&db, "sound").await;
        let ids = [shaky.id, sound.id];
        let reasons = db.store.frequent_reasons(&ids, NOON).await.unwrap();
        let reasons: Vec<&str> = reasons.values().map(String::as_str).collect();
        assert_eq!(reasons, ["shaky is broken", "sound is broken"]);
        let none = db.store.frequent_reasons(&ids, time(20)).await.unwrap();
        assert!(none.is_empty());
        let late = db.store.failure_kinds(&shaky, time(12)).await.unwrap();
        assert_eq!(late.len(), 1, "only those since the time");
    })
    .await;
}

#[tokio::test]
async fn failures_on_the_latest_commits_of_the_default_branch() {
    on_every_engine(async |db| {
        history(&db).await;
        let tests = vec![test(&db, "sound").await, test(&db, "shaky").await];
        let found = db
            .store
            .failures_of_tests_on_main(db.suite.id, tests, 10)
            .await
            .unwrap();
        let commits = found.commits.iter().map(|one| one.commit.sha.clone());
        let commits: Vec<String> = commits.map(Option::unwrap).collect();
        let expected = [7, 8, 9, 11, 12, 13, 14, 16, 17, 18, 19];
        let expected = expected.map(|number| format!("sha{number}"));
        assert_eq!(commits, expected[1..]);
        let failures = |index: usize| -> Vec<(&str, bool)> {
            let failures = found.tests[index].failures.iter();
            let sha = |failure: &MainFailure| commits[failure.commit].as_str();
            failures.map(|one| (sha(one), one.passed)).collect()
        };
        // Without those of the branch and of earlier commits.
        assert_eq!(failures(0), [("sha17", false), ("sha19", false)]);
        assert_eq!(failures(1), [("sha11", true), ("sha13", false)]);
        let none = db
            .store
            .failures_of_tests_on_main(db.suite.id, Vec::new(), 10)
            .await
            .unwrap();
        assert_eq!((none.commits.len(), none.tests.len()), (10, 0));
    })
    .await;
}

#[tokio::test]
async fn failures_of_muted_tests_are_marked() {
    on_every_engine(async |db| {
        record(&db, 0, "main", vec![failed_with("shaky", TIMEOUT)]).await;
        let shaky = test(&db, "shaky").await;
        let set = async |state| {
            let change = Change::by_server(NOON);
            let done = db
                .store
                .set_test_state(db.suite.id, shaky.uuid, state, &change);
            done.await.unwrap();
        };
        set(TestState::Muted).await;
        record(&db, 1, "main", vec![failed_with("shaky", TIMEOUT)]).await;
        set(TestState::Enabled).await;
        record(&db, 2, "main", vec![failed_with("shaky", TIMEOUT)]).await;
        let store = &db.store;
        let of_test = store.failures_of_tests_on_main(db.suite.id, vec![shaky], 10);
        let of_test = of_test.await.unwrap();
        let of_suite = store.failures_on_main(db.suite.id, 10, 10).await.unwrap();
        for found in [of_test, of_suite] {
            let muted: Vec<bool> = found.tests[0]
                .failures
                .iter()
                .map(|one| one.muted)
                .collect();
            assert_eq!(muted, [false, true, false]);
        }
    })
    .await;
}

#[tokio::test]
async fn flaky_tests_cost_the_runs_that_failed_only_because_of_them() {
    on_every_engine(async |db| {
        history(&db).await;
        let shaky = test(&db, "shaky").await;
        let costs = db.store.flaky_costs(db.suite.id, NOON).await.unwrap();
        assert_eq!(costs.keys().collect::<Vec<_>>(), [&shaky.id]);
        let cost = costs[&shaky.id];
        assert!((cost.runs - 1.0).abs() < 1e-9, "{cost:?}");
        assert_eq!((cost.commits, cost.last_failed_at), (5, Some(time(15))));
        // The failures since, of which none failed a run.
        let late = db.store.flaky_costs(db.suite.id, time(14)).await.unwrap();
        assert!(late[&shaky.id].runs.abs() < 1e-9);
        assert_eq!(late[&shaky.id].commits, 1);
    })
    .await;
}

#[tokio::test]
async fn days_and_executions_of_a_test() {
    on_every_engine(async |db| {
        history(&db).await;
        let shaky = test(&db, "shaky").await;
        let period = Period::last_days(3, time(19));
        let days = db.store.test_days(&shaky, period, None).await.unwrap();
        let counts: Vec<(u64, u64)> = days
            .values()
            .map(|sums| (sums.counts.passed, sums.counts.failed))
            .collect();
        assert_eq!(counts, [(2, 1), (2, 0), (1, 0)]);
        let page = test_engine_store::Page::new(1, 12);
        let executions = db.store.test_executions(&shaky, page).await.unwrap();
        assert_eq!((executions.items.len(), executions.total), (12, 24));
        let failed = executions
            .items
            .iter()
            .filter(|one| one.failure_reason.is_some());
        let failed: Vec<&str> = failed.filter_map(|one| one.run_number.as_deref()).collect();
        assert_eq!(failed, ["15", "13", "11"]);
        // On one branch.
        let topic = Some("topic");
        let days = db.store.test_days(&shaky, period, topic).await.unwrap();
        assert_eq!(days.len(), 1, "only commit 15");
        let page = test_engine_store::Page::new(1, 3);
        let on_topic = db
            .store
            .test_executions_on(&shaky, topic, page)
            .await
            .unwrap();
        assert_eq!(on_topic.total, 5);
        let runs = on_topic.items.iter().map(|one| one.run_number.as_deref());
        assert_eq!(
            runs.collect::<Vec<_>>(),
            [Some("15"), Some("15"), Some("10")]
        );
        let none = db
            .store
            .test_executions_on(&shaky, Some("x"), page)
            .await
            .unwrap();
        assert_eq!((none.total, none.items.len()), (0, 0));
        for execution in &executions.items {
            let found = db.store.test_execution(&shaky, execution.uuid).await;
            let (found, texts) = found.unwrap().unwrap();
            assert_eq!((&found, texts.len()), (execution, 0));
            let sound = test(&db, "sound").await;
            let of_another = db.store.test_execution(&sound, execution.uuid).await;
            assert_eq!(of_another.unwrap(), None);
        }
        let unknown = uuid::Uuid::from_u128(executions.items[0].uuid.as_u128() ^ 1);
        assert_eq!(
            db.store.test_execution(&shaky, unknown).await.unwrap(),
            None
        );
    })
    .await;
}
