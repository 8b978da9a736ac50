//! The sample projects of `examples/`, copied for a test, with their expected outcome as data.
//!
//! `expected.json` beside each project says of every test what it is called and how it ends. It is
//! the one truth of the demo, the story and the runner tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tempfile::TempDir;

use crate::repository;

/// How a test of a sample project ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExpectedOutcome {
    /// Passes.
    Passed,
    /// Fails whenever it is run.
    Failed,
    /// Fails the first time a build runs it, then passes.
    Flaky,
    /// Is never run.
    Skipped,
}

impl ExpectedOutcome {
    /// How often a build runs such a test when it retries `retries` times.
    pub fn executions(self, retries: usize) -> usize {
        match self {
            Self::Passed => 1,
            Self::Failed => 1 + retries,
            Self::Flaky => 1 + retries.min(1),
            Self::Skipped => 0,
        }
    }
}

/// The name a test has in another result format.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct OtherName {
    /// Group.
    pub scope: String,
    /// Name.
    pub name: String,
}

/// A test of a sample project.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedTest {
    /// What a [`Witness`](crate::Witness) calls it; unique.
    pub id: String,
    /// Its file, relative to the project.
    pub file: String,
    /// Its group in the runner's own result format.
    pub scope: String,
    /// Its name in the runner's own result format.
    pub name: String,
    /// What the collector calls it, where that differs.
    pub collector: Option<OtherName>,
    /// How long it takes at pace 1.
    pub seconds: f64,
    /// How it ends.
    pub outcome: ExpectedOutcome,
    /// Whether the story mutes it after the first build.
    #[serde(default)]
    pub muted_after_first_build: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    runner: String,
    /// What a pipeline sets beside the runner.
    #[serde(default)]
    environment: BTreeMap<String, String>,
    tests: Vec<ExpectedTest>,
}

/// A copy of a sample project, in a directory that goes away with it.
#[derive(Debug)]
pub struct Example {
    directory: TempDir,
    name: String,
    runner: String,
    environment: BTreeMap<String, String>,
    tests: Vec<ExpectedTest>,
}

impl Example {
    /// Copies `examples/NAME`. What `bin/setup` installed there is linked, not copied.
    #[track_caller]
    pub fn copy(name: &str) -> Self {
        let original = repository::root().join("examples").join(name);
        let expected = fs_err::read(original.join("expected.json")).expect("the example is there");
        let expected: Expected =
            serde_json::from_slice(&expected).expect("expected.json is as documented");
        let directory = tempfile::Builder::new()
            .prefix("example-")
            .tempdir()
            .expect("a temporary directory can be made");
        let project = directory.path().join("project");
        repository::copy_tree(&original, &project);
        link_packages(&original, &project);
        for inside in ["home", "state"] {
            fs_err::create_dir(directory.path().join(inside)).expect("a directory can be made");
        }
        Self {
            directory,
            name: name.to_owned(),
            runner: expected.runner,
            environment: expected.environment,
            tests: expected.tests,
        }
    }

    /// The copied project.
    pub fn project(&self) -> PathBuf {
        self.directory.path().join("project")
    }

    /// An empty directory to be `HOME`.
    pub fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    /// Where the flaky tests remember which builds they failed in.
    pub fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// A path outside the project for anything else, such as what a witness writes.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The name of its directory in `examples`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a pipeline sets for it beside the runner, by variable.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// The name of its runner.
    pub fn runner(&self) -> &str {
        &self.runner
    }

    /// Every test of the project.
    pub fn tests(&self) -> &[ExpectedTest] {
        &self.tests
    }

    /// Its test files with the seconds of their tests at pace 1, retries not counted.
    pub fn files(&self) -> BTreeMap<&str, f64> {
        let mut files = BTreeMap::new();
        for test in &self.tests {
            *files.entry(test.file.as_str()).or_insert(0.0) += test.seconds;
        }
        files
    }

    /// The test with this id; an unknown one fails the test.
    #[track_caller]
    pub fn test(&self, id: &str) -> &ExpectedTest {
        self.tests
            .iter()
            .find(|test| test.id == id)
            .unwrap_or_else(|| panic!("{id:?} is not in expected.json"))
    }
}

/// Links the packages that `bin/setup` installed into the copy.
fn link_packages(original: &Path, copy: &Path) {
    if original.join("package.json").exists() {
        // Jest has packages of its own; the other runners for Node.js share theirs.
        let own = original.join("node_modules");
        let installed = if own.exists() {
            own
        } else {
            repository::tool("node/node_modules")
        };
        assert!(
            installed.exists(),
            "{} is missing: run bin/setup, which installs what the tests need",
            installed.display()
        );
        fs_err::os::unix::fs::symlink(installed, copy.join("node_modules"))
            .expect("a link can be made");
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
    fn every_example_says_what_happens_to_each_of_its_tests() {
        for name in EXAMPLES {
            let example = Example::copy(name);
            assert!(name.starts_with(example.runner()), "{name}");
            let ids: BTreeSet<&str> = example
                .tests()
                .iter()
                .map(|test| test.id.as_str())
                .collect();
            assert_eq!(ids.len(), example.tests().len(), "{name}: ids are unique");
            for file in example.files().keys() {
                assert!(example.project().join(file).is_file(), "{name}: {file}");
            }
            let count = |outcome| {
                example
                    .tests()
                    .iter()
                    .filter(|test| test.outcome == outcome)
                    .count()
            };
            assert_eq!(count(ExpectedOutcome::Flaky), 1, "{name}");
            assert_eq!(count(ExpectedOutcome::Failed), 1, "{name}");
            assert_eq!(count(ExpectedOutcome::Skipped), 1, "{name}");
            for test in example.tests() {
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
