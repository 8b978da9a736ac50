//! What makes the selections of a suite less sure, without switching them off.

use test_engine_store::{SelectionKnowledge, SuiteId, Timestamp};

use super::memory::Learned;
use super::{SelectionError, Selections};

/// Days without a holdout after which there is a warning.
const QUIET_DAYS: i64 = 30;
/// Plans whose knowledge of the changed files is compared with that of [`KNOWN_DAYS`].
const RECENT_PLANS: u32 = 50;
const KNOWN_DAYS: i64 = 90;
const MAX_PLANS: u32 = 5_000;

impl Selections {
    /// Sentences.
    pub(super) async fn warnings(
        &self,
        suite: SuiteId,
        learned: &Learned,
        now: Timestamp,
    ) -> Result<Vec<String>, SelectionError> {
        let known = self
            .store
            .selection_knowledge(suite, now.plus_days(-KNOWN_DAYS), RECENT_PLANS, MAX_PLANS)
            .await?;
        let mut warnings = Vec::new();
        let newest = learned.holdouts.last().map(|known| known.closed_at);
        if newest.is_some_and(|newest| newest < now.plus_days(-QUIET_DAYS)) {
            warnings.push(format!(
                "No failing build was recorded in the last {QUIET_DAYS} days, so the confidence \
                 rests on older builds."
            ));
        }
        if knows_less(known) {
            warnings.push(
                "Recent changes touch files with little failure history, so selections rely mostly \
                 on the names of files and tests."
                    .to_owned(),
            );
        }
        Ok(warnings)
    }
}

/// Whether the newest plans know less than half of what those of 90 days know of changed files.
const fn knows_less(known: SelectionKnowledge) -> bool {
    let SelectionKnowledge {
        plans,
        known,
        recent_plans,
        recent_known,
    } = known;
    plans > recent_plans && recent_known * plans * 2 < known * recent_plans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sudden_lack_of_knowledge_is_noticed() {
        let plans = |recent: u64, earlier: u64| SelectionKnowledge {
            plans: 550,
            known: recent * 50 + earlier * 500,
            recent_plans: 50,
            recent_known: recent * 50,
        };
        assert!(knows_less(plans(200_000, 600_000)));
        assert!(!knows_less(plans(400_000, 600_000)));
        assert!(!knows_less(plans(0, 0)));
        let only_recent = SelectionKnowledge {
            plans: 50,
            known: 600_000,
            recent_plans: 50,
            recent_known: 0,
        };
        assert!(!knows_less(only_recent));
        assert!(!knows_less(SelectionKnowledge::default()));
    }
}
