//! What loading a test file takes: a moving mean over the reports of nodes.

use test_engine_duration::Micros;
use test_engine_store::StoreError;

use crate::support::{create_suite, on_every_engine};

#[tokio::test]
async fn the_load_of_a_file_follows_the_reports() {
    on_every_engine(async |db| {
        let (store, suite) = (&db.store, db.suite.id);
        let load = async |runner| store.file_load(suite, runner).await.unwrap();
        let add = async |seconds: f64| {
            let load = Micros::from_seconds(seconds);
            store.add_file_load(suite, "pytest", load).await.unwrap();
        };
        assert_eq!(load("pytest").await, None);
        add(0.5).await;
        assert_eq!(load("pytest").await, Some(Micros::from_seconds(0.5)));
        // One slow machine changes it by less than half.
        add(600.0).await;
        let after = load("pytest").await.unwrap().seconds();
        assert!((0.5..0.75).contains(&after), "{after}");
        // It follows a lasting change, in both directions.
        for seconds in [2.0, 0.0, 0.1] {
            for _ in 0..60 {
                add(seconds).await;
            }
            let after = load("pytest").await.unwrap().seconds();
            assert!((after - seconds).abs() < 0.01, "{after}, not {seconds}");
        }
        // Runners and suites are separate.
        assert_eq!(load("rspec").await, None);
        let other = create_suite(store, "acme", "other").await;
        assert_eq!(store.file_load(other.id, "pytest").await.unwrap(), None);
        let long = "x".repeat(2_000);
        let rejected = store.add_file_load(suite, &long, Micros::ZERO).await;
        assert!(matches!(rejected, Err(StoreError::TooLarge { .. })));
    })
    .await;
}
