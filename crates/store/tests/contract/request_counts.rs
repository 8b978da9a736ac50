//! Counts of requests: exact under concurrency, and reset in each window.

use crate::support::{NOON, create_suite, on_every_engine};

#[tokio::test]
async fn separates_windows_organizations_and_buckets() {
    on_every_engine(async |db| {
        let one = db.suite.organization;
        let other = create_suite(&db.store, "other", "web").await.organization;
        let count = async |organization, bucket, window, requests| {
            db.store
                .count_requests(organization, bucket, window, requests)
                .await
                .unwrap()
        };
        let next = NOON.plus_millis(60_000);
        assert_eq!(count(one, 0, NOON, 2).await, 2);
        assert_eq!(count(one, 0, NOON, 3).await, 5);
        assert_eq!(count(one, 1, NOON, 1).await, 1);
        assert_eq!(count(other, 0, NOON, 1).await, 1);
        assert_eq!(count(one, 0, next, 1).await, 1);
        assert_eq!(
            count(one, 0, NOON, 1).await,
            2,
            "a clock that is slightly behind"
        );
    })
    .await;
}

#[tokio::test]
async fn counts_concurrent_requests_exactly() {
    on_every_engine(async |db| {
        let tasks: Vec<_> = (0..40)
            .map(|_| {
                let (store, organization) = (db.store.clone(), db.suite.organization);
                tokio::spawn(async move { store.count_requests(organization, 0, NOON, 1).await })
            })
            .collect();
        let mut counts = Vec::new();
        for task in tasks {
            counts.push(task.await.unwrap().unwrap());
        }
        counts.sort_unstable();
        assert_eq!(counts, (1..=40).collect::<Vec<u64>>());
    })
    .await;
}
