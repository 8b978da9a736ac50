//! How many queries a piece of work sends.

use test_engine_store::{Page, TestId, count_queries, counted_by_spawner};

use crate::support::{on_every_engine, passed, record, run};

#[tokio::test]
async fn only_the_queries_of_the_work_are_counted() {
    on_every_engine(async |db| {
        let tests = (0..25).map(|number| passed(&number.to_string(), 1.0));
        record(&db, "k1", tests.collect()).await;
        let known = run(&db, "k1").await;
        let (store, suite) = (&db.store, db.suite.id);
        let work = async {
            store.suite_counts(suite).await.unwrap();
            store.runs(suite, None, Page::new(1, 1)).await.unwrap();
            let tests = store.tests_of_run(&known).await.unwrap();
            let ids: Vec<TestId> = tests.into_keys().collect();
            store.tests_with_ids(&ids).await.unwrap();
            store.tests_with_ids(&[]).await.unwrap();
        };
        let ((), sent) = count_queries(work).await;
        // A list has a count; segments are read until there are no more; 25 keys are one query.
        assert_eq!(sent, 1 + 2 + 2 + 1);
        let ((), none) = count_queries(async {}).await;
        assert_eq!(none, 0);

        let in_a_task = || {
            let store = store.clone();
            async move { store.count_tests(suite).await.unwrap() }
        };
        let work = async {
            tokio::spawn(in_a_task()).await.unwrap();
            tokio::spawn(counted_by_spawner(in_a_task())).await.unwrap()
        };
        assert_eq!(count_queries(work).await, (25, 1));
        assert_eq!(counted_by_spawner(in_a_task()).await, 25, "nobody counts");
    })
    .await;
}
