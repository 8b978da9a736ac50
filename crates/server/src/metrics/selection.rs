//! Metrics of test selection, shared with what decides and learns.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Unit;
use test_engine_selection::Holdout;
use test_engine_store::SuiteId;
use test_engine_wire::{PlanSelection, SelectionVerdict};

use super::Registration;

/// The codes of reasons are few, and known in advance.
type ByVerdict = Family<[(&'static str, String); 2], Counter>;
type ByOrigin = Family<[(&'static str, &'static str); 2], Counter>;
type Seconds = Family<[(&'static str, &'static str); 1], Counter<f64, AtomicU64>>;

#[derive(Clone, Debug)]
pub(crate) struct SelectionCounts {
    decisions: ByVerdict,
    holdouts: ByOrigin,
    seconds: Seconds,
    drift: Gauge<f64, AtomicU64>,
    /// Of the suites whose decisions this server closed.
    statistics: Arc<Mutex<HashMap<SuiteId, f64>>>,
}

impl SelectionCounts {
    pub(super) fn register(to: &mut Registration) -> Self {
        let drift = "Largest drift statistic of a suite; at 20 its selection is switched off";
        Self {
            decisions: to.counters(
                "test_engine_selection_decisions",
                "Plans whose request asked for a selection, by verdict and reason",
            ),
            holdouts: to.counters(
                "test_engine_selection_holdouts",
                "Failing builds that became known, by origin and whether they were caught",
            ),
            seconds: to.add_with_unit(
                "test_engine_selection_time",
                "Expected durations of items of plans that asked for a selection, by what they did",
                Unit::Seconds,
                Family::default(),
            ),
            drift: to.add("test_engine_selection_drift", drift, Gauge::default()),
            statistics: Arc::default(),
        }
    }

    pub(crate) fn decided(&self, selection: &PlanSelection) {
        let verdict = match selection.verdict {
            SelectionVerdict::Selected => "selected",
            SelectionVerdict::Observe => "observe",
            SelectionVerdict::Full => "full",
        };
        let reason = selection.reason.clone().unwrap_or_default();
        let labels = [("verdict", verdict.to_owned()), ("reason", reason)];
        self.decisions.get_or_create(&labels).inc();
        let planned = if selection.applied {
            selection.selected_time
        } else {
            selection.time
        };
        let parts = [("planned", planned), ("left_out", selection.time - planned)];
        for (part, seconds) in parts {
            let counter = self.seconds.get_or_create(&[("part", part)]);
            counter.inc_by(seconds.max(0.0));
        }
    }

    pub(crate) fn holdout(&self, holdout: &Holdout) {
        let caught = if holdout.is_caught { "true" } else { "false" };
        let labels = [("origin", holdout.origin.as_str()), ("caught", caught)];
        self.holdouts.get_or_create(&labels).inc();
    }

    /// The drift statistic of a suite has changed.
    pub(crate) fn drift(&self, suite: SuiteId, statistic: f64) {
        let mut statistics = self
            .statistics
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        statistics.insert(suite, statistic);
        self.drift
            .set(statistics.values().copied().fold(0.0, f64::max));
    }
}
