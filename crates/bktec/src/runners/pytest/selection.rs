//! Many tests of a file as arguments: the file, and a list of its tests for our plugin.
//!
//! For each node ID among its arguments, pytest searches all tests of the file, which takes minutes
//! for some thousands of 50,000.

use std::collections::{BTreeMap, HashSet};
use std::io::Write as _;

use tempfile::NamedTempFile;

use super::node_id::file_of;
use crate::runners::paths::normalise;
use crate::runners::{Result, RunnerError};

/// Fewer tests of a file are passed as node IDs.
const MIN_TESTS: usize = 50;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selection {
    /// Files in place of their tests, in the order of the targets.
    pub(super) arguments: Vec<String>,
    /// The names of the tests to run in each of these files.
    tests: BTreeMap<String, Vec<String>>,
}

impl Selection {
    /// `None` if no file has many tests among these targets, or if it is not certain that each name
    /// of a file is another file: then a test could be left out.
    pub(super) fn of(targets: &[String]) -> Option<Self> {
        let mut tests: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for target in targets {
            let file = normalise(file_of(target));
            if !is_plain(file) {
                return None;
            }
            if let Some((_, name)) = target.split_once("::") {
                tests.entry(file).or_default().push(name.to_owned());
            }
        }
        tests.retain(|_, names| names.len() >= MIN_TESTS);
        if tests.is_empty() {
            return None;
        }
        let mut added = HashSet::new();
        let argument = |target: &String| {
            let file = file_of(target);
            if !target.contains("::") || !tests.contains_key(normalise(file)) {
                return Some(target.clone());
            }
            let is_first = added.insert(normalise(file).to_owned());
            is_first.then(|| file.to_owned())
        };
        Some(Self {
            arguments: targets.iter().filter_map(argument).collect(),
            tests: tests
                .into_iter()
                .map(|(file, names)| (file.to_owned(), names))
                .collect(),
        })
    }

    /// The file is deleted when the returned value is dropped.
    pub(super) fn write(&self) -> Result<NamedTempFile> {
        let write = || {
            let mut file = tempfile::Builder::new()
                .prefix("bktec-pytest-selection-")
                .suffix(".json")
                .tempfile()?;
            file.write_all(&serde_json::to_vec(&self.tests)?)?;
            file.flush()?;
            Ok(file)
        };
        write().map_err(RunnerError::Temporary)
    }
}

/// Whether the path below the working directory has no other spelling.
fn is_plain(path: &str) -> bool {
    path == "." || !path.split('/').any(|part| matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_replace_many_of_their_tests() {
        let mut targets = vec!["a.py".to_owned(), "b.py::test_x".to_owned()];
        targets.extend((1..MIN_TESTS).map(|case| format!("c.py::T::test[{case}::x]")));
        assert_eq!(Selection::of(&targets), None);
        targets.insert(1, "c.py::test_first".to_owned());
        let selection = Selection::of(&targets).unwrap();
        assert_eq!(selection.arguments, ["a.py", "c.py", "b.py::test_x"]);
        let tests = &selection.tests["c.py"];
        assert_eq!(tests[..2], ["test_first", "T::test[1::x]"]);
        assert_eq!((selection.tests.len(), tests.len()), (1, MIN_TESTS));
    }

    #[test]
    fn one_file_has_one_name() {
        let mut targets: Vec<String> = (1..MIN_TESTS).map(|n| format!("a.py::t[{n}]")).collect();
        targets.push("./a.py::t[0]".to_owned());
        let selection = Selection::of(&targets).unwrap();
        assert_eq!(selection.arguments, ["a.py"]);
        assert_eq!(selection.tests["a.py"].len(), MIN_TESTS);
        for other in [
            "sub/../a.py",
            "/project/a.py::t",
            "sub/./a.py",
            "sub//a.py::t",
        ] {
            let mut targets = targets.clone();
            targets.push(other.to_owned());
            assert_eq!(Selection::of(&targets), None, "{other}");
        }
    }
}
