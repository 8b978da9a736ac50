//! Upgrades a database whose evidence has the wide form: every group, break, fingerprint and
//! judgement is kept, and tests that were not judged yet are judged.

use test_engine_insights::{Counts, Fingerprint, Level};
use test_engine_store::{NewRun, NewUpload, Page, Store, Suite, TestHealth, TestId, test_uuid};
use uuid::Uuid;

use crate::support::{NOON, on_upgraded_databases, passed, upload};

const ALL: Page = Page {
    number: 1,
    size: 10,
};

const SUITE: Uuid = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);

/// Rows of version 27: `a` is broken since the first of two commits and judged, `b` is mixed on the
/// second one and not judged, and `c` ended a break there. The first run failed in two tests.
const ROWS: &str = "\
    INSERT INTO organizations (uuid, slug, created_at) \
    VALUES (X'00112233445566778899aabbccddeeff', 'acme', 0); \
    INSERT INTO suites (organization_id, uuid, slug, name, default_branch, created_at) \
    VALUES (1, X'00112233445566778899aabbccddeeff', 'web', 'Web', 'main', 0); \
    INSERT INTO branches (suite_id, name) VALUES (1, 'main'); \
    INSERT INTO tests (suite_id, uuid, scope, name, first_seen_at, last_seen_at) VALUES \
    (1, X'TEST_A', 'Basket', 'a', 1, 9), \
    (1, X'TEST_B', 'Basket', 'b', 1, 9), \
    (1, X'TEST_C', 'Basket', 'c', 1, 9); \
    INSERT INTO tested_commits (suite_id, number, key, sha, main_number, first_at) VALUES \
    (1, 1, 11, 'sha1', 1, NOW), (1, 2, 12, 'sha2', 2, NOW), (1, 3, 13, 'sha3', NULL, NOW); \
    INSERT INTO runs (suite_id, uuid, key, branch_id, run_env, commit_number, created_at, \
    updated_at) VALUES \
    (1, X'04112233445566778899aabbccddeeff', 'k1', 1, '{}', 1, NOW, NOW), \
    (1, X'05112233445566778899aabbccddeeff', 'k2', 1, '{}', 2, NOW, NOW); \
    INSERT INTO commit_groups (suite_id, commit_number, test_id, first_at, passed, failed, \
    guarded_passed, guarded_failed, failed_run, two_failed_runs, fingerprint) VALUES \
    (1, 1, 1, NOW, 0, 3, 0, 0, 1, FALSE, 7), (1, 2, 1, NOW, 0, 1, 0, 0, 2, TRUE, 7), \
    (1, 2, 2, NOW, 2, 1, 5, 4, 2, FALSE, -9), (1, 1, 3, NOW, 0, 1, 0, 0, 1, FALSE, NULL), \
    (1, 2, 3, NOW, 1, 0, 0, 0, NULL, FALSE, NULL); \
    INSERT INTO open_breaks (suite_id, test_id, main_number) VALUES (1, 1, 2); \
    INSERT INTO failure_groups (suite_id, fingerprint, run_id, executions, last_at, guarded) \
    VALUES (1, 7, 1, 3, NOW, FALSE), (1, 7, 2, 1, NOW, TRUE), (1, -9, 2, 1, NOW, FALSE); \
    INSERT INTO test_health (test_id, suite_id, changes, changed_at, judged, version, level, \
    broken_since, updated_at) VALUES \
    (1, 1, 2, NOW, 2, 5, 3, 1, NOW), (2, 1, 1, NOW, 0, 0, 0, NULL, 0), \
    (3, 1, 4, NOW, 3, 2, 0, NULL, NOW);";

async fn health(store: &Store, suite: &Suite, name: &str) -> (TestId, TestHealth) {
    let test = store.find_test(suite, "Basket", name).await.unwrap();
    let id = test.unwrap().id;
    (id, store.test_health(id).await.unwrap().unwrap())
}

#[tokio::test]
async fn keeps_evidence_and_judges_what_is_not_judged_yet() {
    let mut rows = ROWS.replace("NOW", &NOON.millis().to_string());
    for (place, name) in [("TEST_A", "a"), ("TEST_B", "b"), ("TEST_C", "c")] {
        let uuid = test_uuid(SUITE, "Basket", name);
        rows = rows.replace(place, &uuid.simple().to_string());
    }
    on_upgraded_databases(27, &rows, async |store| {
        let suite = store.suite("acme", "web").await.unwrap().unwrap();
        let (a, broken) = health(store, &suite, "a").await;
        assert_eq!((broken.level, broken.is_current), (Level::Broken, true));
        for name in ["b", "c"] {
            let (_, waiting) = health(store, &suite, name).await;
            assert_eq!((waiting.level, waiting.is_current), (Level::Sound, false));
        }
        assert_eq!(store.judge_some(NOON, 100).await.unwrap().tests, 2);
        assert_eq!(store.judge_some(NOON, 100).await.unwrap().tests, 0);
        let (b, mixed) = health(store, &suite, "b").await;
        assert!(mixed.is_current);
        assert_eq!((mixed.level, mixed.mixed_groups), (Level::Suspect, 1));

        let evidence = store.evidence(suite.id, NOON).await.unwrap();
        let groups = evidence[&a].groups();
        let counted: Vec<(Counts, bool)> = groups
            .iter()
            .map(|group| (group.counted, group.has_two_failed_runs))
            .collect();
        let failed = |failed| Counts { passed: 0, failed };
        assert_eq!(counted, [(failed(3), false), (failed(1), true)]);
        let groups = evidence[&b].groups();
        let guarded = Counts {
            passed: 5,
            failed: 4,
        };
        assert_eq!(groups[0].guarded, guarded);
        for (fingerprint, count) in [(7, 2), (u64::MAX - 8, 1)] {
            let runs = store
                .runs_with_fingerprint(suite.id, Fingerprint(fingerprint), ALL)
                .await;
            assert_eq!(runs.unwrap().total, count);
        }

        // A pass on a new commit of the default branch ends the break of the old rows.
        let new = upload(&suite, "k3");
        let new = NewUpload {
            run: NewRun {
                branch: Some("main".to_owned()),
                commit_sha: Some("sha4".to_owned()),
                ..new.run
            },
            received_at: NOON,
            executions: vec![passed("a", 1.0)],
            ..new
        };
        store.record_upload(new).await.unwrap();
        assert!(!health(store, &suite, "a").await.1.is_current);
        assert_eq!(store.judge_some(NOON, 100).await.unwrap().tests, 1);
        let (_, ended) = health(store, &suite, "a").await;
        assert_eq!((ended.broken, ended.short_breaks), (None, 1));
        assert!(ended.is_current);
    })
    .await;
}
