//! Tests of a cached plan whose muted tests have changed.

use std::sync::Arc;

use test_engine_wire::{Plan, TestIdentity};

use super::{PlanBytes, with_muted};

#[test]
fn replaces_only_the_muted_tests() {
    let plan = Plan {
        identifier: "b/s".to_owned(),
        parallelism: 2,
        ..Plan::default()
    };
    let bytes = Arc::new(PlanBytes::from_json(serde_json::to_vec(&plan).unwrap()).unwrap());
    let same = with_muted(&bytes, &[]).unwrap();
    assert!(Arc::ptr_eq(&same, &bytes));
    let muted = vec![TestIdentity {
        scope: "A".to_owned(),
        name: "one".to_owned(),
        path: "a:1".to_owned(),
    }];
    let refreshed = with_muted(&bytes, &muted).unwrap();
    let read: Plan = serde_json::from_slice(&refreshed.plain().unwrap()).unwrap();
    let expected = Plan {
        muted_tests: muted,
        ..plan
    };
    assert_eq!(read, expected);
}
