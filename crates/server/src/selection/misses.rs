//! Finds what selections have missed: items that were left out and fail on the default branch, once
//! the commit of the build is there.

use std::collections::HashSet;
use std::sync::Arc;

use test_engine_selection::Origin;
use test_engine_store::{
    DecisionState, MainRun, MergedCommit, SelectionFailures, Suite, SuiteId, Timestamp,
    WaitingDecision,
};

use super::closing::Details;
use super::learning::{FailedItems, FinishedBuild};
use super::{SelectionError, Selections, change};

/// Days that a decision waits for the default branch.
const MAX_WAIT_DAYS: i64 = 14;
/// Runs of the default branch after which a decision is closed.
const RUNS: u32 = 3;

impl Selections {
    /// Searches the new runs of the default branch of every suite for misses.
    pub(crate) async fn find_misses(&self, now: Timestamp) -> Result<(), SelectionError> {
        for suite in self.store.suites_with_waiting_decisions().await? {
            self.find_misses_of(suite, now).await?;
        }
        Ok(())
    }

    async fn find_misses_of(&self, suite: SuiteId, now: Timestamp) -> Result<(), SelectionError> {
        let Some(suite) = self.store.suite_by_id(suite).await? else {
            return Ok(());
        };
        let branch = &suite.default_branch;
        for run in self.store.unseen_main_runs(suite.id, branch, now).await? {
            let oldest = now.plus_days(-MAX_WAIT_DAYS);
            let waiting = self.store.waiting_decisions(suite.id, oldest).await?;
            let commits = self
                .store
                .merged_commits(suite.id, branch, &run, now)
                .await?;
            let merged = merged(&waiting, &commits, run.created_at);
            let failures = self
                .store
                .selection_failures(suite.id, branch, &[run.run], now)
                .await?;
            let failures = Arc::new(failures);
            let mut is_breakdown = failures.has_errors_outside_tests;
            for decision in merged.iter().filter(|decision| decision.main_runs == 0) {
                if !failures.failures.is_empty() {
                    is_breakdown |= self
                        .find_miss(&suite, decision, &run, &failures, now)
                        .await?;
                }
            }
            // A breakdown says nothing, so the next run is waited for as well.
            let seen = merged.iter().filter(|_| !is_breakdown);
            let seen: Vec<i64> = seen.map(|decision| decision.id).collect();
            self.store
                .main_run_seen(suite.id, run.run, &seen, RUNS)
                .await?;
        }
        Ok(())
    }

    /// Closes a decision if it left out what fails now. Returns whether the run is a breakdown.
    async fn find_miss(
        &self,
        suite: &Suite,
        waiting: &WaitingDecision,
        run: &MainRun,
        failures: &Arc<SelectionFailures>,
        now: Timestamp,
    ) -> Result<bool, SelectionError> {
        let Some(mut decision) = self.store.selection_decision_by_id(waiting.id).await? else {
            return Ok(false);
        };
        let Some(details) = decision.details.take() else {
            return Ok(false);
        };
        let failures = Arc::clone(failures);
        let find = move || {
            let details = Details::decode(&details)?;
            let failed = FailedItems::of(&details.scores, &failures, false);
            Ok::<_, SelectionError>((details, failed))
        };
        let (details, failed) = tokio::task::spawn_blocking(find).await??;
        if failed.is_breakdown {
            return Ok(true);
        }
        // Selected items passed on the branch, so something else made them fail here.
        let is_left_out = |rank: &usize| details.scores.items[*rank].item.selected.is_none();
        let missed: Vec<usize> = failed.ranks.into_iter().filter(is_left_out).collect();
        if missed.is_empty() {
            return Ok(false);
        }
        let build = FinishedBuild {
            decision: &decision,
            change: &details.change,
            scores: &details.scores,
            failed: &missed,
            origin: Origin::Missed,
            run: Some(run.run),
            at: now,
        };
        self.apply(suite.id, |learned| {
            build.step(learned, DecisionState::Closed)
        })
        .await?;
        let (suite, identifier) = (&suite.slug, &decision.identifier);
        tracing::info!(suite, identifier, "selection missed a failing build");
        Ok(false)
    }
}

/// The decisions whose commit is among the merged ones, that a merged commit has squashed, or whose
/// commit an earlier run had. Only the last commit of each branch is waiting. A run that is older
/// than the decision cannot have its commit squashed, even if it changed the same files.
fn merged<'a>(
    waiting: &'a [WaitingDecision],
    commits: &[MergedCommit],
    run_at: Timestamp,
) -> Vec<&'a WaitingDecision> {
    let shas: HashSet<&str> = commits.iter().map(|commit| commit.sha.as_str()).collect();
    let squashed: HashSet<[u8; 16]> = commits
        .iter()
        .filter_map(|commit| change::of_commit(commit.files_changed.as_deref()?, ""))
        .filter(|change| !change.files.is_empty())
        .map(|change| change::files_hash(&change))
        .collect();
    let is_merged = |decision: &&WaitingDecision| {
        let sha = decision.commit_sha.as_deref();
        decision.main_runs > 0
            || sha.is_some_and(|sha| shas.contains(sha))
            || decision.created_at <= run_at
                && decision
                    .files_hash
                    .is_some_and(|hash| squashed.contains(&hash))
    };
    waiting.iter().filter(is_merged).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_merged_by_commit_or_by_their_files() {
        let hash = |names| change::files_hash(&change::of_commit(names, "").unwrap());
        let waiting = |id, sha: Option<&str>, main_runs, files| WaitingDecision {
            id,
            created_at: Timestamp::from_millis(0),
            branch: id.to_string(),
            commit_sha: sha.map(str::to_owned),
            main_runs,
            files_hash: files,
        };
        let all = [
            waiting(1, Some("aa"), 0, None),
            waiting(2, Some("bb"), 0, Some(hash("x.py\ny.py"))),
            waiting(3, Some("cc"), 0, Some(hash("x.py"))),
            waiting(4, None, 1, None),
            waiting(5, None, 0, Some(hash(""))),
        ];
        let commits = [
            MergedCommit {
                sha: "aa".to_owned(),
                files_changed: Some(String::new()),
            },
            MergedCommit {
                sha: "dd".to_owned(),
                files_changed: Some("y.py\nx.py".to_owned()),
            },
            MergedCommit {
                sha: "ee".to_owned(),
                files_changed: None,
            },
        ];
        let ids = |commits: &[MergedCommit], run_at| {
            let merged = merged(&all, commits, Timestamp::from_millis(run_at)).into_iter();
            merged.map(|decision| decision.id).collect::<Vec<i64>>()
        };
        assert_eq!(ids(&commits, 0), [1, 2, 4]);
        assert_eq!(ids(&[], 0), [4]);
        // Somebody else changed the same files before.
        assert_eq!(ids(&commits, -1), [1, 4]);
    }
}
