//! Summaries of accountings for lists of runs, kept up to date in the background.

use test_engine_accounting::{Accounting, Verdict};
use test_engine_store::{
    AccountingSummary, AccountingVerdict, PendingAccounting, StoreError, Timestamp,
};
use test_engine_wire::PlanSource;

use super::running::{lost_before, pending_nodes};
use super::{Accountant, AccountingError, pace};
use crate::error_chain::ErrorChain;

const PLANS_PER_STEP: u32 = 20;
/// A summary that failed, for example because a report is damaged, must not delay the others.
const RETRY_AFTER_MS: i64 = 10 * 60 * 1000;

impl Accountant {
    /// Completes when a report or an upload has been stored since the last call.
    pub(crate) async fn news(&self) {
        self.wake.notified().await;
    }

    /// Updates the outdated summaries of some plans. True if there may be more. What fails is
    /// logged and tried again later.
    pub(crate) async fn summarize_some(&self, now: Timestamp) -> Result<bool, AccountingError> {
        let outdated = self.store.pending_accountings(now, PLANS_PER_STEP).await?;
        for plan in &outdated {
            if let Err(error) = self.summarize(plan, now).await {
                if let AccountingError::Store(StoreError::Unavailable(_)) = error {
                    return Err(error);
                }
                log(&plan.identifier, &error);
                let retry_at = now.plus_millis(RETRY_AFTER_MS);
                self.store.defer_accounting(plan, retry_at).await?;
            }
        }
        Ok(outdated.len() == PLANS_PER_STEP as usize)
    }

    async fn summarize(
        &self,
        plan: &PendingAccounting,
        now: Timestamp,
    ) -> Result<(), AccountingError> {
        // A deleted suite is purged with its accountings.
        let Some(suite) = self.store.suite_by_id(plan.suite).await? else {
            return Ok(());
        };
        let Some(computed) = self.compute(&suite, &plan.identifier, false, now).await? else {
            return Ok(());
        };
        if let Some(counts) = computed.counts {
            self.store.record_test_counts(&suite, &counts).await?;
        }
        let summary = summary(&computed.accounting);
        self.store.set_accounting_summary(plan, &summary).await?;
        self.selections.runs_may_have_ended();
        Ok(())
    }

    /// The number of plans that are incomplete although their nodes ended or are lost.
    pub(crate) async fn count_incomplete(&self, now: Timestamp) -> Result<u64, AccountingError> {
        let lost_before = lost_before(now);
        Ok(self.store.count_incomplete_accountings(lost_before).await?)
    }
}

fn log(identifier: &str, error: &AccountingError) {
    let cause = ErrorChain(error);
    tracing::error!(%cause, identifier, "failed to summarize the accounting of a plan");
}

/// The numbers of an accounting.
fn summary(accounting: &Accounting) -> AccountingSummary {
    let groups = &accounting.groups;
    let rows = groups.iter().flat_map(|group| &group.nodes);
    let shares = rows.filter(|row| !row.runs_missing_targets);
    let fallbacks = shares.filter(|row| row.source == Some(PlanSource::Fallback));
    AccountingSummary {
        verdict: match accounting.verdict {
            Verdict::Complete => AccountingVerdict::Complete,
            Verdict::Incomplete => AccountingVerdict::Incomplete,
            Verdict::Unknown => AccountingVerdict::Unknown,
        },
        targets: groups.iter().map(|group| group.targets).sum(),
        complete_targets: groups.iter().map(|group| group.complete_targets).sum(),
        nodes: groups
            .iter()
            .map(|group| u64::from(group.parallelism))
            .sum(),
        pending_nodes: groups.iter().map(pending_nodes).sum(),
        fallback_nodes: fallbacks.count() as u64,
        pace: pace::of_plan(accounting),
        ..AccountingSummary::default()
    }
}

#[cfg(test)]
mod tests {
    use test_engine_accounting::{Accounting, GroupAccounting, NodeRow, Verdict};
    use test_engine_store::{AccountingSummary, AccountingVerdict};
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
            verdict: AccountingVerdict::Incomplete,
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
