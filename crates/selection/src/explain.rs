//! Why an item has its value, in parts that can be said in words (§4 of the design).

use crate::catalog::Catalog;
use crate::change::Sources;
use crate::counts::Counts;
use crate::words::stem;

/// Something that makes an item likely to fail.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// It failed in failing builds that changed a file. Older builds count less.
    Failed {
        /// The changed file.
        path: String,
        /// Failures.
        failures: f64,
        /// Failing builds that changed the file.
        builds: f64,
    },
    /// It has the name of a changed file.
    SameName {
        /// The changed file.
        path: String,
    },
    /// Its tests are named like changed functions.
    Functions {
        /// Common words.
        words: Vec<String>,
    },
}

/// What links an item with the changed files, strongest first.
pub fn causes(
    catalog: &Catalog,
    counts: &Counts,
    sources: &Sources,
    position: usize,
) -> Vec<Cause> {
    let id = catalog.ids()[position];
    let now = counts.clock();
    let mut failed: Vec<(f64, f64, &str)> = sources
        .files()
        .iter()
        .filter_map(|source| {
            let row = counts.file(&source.path)?;
            let failures = row.failures_at(id, now);
            (failures > 0.0).then(|| (failures, row.total_at(now), source.path.as_str()))
        })
        .collect();
    failed.sort_by(|left, right| right.0.total_cmp(&left.0));
    let failed = failed
        .into_iter()
        .map(|(failures, builds, path)| Cause::Failed {
            path: path.to_owned(),
            failures,
            builds,
        });
    let own_stem = catalog
        .path(position)
        .map(stem)
        .filter(|stem| !stem.is_empty());
    let same_name = sources
        .files()
        .iter()
        .filter(|source| Some(stem(&source.path)) == own_stem);
    let same_name = same_name.map(|source| Cause::SameName {
        path: source.path.clone(),
    });
    let words = catalog
        .text()
        .common_words(position, sources.function_words());
    let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    let functions = (!words.is_empty()).then_some(Cause::Functions { words });
    failed.chain(same_name).chain(functions).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{ItemNames, Location};
    use crate::change::{Change, ChangedFile};

    #[test]
    fn failures_names_and_functions_are_causes() {
        let item = |id, path, tests: &[&'static str]| ItemNames {
            id,
            name: path,
            location: Location::File(path),
            tests: tests.to_vec(),
        };
        let catalog = Catalog::new(&[
            item(1, "tests/test_core.py", &["test_make_context"]),
            item(2, "tests/test_other.py", &["test_echo"]),
        ]);
        let change = Change {
            files: vec![ChangedFile {
                path: "src/core.py".to_owned(),
                lines: 10,
                functions: vec!["Context".to_owned()],
                previous_path: None,
            }],
        };
        let sources = Sources::of(&change, |path| catalog.has_file(path));
        let mut counts = Counts::default();
        counts.learn(&change, &sources, &[2]).unwrap();
        counts.learn(&change, &sources, &[1, 2]).unwrap();
        let path = || "src/core.py".to_owned();
        let failed = |failures| Cause::Failed {
            path: path(),
            failures,
            builds: 2.0,
        };
        assert_eq!(
            causes(&catalog, &counts, &sources, 0),
            [
                failed(1.0),
                Cause::SameName { path: path() },
                Cause::Functions {
                    words: vec!["context".to_owned()]
                },
            ]
        );
        assert_eq!(causes(&catalog, &counts, &sources, 1), [failed(2.0)]);
    }
}
