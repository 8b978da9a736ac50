//! The features of every item for one change (§4 of the design).

use test_engine_numeric::ln;

use crate::catalog::Catalog;
use crate::change::Sources;
use crate::counts::{Counts, Row};

/// Probabilities are clipped to this and to 1 minus this.
const MIN_PROBABILITY: f64 = 1e-3;
/// The log odds of failures by file if no source changed.
const NO_SOURCES: f64 = -6.0;
/// Failures that an item is assumed to have, and in how many builds.
const PRIOR_FAILURES: f64 = 0.3;
const PRIOR_BUILDS: f64 = 3.0;
/// Builds in which a folder is assumed to have changed.
const PRIOR_FOLDER: f64 = 1.5;

/// The features of all items, by position. Those that end in `odds` are log odds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Features {
    /// Similarity of the words of paths.
    pub cosine: Vec<f64>,
    /// Same stem.
    pub exact: Vec<f64>,
    /// Similarity of folders.
    pub folders: Vec<f64>,
    /// Names of tests match names of changed functions.
    pub text: Vec<f64>,
    /// How often the item fails in failing builds.
    pub base_odds: Vec<f64>,
    /// How often it failed when these files changed.
    pub file_odds: Vec<f64>,
    /// How often it failed when files of their folders changed.
    pub folder_odds: Vec<f64>,
    /// How much is known of the changed files, from 0 to 1.
    pub known: f64,
}

impl Features {
    /// Computes the features of every item of the catalog.
    pub fn of(catalog: &Catalog, counts: &Counts, sources: &Sources) -> Self {
        let similarity = catalog.places().similarity(sources.files());
        let base = base(catalog, counts);
        let base_odds = Odds::default().of_all(&base);
        let history = History::of(catalog, counts, sources);
        let (file_odds, folder_odds) = if sources.files().is_empty() {
            let none = vec![NO_SOURCES; catalog.len()];
            (none.clone(), none)
        } else {
            history.odds(&base)
        };
        Self {
            cosine: similarity.cosine,
            exact: similarity.exact,
            folders: similarity.folders,
            text: catalog.text().matches(sources.function_words()),
            base_odds,
            file_odds,
            folder_odds,
            known: history.known,
        }
    }
}

/// The logarithms of the odds of probabilities. Most items have the same, so the last result is
/// kept.
struct Odds {
    probability: f64,
    odds: f64,
}

impl Default for Odds {
    fn default() -> Self {
        Self {
            probability: 0.5,
            odds: 0.0,
        }
    }
}

impl Odds {
    fn of(&mut self, probability: f64) -> f64 {
        if probability.to_bits() != self.probability.to_bits() {
            let clipped = probability.clamp(MIN_PROBABILITY, 1.0 - MIN_PROBABILITY);
            self.probability = probability;
            self.odds = ln(clipped / (1.0 - clipped));
        }
        self.odds
    }

    fn of_all(mut self, probabilities: &[f64]) -> Vec<f64> {
        probabilities
            .iter()
            .map(|probability| self.of(*probability))
            .collect()
    }
}

/// How often each item fails in failing builds.
fn base(catalog: &Catalog, counts: &Counts) -> Vec<f64> {
    let now = counts.clock();
    let row = counts.items();
    let builds = row.total_at(now) + PRIOR_BUILDS;
    let mut base = vec![PRIOR_FAILURES / builds; catalog.len()];
    for_each_failure(catalog, row, now, |position, failures| {
        base[position] = (failures + PRIOR_FAILURES) / builds;
    });
    base
}

/// Calls `found` with the position and the failures of each item of the catalog in a row.
fn for_each_failure(catalog: &Catalog, row: &Row, now: u32, mut found: impl FnMut(usize, f64)) {
    let scale = row.scale(now);
    for (item, failures) in row.failures() {
        if let Some(position) = catalog.position(*item) {
            found(position, f64::from(*failures) * scale);
        }
    }
}

/// Failures after changes of the files and their folders. Both probabilities are a multiple of the
/// item's base plus what its own failures add, which most items do not have.
struct History {
    known: f64,
    file_multiple: f64,
    folder_multiple: f64,
    /// What an item's failures add to both, by position.
    added: Vec<[f64; 2]>,
}

impl History {
    fn of(catalog: &Catalog, counts: &Counts, sources: &Sources) -> Self {
        let now = counts.clock();
        let mut history = Self {
            known: 0.0,
            file_multiple: 0.0,
            folder_multiple: 0.0,
            added: vec![[0.0; 2]; catalog.len()],
        };
        for source in sources.files() {
            let folder = counts.folder(source.folder());
            let file = counts.file(&source.path);
            let changes_of_folder = folder.map_or(0.0, |row| row.total_at(now)) + PRIOR_FOLDER;
            let changes_of_file = file.map_or(0.0, |row| row.total_at(now));
            let of_folder = source.share / changes_of_folder;
            let of_file = source.share / (changes_of_file + 1.0);
            history.known += of_file * changes_of_file;
            history.folder_multiple += of_folder * PRIOR_FOLDER;
            history.file_multiple += of_file * PRIOR_FOLDER / changes_of_folder;
            if let Some(row) = folder {
                for_each_failure(catalog, row, now, |position, failures| {
                    history.added[position][0] += of_file * failures / changes_of_folder;
                    history.added[position][1] += of_folder * failures;
                });
            }
            if let Some(row) = file {
                for_each_failure(catalog, row, now, |position, failures| {
                    history.added[position][0] += of_file * failures;
                });
            }
        }
        history
    }

    /// The log odds by file and by folder.
    fn odds(&self, base: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (mut file, mut folder) = (Odds::default(), Odds::default());
        let items = base.iter().zip(&self.added);
        items
            .map(|(base, [by_file, by_folder])| {
                (
                    file.of(base * self.file_multiple + by_file),
                    folder.of(base * self.folder_multiple + by_folder),
                )
            })
            .unzip()
    }
}
