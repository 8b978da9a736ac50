//! Lists, pages, metrics and histories.

use test_engine_duration::Micros;
use test_engine_results::Outcome;
use test_engine_store::{
    BranchFilter, Change, Metrics, NewUpload, OutcomeCounts, Page, Period, TestOrder, TestQuery,
    TestState, test_uuid,
};

use crate::support::{
    Database, NOON, failed, on_every_engine, passed, record, run, skipped, that_day, upload,
};

pub(crate) const ALL: Page = Page {
    number: 1,
    size: 1000,
};

pub(crate) fn query(order: TestOrder, descending: bool) -> TestQuery {
    TestQuery {
        period: that_day(),
        branch: None,
        state: None,
        search: None,
        labels: Vec::new(),
        terms: Vec::new(),
        order,
        descending,
        page: ALL,
    }
}

async fn names(db: &Database, query: &TestQuery) -> Vec<String> {
    let listed = db.store.tests(db.suite.id, query).await.unwrap();
    listed
        .items
        .into_iter()
        .map(|item| item.test.name)
        .collect()
}

#[tokio::test]
async fn lists_runs_newest_first_and_by_build() {
    on_every_engine(async |db| {
        for number in 0..5 {
            let mut new = upload(&db.suite, &format!("run {number}"));
            new.run.build_id = Some(format!("build {}", number % 2));
            db.store.record_upload(new).await.unwrap();
        }
        let page = db
            .store
            .runs(db.suite.id, None, Page::new(2, 2))
            .await
            .unwrap();
        assert_eq!(page.total, 5);
        let keys: Vec<&str> = page.items.iter().map(|run| run.key.as_str()).collect();
        assert_eq!(keys, ["run 2", "run 1"]);
        let page = db
            .store
            .runs(db.suite.id, Some("build 1"), ALL)
            .await
            .unwrap();
        let keys: Vec<&str> = page.items.iter().map(|run| run.key.as_str()).collect();
        assert_eq!((page.total, keys), (2, vec!["run 3", "run 1"]));
        let page = db.store.runs(db.suite.id, Some("none"), ALL).await.unwrap();
        assert_eq!((page.total, page.items.len()), (0, 0));
        let uploads = db
            .store
            .uploads(db.suite.id, Page::new(1, 3))
            .await
            .unwrap();
        assert_eq!((uploads.total, uploads.items.len()), (5, 3));
    })
    .await;
}

#[tokio::test]
async fn lists_commits_without_duplicates_latest_first() {
    on_every_engine(async |db| {
        for (key, commit, days) in [
            ("1", "old", -10),
            ("2", "a", 0),
            ("3", "b", 0),
            ("4", "a", 0),
            ("5", "", 0),
        ] {
            let mut new = upload(&db.suite, key);
            new.received_at = NOON.plus_days(days);
            new.run.commit_sha = Some(commit.to_owned());
            db.store.record_upload(new).await.unwrap();
        }
        let since = NOON.plus_days(-1);
        assert_eq!(
            db.store.commits_since(db.suite.id, since).await.unwrap(),
            ["a", "b"]
        );
    })
    .await;
}

#[tokio::test]
async fn sets_and_lists_states() {
    on_every_engine(async |db| {
        record(
            &db,
            "k",
            vec![passed("b", 1.0), passed("a", 1.0), passed("c", 1.0)],
        )
        .await;
        let set = async |name: &str, state| {
            let uuid = test_uuid(db.suite.uuid, "Basket", name);
            db.store
                .set_test_state(db.suite.id, uuid, state, &Change::by_server(NOON))
                .await
                .unwrap()
        };
        let muted = set("a", TestState::Muted).await.unwrap();
        assert_eq!(
            (muted.state, muted.state_changed_at),
            (TestState::Muted, Some(NOON))
        );
        set("b", TestState::Muted).await.unwrap();
        set("c", TestState::Skipped).await.unwrap();
        assert_eq!(set("unknown", TestState::Muted).await, None);
        let in_state = async |state| {
            let tests = db.store.tests_in_state(db.suite.id, state).await.unwrap();
            tests.into_iter().map(|test| test.name).collect::<Vec<_>>()
        };
        assert_eq!(in_state(TestState::Muted).await, ["a", "b"]);
        assert_eq!(in_state(TestState::Skipped).await, ["c"]);
        let files = db
            .store
            .files_with_skipped_tests(db.suite.id)
            .await
            .unwrap();
        assert_eq!(files, ["basket.py"]);
        set("a", TestState::Enabled).await.unwrap();
        assert_eq!(in_state(TestState::Enabled).await, ["a"]);
        assert_eq!(in_state(TestState::Muted).await, ["b"]);
    })
    .await;
}

