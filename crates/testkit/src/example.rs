//! The sample projects of `examples/`, copied for a test, with their expected outcomes.
//!
//! `expected.json` in each project lists the names and outcomes of all tests. The demo, the story
//! and the runner tests use it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tempfile::TempDir;

use crate::repository::{self, temporary_directory};

/// The outcome of a test of a sample project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExpectedOutcome {
    /// Always passes.
    Passed,
    /// Always fails.
    Failed,
    /// Fails the first time in each build, then passes.
    Flaky,
    /// Never runs.
    Skipped,
}

impl ExpectedOutcome {
    /// Executions in a build with so many retries.
    pub fn executions(self, retries: usize) -> usize {
        match self {
            Self::Passed => 1,
            Self::Failed => 1 + retries,
            Self::Flaky => 1 + retries.min(1),
            Self::Skipped => 0,
        }
    }
}

/// The name of a test in the results of the collector.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CollectorName {
    /// The group.
    pub scope: String,
    /// The name in its group.
    pub name: String,
}

/// A test of a sample project.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedTest {
    /// The unique ID that a [`Witness`](crate::Witness) records.
    pub id: String,
    /// The path relative to the project.
    pub file: String,
    /// The group in the runner's own result format.
    pub scope: String,
    /// The name in the runner's own result format.
    pub name: String,
    /// The name in the results of the collector, if it differs.
    pub collector: Option<CollectorName>,
    /// The duration at pace 1.
    pub seconds: f64,
    /// The outcome in every build.
    pub outcome: ExpectedOutcome,
    /// Whether the story mutes it after the first build.
    #[serde(default)]
    pub muted_after_first_build: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    runner: String,
    /// Variables that a pipeline sets in addition to the runner.
    #[serde(default)]
    environment: BTreeMap<String, String>,
    tests: Vec<ExpectedTest>,
}

/// A copy of a sample project in a temporary directory.
#[derive(Debug)]
pub struct Example {
    directory: TempDir,
    name: String,
    expected: Expected,
}

impl Example {
    /// Copies `examples/NAME`, and links the packages that `bin/setup` installed.
    #[track_caller]
    pub fn copy(name: &str) -> Self {
        let original = repository::root().join("examples").join(name);
        let expected = fs_err::read(original.join("expected.json")).expect("the example exists");
        let expected: Expected = serde_json::from_slice(&expected).expect("expected.json is valid");
        let directory = temporary_directory("example-");
        let project = directory.path().join("project");
        repository::copy_tree(&original, &project);
        link_packages(&original, &project);
        for name in ["home", "state"] {
            fs_err::create_dir(directory.path().join(name)).expect("a directory can be created");
        }
        Self {
            directory,
            name: name.to_owned(),
            expected,
        }
    }

    /// The directory of the copied project.
    pub fn project(&self) -> PathBuf {
        self.directory.path().join("project")
    }

    /// An empty directory for `HOME`.
    pub fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    /// The directory where flaky tests record the builds they failed in.
    pub fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// A path in the temporary directory, outside the project.
    pub fn temporary_path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The name of the directory in `examples`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Variables that a pipeline sets in addition to the runner.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.expected.environment
    }

    /// The value of `BUILDKITE_TEST_ENGINE_TEST_RUNNER`.
    pub fn runner(&self) -> &str {
        &self.expected.runner
    }

    /// All tests of the project.
    pub fn tests(&self) -> &[ExpectedTest] {
        &self.expected.tests
    }

    /// The test files and the total seconds of their tests at pace 1, without retries.
    pub fn files(&self) -> BTreeMap<&str, f64> {
        let mut files = BTreeMap::new();
        for test in self.tests() {
            *files.entry(test.file.as_str()).or_insert(0.0) += test.seconds;
        }
        files
    }

    /// The test with this ID. Fails the test when it does not exist.
    #[track_caller]
    pub fn test(&self, id: &str) -> &ExpectedTest {
        self.tests()
            .iter()
            .find(|test| test.id == id)
            .unwrap_or_else(|| panic!("{id:?} is not in expected.json"))
    }
}

/// Links the packages that `bin/setup` installed into the copy.
fn link_packages(original: &Path, copy: &Path) {
    if original.join("package.json").exists() {
        // Jest has its own packages; the other Node.js runners share theirs.
        let own = original.join("node_modules");
        let installed = if own.exists() {
            own
        } else {
            repository::tool("node/node_modules")
        };
        assert!(
            installed.exists(),
            "{} is missing\nhint: run bin/setup",
            installed.display()
        );
        fs_err::os::unix::fs::symlink(installed, copy.join("node_modules"))
            .expect("a link can be created");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const EXAMPLES: [&str; 12] = [
        "cucumber-js",
        "cucumber-ruby",
        "custom-bats",
        "custom-junit",
        "cypress",
        "gotest",
        "jest",
        "playwright",
        "pytest",
        "pytest-pants",
        "rspec",
        "vitest",
    ];

    #[test]
    fn every_example_has_valid_expectations() {
        for name in EXAMPLES {
            let example = Example::copy(name);
            assert!(name.starts_with(example.runner()), "{name}");
            let tests = example.tests();
            let ids: BTreeSet<&str> = tests.iter().map(|test| test.id.as_str()).collect();
            assert_eq!(ids.len(), tests.len(), "{name}: IDs are unique");
            for file in example.files().keys() {
                assert!(example.project().join(file).is_file(), "{name}: {file}");
            }
            let count = |outcome| tests.iter().filter(|test| test.outcome == outcome).count();
            assert_eq!(count(ExpectedOutcome::Flaky), 1, "{name}");
            assert_eq!(count(ExpectedOutcome::Failed), 1, "{name}");
            assert_eq!(count(ExpectedOutcome::Skipped), 1, "{name}");
            for test in tests {
                // Without results nothing can be muted.
                let can_mute = example.runner() != "cypress";
                assert_eq!(
                    test.muted_after_first_build,
                    can_mute && test.outcome == ExpectedOutcome::Failed,
                    "{name}: {}",
                    test.id
                );
            }
        }
    }
}
