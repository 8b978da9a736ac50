//! Whether a build may still be running. Pure.

use test_engine_accounting::{GroupAccounting, NodeRow};
use test_engine_store::Timestamp;

/// Without news for this long, nodes without an end report count as lost.
const LOST_AFTER_MS: i64 = 60 * 60 * 1000;

/// The time before which the latest news of a build must be for its other nodes to be lost.
pub(super) fn lost_before(now: Timestamp) -> Timestamp {
    now.plus_millis(-LOST_AFTER_MS)
}

/// Whether nodes without an end report may still be running, or be waiting for an agent.
pub(crate) fn is_recent(latest_report: Timestamp, now: Timestamp) -> bool {
    latest_report >= lost_before(now)
}

/// The number of nodes that have not reported their end, including those without a report.
pub(crate) fn pending_nodes(group: &GroupAccounting) -> u64 {
    let is_pending = |row: &&NodeRow| !row.runs_missing_targets && !row.has_ended();
    group.nodes.iter().filter(is_pending).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_recent_for_an_hour() {
        let reported = Timestamp::from_millis(0);
        let hour = Timestamp::from_millis(3_600_000);
        assert!(is_recent(reported, hour));
        assert!(!is_recent(reported, hour.plus_millis(1)));
    }
}
