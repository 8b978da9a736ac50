//! How long selectors take, kept in memory: a suite's recent history, refreshed by what changed.
//!
//! A plan asks for up to hundreds of thousands of selectors at once; asking the database for each
//! would take longer than planning. Nothing is decided here: how samples become an estimate is the
//! planner's rule.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use test_engine_planner::{ENOUGH_SAMPLES, Estimate, Histories, Sample, choose};
use test_engine_store::{BranchId, Selector, Store, StoreError, Suite, SuiteId};

use crate::selectors;

/// The histories of all suites that were asked for.
pub(crate) struct Timings {
    store: Store,
    suites: Mutex<HashMap<SuiteId, Arc<SuiteTimings>>>,
}

/// The history of one suite.
pub(crate) struct SuiteTimings {
    /// Held while refreshing, so that fifty nodes asking at once read the changes once.
    refreshing: tokio::sync::Mutex<()>,
    known: RwLock<Known>,
}

#[derive(Default)]
pub(crate) struct Known {
    /// The store's mark up to which changes are known.
    seq: i64,
    default_branch: Option<BranchId>,
    selectors: HashMap<Box<str>, History>,
}

/// The runs of one selector, and the estimate that most plans need.
struct History {
    /// Newest first.
    runs: Box<[SelectorRun]>,
    usual: Option<Estimate>,
}

#[derive(Clone, Copy)]
struct SelectorRun {
    branch: Option<BranchId>,
    micros: u64,
}

impl Timings {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            suites: Mutex::new(HashMap::new()),
        }
    }

    /// The history of a suite, up to date with the database.
    pub(crate) async fn of(&self, suite: &Suite) -> Result<Arc<SuiteTimings>, StoreError> {
        let timings = Arc::clone(
            self.suites
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(suite.id)
                .or_insert_with(|| {
                    Arc::new(SuiteTimings {
                        refreshing: tokio::sync::Mutex::new(()),
                        known: RwLock::new(Known::default()),
                    })
                }),
        );
        timings.refresh(&self.store, suite).await?;
        Ok(timings)
    }
}

impl SuiteTimings {
    /// Read what is known. Do not hold this across an await.
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
                history.usual = usual(&history.runs, default_branch);
            }
        }
        for selector in changed {
            let runs: Box<[SelectorRun]> = selector
                .recent
                .iter()
                .rev()
                .map(|run| SelectorRun {
                    branch: run.branch,
                    micros: run.duration_us,
                })
                .collect();
            let usual = usual(&runs, default_branch);
            self.selectors
                .insert(selector.value.into_boxed_str(), History { runs, usual });
        }
        self.seq = seq;
    }

    /// The estimate for a selector as a plan request names it.
    pub(crate) fn estimate(
        &self,
        location_prefix: &str,
        value: &str,
        branch: Option<BranchId>,
    ) -> Option<Estimate> {
        selectors::candidates(location_prefix, value)
            .iter()
            .flatten()
            .find_map(|name| self.selectors.get(name.as_str()))
            .and_then(|history| history.estimate(branch, self.default_branch))
    }

    /// The estimate for a path that may carry a location prefix nobody told us.
    pub(crate) fn estimate_of_path(&self, path: &str) -> Option<Estimate> {
        let path = selectors::canonical(path);
        selectors::suffixes(&path)
            .find_map(|name| self.selectors.get(name))
            .and_then(|history| history.usual)
    }
}

impl History {
    fn estimate(&self, branch: Option<BranchId>, default: Option<BranchId>) -> Option<Estimate> {
        let own = branch.filter(|own| Some(*own) != default);
        if own.is_none() || self.runs.iter().all(|run| run.branch != own) {
            return self.usual;
        }
        on_branch(&self.runs, own, default)
    }
}

/// For a plan of the default branch, and of every branch that has no runs of its own.
fn usual(runs: &[SelectorRun], default: Option<BranchId>) -> Option<Estimate> {
    on_branch(runs, None, default)
}

fn on_branch(
    runs: &[SelectorRun],
    own: Option<BranchId>,
    default: Option<BranchId>,
) -> Option<Estimate> {
    let is_of =
        |run: &SelectorRun, branch: Option<BranchId>| branch.is_some() && run.branch == branch;
    let default_branch = samples(runs, |run| is_of(run, default));
    // Asked for a hundred thousand selectors: most need no more than that.
    let others = if default_branch.len() < ENOUGH_SAMPLES {
        let mut heard = HashSet::new();
        samples(runs, |run| {
            !is_of(run, default) && !is_of(run, own) && heard.insert(run.branch)
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

/// The runs that are wanted, aged by how many of these are newer.
fn samples(runs: &[SelectorRun], mut wanted: impl FnMut(&SelectorRun) -> bool) -> Vec<Sample> {
    (0..)
        .zip(runs.iter().filter(|run| wanted(run)))
        .map(|(age, run)| Sample {
            micros: run.micros,
            age,
            runs: 1,
        })
        .collect()
}
