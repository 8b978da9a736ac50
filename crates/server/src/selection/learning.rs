//! What a finished build changes in what its suite has learned.

use std::collections::{HashMap, HashSet};

use test_engine_selection::{
    Change, Drift, Holdout, Off, Origin, ScoredItem, Sources, Target, compare_failures,
    has_recovered, is_breakdown,
};
use test_engine_store::{
    MissedItem, NewHoldout, RunId, SelectionFailures, SelectionStep, StepOutcome, StoredDecision,
    SuiteId, SwitchChange, Timestamp,
};
use test_engine_wire::file_of_target;

use super::keys::ItemKey;
use super::memory::Learned;
use super::scores::Scores;
use super::{SelectionError, Selections};
use crate::selectors::canonical;

/// Attempts to store a change that other servers overtake.
const MAX_ATTEMPTS: usize = 50;

impl Selections {
    /// Stores a change that is computed from what the suite has learned, again if another server
    /// was faster.
    pub(super) async fn apply(
        &self,
        suite: SuiteId,
        step: impl Fn(&Learned) -> SelectionStep,
    ) -> Result<StepOutcome, SelectionError> {
        let mut outcome = StepOutcome::Outdated;
        for _ in 0..MAX_ATTEMPTS {
            let learned = self.memory.of(&self.store, suite).await?;
            let step = step(&learned);
            outcome = self.store.apply_selection_step(&step).await?;
            match outcome {
                StepOutcome::Outdated => {}
                StepOutcome::Obsolete => break,
                StepOutcome::Stored(_) => {
                    if let Some(holdout) = &step.holdout {
                        self.counts.holdout(&holdout.holdout);
                    }
                    self.counts.drift(suite, step.drift.statistic());
                    break;
                }
            }
        }
        Ok(outcome)
    }
}

/// Which items of a decision failed because of the change of its build.
pub(super) struct FailedItems {
    /// Ranks, from 0, ascending.
    pub(super) ranks: Vec<usize>,
    /// So much failed that the build says nothing about its change.
    pub(super) is_breakdown: bool,
}

impl FailedItems {
    /// `is_selected`: only selected items ran. The others count as passed then, else one failure
    /// of three selected items would be a breakdown.
    pub(super) fn of(scores: &Scores, failures: &SelectionFailures, is_selected: bool) -> Self {
        let has_examples = scores.items.iter().all(|item| item.example.is_some());
        let (executed, failed) = if has_examples || failures.executed_selectors == 0 {
            (failures.executed_tests, failures.failed_tests)
        } else {
            (failures.executed_selectors, failures.failed_selectors)
        };
        let items = u32::try_from(scores.items.len()).unwrap_or(u32::MAX);
        let executed = if is_selected {
            executed.max(items)
        } else {
            executed
        };
        let caused = failures
            .failures
            .iter()
            .filter(|failure| failure.item.is_caused_by_change());
        let mut ranks = Vec::new();
        let positions = Positions::of(scores);
        for failure in caused {
            let example = ItemKey::Example {
                scope: failure.scope.clone(),
                name: failure.name.clone(),
            };
            let selector = failure.selector.clone().map(ItemKey::Selector);
            let mut keys = std::iter::once(example).chain(selector);
            ranks.extend(keys.find_map(|key| positions.0.get(&key).copied()));
        }
        ranks.sort_unstable();
        ranks.dedup();
        Self {
            ranks,
            is_breakdown: is_breakdown(executed, failed, failures.has_errors_outside_tests),
        }
    }
}

/// The ranks of items by key.
struct Positions(HashMap<ItemKey, usize>);

impl Positions {
    fn of(scores: &Scores) -> Self {
        let mut positions = HashMap::with_capacity(scores.items.len());
        let mut others = Vec::new();
        for (rank, item) in scores.items.iter().enumerate() {
            let mut keys = ItemKey::of_scored(item, &scores.location_prefix).into_iter();
            if let Some(key) = keys.next() {
                positions.insert(key, rank);
            }
            others.extend(keys.map(|key| (key, rank)));
        }
        // A less likely name is never another item's own.
        for (key, rank) in others {
            positions.entry(key).or_insert(rank);
        }
        Self(positions)
    }
}

/// A build to learn from.
pub(super) struct FinishedBuild<'a> {
    pub(super) decision: &'a StoredDecision,
    pub(super) change: &'a Change,
    pub(super) scores: &'a Scores,
    /// Ranks of the items that failed because of the change; empty if none did.
    pub(super) failed: &'a [usize],
    pub(super) origin: Origin,
    pub(super) run: Option<RunId>,
    pub(super) at: Timestamp,
}

