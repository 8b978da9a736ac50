//! What suites have learned, in memory, kept up to date by the clock of the database. Two servers
//! with the same database have the same after reading it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use test_engine_selection::{Counts, Holdout, Off, Target, Window};
use test_engine_store::{
    KnownHoldout, SelectionChanges, SelectionState, Store, StoreError, SuiteId, Timestamp,
};

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
    /// Shared, so that a request keeps them while another one takes over a change of the state.
    pub(super) counts: Arc<Counts>,
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

    /// What has changed in the database; `None` if the suite does not use selection any more.
    async fn changes(
        &self,
        store: &Store,
        suite: SuiteId,
    ) -> Result<Option<SelectionChanges>, StoreError> {
        let newest = self.holdouts.last().map_or(0, |known| known.id);
        store
            .selection_changes(suite, self.state.clock, newest)
            .await
    }

    fn is_current(&self, changes: &SelectionChanges) -> bool {
        self.is_known && self.state == changes.state && changes.holdouts.is_empty()
    }

    fn apply(&mut self, changes: SelectionChanges) {
        // Nothing else changes without the clock.
        if changes.state.clock > self.state.clock {
            Arc::make_mut(&mut self.counts).update(
                changes.state.clock,
                changes.files,
                changes.folders,
                changes.items,
                changes.renames,
            );
        }
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
        let mut changes = place.changes(store, suite).await?;
        if let Some(found) = &changes
            && found.state.clock < place.state.clock
        {
            // A backup was restored.
            *place = Arc::default();
            changes = place.changes(store, suite).await?;
        }
        match changes {
            None => *place = Arc::default(),
            Some(changes) if place.is_current(&changes) => {}
            Some(changes) => Arc::make_mut(&mut place).apply(changes),
        }
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