#[tokio::test]
async fn finds_tests_in_many_files() {
    on_every_engine(async |db| {
        let in_file = |number: usize| {
            let mut execution = passed(&format!("test {number}"), 1.0);
            execution.result.file_name = Some(format!("file {}.py", number % 150).into());
            execution
        };
        record(&db, "k", (0..300).map(in_file).collect()).await;
        let files: Vec<String> = (100..400)
            .map(|number| format!("file {number}.py"))
            .collect();
        let found = db.store.tests_in_files(db.suite.id, &files).await.unwrap();
        assert_eq!(found.len(), 100);
        assert!(
            db.store
                .tests_in_files(db.suite.id, &[])
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn lists_tests_with_metrics() {
    on_every_engine(async |db| {
        record(
            &db,
            "k1",
            vec![passed("quick", 1.0), failed("flaky", 2.0), skipped("never")],
        )
        .await;
        record(
            &db,
            "k2",
            vec![
                passed("quick", 3.0),
                passed("flaky", 4.0),
                passed("flaky", 9.0),
            ],
        )
        .await;
        let listed = db
            .store
            .tests(db.suite.id, &query(TestOrder::DurationMean, true))
            .await
            .unwrap();
        assert_eq!(listed.total, 3);
        assert_eq!(listed.items[0].test.name, "flaky");
        let durations = listed.items[0].metrics.durations;
        assert_eq!(
            listed.items[0].metrics,
            Metrics {
                counts: OutcomeCounts {
                    passed: 2,
                    failed: 1,
                    skipped: 0,
                    unknown: 0
                },
                timed: 3,
                duration_sum: Micros::new(15_000_000),
                duration_min: Some(Micros::new(2_000_000)),
                duration_max: Some(Micros::new(9_000_000)),
                durations,
            }
        );
        assert_eq!(
            listed.items[0].metrics.duration_mean(),
            Some(Micros::new(5_000_000))
        );
        assert_eq!(
            listed.items[0].metrics.counts.reliability(),
            Some(2.0 / 3.0)
        );
        let never = &listed.items[2];
        assert_eq!(never.test.name, "never", "tests without metrics come last");
        assert_eq!(never.metrics.duration_mean(), None);
        assert_eq!(never.metrics.counts.reliability(), None);
        assert_eq!(never.metrics.duration_min, None);
        let by = async |order, descending| names(&db, &query(order, descending)).await;
        assert_eq!(
            by(TestOrder::DurationMean, false).await,
            ["quick", "flaky", "never"]
        );
        assert_eq!(
            by(TestOrder::Reliability, false).await,
            ["flaky", "quick", "never"]
        );
        assert_eq!(
            by(TestOrder::Executions, true).await,
            ["flaky", "quick", "never"]
        );
        assert_eq!(
            by(TestOrder::DurationMax, true).await,
            ["flaky", "quick", "never"]
        );
        assert_eq!(
            by(TestOrder::DurationMin, true).await,
            ["flaky", "quick", "never"]
        );
        assert_eq!(
            by(TestOrder::DurationSum, true).await,
            ["flaky", "quick", "never"]
        );
    })
    .await;
}

#[tokio::test]
async fn filters_and_pages_tests() {
    on_every_engine(async |db| {
        record(
            &db,
            "k1",
            vec![
                passed("alpha", 3.0),
                passed("beta", 2.0),
                passed("100%", 1.0),
            ],
        )
        .await;
        let mut other = upload(&db.suite, "k2");
        other.run.branch = Some("topic".to_owned());
        other.executions = vec![passed("beta", 2.0)];
        db.store.record_upload(other).await.unwrap();
        let mut old = upload(&db.suite, "k3");
        old.received_at = NOON.plus_days(-9);
        old.executions = vec![passed("gamma", 2.0)];
        db.store.record_upload(old).await.unwrap();
        let uuid = test_uuid(db.suite.uuid, "Basket", "alpha");
        db.store
            .set_test_state(
                db.suite.id,
                uuid,
                TestState::Muted,
                &Change::by_server(NOON),
            )
            .await
            .unwrap();

        let all = query(TestOrder::DurationMean, true);
        assert_eq!(names(&db, &all).await, ["alpha", "beta", "100%"]);
        let wider = TestQuery {
            period: Period::last_days(10, NOON),
            ..all.clone()
        };
        assert_eq!(names(&db, &wider).await.len(), 4);
        let branch = TestQuery {
            branch: Some(BranchFilter::Is("topic".to_owned())),
            ..all.clone()
        };
        assert_eq!(names(&db, &branch).await, ["beta"]);
        let branch = TestQuery {
            branch: Some(BranchFilter::Is("none".to_owned())),
            ..all.clone()
        };
        assert!(names(&db, &branch).await.is_empty());
        let muted = TestQuery {
            state: Some(TestState::Muted),
            ..all.clone()
        };
        assert_eq!(names(&db, &muted).await, ["alpha"]);
        for (search, expected) in [
            ("ALPH", vec!["alpha"]),
            ("0%", vec!["100%"]),
            ("basket b", vec!["beta"]),
            ("_", vec![]),
        ] {
            let found = TestQuery {
                search: Some(search.to_owned()),
                ..all.clone()
            };
            assert_eq!(names(&db, &found).await, expected, "{search}");
        }
        let second = TestQuery {
            page: Page::new(2, 2),
            ..all.clone()
        };
        let listed = db.store.tests(db.suite.id, &second).await.unwrap();
        assert_eq!((listed.total, listed.items.len()), (3, 1));
        let past_the_end = TestQuery {
            page: Page::new(9, 2),
            ..all
        };
        let listed = db.store.tests(db.suite.id, &past_the_end).await.unwrap();
        assert_eq!((listed.total, listed.items.len()), (3, 0));
    })
    .await;
}

#[tokio::test]
async fn filters_metrics_by_period_and_branch() {
    on_every_engine(async |db| {
        for (key, branch, days) in [("1", "main", -3), ("2", "main", 0), ("3", "topic", 0)] {
            let mut new = upload(&db.suite, key);
            new.run.branch = Some(branch.to_owned());
            new.received_at = NOON.plus_days(days);
            new.executions = vec![passed("a", 1.0)];
            db.store.record_upload(new).await.unwrap();
        }
        let mut nowhere = upload(&db.suite, "4");
        nowhere.run.branch = None;
        nowhere.executions = vec![failed("a", 1.0)];
        db.store.record_upload(nowhere).await.unwrap();
        let test = db
            .store
            .find_test(&db.suite, "Basket", "a")
            .await
            .unwrap()
            .unwrap();
        let count = async |days, branch| {
            let period = Period::last_days(days, NOON);
            let metrics = db.store.test_metrics(&test, period, branch).await.unwrap();
            (metrics.counts.passed, metrics.counts.failed)
        };
        assert_eq!(count(1, None).await, (2, 1));
        assert_eq!(count(4, None).await, (3, 1));
        assert_eq!(count(4, Some("main")).await, (2, 0));
        assert_eq!(count(4, Some("none")).await, (0, 0));
        assert_eq!(count(400, Some("topic")).await, (1, 0));
    })
    .await;
}

#[tokio::test]
async fn lists_executions_newest_first_across_days_and_pages() {
    on_every_engine(async |db| {
        let mut expected = Vec::new();
        for day in (0..6).rev() {
            for number in 0..3 {
                let key = format!("run {day} {number}");
                let mut new = upload(&db.suite, &key);
                new.received_at = NOON.plus_days(-day);
                new.executions = vec![passed("other", 1.0), failed("a", 1.0), passed("a", 2.0)];
                if day == 3 {
                    new.executions.truncate(1);
                } else {
                    expected.extend([(key.clone(), Outcome::Failed), (key, Outcome::Passed)]);
                }
                db.store.record_upload(new).await.unwrap();
            }
        }
        expected.reverse();
        assert_eq!(expected.len(), 30);
        let test = db
            .store
            .find_test(&db.suite, "Basket", "a")
            .await
            .unwrap()
            .unwrap();
        let mut told = Vec::new();
        for number in 1..=5 {
            let page = db
                .store
                .test_executions(&test, Page::new(number, 7))
                .await
                .unwrap();
            assert_eq!(page.total, 30);
            told.extend(page.items);
        }
        let runs = db.store.runs(db.suite.id, None, ALL).await.unwrap().items;
        let shown: Vec<(String, Outcome)> = told
            .iter()
            .map(|execution| {
                let run = runs
                    .iter()
                    .find(|run| run.uuid == execution.run_uuid)
                    .unwrap();
                assert_eq!(execution.commit_sha, run.commit_sha);
                assert_eq!(execution.branch.as_deref(), Some("main"));
                assert_eq!(execution.created_at, run.created_at);
                (run.key.clone(), execution.outcome)
            })
            .collect();
        assert_eq!(shown, expected);
        let past_the_end = db
            .store
            .test_executions(&test, Page::new(6, 7))
            .await
            .unwrap();
        assert!(past_the_end.items.is_empty());
    })
    .await;
}

#[tokio::test]
async fn finds_executions_among_many_uploads_of_a_day() {
    on_every_engine(async |db| {
        record(&db, "first", vec![passed("rare", 1.0)]).await;
        for number in 0..150 {
            record(&db, "busy", vec![passed(&format!("test {number}"), 1.0)]).await;
        }
        let test = db
            .store
            .find_test(&db.suite, "Basket", "rare")
            .await
            .unwrap()
            .unwrap();
        let history = db
            .store
            .test_executions(&test, Page::new(1, 10))
            .await
            .unwrap();
        assert_eq!((history.total, history.items.len()), (1, 1));
        assert_eq!(history.items[0].run_uuid, run(&db, "first").await.uuid);
    })
    .await;
}

#[tokio::test]
async fn returns_none_for_missing_rows() {
    on_every_engine(async |db| {
        let nobody = uuid::Uuid::new_v4();
        assert_eq!(db.store.run(db.suite.id, nobody).await.unwrap(), None);
        assert_eq!(db.store.test(db.suite.id, nobody).await.unwrap(), None);
        assert_eq!(db.store.find_test(&db.suite, "a", "b").await.unwrap(), None);
        assert_eq!(db.store.branch(db.suite.id, "none").await.unwrap(), None);
        let empty = db
            .store
            .tests(db.suite.id, &query(TestOrder::DurationMean, true))
            .await;
        assert_eq!(empty.unwrap().total, 0);
        let new = NewUpload {
            executions: vec![passed("a", 1.0)],
            ..upload(&db.suite, "k")
        };
        db.store.record_upload(new).await.unwrap();
        let test = db
            .store
            .find_test(&db.suite, "Basket", "a")
            .await
            .unwrap()
            .unwrap();
        let past = Period {
            first_day: 1,
            last_day: 2,
        };
        assert_eq!(
            db.store.test_metrics(&test, past, None).await.unwrap(),
            Metrics::default()
        );
    })
    .await;
}
