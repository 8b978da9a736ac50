//! When test selection looks whether the run of a decision has ended.

use test_engine_store::{AccountingSummary, AccountingVerdict, StoredDecision, Timestamp};

use crate::accounting::report;
use crate::selection::{decided, decision};
use crate::support::{Database, NOON, on_every_engine};

/// When the decisions are not due unless their accounting has changed.
const SOON: Timestamp = NOON.plus_millis(1_000);

/// A job reports, after which so many nodes have not reported their end.
async fn reported(db: &Database, job: &str, pending_nodes: u64) {
    let report = report(db.suite.id, job, b"");
    db.store.insert_job_report(report).await.unwrap();
    for plan in db.store.pending_accountings(NOON, 10).await.unwrap() {
        let summary = AccountingSummary {
            verdict: AccountingVerdict::Complete,
            pending_nodes,
            ..AccountingSummary::default()
        };
        db.store
            .set_accounting_summary(&plan, &summary)
            .await
            .unwrap();
    }
}

async fn due(db: &Database, at: Timestamp) -> Vec<StoredDecision> {
    db.store.due_selection_decisions(at, 9).await.unwrap()
}

#[tokio::test]
async fn a_decision_is_due_once_every_node_has_reported_its_end() {
    on_every_engine(async |db| {
        decided(&db, "b/s", &decision("feature")).await;
        reported(&db, "first", 1).await;
        assert_eq!(due(&db, SOON).await, []);
        reported(&db, "second", 0).await;
        assert_eq!(due(&db, SOON).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn deferring_a_decision_keeps_changes_of_its_accounting() {
    on_every_engine(async |db| {
        decided(&db, "b/s", &decision("feature")).await;
        let defer = async |seen: &StoredDecision| {
            let deferred = db.store.defer_selection_decision(seen, NOON).await;
            deferred.unwrap();
        };
        let minute = NOON.plus_millis(60_000);
        // Both times, a report comes after the decision was read.
        for job in ["first", "second"] {
            let seen = due(&db, minute).await;
            reported(&db, job, 0).await;
            defer(&seen[0]).await;
            assert_eq!(due(&db, SOON).await.len(), 1, "{job}");
        }
        defer(&due(&db, SOON).await[0]).await;
        assert_eq!(due(&db, SOON).await, []);
        assert_eq!(due(&db, minute).await.len(), 1);
    })
    .await;
}
