//! What a runner really ran, written down by a plug-in inside the runner.
//!
//! Result files are what the client reads; a witness is what happened. Only the second can tell
//! that a test was lost on the way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::{Example, repository};

/// The file one process writes its executions to.
#[derive(Clone, Debug)]
pub struct Witness {
    file: PathBuf,
}

impl Witness {
    /// A witness that writes to this file.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into() }
    }

    /// Makes every runner below this command write down what it runs.
    pub fn attach(&self, command: &mut Command) {
        let plugins = plugins();
        command
            .env("TEST_WITNESS", &self.file)
            .env("PYTHONPATH", &plugins)
            .env("PYTEST_ADDOPTS", "-p witness")
            .env(
                "SPEC_OPTS",
                format!("--require {}", plugins.join("witness.rb").display()),
            );
    }

    /// Makes Jest load the witness, which it does by its configuration alone.
    pub fn install_in_jest(example: &Example) {
        let file = example.project().join("package.json");
        let package = fs_err::read(&file).expect("a Jest example has a package.json");
        let mut package: Value = serde_json::from_slice(&package).expect("package.json is JSON");
        package["jest"]["setupFilesAfterEnv"] = json!([plugins().join("witness.js")]);
        fs_err::write(&file, package.to_string()).expect("the copy can be written");
    }

    /// How often each test was run, by its id. Empty when nothing ran.
    pub fn executions(&self) -> BTreeMap<String, usize> {
        if !self.file.exists() {
            return BTreeMap::new();
        }
        let mut executions = BTreeMap::new();
        let lines = fs_err::read_to_string(&self.file).expect("a witness writes text");
        for line in lines.lines() {
            *executions.entry(line.to_owned()).or_insert(0) += 1;
        }
        executions
    }
}

fn plugins() -> PathBuf {
    let folder: &Path = &repository::root().join("crates/testkit/witnesses");
    assert!(folder.is_dir(), "{} is missing", folder.display());
    folder.to_owned()
}
