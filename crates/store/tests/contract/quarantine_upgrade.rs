//! Upgrades a database whose muted and skipped tests have no details.

use test_engine_store::{
    Actor, ActorKind, Change, QuarantineEvents, QuarantineSettings, TestState, TestedCode,
};

use crate::support::{NOON, on_upgraded_databases};

/// Rows of version 17.
const ROWS: &str = "\
    INSERT INTO organizations (uuid, slug, created_at) \
    VALUES (X'00112233445566778899aabbccddeeff', 'acme', 0); \
    INSERT INTO suites (organization_id, uuid, slug, name, default_branch, created_at) \
    VALUES (1, X'00112233445566778899aabbccddeeff', 'web', 'Web', 'main', 0); \
    INSERT INTO tests (suite_id, uuid, scope, name, file_name, state, state_changed_at, \
    first_seen_at, last_seen_at) VALUES \
    (1, X'01112233445566778899aabbccddeeff', 'Cart', 'adds', 'cart.py', 1, 5, 1, 9), \
    (1, X'02112233445566778899aabbccddeeff', 'Cart', 'pays', 'cart.py', 2, 6, 1, 9), \
    (1, X'03112233445566778899aabbccddeeff', 'Cart', 'ships', 'cart.py', 0, NULL, 1, 9);";

#[tokio::test]
async fn mutes_and_skips_of_earlier_versions_stay_without_an_end() {
    on_upgraded_databases(17, ROWS, async |store| {
        let suite = store.suite("acme", "web").await.unwrap().unwrap();
        assert_eq!(suite.quarantine, QuarantineSettings::default());
        let after_years = NOON.plus_days(10_000);
        let events = store.advance_quarantines(after_years, 10).await.unwrap();
        assert_eq!(events, QuarantineEvents::default());
        let touching = TestedCode::new(Some("topic"), "main", Some("cart.py"));
        for (state, name) in [(TestState::Muted, "adds"), (TestState::Skipped, "pays")] {
            let found = store.quarantined_tests(suite.id, state).await.unwrap();
            let [found] = found.as_slice() else {
                panic!("{found:?}");
            };
            assert_eq!(found.test.name, name);
            assert_eq!(found.quarantine, None);
            assert!(found.applies_to(&touching));
            let change = Change::new(Actor::of_kind(ActorKind::CommandLine), after_years);
            let enabled = store
                .set_test_state(suite.id, found.test.uuid, TestState::Enabled, &change)
                .await;
            assert_eq!(enabled.unwrap().unwrap().state, TestState::Enabled);
        }
    })
    .await;
}
