//! What is known of the first executions of a test: what its causes are found from.

use std::collections::BTreeMap;

use test_engine_store::{
    Actor, ActorKind, Change, Circumstances, Examined, NewExecution, NewUpload, Test, Timestamp,
};

use crate::failed_tests::failed_with;
use crate::support::{Database, NOON, create_suite, failed, on_every_engine, passed, run, upload};

const MINUTE: i64 = 60_000;
/// Of the failures of the test.
const FINGERPRINT: u64 = 0x0000_0007_0000_0009;

async fn record(db: &Database, key: &str, at: Timestamp, executions: Vec<NewExecution>) {
    let new = NewUpload {
        received_at: at,
        tags: BTreeMap::from([("host".to_owned(), "m1".to_owned())]),
        executions,
        ..upload(&db.suite, key)
    };
    db.store.record_upload(new).await.unwrap();
}

async fn find(db: &Database, name: &str) -> Test {
    let found = db.store.find_test(&db.suite, "Basket", name).await;
    found.unwrap().unwrap()
}

async fn examine(db: &Database, name: &str, now: Timestamp) -> Option<Examined> {
    let test = find(db, name).await;
    db.store.circumstances(&test, now).await.unwrap()
}

/// The test after five others, which take `factor` seconds each.
fn executions(fails: bool, factor: f64) -> Vec<NewExecution> {
    let mut executions: Vec<NewExecution> = (0..5)
        .map(|number| passed(&format!("other {number}"), factor))
        .collect();
    if fails {
        executions.push(failed_with("a", FINGERPRINT));
    }
    let mut last = passed("a", 0.5);
    last.tags = BTreeMap::from([("shard".to_owned(), "7".to_owned())]);
    executions.push(last);
    executions
}

#[tokio::test]
async fn first_executions_have_their_circumstances() {
    on_every_engine(async |db| {
        // A run an hour; every third fails first, on a slow node, while another run uploads.
        let elsewhere = create_suite(&db.store, "acme", "api").await;
        for number in 0..30 {
            let at = NOON.plus_millis(number * 60 * MINUTE);
            let fails = number % 3 == 0;
            let key = format!("run {number}");
            record(
                &db,
                &key,
                at,
                executions(fails, if fails { 3.0 } else { 1.0 }),
            )
            .await;
            if fails {
                let new = NewUpload {
                    received_at: at.plus_millis(9 * MINUTE),
                    executions: vec![passed("b", 1.0)],
                    ..upload(&elsewhere, &key)
                };
                db.store.record_upload(new).await.unwrap();
            }
            // A second upload of the run is no overlap.
            let late = at.plus_millis(MINUTE);
            record(&db, &key, late, vec![passed("late", 1.0)]).await;
            assert!(
                number != 6 || examine(&db, "a", late).await.is_none(),
                "too few"
            );
        }
        let now = NOON.plus_days(2);
        let examined = examine(&db, "a", now).await.unwrap();
        assert!(examined.is_complete);
        assert_eq!(examined.since, Some(NOON));
        assert_eq!(examined.executions.len(), 30);
        for one in &examined.executions {
            let expected = Circumstances {
                passed_on_retry: one.failed.then_some(true),
                overlapping_uploads: u32::from(one.failed),
                slowness_percent: Some(if one.failed { 300 } else { 100 }),
                tags: BTreeMap::from([("host".to_owned(), "m1".to_owned())]),
                ..one.clone()
            };
            let mut found = one.clone();
            // Only passes have the tag of their own.
            let shard = found.tags.remove("shard");
            assert_eq!(shard.is_some(), !one.failed);
            assert_eq!(found, expected);
            assert_eq!(one.order, examined.executions[0].order);
        }
        let hours = examined.executions.iter().map(|one| (one.at, one.failed));
        let expected = (0..30).map(|number| {
            let at = NOON.plus_millis(number * 60 * MINUTE);
            (at, number % 3 == 0)
        });
        assert_eq!(hours.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        // What is older than 60 days is not examined.
        let later = NOON.plus_days(61).plus_millis(12 * 60 * MINUTE);
        assert_eq!(examine(&db, "a", later).await, None);
        assert_eq!(examine(&db, "late", now).await, None);
    })
    .await;
}

#[tokio::test]
async fn outages_are_left_out_unless_they_are_counted() {
    on_every_engine(async |db| {
        for number in 0..10 {
            record(&db, &format!("run {number}"), NOON, executions(true, 1.0)).await;
        }
        let mut down = vec![failed("a", 1.0)];
        down.extend((0..5).map(|number| failed(&format!("other {number}"), 1.0)));
        record(&db, "down", NOON, down).await;
        let count = async || examine(&db, "a", NOON).await.unwrap().executions.len();
        assert_eq!(count().await, 10);
        let change = Change::new(Actor::of_kind(ActorKind::CommandLine), NOON);
        let outage = run(&db, "down").await;
        let counted = db
            .store
            .count_outage(db.suite.id, outage.uuid, true, &change);
        counted.await.unwrap();
        assert_eq!(count().await, 11);
    })
    .await;
}

#[tokio::test]
async fn three_tests_with_one_fingerprint_share_a_cause() {
    on_every_engine(async |db| {
        let one_run = async |key: &str, names: &[&str]| {
            let mut results = executions(false, 1.0);
            results.extend(names.iter().map(|name| failed_with(name, FINGERPRINT)));
            record(&db, key, NOON, results).await;
        };
        one_run("run 1", &["b"]).await;
        one_run("run 2", &["b", "c"]).await;
        let test = find(&db, "b").await;
        let shared = async || db.store.shared_causes(&test, NOON).await.unwrap();
        assert_eq!(shared().await, []);
        one_run("run 3", &["d"]).await;
        let found = shared().await;
        let [cause] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(cause.fingerprint.0, FINGERPRINT);
        assert_eq!((cause.commits, cause.tests_count), (2, 3));
        let others = cause.others.iter().map(|test| test.name.as_str());
        assert_eq!(others.collect::<Vec<_>>(), ["c", "d"]);
        let later = NOON.plus_days(61);
        assert_eq!(db.store.shared_causes(&test, later).await.unwrap(), []);
    })
    .await;
}
