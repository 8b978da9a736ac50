//! What suites have learned, in memory, kept up to date by the clock of the database. Two servers
//! with the same database have the same after reading it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use test_engine_selection::{Counts, Holdout, Off, Target, Window};
use test_engine_store::{KnownHoldout, SelectionState, Store, StoreError, SuiteId, Timestamp};

/// Days without a known failing build after which nothing is selected any more.
const MAX_SILENT_DAYS: i64 = 90;
/// Holdouts that are kept; the largest window is that of a promise of 99.9%.
const KEPT_HOLDOUTS: usize = 1_000;
/// Suites in memory. Others are read again when they are needed.
const MAX_SUITES: usize = 64;

/// What one suite has learned.
#[derive(Clone, Debug, Default)]
pub(super) struct Learned {
    pub(super) state: SelectionState,
    pub(super) counts: Counts,
    /// Oldest first.
    pub(super) holdouts: Vec<KnownHoldout>,
    /// Whether the database has anything of the suite.
    pub(super) is_known: bool,
}

impl Learned {
    /// The failing builds that decisions with this target count.
    pub(super) fn window(&self, target: Target) -> Window {
        let holdouts: Vec<Holdout> = self.holdouts.iter().map(|known| known.holdout).collect();
        Window::new(&holdouts, target)
    }

    /// Why selection is switched off at a time.
    pub(super) fn off(&self, now: Timestamp) -> Option<Off> {
        let newest = self.holdouts.last().map(|known| known.closed_at);
        let is_silent = newest.is_some_and(|newest| newest < now.plus_days(-MAX_SILENT_DAYS));
        let silent = is_silent.then_some(Off::NoHoldouts);
        self.state.off.clone().or(silent)
    }

    /// Reads what has changed in the database.
    pub(super) async fn refresh(
        &mut self,
        store: &Store,
        suite: SuiteId,
    ) -> Result<(), StoreError> {
        let clock = self.state.clock;
        let newest = self.holdouts.last().map_or(0, |known| known.id);
        let changes = store.selection_changes(suite, clock, newest).await?;
        let Some(changes) = changes else {
            *self = Self::default();
            return Ok(());
        };
        if changes.state.clock < clock {
            // A backup was restored.
            *self = Self::default();
            let all = store.selection_changes(suite, 0, 0).await?;
            if let Some(all) = all {
                self.apply(all);
            }
            return Ok(());
        }
        self.apply(changes);
        Ok(())
    }

    fn apply(&mut self, changes: test_engine_store::SelectionChanges) {
        self.counts.update(
            changes.state.clock,
            changes.files,
            changes.folders,
            changes.items,
            changes.renames,
        );
        self.holdouts.extend(changes.holdouts);
        let excess = self.holdouts.len().saturating_sub(KEPT_HOLDOUTS);
        self.holdouts.drain(..excess);
        self.state = changes.state;
        self.is_known = true;
    }
}

type Shared = Arc<tokio::sync::Mutex<Arc<Learned>>>;

/// What all suites have learned.
#[derive(Default)]
pub(super) struct Memory {
    suites: Mutex<HashMap<SuiteId, Shared>>,
}

impl Memory {
    /// What a suite has learned up to now.
    pub(super) async fn of(
        &self,
        store: &Store,
        suite: SuiteId,
    ) -> Result<Arc<Learned>, StoreError> {
        let shared = self.shared(suite);
        // Held while reading, so that concurrent requests read the changes once.
        let mut place = shared.lock().await;
        Arc::make_mut(&mut place).refresh(store, suite).await?;
        Ok(Arc::clone(&place))
    }

    fn shared(&self, suite: SuiteId) -> Shared {
        let mut suites = self.suites.lock().unwrap_or_else(PoisonError::into_inner);
        if suites.len() >= MAX_SUITES && !suites.contains_key(&suite) {
            suites.clear();
        }
        Arc::clone(suites.entry(suite).or_default())
    }
}
