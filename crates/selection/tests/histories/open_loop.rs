//! How much of the time it takes until the failing items ran, if all run in the order of their
//! value. Every failure is learned.

use test_engine_duration::Micros;
use test_engine_selection::{Catalog, Counts, Features, Sources, Values};

use super::{History, ids, ratio};

/// Shares of the time at which found builds and files are counted.
pub(crate) const SHARES: [f64; 4] = [0.10, 0.15, 0.20, 0.33];

/// For each failing build, the share of the time after which each failing item has run.
pub(crate) struct OpenLoop {
    pub(crate) builds: Vec<Vec<f64>>,
}

/// Calls `found` with the number of every failing build, the features before it, and the positions
/// of its failed items.
pub(crate) fn for_each_failing(
    history: &History,
    mut found: impl FnMut(usize, &Features, &[usize]),
) {
    let catalog = history.catalog();
    let mut counts = Counts::default();
    for (number, build) in history.builds.iter().enumerate() {
        if build.failed.is_empty() {
            counts.tick();
            continue;
        }
        let sources = Sources::of(&build.change, |path| catalog.has_file(path));
        let features = Features::of(&catalog, &counts, &sources);
        found(number, &features, &build.failed);
        counts.tick();
        // Some builds teach nothing.
        let _ = counts.learn(&build.change, &sources, &ids(&build.failed));
    }
}

impl OpenLoop {
    pub(crate) fn run(history: &History) -> Self {
        let (catalog, durations) = (history.catalog(), history.durations());
        let mut builds = Vec::new();
        for_each_failing(history, |_, features, failed| {
            let values = Values::of(features, &durations);
            let shares = time_shares(&catalog, &values, &durations);
            builds.push(failed.iter().map(|item| shares[*item]).collect());
        });
        Self { builds }
    }

    /// The share of failing builds of which an item has run at this share of the time.
    pub(crate) fn found_builds(&self, share: f64) -> f64 {
        let is_found = |build: &&Vec<f64>| build.iter().any(|item| is_within(*item, share));
        ratio(
            self.builds.iter().filter(is_found).count(),
            self.builds.len(),
        )
    }

    /// The share of failing items that have run at this share of the time.
    pub(crate) fn found_files(&self, share: f64) -> f64 {
        let all = || self.builds.iter().flatten();
        ratio(
            all().filter(|item| is_within(**item, share)).count(),
            all().count(),
        )
    }
}

fn is_within(item: f64, share: f64) -> bool {
    item <= share + 1e-9
}

/// The share of the time after which each item has run, by position.
fn time_shares(catalog: &Catalog, values: &Values, durations: &[Micros]) -> Vec<f64> {
    let total: Micros = durations.iter().copied().sum();
    let mut shares = vec![0.0; durations.len()];
    let mut time = Micros::ZERO;
    for position in values.ranking(catalog) {
        let position = position as usize;
        time = time.saturating_add(durations[position]);
        shares[position] = time.milliseconds() / total.milliseconds();
    }
    shares
}