impl FinishedBuild<'_> {
    /// The change of what the suite has learned. `state` is the new one of the decision.
    pub(super) fn step(
        &self,
        learned: &Learned,
        state: test_engine_store::DecisionState,
    ) -> SelectionStep {
        // The run of a missed build is one of the default branch, not that of the decision.
        let own_run = self.run.filter(|_| self.origin != Origin::Missed);
        let decision = Some((self.decision.id, state, own_run));
        let mut counts = learned.counts.of_change(self.change);
        counts.tick();
        let mut files: HashSet<String> = HashSet::new();
        let mut folders = Vec::new();
        let renames = counts.rename(self.change);
        files.extend(renames.iter().map(|(_, new)| new.clone()));
        let has_failed = !self.failed.is_empty();
        if has_failed {
            let items: HashSet<String> = item_files(self.scores);
            let sources = Sources::of(self.change, |path| items.contains(path));
            let ids: Vec<u32> = self.failed.iter().map(|rank| self.id(*rank)).collect();
            // Some builds teach nothing; their holdout counts all the same.
            if let Ok(changed) = counts.learn(self.change, &sources, &ids) {
                files.extend(changed.files);
                folders = changed.folders;
            }
        }
        let holdout = self.holdout();
        let (drift, switch) = switch(learned, holdout.as_ref());
        let mut files: Vec<String> = files.into_iter().collect();
        files.sort_unstable();
        let rows = |paths: Vec<String>, of: &dyn Fn(&str) -> Option<test_engine_selection::Row>| {
            let rows = paths.into_iter();
            rows.filter_map(|path| of(&path).map(|row| (path, row)))
                .collect::<Vec<_>>()
        };
        SelectionStep {
            suite: self.decision.suite,
            clock: learned.state.clock,
            at: self.at,
            files: rows(files, &|path| counts.file(path).cloned()),
            folders: rows(folders, &|path| counts.folder(path).cloned()),
            items: has_failed.then(|| counts.items().clone()),
            renames,
            holdout,
            drift,
            switch,
            decision,
            history_run: None,
        }
    }

    fn id(&self, rank: usize) -> u32 {
        let keys = ItemKey::of_scored(&self.scores.items[rank], &self.scores.location_prefix);
        keys.first().map_or(0, ItemKey::id)
    }

    fn holdout(&self) -> Option<NewHoldout> {
        let items: Vec<ScoredItem> = self.scores.items.iter().map(|item| item.item).collect();
        let holdout: Holdout = compare_failures(&items, self.origin, self.failed)?;
        let record = &self.decision.record;
        let left_out = |rank: &&usize| items[**rank].selected.is_none();
        let missed = self.failed.iter().filter(left_out).map(|rank| MissedItem {
            item: self.scores.items[*rank].target.clone(),
            rank: *rank as u64 + 1,
            run: self.run,
        });
        let missed: Vec<MissedItem> = missed.collect();
        let is_history = self.origin == Origin::History;
        Some(NewHoldout {
            identifier: self.decision.identifier.clone(),
            branch: record.branch.clone(),
            commit_sha: record.commit_sha.clone(),
            run: self.run,
            strategy: record.strategy.clone(),
            promise: record.promise.filter(|_| !is_history),
            failing: self.failed.len() as u64,
            selected: (self.failed.len() - missed.len()) as u64,
            misses: if holdout.is_caught {
                Vec::new()
            } else {
                missed
            },
            holdout,
        })
    }
}

/// The paths of items that are files or in files.
fn item_files(scores: &Scores) -> HashSet<String> {
    let mut files = HashSet::with_capacity(scores.items.len());
    for item in &scores.items {
        if item.example.is_some() {
            files.insert(canonical(file_of_target(&item.target)).into_owned());
            continue;
        }
        for key in ItemKey::of_scored(item, &scores.location_prefix) {
            if let ItemKey::Selector(path) = key {
                files.insert(path);
            }
        }
    }
    files
}

/// The drift statistic after a holdout, and whether selection is switched off or on because of it.
fn switch(learned: &Learned, holdout: Option<&NewHoldout>) -> (Drift, SwitchChange) {
    let state = &learned.state;
    let mut drift = state.drift;
    let promised = holdout.and_then(|holdout| Some((holdout, holdout.promise?)));
    let Some((holdout, promise)) = promised else {
        return (drift, SwitchChange::Unchanged);
    };
    drift.add(holdout.holdout.is_caught, promise);
    match &state.off {
        Some(Off::Drift) => {
            let since = learned
                .holdouts
                .iter()
                .filter(|known| known.id > state.off_holdout && known.promise.is_some());
            let mut since: Vec<Holdout> = since.map(|known| known.holdout).collect();
            since.push(holdout.holdout);
            if has_recovered(&since, Target::Confidence(promise)) {
                (Drift::default(), SwitchChange::OnAgain)
            } else {
                (drift, SwitchChange::Unchanged)
            }
        }
        Some(_) => (drift, SwitchChange::Unchanged),
        None if drift.is_detected() => (drift, SwitchChange::OffByDrift),
        None => (drift, SwitchChange::Unchanged),
    }
}

