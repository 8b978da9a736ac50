//! Plans: the first one stored wins until it expires.

use test_engine_duration::Micros;
use test_engine_store::{NewPlan, Page, PlanMetadata, PlanOrigin, PlanSummary, RequestedNodes};

use crate::support::{NOON, create_suite, on_every_engine, on_upgraded_databases};

/// A plan of version 35.
const OLD_PLAN: &str = "\
    INSERT INTO organizations (uuid, slug, created_at) \
    VALUES (X'00112233445566778899aabbccddeeff', 'acme', 0); \
    INSERT INTO suites (organization_id, uuid, slug, name, default_branch, created_at) \
    VALUES (1, X'01112233445566778899aabbccddeeff', 'a', 'A', 'main', 0); \
    INSERT INTO plans (suite_id, identifier, created_at, expires_at, digest, body) \
    VALUES (1, 'old', 0, 9000000000000000, X'00', X'00');";

fn plan(suite: test_engine_store::SuiteId, identifier: &str, body: &[u8]) -> NewPlan {
    NewPlan {
        suite,
        identifier: identifier.to_owned(),
        body: body.to_vec(),
        digest: [body[0]; 32],
        origin: PlanOrigin {
            branch: "main".to_owned(),
            location_prefix: "web".to_owned(),
            files_changed: Some("a.py\nb.py".to_owned()),
            diff_base: Some("c0ffee".to_owned()),
            nodes: Some(RequestedNodes::UpTo {
                max: 8,
                target: Some(Micros::from_milliseconds(60_000)),
            }),
            file_load: Some(Micros::from_milliseconds(250)),
        },
        created_at: NOON,
        expires_at: NOON.plus_days(7),
    }
}

fn report(node: i64, retry_count: i64, body: &str) -> PlanMetadata {
    PlanMetadata {
        node,
        retry_count,
        version: "3.0.0".to_owned(),
        body: body.to_owned(),
        received_at: NOON,
    }
}

#[tokio::test]
async fn concurrent_inserts_return_one_plan() {
    on_every_engine(async |db| {
        let tasks: Vec<_> = (0..50_u8)
            .map(|node| {
                let store = db.store.clone();
                let body = vec![node; 10_000];
                let plan = plan(db.suite.id, "build/step", &body);
                tokio::spawn(async move { store.insert_plan(plan).await.unwrap() })
            })
            .collect();
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.unwrap());
        }
        assert_eq!(answers.iter().filter(|(_, won)| *won).count(), 1);
        assert!(answers.iter().all(|(plan, _)| *plan == answers[0].0));
        let kept = db
            .store
            .plan(db.suite.id, "build/step", NOON)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(kept, answers[0].0);
        assert_eq!(kept.body.len(), 10_000);
        assert_eq!(kept.digest, [kept.body[0]; 32]);
        let origin = db.store.plan_origin(db.suite.id, "build/step", NOON).await;
        assert_eq!(origin.unwrap(), Some(kept.origin));
    })
    .await;
}

