//! Labels, ownership files, and lists by properties of single executions.

use std::collections::BTreeMap;

use test_engine_store::{
    BranchFilter, Change, LabelChange, LabelFilter, NewExecutionTags, StoreError, TagsPredicate,
    Test, TestOrder, TestPredicates, TestQuery, TestState, TestWithMetrics,
};
use uuid::Uuid;

use crate::reading::{ALL, query};
use crate::support::{
    Database, NOON, create_suite, failed, on_every_engine, passed, record, run, upload,
};

async fn known(db: &Database, name: &str) -> Test {
    let found = db.store.find_test(&db.suite, "Basket", name).await.unwrap();
    found.expect(name)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn label(label: &str, must_have: bool) -> LabelFilter {
    LabelFilter {
        label: label.to_owned(),
        must_have,
    }
}

/// The tests with matching executions, with the sums of these.
pub(crate) async fn tests_with_tags(
    db: &Database,
    query: &TestQuery,
    predicate: &TagsPredicate<'_>,
) -> Vec<TestWithMetrics> {
    let wants = TestPredicates {
        tags: Some(predicate),
        ..TestPredicates::default()
    };
    let listed = db.store.tests_matching(db.suite.id, query, &wants);
    let listed = listed.await.unwrap();
    assert_eq!(listed.total, listed.items.len() as u64, "all on one page");
    listed.items
}

#[tokio::test]
async fn adds_removes_and_filters_labels() {
    on_every_engine(async |db| {
        record(&db, "k", vec![passed("a", 1.0), passed("b", 2.0)]).await;
        let (a, b) = (known(&db, "a").await, known(&db, "b").await);
        let change = async |test: &Test, change, labels: &[&str]| {
            db.store
                .change_labels(
                    db.suite.id,
                    test.uuid,
                    change,
                    &words(labels),
                    &Change::by_server(NOON),
                )
                .await
                .unwrap()
        };
        for _ in 0..2 {
            assert_eq!(
                change(&a, LabelChange::Add, &["slow", "Größe", "Zebra"]).await,
                Some(a.clone())
            );
        }
        change(&b, LabelChange::Add, &["slow"]).await;
        change(&a, LabelChange::Remove, &["slow", "not there"]).await;
        let labels = db.store.labels(&[a.id, b.id]).await.unwrap();
        assert_eq!(labels[&a.id], ["Größe", "Zebra"]);
        assert_eq!(labels[&b.id], ["slow"]);
        let by = async |labels: Vec<LabelFilter>| {
            let query = TestQuery {
                labels,
                ..query(TestOrder::DurationMean, false)
            };
            let listed = db.store.tests(db.suite.id, &query).await.unwrap();
            let scanned = tests_with_tags(&db, &query, &|_tags| true).await;
            assert_eq!(listed.items, scanned);
            let names = listed.items.into_iter().map(|item| item.test.name);
            names.collect::<Vec<_>>()
        };
        assert_eq!(by(vec![label("slow", true)]).await, ["b"]);
        assert_eq!(by(vec![label("slow", false)]).await, ["a"]);
        assert_eq!(
            by(vec![label("Zebra", true), label("Größe", true)]).await,
            ["a"]
        );
        assert!(by(vec![label("none", true)]).await.is_empty());
        let nobody = db
            .store
            .change_labels(
                db.suite.id,
                Uuid::new_v4(),
                LabelChange::Add,
                &words(&["x"]),
                &Change::by_server(NOON),
            )
            .await;
        assert_eq!(nobody.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn limits_labels_per_test() {
    on_every_engine(async |db| {
        record(&db, "k", vec![passed("a", 1.0)]).await;
        let a = known(&db, "a").await;
        let many: Vec<String> = (0..101).map(|number| format!("label {number}")).collect();
        let result = db
            .store
            .change_labels(
                db.suite.id,
                a.uuid,
                LabelChange::Add,
                &many,
                &Change::by_server(NOON),
            )
            .await;
        assert!(
            matches!(result, Err(StoreError::TooLarge { limit: 100, .. })),
            "{result:?}"
        );
        assert!(db.store.labels(&[a.id]).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn returns_the_latest_ownership_file() {
    on_every_engine(async |db| {
        assert_eq!(db.store.ownership(db.suite.id).await.unwrap(), None);
        for (body, days) in [("*.rb a", 0), ("*.rb b", 1)] {
            let when = NOON.plus_days(days);
            db.store
                .set_ownership(db.suite.id, body, &Change::by_server(when))
                .await
                .unwrap();
            let kept = db.store.ownership(db.suite.id).await.unwrap().unwrap();
            assert_eq!((kept.body.as_str(), kept.updated_at), (body, when));
        }
        db.store
            .delete_suite(db.suite.id, &Change::by_server(NOON))
            .await
            .unwrap();
        let gone = db
            .store
            .set_ownership(db.suite.id, "", &Change::by_server(NOON))
            .await;
        assert!(matches!(gone, Err(StoreError::Gone(_))), "{gone:?}");
    })
    .await;
}

#[tokio::test]
async fn filters_by_tags_added_later() {
    on_every_engine(async |db| {
        let mut new = upload(&db.suite, "k");
        new.tags = tags(&[("team", "web")]);
        new.executions = vec![passed("a", 1.0), failed("b", 2.0), passed("a", 3.0)];
        new.executions[2].tags = tags(&[("shard", "2")]);
        db.store.record_upload(new).await.unwrap();
        let a = known(&db, "a").await;
        let history = db.store.test_executions(&a, ALL).await.unwrap().items;
        let b = &db
            .store
            .failed_executions(&run(&db, "k").await, ALL)
            .await
            .unwrap()
            .items[0];
        let set = async |execution, tags| {
            let new = NewExecutionTags { execution, tags };
            db.store
                .set_execution_tags(db.suite.id, &[new])
                .await
                .unwrap()
        };
        let later = tags(&[("mut.seen", "yes")]);
        assert_eq!(set(history[1].uuid, later.clone()).await, Ok(()));
        assert_eq!(set(b.uuid, tags(&[("mut.seen", "no")])).await, Ok(()));
        let found = async |key: &'static str, value: &'static str| {
            let wants = move |tags: &BTreeMap<String, String>| {
                tags.get(key).is_some_and(|given| given == value)
            };
            let query = query(TestOrder::DurationMean, false);
            let tests = tests_with_tags(&db, &query, &wants).await;
            tests
                .into_iter()
                .map(|item| (item.test.name, item.metrics.duration_sum.get()))
                .collect::<Vec<_>>()
        };
        let sums = |sums: &[(&str, u64)]| -> Vec<(String, u64)> {
            sums.iter()
                .map(|(name, seconds)| ((*name).to_owned(), seconds * 1_000_000))
                .collect()
        };
        // By the mean of matching executions, so that a and b tie and are ordered by id.
        assert_eq!(found("team", "web").await, sums(&[("a", 4), ("b", 2)]));
        assert_eq!(found("shard", "2").await, sums(&[("a", 3)]));
        assert_eq!(found("mut.seen", "yes").await, sums(&[("a", 1)]));
        assert_eq!(found("mut.seen", "no").await, sums(&[("b", 2)]));
        let history = db.store.test_executions(&a, ALL).await.unwrap().items;
        assert_eq!(history[1].tags["mut.seen"], "yes");
        assert!(!history[0].tags.contains_key("mut.seen"));
        let failures = db
            .store
            .failed_executions(&run(&db, "k").await, ALL)
            .await
            .unwrap();
        assert_eq!(failures.items[0].tags["mut.seen"], "no");
        assert_eq!(set(history[1].uuid, BTreeMap::new()).await, Ok(()));
        assert!(found("mut.seen", "yes").await.is_empty());

        let nobody = Uuid::new_v4();
        assert_eq!(set(nobody, later.clone()).await, Err(nobody));
        let theirs = create_suite(&db.store, "other", "web").await;
        let foreign = NewExecutionTags {
            execution: b.uuid,
            tags: later,
        };
        let result = db.store.set_execution_tags(theirs.id, &[foreign]).await;
        assert_eq!(result.unwrap(), Err(b.uuid));
    })
    .await;
}

#[tokio::test]
async fn lists_by_executions_match_daily_sums() {
    on_every_engine(async |db| {
        for (key, branch, executions) in [
            ("1", Some("main"), vec![passed("a", 3.0), passed("b", 1.0)]),
            (
                "2",
                Some("feature/x"),
                vec![failed("a", 1.0), failed("c", 9.0)],
            ),
            (
                "3",
                None,
                vec![passed("b", 5.0), crate::support::skipped("d")],
            ),
        ] {
            let mut new = upload(&db.suite, key);
            new.run.branch = branch.map(str::to_owned);
            new.executions = executions;
            db.store.record_upload(new).await.unwrap();
        }
        let muted = known(&db, "c").await;
        db.store
            .set_test_state(
                db.suite.id,
                muted.uuid,
                TestState::Muted,
                &Change::by_server(NOON),
            )
            .await
            .unwrap();
        let mut seen = 0;
        for order in [
            TestOrder::DurationMean,
            TestOrder::DurationSum,
            TestOrder::DurationMin,
            TestOrder::DurationMax,
            TestOrder::Reliability,
            TestOrder::Executions,
        ] {
            for descending in [false, true] {
                for branch in [
                    None,
                    Some(BranchFilter::Is("main".to_owned())),
                    Some(BranchFilter::IsNot("main".to_owned())),
                    Some(BranchFilter::StartsWith("feature/".to_owned())),
                ] {
                    for state in [None, Some(TestState::Muted)] {
                        let query = TestQuery {
                            branch: branch.clone(),
                            state,
                            ..query(order, descending)
                        };
                        let by_days = db.store.tests(db.suite.id, &query).await.unwrap();
                        let by_executions = tests_with_tags(&db, &query, &|_tags| true).await;
                        assert_eq!(by_days.items, by_executions, "{query:?}");
                        seen += by_executions.len();
                    }
                }
            }
        }
        // 4 tests on all branches, 2 on main, 4 elsewhere, 2 on the feature; c alone is muted.
        assert_eq!(seen, 12 * (4 + 1 + 2 + 4 + 1 + 2 + 1));
    })
    .await;
}

#[tokio::test]
async fn lists_tests_of_a_build_across_suites() {
    on_every_engine(async |db| {
        let api = create_suite(&db.store, "acme", "api").await;
        let foreign = create_suite(&db.store, "other", "web").await;
        for (suite, key, name) in [
            (&db.suite, "b1", "one"),
            (&api, "b1", "two"),
            (&foreign, "b1", "three"),
            (&db.suite, "b2", "four"),
        ] {
            let mut new = upload(suite, key);
            new.run.build_id = Some(key.to_owned());
            new.executions = vec![passed(name, 1.0), failed(name, 2.0)];
            db.store.record_upload(new).await.unwrap();
        }
        let query = query(TestOrder::DurationMean, true);
        let of_build = async |build: &str| {
            let found = db
                .store
                .tests_of_build(db.suite.organization, build, &query, &|_tags| true)
                .await
                .unwrap();
            found.map(|tests| {
                let told = tests.into_iter().map(|item| {
                    assert_eq!(item.metrics.counts.executions(), 2);
                    item.test.name
                });
                told.collect::<Vec<_>>()
            })
        };
        assert_eq!(of_build("b1").await, Some(words(&["one", "two"])));
        assert_eq!(of_build("b2").await, Some(words(&["four"])));
        assert_eq!(of_build("b3").await, None);
        db.store
            .delete_suite(api.id, &Change::by_server(NOON))
            .await
            .unwrap();
        assert_eq!(of_build("b1").await, Some(words(&["one"])));
    })
    .await;
}