#[cfg(test)]
mod tests {
    use test_engine_selection::{FailedItem, Selected, Share};
    use test_engine_store::{KnownHoldout, SelectionFailure};

    use super::*;
    use crate::selection::scores::Scored;

    fn scored(target: &str, is_file: bool, example: Option<(&str, &str)>) -> Scored {
        Scored {
            target: target.to_owned(),
            is_file,
            example: example.map(|(scope, name)| (scope.to_owned(), name.to_owned())),
            item: ScoredItem {
                value: 0.0,
                selected: Some(Selected::Value),
                duration: test_engine_duration::Micros::ONE,
            },
        }
    }

    fn failure(selector: Option<&str>, name: &str) -> SelectionFailure {
        SelectionFailure {
            scope: "S".to_owned(),
            name: name.to_owned(),
            selector: selector.map(str::to_owned),
            item: FailedItem {
                passed_on_default_branch: Some(true),
                ..FailedItem::default()
            },
        }
    }

    #[test]
    fn failures_are_found_by_example_selector_and_bare_selector() {
        let scores = Scores {
            location_prefix: "web".to_owned(),
            items: vec![
                scored("a.py", false, None),
                scored("web/b.py", true, None),
                scored("c.py::t", false, Some(("S", "t"))),
                scored("d.py", false, None),
                scored("web/a.py", false, None),
            ],
        };
        let mut failures = SelectionFailures {
            failures: vec![
                failure(Some("web/b.py"), "x"),
                failure(Some("web/c.py"), "t"),
                failure(Some("d.py"), "y"),
                failure(Some("web/a.py"), "z"),
                failure(Some("elsewhere.py"), "z"),
                failure(None, "unknown"),
            ],
            executed_selectors: 20,
            failed_selectors: 4,
            ..SelectionFailures::default()
        };
        let found = FailedItems::of(&scores, &failures, false);
        assert_eq!(found.ranks, [0, 1, 2, 3]);
        assert!(!found.is_breakdown);
        failures.failures[0].item.is_muted = true;
        failures.failed_selectors = 7;
        let found = FailedItems::of(&scores, &failures, false);
        assert_eq!(found.ranks, [0, 2, 3]);
        assert!(found.is_breakdown);
        (failures.executed_selectors, failures.failed_selectors) = (2, 1);
        assert!(FailedItems::of(&scores, &failures, false).is_breakdown);
        assert!(!FailedItems::of(&scores, &failures, true).is_breakdown);
    }

    fn holdout_of(is_caught: bool) -> NewHoldout {
        NewHoldout {
            holdout: Holdout {
                origin: Origin::Observed,
                needed: 1.0,
                time_share: 0.1,
                is_caught,
            },
            identifier: String::new(),
            branch: String::new(),
            commit_sha: None,
            run: None,
            strategy: String::new(),
            promise: Some(Share::from_percent(95)),
            failing: 1,
            selected: 0,
            misses: Vec::new(),
        }
    }

    #[test]
    fn many_misses_switch_off_and_enough_hits_on_again() {
        let mut learned = Learned::default();
        let mut misses = 0;
        loop {
            misses += 1;
            let (drift, switch) = switch(&learned, Some(&holdout_of(false)));
            learned.state.drift = drift;
            if switch == SwitchChange::OffByDrift {
                break;
            }
            assert!(misses < 10, "{}", drift.statistic());
        }
        learned.state.off = Some(Off::Drift);
        learned.state.off_holdout = 100;
        let known = |id| KnownHoldout {
            id,
            closed_at: Timestamp::from_millis(0),
            holdout: holdout_of(true).holdout,
            promise: Some(Share::from_percent(95)),
        };
        // Those before it was switched off do not count.
        learned.holdouts = (62..=138).map(known).collect();
        let (_, before) = switch(&learned, Some(&holdout_of(true)));
        assert_eq!(before, SwitchChange::Unchanged);
        learned.holdouts.push(known(139));
        let (drift, after) = switch(&learned, Some(&holdout_of(true)));
        assert_eq!((after, drift), (SwitchChange::OnAgain, Drift::default()));
    }

    #[test]
    fn builds_without_promise_do_not_move_the_statistic() {
        let learned = Learned::default();
        let mut without = holdout_of(false);
        without.promise = None;
        let expected = (Drift::default(), SwitchChange::Unchanged);
        assert_eq!(switch(&learned, Some(&without)), expected);
        assert_eq!(switch(&learned, None), expected);
    }
}