#[tokio::test]
async fn the_requested_nodes_are_stored() {
    on_every_engine(async |db| {
        let requested = [
            None,
            Some(RequestedNodes::Fixed(3)),
            Some(RequestedNodes::UpTo {
                max: 9,
                target: None,
            }),
        ];
        for (number, nodes) in (0..).zip(requested) {
            let mut plan = plan(db.suite.id, &format!("plan {number}"), b"x");
            plan.origin.nodes = nodes;
            let expected = plan.origin.clone();
            db.store.insert_plan(plan.clone()).await.unwrap();
            let stored = db.store.plan(db.suite.id, &plan.identifier, NOON).await;
            assert_eq!(stored.unwrap().unwrap().origin, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn separates_plans_by_suite_and_identifier() {
    on_every_engine(async |db| {
        let other = create_suite(&db.store, "acme", "other").await;
        assert!(
            db.store
                .insert_plan(plan(db.suite.id, "a", b"1"))
                .await
                .unwrap()
                .1
        );
        assert!(
            db.store
                .insert_plan(plan(db.suite.id, "b", b"2"))
                .await
                .unwrap()
                .1
        );
        assert!(
            db.store
                .insert_plan(plan(other.id, "a", b"3"))
                .await
                .unwrap()
                .1
        );
        assert!(
            !db.store
                .insert_plan(plan(other.id, "a", b"4"))
                .await
                .unwrap()
                .1
        );
        let body = async |suite, identifier| {
            db.store
                .plan(suite, identifier, NOON)
                .await
                .unwrap()
                .map(|plan| plan.body)
        };
        assert_eq!(
            body(db.suite.id, "a").await.as_deref(),
            Some(b"1".as_slice())
        );
        assert_eq!(body(other.id, "a").await.as_deref(), Some(b"3".as_slice()));
        assert_eq!(body(other.id, "b").await, None);
        let listed = db.store.plans(db.suite.id, Page::new(1, 10)).await.unwrap();
        assert_eq!(listed.total, 2);
    })
    .await;
}

#[tokio::test]
async fn replaces_expired_plans() {
    on_every_engine(async |db| {
        db.store
            .insert_plan(plan(db.suite.id, "a", b"old"))
            .await
            .unwrap();
        assert!(
            db.store
                .insert_plan_metadata(db.suite.id, "a", &report(0, 0, "{}"))
                .await
                .unwrap()
        );
        let end = NOON.plus_days(7);
        assert!(
            db.store
                .plan(db.suite.id, "a", end.plus_millis(-1))
                .await
                .unwrap()
                .is_some()
        );
        assert!(
            db.store
                .plan(db.suite.id, "a", end)
                .await
                .unwrap()
                .is_none()
        );
        let new = NewPlan {
            created_at: end,
            expires_at: end.plus_days(7),
            ..plan(db.suite.id, "a", b"new")
        };
        let (kept, won) = db.store.insert_plan(new).await.unwrap();
        assert!(won);
        assert_eq!(kept.body, b"new");
        let stored = db.store.plan(db.suite.id, "a", end).await.unwrap().unwrap();
        assert_eq!(stored, kept);
        assert!(
            db.store
                .plan_metadata(db.suite.id, "a")
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn deletes_expired_plans_with_reports_in_steps() {
    on_every_engine(async |db| {
        for number in 0..5 {
            let mut plan = plan(db.suite.id, &format!("plan {number}"), b"x");
            plan.expires_at = NOON.plus_days(number);
            db.store.insert_plan(plan).await.unwrap();
        }
        let report = report(0, 0, "{}");
        assert!(
            db.store
                .insert_plan_metadata(db.suite.id, "plan 2", &report)
                .await
                .unwrap()
        );
        let later = NOON.plus_days(3);
        assert_eq!(db.store.delete_expired_plans(later, 3).await.unwrap(), 3);
        assert_eq!(db.store.delete_expired_plans(later, 3).await.unwrap(), 1);
        assert_eq!(db.store.delete_expired_plans(later, 3).await.unwrap(), 0);
        let left = db.store.plans(db.suite.id, Page::new(1, 10)).await.unwrap();
        assert_eq!(left.items.len(), 1);
        assert_eq!(left.items[0].identifier, "plan 4");
        assert!(
            db.store
                .plan_metadata(db.suite.id, "plan 2")
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn stores_one_report_per_node_and_retry() {
    on_every_engine(async |db| {
        db.store
            .insert_plan(plan(db.suite.id, "a", b"x"))
            .await
            .unwrap();
        let suite = db.suite.id;
        for given in [
            report(1, 0, "1"),
            report(0, 0, "2"),
            report(0, 1, "3"),
            report(1, 0, "4"),
        ] {
            assert!(
                db.store
                    .insert_plan_metadata(suite, "a", &given)
                    .await
                    .unwrap()
            );
        }
        assert!(
            !db.store
                .insert_plan_metadata(suite, "other", &report(0, 0, ""))
                .await
                .unwrap()
        );
        let bodies: Vec<String> = db
            .store
            .plan_metadata(suite, "a")
            .await
            .unwrap()
            .into_iter()
            .map(|report| report.body)
            .collect();
        assert_eq!(bodies, ["2", "3", "4"]);
        let listed = db.store.plans(suite, Page::new(1, 10)).await.unwrap();
        assert_eq!(listed.items[0].reports, 2, "nodes, not retries");
    })
    .await;
}

#[tokio::test]
async fn plans_after_one_continue_the_list() {
    on_every_engine(async |db| {
        // Some are of the same moment.
        for (identifier, hours) in [("a", 0), ("b", 1), ("c", 1), ("d", 1), ("e", 2)] {
            let created_at = NOON.plus_millis(hours * 3_600_000);
            let new = NewPlan {
                created_at,
                ..plan(db.suite.id, identifier, b"x")
            };
            db.store.insert_plan(new).await.unwrap();
        }
        let other = create_suite(&db.store, "acme", "other").await;
        let new = plan(other.id, "f", b"x");
        db.store.insert_plan(new).await.unwrap();
        let all = db.store.plans(db.suite.id, Page::new(1, 10)).await.unwrap();
        for size in [1, 2, 3, 5] {
            let mut found: Vec<PlanSummary> = Vec::new();
            loop {
                let next = db.store.plans_after(db.suite.id, found.last(), size);
                let next = next.await.unwrap();
                if next.is_empty() {
                    break;
                }
                assert!(next.len() <= size as usize);
                found.extend(next);
            }
            assert_eq!(found, all.items, "{size}");
        }
        let names = all.items.iter().map(|plan| plan.identifier.as_str());
        assert_eq!(names.collect::<Vec<_>>(), ["e", "b", "c", "d", "a"]);
    })
    .await;
}

#[tokio::test]
async fn plans_of_earlier_versions_have_no_load_time() {
    on_upgraded_databases(35, OLD_PLAN, async |store| {
        let suite = store.suite("acme", "a").await.unwrap().unwrap();
        let origin = store.plan_origin(suite.id, "old", NOON).await;
        assert_eq!(origin.unwrap().unwrap().file_load, None);
    })
    .await;
}
