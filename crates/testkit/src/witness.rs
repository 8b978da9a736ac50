//! Records which tests a runner really ran, with a plug-in inside the runner.
//!
//! The client reads result files. Only an independent record shows that a test was lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::{Example, repository};

/// The file that a process appends its executions to.
#[derive(Clone, Debug)]
pub struct Witness {
    file: PathBuf,
}

impl Witness {
    /// Records into `file`.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into() }
    }

    /// Makes every runner that this command starts record its tests.
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

    /// Adds the plug-in to a project whose runner only loads plug-ins from there.
    pub fn install(example: &Example) {
        let project = example.project();
        let copy = |witness: &str, to: &str| {
            fs_err::copy(plugins().join(witness), project.join(to))
                .expect("the witness can be copied");
        };
        match example.name() {
            "jest" => {
                let file = project.join("package.json");
                let package = fs_err::read(&file).expect("a Jest example has a package.json");
                let mut package: Value =
                    serde_json::from_slice(&package).expect("package.json is JSON");
                package["jest"]["setupFilesAfterEnv"] = json!([plugins().join("witness.js")]);
                fs_err::write(&file, package.to_string()).expect("the copy can be written");
            }
            "vitest" => {
                copy("witness.vitest.mjs", "witness.mjs");
                let configuration =
                    "export default { test: { setupFiles: [\"./witness.mjs\"] } };\n";
                fs_err::write(project.join("vitest.config.mjs"), configuration)
                    .expect("the copy can be written");
            }
            "playwright" => {
                let file = project.join("playwright.config.js");
                let configuration =
                    fs_err::read_to_string(&file).expect("the example has a configuration");
                let plugin = plugins().join("witness.playwright.js");
                let witnessed = configuration
                    .replace("[\"line\"],", &format!("[\"line\"], [{}],", json!(plugin)));
                assert_ne!(
                    witnessed, configuration,
                    "the reporters are listed as expected"
                );
                fs_err::write(&file, witnessed).expect("the copy can be written");
            }
            "cucumber-ruby" => copy("witness.cucumber.rb", "features/support/witness.rb"),
            "cucumber-js" => copy("witness.cucumber.cjs", "features/support/witness.cjs"),
            // The other runners load it through their environment, or the project records itself.
            _ => {}
        }
    }

    /// Executions by test ID. Empty when nothing ran.
    pub fn executions(&self) -> BTreeMap<String, usize> {
        let mut executions = BTreeMap::new();
        if !self.file.exists() {
            return executions;
        }
        let lines = fs_err::read_to_string(&self.file).expect("a witness writes text");
        for line in lines.lines() {
            *executions.entry(line.to_owned()).or_insert(0) += 1;
        }
        executions
    }
}

fn plugins() -> PathBuf {
    let directory: &Path = &repository::root().join("crates/testkit/witnesses");
    assert!(directory.is_dir(), "{} is missing", directory.display());
    directory.to_owned()
}
