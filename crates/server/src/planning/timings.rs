//! An in-memory copy of the recent durations of selectors, refreshed with what changed.
//!
//! A plan needs up to hundreds of thousands of selectors; querying the database for each would take
//! longer than planning. `test-engine-planner` turns samples into estimates.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use test_engine_duration::Micros;
use test_engine_planner::{Estimate, Histories, MIN_BRANCH_SAMPLES, Sample, choose};
use test_engine_store::{BranchId, RunId, Selector, Store, StoreError, Suite, SuiteId, TestCount};

use crate::selectors::{self, StoredNames};

pub(crate) struct Timings {
    store: Store,
    suites: Mutex<HashMap<SuiteId, Arc<SuiteTimings>>>,
}

#[derive(Default)]
pub(crate) struct SuiteTimings {
    /// Held while refreshing, so that concurrent requests read the changes once.
    refreshing: tokio::sync::Mutex<()>,
    known: RwLock<Known>,
}

#[derive(Default)]
pub(crate) struct Known {
    /// The sequence number of the store up to which changes are included.
    seq: i64,
    default_branch: Option<BranchId>,
    selectors: HashMap<Box<str>, History>,
}

struct History {
    /// Newest first.
    runs: Box<[SelectorRun]>,
    /// For plans of the default branch, and of branches without runs of their own.
    default_estimate: Option<Estimate>,
    test_counts: Box<[TestCount]>,
}

/// What the history says about a selector.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Forecast {
    pub(crate) estimate: Option<Estimate>,
    /// Number of tests with results in the latest run that was complete.
    pub(crate) expected_tests: Option<u64>,
    /// The newest run with an execution.
    pub(crate) last_run: Option<RunId>,
    /// The newest of these on the plan's branch.
    pub(crate) last_run_on_branch: Option<RunId>,
}

#[derive(Clone, Copy)]
struct SelectorRun {
    run: RunId,
    branch: Option<BranchId>,
    duration: Micros,
}

impl Timings {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            suites: Mutex::new(HashMap::new()),
        }
    }

    pub(crate) async fn of(&self, suite: &Suite) -> Result<Arc<SuiteTimings>, StoreError> {
        let timings = {
            let mut suites = self.suites.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(suites.entry(suite.id).or_default())
        };
        timings.refresh(&self.store, suite).await?;
        Ok(timings)
    }
}

impl SuiteTimings {
    /// Do not hold the guard across an await.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    async fn refresh(&self, store: &Store, suite: &Suite) -> Result<(), StoreError> {
        let _only_one = self.refreshing.lock().await;
        let default_branch = store.branch(suite.id, &suite.default_branch).await?;
        let (seq, known_default) = {
            let known = self.read();
            (known.seq, known.default_branch)
        };
        let changes = store.selectors_changed_since(suite.id, seq).await?;
        if changes.selectors.is_empty() && default_branch == known_default {
            return Ok(());
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.apply(changes.seq, default_branch, changes.selectors);
        Ok(())
    }
}

impl Known {
    fn apply(&mut self, seq: i64, default_branch: Option<BranchId>, changed: Vec<Selector>) {
        if self.default_branch != default_branch {
            self.default_branch = default_branch;
            for history in self.selectors.values_mut() {
                history.default_estimate = estimate(&history.runs, None, default_branch);
            }
        }
        for selector in changed {
            let runs: Box<[SelectorRun]> = selector
                .recent
                .iter()
                .rev()
                .map(|run| SelectorRun {
                    run: run.run,
                    branch: run.branch,
                    duration: run.duration,
                })
                .collect();
            let history = History {
                default_estimate: estimate(&runs, None, default_branch),
                runs,
                test_counts: selector.test_counts.into_boxed_slice(),
            };
            self.selectors
                .insert(selector.value.into_boxed_str(), history);
        }
        self.seq = seq;
    }

    /// For a selector of a plan request.
    pub(crate) fn forecast(
        &self,
        names: &StoredNames<'_>,
        value: &str,
        branch: Option<BranchId>,
    ) -> Forecast {
        let mut forecast = Forecast::default();
        // The second name may be another project's file: good enough for an estimate, but no test
        // is expected because of it.
        for (place, name) in names.of(value).enumerate() {
            let Some(history) = self.selectors.get(&*name) else {
                continue;
            };
            forecast.estimate = forecast
                .estimate
                .or_else(|| history.estimate(branch, self.default_branch));
            forecast.last_run = forecast.last_run.max(history.last_run(None));
            if branch.is_some() {
                let on_branch = history.last_run(branch);
                forecast.last_run_on_branch = forecast.last_run_on_branch.max(on_branch);
            }
            if place == 0 {
                forecast.expected_tests = history.expected_tests(branch, self.default_branch);
            }
        }
        forecast
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.selectors.is_empty()
    }

    pub(crate) fn has(&self, selector: &str) -> bool {
        self.selectors.contains_key(selector)
    }

    /// For a path that may start with an unknown location prefix.
    pub(crate) fn estimate_of_path(&self, path: &str) -> Option<Estimate> {
        let path = selectors::canonical(path);
        selectors::suffixes(&path).find_map(|name| self.selectors.get(name)?.default_estimate)
    }
}

impl History {
    /// The newest run, of a branch if there is one.
    fn last_run(&self, branch: Option<BranchId>) -> Option<RunId> {
        let mut runs = self.runs.iter();
        let found = runs.find(|run| branch.is_none() || run.branch == branch);
        found.map(|run| run.run)
    }

    /// The count of the plan's branch, else of the default branch.
    fn expected_tests(&self, own: Option<BranchId>, default: Option<BranchId>) -> Option<u64> {
        let on = |branch: BranchId| self.test_counts.iter().find(|it| it.branch == branch);
        own.and_then(on)
            .or_else(|| default.and_then(on))
            .map(|count| count.tests)
    }

    fn estimate(&self, branch: Option<BranchId>, default: Option<BranchId>) -> Option<Estimate> {
        let own = branch.filter(|own| Some(*own) != default);
        if own.is_none() || self.runs.iter().all(|run| run.branch != own) {
            return self.default_estimate;
        }
        estimate(&self.runs, own, default)
    }
}

fn estimate(
    runs: &[SelectorRun],
    own: Option<BranchId>,
    default: Option<BranchId>,
) -> Option<Estimate> {
    let is_of =
        |run: &SelectorRun, branch: Option<BranchId>| branch.is_some() && run.branch == branch;
    let default_branch = samples(runs, |run| is_of(run, default));
    // Computed only if needed, which matters for a hundred thousand selectors.
    let others = if default_branch.len() < MIN_BRANCH_SAMPLES {
        let mut seen = HashSet::new();
        samples(runs, |run| {
            !is_of(run, default) && !is_of(run, own) && seen.insert(run.branch)
        })
    } else {
        Vec::new()
    };
    let all = if default_branch.is_empty() {
        samples(runs, |_any| true)
    } else {
        Vec::new()
    };
    choose(Histories {
        default_branch: &default_branch,
        own_branch: &samples(runs, |run| is_of(run, own)),
        other_branches: &others,
        all: &all,
    })
}

/// The matching runs, aged by the number of newer ones among them.
fn samples(runs: &[SelectorRun], mut matches: impl FnMut(&SelectorRun) -> bool) -> Vec<Sample> {
    (0..)
        .zip(runs.iter().filter(|run| matches(run)))
        .map(|(age, run)| Sample {
            duration: run.duration,
            age,
            runs: 1,
        })
        .collect()
}
