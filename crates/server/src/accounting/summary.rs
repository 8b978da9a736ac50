//! Summaries of accountings for lists of runs, kept up to date in the background.

use test_engine_accounting::{Accounting, NodeRow, Verdict};
use test_engine_store::{AccountingSummary, PendingAccounting, Timestamp};
use test_engine_wire::{NodeState, PlanSource};

use super::{Accountant, AccountingError};

/// Plans per step.
const STEP: u32 = 20;
/// Without news for this long, nodes without an end report count as lost.
pub(crate) const LOST_AFTER_MS: i64 = 60 * 60 * 1000;

impl Accountant {
    /// Completes when a report has been stored since the last call.
    pub(crate) async fn report_stored(&self) {
        self.wake.notified().await;
    }

    /// Updates the outdated summaries of some plans. True if there may be more.
    pub(crate) async fn summarize_some(&self, now: Timestamp) -> Result<bool, AccountingError> {
        let pending = self.store.pending_accountings(STEP).await?;
        for one in &pending {
            self.summarize(one, now).await?;
        }
        Ok(pending.len() == STEP as usize)
    }

    async fn summarize(
        &self,
        pending: &PendingAccounting,
        now: Timestamp,
    ) -> Result<(), AccountingError> {
        // A deleted suite is purged with its accountings.
        let Some(suite) = self.store.suite_by_id(pending.suite).await? else {
            return Ok(());
        };
        if let Some(accounting) = self.of_plan(&suite, &pending.identifier, now).await? {
            let summary = summary(&accounting);
            self.store.set_accounting_summary(pending, &summary).await?;
        }
        Ok(())
    }

    /// The number of plans that are not complete although their nodes ended or are lost.
    pub(crate) async fn count_incomplete(&self, now: Timestamp) -> Result<u64, AccountingError> {
        let lost_before = now.plus_millis(-LOST_AFTER_MS);
        Ok(self.store.count_incomplete_accountings(lost_before).await?)
    }
}

/// The numbers of an accounting.
fn summary(accounting: &Accounting) -> AccountingSummary {
    let groups = &accounting.groups;
    let nodes = || {
        let rows = groups.iter().flat_map(|group| &group.nodes);
        rows.filter(|row| !row.runs_missing_targets)
    };
    let count = |matches: fn(&NodeRow) -> bool| nodes().filter(|row| matches(row)).count() as u64;
    AccountingSummary {
        complete: accounting.verdict == Verdict::Complete,
        targets: groups.iter().map(|group| group.targets).sum(),
        complete_targets: groups.iter().map(|group| group.complete_targets).sum(),
        nodes: groups
            .iter()
            .map(|group| u64::from(group.parallelism))
            .sum(),
        pending_nodes: count(is_pending),
        fallback_nodes: count(|row| row.source == Some(PlanSource::Fallback)),
        ..AccountingSummary::default()
    }
}

/// Whether a node has not reported its end.
fn is_pending(row: &NodeRow) -> bool {
    matches!(row.state, None | Some(NodeState::Started))
}

#[cfg(test)]
mod tests {
    use test_engine_accounting::{Accounting, GroupAccounting, NodeRow, Verdict};
    use test_engine_store::AccountingSummary;
    use test_engine_wire::{NodeState, PlanSource};

    use super::summary;

    #[test]
    fn adds_up_groups_without_the_jobs_that_run_missing_targets() {
        let row = |node, state, source| NodeRow {
            node,
            state,
            source,
            ..NodeRow::default()
        };
        let missing = NodeRow {
            runs_missing_targets: true,
            ..row(2, Some(NodeState::Finished), Some(PlanSource::Server))
        };
        let group = |nodes| GroupAccounting {
            parallelism: 2,
            targets: 10,
            complete_targets: 9,
            nodes,
            ..GroupAccounting::default()
        };
        let accounting = Accounting {
            identifier: "b/s".to_owned(),
            verdict: Verdict::Incomplete,
            groups: vec![
                group(vec![
                    row(0, Some(NodeState::Finished), Some(PlanSource::Fallback)),
                    row(1, Some(NodeState::Started), Some(PlanSource::Server)),
                    missing,
                ]),
                group(vec![
                    row(0, None, None),
                    row(1, Some(NodeState::Failed), Some(PlanSource::File)),
                ]),
            ],
        };
        let expected = AccountingSummary {
            complete: false,
            targets: 20,
            complete_targets: 18,
            nodes: 4,
            pending_nodes: 2,
            fallback_nodes: 1,
            ..AccountingSummary::default()
        };
        assert_eq!(summary(&accounting), expected);
    }
}
