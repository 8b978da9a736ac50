//! Reads builds from before a suite used selection as history: failing runs whose commits an
//! archive has described. Each is decided as it would have been then, oldest first, and learned
//! from.

use std::collections::BTreeMap;
use std::sync::Arc;

use test_engine_duration::Micros;
use test_engine_selection::{Change, Origin, Settings, Share, Target};
use test_engine_store::{
    DecisionState, DecisionVerdict, HistoryRun, StoredDecision, Suite, SuiteId, Timestamp,
};
use test_engine_wire::{Case, CaseFormat};

use super::decide::{Inputs, ItemHistory, SelectionRequest};
use super::items::{Indexed, ItemList};
use super::learning::{FailedItems, FinishedBuild};
use super::scores::Scores;
use super::{SelectionError, Selections, change, scores};

/// Runs of a suite that are looked at together.
const RUNS_AT_ONCE: u32 = 200;
/// The smallest sample, so that the history has hardly any random items.
const SAMPLE: Share = match Share::from_ppm(1) {
    Some(share) => share,
    None => Share::ALL,
};

/// The items of a suite: all selectors that ever had results.
struct Items {
    list: ItemList,
    indexed: Indexed,
    histories: Vec<ItemHistory>,
}

impl Selections {
    /// Reads some history of every suite that has any. True while there is more.
    pub(crate) async fn read_history(&self, now: Timestamp) -> Result<bool, SelectionError> {
        let mut has_more = false;
        for suite in self.store.suites_with_history().await? {
            has_more |= self.read_history_of(suite, now).await?;
        }
        Ok(has_more)
    }

    async fn read_history_of(
        &self,
        suite: SuiteId,
        now: Timestamp,
    ) -> Result<bool, SelectionError> {
        let Some(suite) = self.store.suite_by_id(suite).await? else {
            return Ok(false);
        };
        let (id, branch) = (suite.id, &suite.default_branch);
        let history = self
            .store
            .selection_history(id, branch, RUNS_AT_ONCE)
            .await?;
        if !history.runs.is_empty() {
            let items = Arc::new(self.all_items(&suite, now).await?);
            for run in &history.runs {
                self.learn_from(&suite, &items, run, now).await?;
            }
        }
        self.store.history_read(id, history.until).await?;
        Ok(!history.is_complete)
    }

    async fn all_items(&self, suite: &Suite, now: Timestamp) -> Result<Items, SelectionError> {
        let mut selectors = self
            .store
            .selectors_changed_since(suite.id, 0)
            .await?
            .selectors;
        selectors.sort_by(|left, right| left.value.cmp(&right.value));
        let names = self.names(suite).await?;
        let index = move || {
            let duration = |recent: &[test_engine_store::RunTiming]| {
                let sum: Micros = recent.iter().map(|run| run.duration).sum();
                sum.mean_of(recent.len() as u64).unwrap_or(Micros::ONE)
            };
            let histories = selectors.iter().map(|selector| ItemHistory {
                duration: duration(&selector.recent),
                last_run: selector.recent.last().map(|run| run.run),
                last_run_on_branch: None,
            });
            let histories = histories.collect();
            let cases = selectors.into_iter().map(|selector| Case {
                value: selector.value,
                format: CaseFormat::Selector,
                ..Case::default()
            });
            let list = ItemList::new(Arc::new(cases.collect()), "", "", None);
            let indexed = Indexed::new(&list, &names, now);
            Items {
                list,
                indexed,
                histories,
            }
        };
        Ok(tokio::task::spawn_blocking(index).await?)
    }

    async fn learn_from(
        &self,
        suite: &Suite,
        items: &Arc<Items>,
        run: &HistoryRun,
        now: Timestamp,
    ) -> Result<(), SelectionError> {
        let Some(change) = change::of_commit(&run.files_changed, &run.diff_stat) else {
            return Ok(());
        };
        let (id, branch) = (suite.id, suite.default_branch.as_str());
        let failures = self
            .store
            .selection_failures(id, branch, &[run.run], now)
            .await?;
        if failures.failures.is_empty() || change.files.is_empty() {
            return Ok(());
        }
        let learned = self.memory.of(&self.store, id).await?;
        let (items, uuid) = (Arc::clone(items), suite.uuid);
        let (default_branch, run_branch) = (branch.to_owned(), run.branch.clone());
        let decide = move || {
            let request = request(run_branch);
            let facts = test_engine_store::SelectionFacts::default();
            let executed = vec![None; items.histories.len()];
            let inputs = Inputs {
                suite: uuid.as_bytes(),
                default_branch: &default_branch,
                request: &request,
                change: Some(&change),
                list: &items.list,
                indexed: &items.indexed,
                histories: &items.histories,
                executed: &executed,
                facts: &facts,
                learned: &learned,
                now,
            };
            let decided = inputs.decide(String::new())?;
            let made = decided.made.encode()?;
            let scores = made
                .details
                .map(|details| scores::decode(&details.scores))
                .transpose()?;
            Ok::<_, SelectionError>((made.record, scores, change))
        };
        let (mut record, scores, change) = tokio::task::spawn_blocking(decide).await??;
        let Some(scores) = scores else { return Ok(()) };
        let failed = FailedItems::of(&scores, &failures, false);
        if failed.is_breakdown || failed.ranks.is_empty() {
            return Ok(());
        }
        record.commit_sha = Some(run.commit_sha.clone());
        record.strategy = String::new();
        let decision = StoredDecision {
            id: 0,
            suite: id,
            identifier: String::new(),
            created_at: now,
            record,
            state: DecisionState::Closed,
            due_at: now,
            run: Some(run.run),
            details: None,
        };
        self.learn_step(&decision, (&change, &scores), &failed.ranks, run, now)
            .await
    }

    async fn learn_step(
        &self,
        decision: &StoredDecision,
        (change, scores): (&Change, &Scores),
        failed: &[usize],
        run: &HistoryRun,
        at: Timestamp,
    ) -> Result<(), SelectionError> {
        debug_assert_ne!(decision.record.verdict, DecisionVerdict::Selected);
        let build = FinishedBuild {
            decision,
            change,
            scores,
            failed,
            origin: Origin::History,
            run: Some(run.run),
            at,
        };
        self.apply(decision.suite, |learned| {
            let mut step = build.step(learned, DecisionState::Closed);
            // There is no row of the decision.
            step.decision = None;
            step.history_run = Some(run.run);
            step
        })
        .await?;
        Ok(())
    }
}

fn request(branch: String) -> SelectionRequest {
    let mut settings = Settings::new(Target::Confidence(Share::from_percent(95)));
    settings.mode = test_engine_selection::Mode::Observe;
    settings.sample = SAMPLE;
    settings.all_after_red = false;
    SelectionRequest {
        settings,
        strategy: "observe".to_owned(),
        params: BTreeMap::new(),
        identifier: String::new(),
        branch,
        runner: String::new(),
        location_prefix: String::new(),
        metadata: None,
    }
}
