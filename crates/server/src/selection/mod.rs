//! Test selection: decides which items of a plan request run, closes decisions when their runs have
//! ended, and learns from failing builds. `test-engine-selection` has the rules, the store the
//! rows; this module connects them. `docs/design/selection.md` explains the terms.

mod change;
mod closing;
mod decide;
mod history;
mod items;
mod keys;
mod learning;
mod memory;
mod misses;
mod of_run;
mod of_test;
mod overview;
mod report;
mod scores;
mod warnings;

use std::sync::Arc;

use test_engine_store::{Store, StoreError};
use tokio::sync::Notify;

use crate::links::Links;
use crate::metrics::SelectionCounts;
use items::Index;
use memory::Memory;

pub(crate) use decide::{Decided, ItemHistory, SelectionRequest};
pub(crate) use of_test::{PlaceInPlan, TestSelections};
pub(crate) use report::DecisionQuery;
pub(crate) use scores::Scored;

#[derive(Debug, thiserror::Error)]
pub(crate) enum SelectionError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("failed to encode or decode a selection")]
    Encoding(#[from] std::io::Error),
    #[error("selecting was aborted")]
    Task(#[from] tokio::task::JoinError),
}

impl From<serde_json::Error> for SelectionError {
    fn from(error: serde_json::Error) -> Self {
        Self::Encoding(error.into())
    }
}

/// The selections of all suites.
pub(crate) struct Selections {
    store: Store,
    links: Links,
    memory: Memory,
    index: Arc<Index>,
    counts: SelectionCounts,
    /// Notified when a run may have ended.
    wake: Notify,
}

impl Selections {
    pub(crate) fn new(store: Store, links: Links, counts: SelectionCounts) -> Self {
        Self {
            store,
            links,
            memory: Memory::default(),
            index: Arc::default(),
            counts,
            wake: Notify::new(),
        }
    }

    /// Completes when the accounting of a build has changed since the last call.
    pub(crate) async fn news(&self) {
        self.wake.notified().await;
    }

    /// Tells that runs may have ended.
    pub(crate) fn runs_may_have_ended(&self) {
        self.wake.notify_one();
    }
}
