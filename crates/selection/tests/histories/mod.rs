//! Reads histories of failing builds, and measures selection on them.
//!
//! Shared by tests and the example `histories`. `README.md` describes the files.

pub(crate) mod closed_loop;
pub(crate) mod open_loop;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use test_engine_selection::{Catalog, Change, ChangedFile, ItemNames, Location};

use test_engine_duration::Micros;

/// The first line of a file.
#[derive(Deserialize)]
pub(crate) struct Suite {
    pub(crate) suite: String,
    items: Vec<TestFile>,
}

#[derive(Deserialize)]
struct TestFile {
    path: String,
    ms: f64,
    names: Vec<String>,
}

#[derive(Deserialize)]
struct Line {
    sha: String,
    changed: Vec<(String, u32)>,
    functions: BTreeMap<String, Vec<String>>,
    /// By the number of the item; the values are of no use here.
    failed: BTreeMap<usize, serde_json::Value>,
}

/// A project with its builds, oldest first.
pub(crate) struct History {
    pub(crate) suite: Suite,
    pub(crate) builds: Vec<RecordedBuild>,
}

pub(crate) struct RecordedBuild {
    pub(crate) change: Change,
    /// Positions of the items that failed.
    pub(crate) failed: Vec<usize>,
}

impl History {
    /// Reads a file. In the sparse form only about one build in six keeps its failures.
    pub(crate) fn read(path: &Path, is_sparse: bool) -> Result<Self, String> {
        let fail = |error: &dyn std::fmt::Display| format!("read {}: {error}", path.display());
        let file = fs_err::File::open(path).map_err(|error| fail(&error))?;
        let mut lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines();
        let first = lines.next().ok_or_else(|| fail(&"it is empty"))?;
        let first = first.map_err(|error| fail(&error))?;
        let suite = serde_json::from_str(&first).map_err(|error| fail(&error))?;
        let builds = lines
            .map(|line| {
                let line = line.map_err(|error| fail(&error))?;
                let line = serde_json::from_str(&line).map_err(|error| fail(&error))?;
                Ok(RecordedBuild::new(line, is_sparse))
            })
            .collect::<Result<_, String>>()?;
        Ok(Self { suite, builds })
    }

    pub(crate) fn catalog(&self) -> Catalog {
        let items = (0..).zip(&self.suite.items).map(|(id, item)| ItemNames {
            id,
            name: &item.path,
            location: Location::File(&item.path),
            tests: item.names.iter().map(String::as_str).collect(),
        });
        Catalog::new(&items.collect::<Vec<_>>())
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.suite.items.iter().map(|item| item.path.as_str())
    }

    pub(crate) fn durations(&self) -> Vec<Micros> {
        let items = self.suite.items.iter();
        items
            .map(|item| Micros::from_seconds(item.ms / 1_000.0))
            .collect()
    }
}

/// The paths of the histories of this directory.
pub(crate) fn given_paths() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories");
    let names = ["click", "networkx", "werkzeug"];
    names
        .map(|name| here.join(format!("{name}.jsonl.gz")))
        .to_vec()
}

impl RecordedBuild {
    fn new(line: Line, is_sparse: bool) -> Self {
        let Line {
            sha,
            changed,
            mut functions,
            failed,
        } = line;
        let file = |(path, lines): (String, u32)| ChangedFile {
            functions: functions.remove(&path).unwrap_or_default(),
            path,
            previous_path: None,
            lines,
        };
        let files = changed.into_iter().map(file).collect();
        let number = sha
            .get(..6)
            .and_then(|start| u32::from_str_radix(start, 16).ok());
        let keeps_failures = !is_sparse || number.is_some_and(|number| number % 5 == 0);
        let failed = failed.into_keys().filter(|_| keeps_failures);
        Self {
            change: Change { files },
            failed: failed.collect(),
        }
    }
}

/// Positions as IDs: the catalogs of histories number their items by position.
pub(crate) fn ids(positions: &[usize]) -> Vec<u32> {
    let id = |position: &usize| u32::try_from(*position).expect("few items");
    positions.iter().map(id).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
pub(crate) fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / ratio(values.len(), 1)
}
