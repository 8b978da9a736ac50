//! The time that each real runner takes to list its test files, compared with its file pattern.
//!
//! 400 files with ten tests each, in 20 directories. Node.js runners are started by `npx`, as by
//! default. Playwright's cache of compiled files is empty, as on a new CI machine.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use bktec::internals::{RUNNERS, RunnerSettings, build};

use crate::figure::{Figure, milliseconds};
use crate::programs::workspace;
use crate::timing::{median, timed};

const FILES: usize = 400;
const TESTS: usize = 10;
const REPEATS: usize = 3;
const NODE_MODULES: &str = ".tools/node/node_modules";

struct Suite {
    runner: &'static str,
    /// Part of the figure's name, if a runner has several.
    flavour: &'static str,
    /// `None` for the default.
    command: Option<&'static str>,
    /// Directories of tools, relative to the workspace.
    path: Option<&'static str>,
    node_modules: Option<&'static str>,
    directory: &'static str,
    /// The name of a file from its number.
    file: fn(usize) -> String,
    /// Around the tests of a file.
    frame: [&'static str; 2],
    /// A test from its number.
    test: fn(usize) -> String,
    others: &'static [(&'static str, &'static str)],
}

const PLAIN: Suite = Suite {
    runner: "",
    flavour: "",
    command: None,
    path: None,
    node_modules: None,
    directory: "tests",
    file: |number| format!("file{number}.test.js"),
    frame: ["", ""],
    test: |number| format!("test('t{number}', () => {{}});\n"),
    others: &[("package.json", "{\"name\": \"sample\"}")],
};

const SUITES: &[Suite] = &[
    Suite {
        runner: "rspec",
        command: Some("rspec --format json --out {{resultPath}} {{testExamples}}"),
        directory: "spec",
        file: |number| format!("file{number}_spec.rb"),
        frame: ["RSpec.describe('S') do\n", "end\n"],
        test: |number| format!("  it('t{number}') {{}}\n"),
        others: &[],
        ..PLAIN
    },
    Suite {
        runner: "jest",
        node_modules: Some("examples/jest/node_modules"),
        ..PLAIN
    },
    Suite {
        runner: "vitest",
        node_modules: Some(NODE_MODULES),
        frame: ["import { test } from 'vitest';\n", ""],
        ..PLAIN
    },
    Suite {
        runner: "playwright",
        node_modules: Some(NODE_MODULES),
        file: |number| format!("file{number}.spec.ts"),
        frame: ["import { test } from '@playwright/test';\n", ""],
        ..PLAIN
    },
    Suite {
        runner: "pytest",
        command: Some("pytest {{testExamples}} --junit-xml={{resultPath}}"),
        path: Some(".tools/pytest/bin"),
        file: |number| format!("test_file{number}.py"),
        test: |number| format!("def test_{number}():\n    pass\n\n"),
        others: &[],
        ..PLAIN
    },
    Suite {
        runner: "gotest",
        file: |number| format!("p{number}/file_test.go"),
        frame: ["package p\n\nimport \"testing\"\n\n", ""],
        test: |number| format!("func Test{number}(t *testing.T) {{}}\n"),
        others: &[("go.mod", "module example.com/m\n\ngo 1.22\n")],
        ..PLAIN
    },
    Suite {
        runner: "cucumber",
        flavour: " (Ruby)",
        directory: "features",
        file: |number| format!("file{number}.feature"),
        frame: ["Feature: F\n", ""],
        test: |number| format!("  Scenario: s{number}\n    Given a step\n"),
        others: &[("features/steps.rb", "Given('a step') {}\n")],
        ..PLAIN
    },
    Suite {
        runner: "cucumber",
        flavour: " (JavaScript)",
        command: Some("npx cucumber-js --format json:{{resultPath}} {{testExamples}}"),
        node_modules: Some(NODE_MODULES),
        directory: "features",
        file: |number| format!("file{number}.feature"),
        frame: ["Feature: F\n", ""],
        test: |number| format!("  Scenario: s{number}\n    Given a step\n"),
        others: &[
            ("package.json", "{\"name\": \"sample\"}"),
            (
                "features/support/steps.js",
                "require('@cucumber/cucumber').Given('a step', () => {});\n",
            ),
        ],
        ..PLAIN
    },
];

pub(super) fn measure() -> anyhow::Result<Vec<Figure>> {
    SUITES.iter().map(Suite::measure).collect()
}

impl Suite {
    fn measure(&self) -> anyhow::Result<Figure> {
        let directory = tempfile::tempdir()?;
        self.create(directory.path())?;
        let definition = RUNNERS.iter().find(|runner| runner.name == self.runner);
        let pattern = definition.context("find the runner")?.file_pattern;
        let (mut asked, mut by_pattern) = (Vec::new(), Vec::new());
        for _ in 0..REPEATS {
            asked.push(self.discover(directory.path(), None)?);
            if let Some(pattern) = pattern {
                by_pattern.push(self.discover(directory.path(), Some(pattern))?);
            }
        }
        let name = format!("discovery by {}{}", self.runner, self.flavour);
        let figure = Figure::of(name, milliseconds(median(asked)));
        Ok(match pattern {
            Some(_) => figure.beside("the pattern", milliseconds(median(by_pattern))),
            None => figure,
        })
    }

    fn create(&self, root: &Path) -> anyhow::Result<()> {
        for number in 0..FILES {
            let name = (self.file)(number);
            let path = root.join(format!("{}/d{}/{name}", self.directory, number % 20));
            let mut text = self.frame[0].to_owned();
            for test in 0..TESTS {
                text.push_str(&(self.test)(test));
            }
            text.push_str(self.frame[1]);
            write(&path, &text)?;
        }
        for (name, text) in self.others {
            write(&root.join(name), text)?;
        }
        if let Some(modules) = self.node_modules {
            let modules = workspace().join(modules);
            ensure!(modules.exists(), "{} is missing", modules.display());
            std::os::unix::fs::symlink(modules, root.join("node_modules"))?;
        }
        Ok(())
    }

    /// The milliseconds for all files.
    fn discover(&self, root: &Path, pattern: Option<&str>) -> anyhow::Result<f64> {
        let cache = tempfile::tempdir()?;
        let mut environment: Vec<(OsString, OsString)> =
            vec![("PWTEST_CACHE_DIR".into(), cache.path().into())];
        if let Some(path) = self.path {
            let own = workspace().join(path);
            #[expect(
                clippy::disallowed_methods,
                reason = "tools need the system's programs"
            )]
            let system = std::env::var_os("PATH").unwrap_or_default();
            let all = std::iter::once(own).chain(std::env::split_paths(&system));
            environment.push(("PATH".into(), std::env::join_paths(all)?));
        }
        let settings = RunnerSettings {
            test_command: self.command.map(str::to_owned),
            result_path: Some("results".to_owned()),
            file_pattern: pattern.map(str::to_owned),
            working_directory: root.to_owned(),
            node_count: 1,
            environment,
            ..RunnerSettings::default()
        };
        let runner = build(self.runner, settings)?;
        let mut warnings = String::new();
        let (time, found) = timed(|| {
            runner.discover(&mut |warning| {
                // Writing to a string cannot fail.
                let _ = writeln!(warnings, "{warning}");
            })
        });
        if !warnings.is_empty() {
            bail!("{}: {warnings}", self.runner);
        }
        let found = found?.len();
        ensure!(found == FILES, "{}: found {found} files", self.runner);
        Ok(time)
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs_err::create_dir_all(path.parent().context("find the directory of a file")?)?;
    Ok(fs_err::write(path, text)?)
}
