//! Closes decisions whose runs have ended.

use test_engine_selection::Origin;
use test_engine_store::{
    DecisionDetails, DecisionState, DecisionVerdict, StepOutcome, StoredDecision, Suite, Timestamp,
};

use super::learning::{FailedItems, FinishedBuild};
use super::scores::Scores;
use super::{SelectionError, Selections, change, scores};
use crate::error_chain::ErrorChain;

/// Decisions per step.
const STEP: u32 = 20;
/// A plan whose build has not uploaded anything by then is not waited for.
const MAX_AGE_DAYS: i64 = 1;

impl Selections {
    /// Closes some of the decisions whose runs may have ended. True while there are more.
    pub(crate) async fn close_some(&self, now: Timestamp) -> Result<bool, SelectionError> {
        let due = self.store.due_selection_decisions(now, STEP).await?;
        for decision in &due {
            let Err(error) = self.close(decision, now).await else {
                continue;
            };
            log_failure(decision, &error);
            self.store.defer_selection_decision(decision, now).await?;
        }
        Ok(due.len() == STEP as usize)
    }

    async fn close(&self, decision: &StoredDecision, now: Timestamp) -> Result<(), SelectionError> {
        let build = self.store.build_of_decision(decision, now).await?;
        let is_old = decision.created_at < now.plus_days(-MAX_AGE_DAYS);
        let is_finished = build.is_finished && !build.runs.is_empty();
        let has_none = is_old && build.runs.is_empty();
        if !(is_finished || has_none) {
            return Ok(self.store.defer_selection_decision(decision, now).await?);
        }
        let suite = self.store.suite_by_id(decision.suite).await?;
        let complete = self.store.selection_decision_by_id(decision.id).await?;
        let details = complete.and_then(|complete| complete.details);
        let (Some(suite), Some(details), true) = (suite, details, is_finished) else {
            return Ok(self.store.close_selection_decision(decision.id).await?);
        };
        let failures = self
            .store
            .selection_failures(suite.id, &suite.default_branch, &build.runs, now)
            .await?;
        let is_selected = decision.record.verdict == DecisionVerdict::Selected;
        let find = move || {
            let decoded = if failures.failed_tests > 0 {
                Details::decode(&details)?
            } else {
                Details::without_scores(&details)?
            };
            let failed = FailedItems::of(&decoded.scores, &failures, is_selected);
            Ok::<_, SelectionError>((decoded, failed))
        };
        let (decoded, failed) = tokio::task::spawn_blocking(find).await??;
        let ranks = if failed.is_breakdown {
            Vec::new()
        } else {
            failed.ranks
        };
        // Until the default branch has run, nobody knows what a selection that passed has missed.
        let state = if is_selected && ranks.is_empty() && !failed.is_breakdown {
            DecisionState::Waiting
        } else {
            DecisionState::Closed
        };
        let build = FinishedBuild {
            decision,
            change: &decoded.change,
            scores: &decoded.scores,
            failed: &ranks,
            origin: origin(decision),
            run: build.runs.first().copied(),
            at: now,
        };
        let outcome = self
            .apply(suite.id, |learned| build.step(learned, state))
            .await?;
        log(&suite, decision, ranks.len(), outcome);
        Ok(())
    }
}

fn log_failure(decision: &StoredDecision, error: &SelectionError) {
    let (cause, identifier) = (ErrorChain(error), &decision.identifier);
    tracing::error!(%cause, identifier, "failed to learn from a build");
}

fn log(suite: &Suite, decision: &StoredDecision, failed: usize, outcome: StepOutcome) {
    let (suite, identifier) = (&suite.slug, &decision.identifier);
    match outcome {
        StepOutcome::Stored(Some(_)) => {
            tracing::info!(
                suite,
                identifier,
                failed,
                "selection learned from a failing build"
            );
        }
        StepOutcome::Outdated => {
            tracing::warn!(
                suite,
                identifier,
                "other servers learned too much meanwhile"
            );
        }
        StepOutcome::Stored(None) | StepOutcome::Obsolete => {}
    }
}

/// How a failing build with this decision becomes known when its run has ended.
fn origin(decision: &StoredDecision) -> Origin {
    match decision.record.verdict {
        DecisionVerdict::Selected => Origin::Caught,
        DecisionVerdict::Observed => Origin::Observed,
        DecisionVerdict::Full => {
            let reason = decision.record.reason.as_ref();
            if reason.is_some_and(|(code, _)| code == "holdout") {
                Origin::Holdout
            } else {
                Origin::Full
            }
        }
    }
}

/// The details of a decision, decoded.
pub(super) struct Details {
    pub(super) scores: Scores,
    pub(super) change: test_engine_selection::Change,
}

impl Details {
    pub(super) fn decode(details: &DecisionDetails) -> Result<Self, SelectionError> {
        Ok(Self {
            scores: scores::decode(&details.scores)?,
            change: change::decode(&details.change)?,
        })
    }

    /// For builds without failures, which may be large.
    fn without_scores(details: &DecisionDetails) -> Result<Self, SelectionError> {
        Ok(Self {
            scores: Scores::default(),
            change: change::decode(&details.change)?,
        })
    }
}
