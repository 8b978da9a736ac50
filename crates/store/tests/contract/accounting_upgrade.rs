//! Upgrades a database whose accountings have one run key per plan.

use test_engine_store::AccountingVerdict;

use crate::support::{NOON, on_upgraded_databases};

/// Rows of version 14.
const ROWS: &str = "\
    INSERT INTO organizations (uuid, slug, created_at) \
    VALUES (X'00112233445566778899aabbccddeeff', 'acme', 0); \
    INSERT INTO suites (organization_id, uuid, slug, name, default_branch, created_at, \
    timings_seq) VALUES (1, X'00112233445566778899aabbccddeeff', 'web', 'Web', 'main', 0, 1); \
    INSERT INTO selectors (suite_id, value_hash, value, updated_seq, recent, test_counts) \
    VALUES (1, X'01', 'a.py', 1, X'', X'01'); \
    INSERT INTO accountings (suite_id, identifier, build_id, run_key, reports, size, changes, \
    summarized, complete, updated_at, expires_at) VALUES \
    (1, 'complete', 'b', 'key', 1, 1, 2, 2, TRUE, 0, 9), \
    (1, 'incomplete', 'b', 'key', 1, 1, 2, 2, FALSE, 0, 9), \
    (1, 'new', 'b', '', 1, 1, 2, 0, FALSE, 0, 9); \
    INSERT INTO job_reports (suite_id, identifier, group_name, node, job_id, retry_count, \
    progress, size, body) VALUES (1, 'complete', '', 0, 'job', 0, 2, 1, X'01');";

#[tokio::test]
async fn a_plan_keeps_its_run_and_its_verdict() {
    on_upgraded_databases(14, ROWS, async |store| {
        let suite = store.suite("acme", "web").await.unwrap().unwrap().id;
        let found = store.accountings_of_runs(suite, &["key"]).await.unwrap();
        let found: Vec<(&str, AccountingVerdict)> = found
            .iter()
            .map(|one| (one.identifier.as_str(), one.verdict))
            .collect();
        assert_eq!(
            found,
            [
                ("complete", AccountingVerdict::Complete),
                ("incomplete", AccountingVerdict::Incomplete),
            ]
        );
        // What seemed incomplete may be unknown, and the node that set the pace is not known yet.
        let outdated = store.pending_accountings(NOON, 10).await.unwrap();
        let outdated: Vec<&str> = outdated.iter().map(|one| one.identifier.as_str()).collect();
        assert_eq!(outdated, ["complete", "incomplete", "new"]);
        assert_eq!(store.job_reports(suite, "complete").await.unwrap(), [[1]]);
        let changes = store.selectors_changed_since(suite, 0).await.unwrap();
        assert_eq!(changes.selectors, [], "counts of incomplete builds");
    })
    .await;
}
