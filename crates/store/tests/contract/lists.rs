//! What lists of tests, runs and owners are made of: terms of queries, saved views, the sums of
//! files, the search.

use test_engine_duration::Micros;
use test_engine_insights::Level;
use test_engine_store::{
    BranchFilter, Change, FileTotals, MAX_SAVED_VIEWS, RunFilter, StoreError, TestCondition,
    TestOrder, TestPredicates, TestQuery, TestState, TestTerm, ViewSettings, test_uuid,
};

use crate::reading::query;
use crate::rules::flake;
use crate::support::{
    Database, NOON, create_suite, failed, on_every_engine, passed, record, that_day, upload,
};

fn term(condition: TestCondition, must_have: bool) -> TestTerm {
    TestTerm {
        condition,
        must_have,
    }
}

fn by_id(terms: Vec<TestTerm>) -> TestQuery {
    TestQuery {
        terms,
        ..query(TestOrder::Executions, true)
    }
}

async fn names(db: &Database, query: &TestQuery) -> Vec<String> {
    let listed = db.store.tests(db.suite.id, query).await.unwrap();
    let mut names: Vec<String> = listed.items.into_iter().map(|one| one.test.name).collect();
    names.sort_unstable();
    names
}

/// A flaky, a muted and a sound test, and one in another file.
async fn with_levels(db: &Database) {
    let mut elsewhere = passed("elsewhere", 9.0);
    // The location stands for a missing file.
    elsewhere.result.file_name = None;
    elsewhere.result.location = Some("b_spec.rb:7".into());
    for commit in 0..12 {
        flake(
            db,
            &format!("run {commit}"),
            NOON.plus_millis(commit),
            &["flaky"],
        )
        .await;
    }
    let results = vec![passed("muted", 2.0), passed("sound", 1.0), elsewhere];
    record(db, "others", results).await;
    while db
        .store
        .judge_some(NOON.plus_millis(1_000), 100)
        .await
        .unwrap()
        .tests
        > 0
    {}
    let muted = test_uuid(db.suite.uuid, "Basket", "muted");
    let change = Change::by_server(NOON);
    let state = TestState::Muted;
    let set = db.store.set_test_state(db.suite.id, muted, state, &change);
    set.await.unwrap().unwrap();
}

#[tokio::test]
async fn terms_are_met_all_or_not_met() {
    on_every_engine(async |db| {
        with_levels(&db).await;
        let all = ["elsewhere", "flaky", "muted", "sound"];
        for (terms, expected) in [
            (vec![], &all as &[&str]),
            (vec![term(TestCondition::Flaky, true)], &["flaky"]),
            (
                vec![term(TestCondition::Flaky, false)],
                &["elsewhere", "muted", "sound"],
            ),
            (vec![term(TestCondition::Broken, true)], &[]),
            (
                vec![term(TestCondition::State(TestState::Muted), true)],
                &["muted"],
            ),
            (
                vec![
                    term(TestCondition::State(TestState::Muted), false),
                    term(TestCondition::Name("E".to_owned()), true),
                    term(TestCondition::Name("where".to_owned()), false),
                ],
                &["flaky", "sound"],
            ),
            (vec![term(TestCondition::Name("%".to_owned()), true)], &[]),
        ] {
            assert_eq!(
                names(&db, &by_id(terms.clone())).await,
                expected,
                "{terms:?}"
            );
        }
        for (branch, count) in [("ma", 0), ("topic/", 4)] {
            let others = TestQuery {
                branch: Some(BranchFilter::DoesNotStartWith(branch.to_owned())),
                ..by_id(Vec::new())
            };
            assert_eq!(names(&db, &others).await.len(), count, "{branch}");
        }
        // The levels of tests, and all tests in order.
        let query = TestQuery {
            order: TestOrder::DurationMax,
            ..by_id(Vec::new())
        };
        let wants = TestPredicates::default();
        let ordered = db.store.tests_in_order(db.suite.id, &query, &wants);
        let ordered = ordered.await.unwrap();
        assert_eq!(ordered.total, 4);
        let ordered = ordered.items;
        let tests = db.store.with_metrics(&ordered).await.unwrap();
        let listed: Vec<&str> = tests.iter().map(|one| one.test.name.as_str()).collect();
        assert_eq!(listed, ["elsewhere", "muted", "flaky", "sound"]);
        let ids: Vec<_> = ordered.iter().map(|(id, _)| *id).collect();
        let levels = db.store.levels(&ids).await.unwrap();
        assert_eq!(levels.into_values().collect::<Vec<_>>(), [Level::Flaky]);
    })
    .await;
}

#[tokio::test]
async fn files_have_the_sums_of_their_tests() {
    on_every_engine(async |db| {
        with_levels(&db).await;
        let slow = Micros::from_milliseconds(1_500);
        let files = db
            .store
            .file_totals(db.suite.id, that_day(), slow)
            .await
            .unwrap();
        let elsewhere = FileTotals {
            tests: 1,
            slow: 1,
            executions: 1,
            duration: Micros::from_milliseconds(9_000),
            ..FileTotals::default()
        };
        assert_eq!(files["b_spec.rb"], elsewhere, "{files:?}");
        let others: Vec<&FileTotals> = files
            .iter()
            .filter(|(file, _)| *file != "b_spec.rb")
            .map(|(_, totals)| totals)
            .collect();
        let [others] = others.as_slice() else {
            panic!("{files:?}")
        };
        assert_eq!((others.tests, others.flaky, others.quarantined), (3, 1, 1));
        assert_eq!((others.slow, others.executions), (1, 26), "muted is slow");
    })
    .await;
}

fn settings(query: &str, is_default: bool) -> ViewSettings {
    ViewSettings {
        query: query.to_owned(),
        columns: "owner".to_owned(),
        sort: String::new(),
        is_default,
    }
}

#[tokio::test]
async fn a_suite_has_saved_views_and_one_default() {
    on_every_engine(async |db| {
        let change = Change::by_server(NOON);
        let save = async |name: &str, settings: ViewSettings| {
            db.store
                .save_view(db.suite.id, name, &settings, &change)
                .await
        };
        let first = save("b", settings("state:muted", true)).await.unwrap();
        save("a", settings("x", false)).await.unwrap();
        let defaults = async || {
            let views = db.store.saved_views(db.suite.id).await.unwrap();
            let of = |view: test_engine_store::SavedView| (view.name, view.settings.is_default);
            views.into_iter().map(of).collect::<Vec<_>>()
        };
        let named = |name: &str, is_default| (name.to_owned(), is_default);
        assert_eq!(defaults().await, [named("a", false), named("b", true)]);
        // Another default replaces it, and a name is changed in place.
        save("a", settings("y", true)).await.unwrap();
        assert_eq!(defaults().await, [named("a", true), named("b", false)]);
        let again = save("b", settings("z", false)).await.unwrap();
        assert_eq!(
            (again.uuid, again.settings.query.as_str()),
            (first.uuid, "z")
        );
        // Views belong to their suite.
        let other = create_suite(&db.store, "acme", "other").await;
        assert_eq!(db.store.saved_views(other.id).await.unwrap(), []);
        assert!(!db.store.delete_view(other.id, "a", &change).await.unwrap());
        assert!(
            db.store
                .delete_view(db.suite.id, "a", &change)
                .await
                .unwrap()
        );
        assert!(
            !db.store
                .delete_view(db.suite.id, "a", &change)
                .await
                .unwrap()
        );
        assert_eq!(defaults().await, [named("b", false)]);
        for number in 1..MAX_SAVED_VIEWS {
            save(&number.to_string(), settings("", false))
                .await
                .unwrap();
        }
        let error = save("one more", settings("", false)).await.unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
        save("b", settings("changed", true)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn runs_are_read_from_a_run_on() {
    on_every_engine(async |db| {
        for number in 0..5 {
            record(&db, &format!("run {number}"), vec![passed("a", 1.0)]).await;
        }
        let mut filter = RunFilter::default();
        let mut keys = Vec::new();
        loop {
            let page = test_engine_store::Page::new(1, 2);
            let runs = db.store.filtered_runs(db.suite.id, &filter, page);
            let runs = runs.await.unwrap().items;
            let Some(last) = runs.last() else { break };
            filter.before = Some(last.id);
            keys.extend(runs.into_iter().map(|run| run.key));
        }
        assert_eq!(keys, ["run 4", "run 3", "run 2", "run 1", "run 0"]);
    })
    .await;
}

#[tokio::test]
async fn a_search_finds_texts_in_its_suites() {
    on_every_engine(async |db| {
        let mut new = upload(&db.suite, "build 7");
        new.run.number = Some("77".to_owned());
        new.run.message = Some("Round Tax\nper line".to_owned());
        new.run.branch = Some("topic/tax".to_owned());
        new.run.commit_sha = Some("ABCDEF12".to_owned());
        let mut broken = failed("adds up", 1.0);
        broken.result.extras.failure_reason = Some("Expected 1%, got 2".to_owned());
        new.executions = vec![broken, passed("adds up quickly", 1.0)];
        db.store.record_upload(new).await.unwrap();
        let other = create_suite(&db.store, "acme", "other").await;
        let (store, ours, theirs) = (&db.store, [db.suite.id], [other.id]);
        let both = [db.suite.id, other.id];
        let tests = store.search_tests(&both, "ADDS UP", 9).await.unwrap();
        let names: Vec<&str> = tests.iter().map(|test| test.name.as_str()).collect();
        assert_eq!(names, ["adds up", "adds up quickly"]);
        assert_eq!(store.search_tests(&ours, "adds", 1).await.unwrap().len(), 1);
        assert_eq!(store.search_tests(&theirs, "adds", 9).await.unwrap(), []);
        for text in ["#77", "77", "build 7", "round tax", "TOPIC/"] {
            let runs = store.search_runs(&both, text, 9).await.unwrap();
            assert_eq!(runs.len(), 1, "{text}");
            assert_eq!(store.search_runs(&theirs, text, 9).await.unwrap(), []);
        }
        assert_eq!(store.search_runs(&ours, "7", 9).await.unwrap(), []);
        let commits = store.search_commits(&both, "abcdEF", 9).await.unwrap();
        assert_eq!(commits.len(), 1);
        assert_eq!(commits[0].sha, "abcdef12");
        assert!(commits[0].first_at.is_some());
        // Too few digits, and no digits.
        for text in ["abc", "abxx", "abcdef13"] {
            assert_eq!(store.search_commits(&both, text, 9).await.unwrap(), []);
        }
        let messages = store.search_messages(&both, "1%, GOT", 9).await.unwrap();
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0].test.name, "adds up");
        assert_eq!(
            (messages[0].run.key.as_str(), messages[0].failures),
            ("build 7", 1)
        );
        assert_eq!(
            store.search_messages(&ours, "1_, got", 9).await.unwrap(),
            []
        );
    })
    .await;
}
