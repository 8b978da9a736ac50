//! A project for each runner with a fail-fast setting in a configuration file, a flaky test, and
//! another test that the setting keeps from running.

use bktec::internals::RunnerSettings;

use crate::project::{FinishedRun, Project, settings};
use crate::tools;

const JEST: &str = "examples/jest/node_modules";
const NODE: &str = ".tools/node/node_modules";
const MOCHA: &str = ".tools/javascript-collectors/node_modules";

pub(crate) struct Sample {
    runner: &'static str,
    command: &'static str,
    environment: Option<(&'static str, &'static str)>,
    /// Scope and name of the flaky test.
    flaky: (&'static str, &'static str),
    modules: Option<&'static str>,
    files: &'static [(&'static str, &'static str)],
}

const SEEN: &str = "const fs = require('fs');
const once = () => { const seen = fs.existsSync('seen'); fs.writeFileSync('seen', '');
  if (!seen) throw new Error('flaky'); };
const other = () => { fs.writeFileSync('trace', ''); if (fs.existsSync('broken')) throw 1; };
";

pub(crate) fn sample(name: &str) -> Sample {
    match name {
        "rspec" => Sample {
            runner: "rspec",
            command: "rspec --format json --out {{resultPath}} {{testExamples}}",
            environment: None,
            flaky: ("A", "is flaky"),
            modules: None,
            files: &[
                (".rspec", "--require spec_helper\n"),
                (
                    "spec/spec_helper.rb",
                    "RSpec.configure { |c| c.fail_fast = true }\n",
                ),
                (
                    "spec/a_spec.rb",
                    "RSpec.describe('A') { it('is flaky') { \
                     seen = File.exist?('seen'); File.write('seen', ''); raise unless seen } }\n",
                ),
                (
                    "spec/b_spec.rb",
                    "RSpec.describe('B') { it('other') { \
                     File.write('trace', ''); raise if File.exist?('broken') } }\n",
                ),
            ],
        },
        "jest" => Sample {
            runner: "jest",
            command: "npx jest -i --runTestsByPath {{testExamples}} --json \
                      --outputFile {{resultPath}}",
            environment: None,
            flaky: ("", "is flaky"),
            modules: Some(JEST),
            files: &[
                (
                    "package.json",
                    r#"{"jest": {"watchman": false, "bail": 1}}"#,
                ),
                ("a.test.js", "SEEN test('is flaky', once);\n"),
                ("b.test.js", "SEEN test('other', other);\n"),
            ],
        },
        "vitest" => Sample {
            runner: "vitest",
            command: "npx vitest run {{testExamples}} --reporter=json --outputFile {{resultPath}}",
            environment: None,
            flaky: ("", "is flaky"),
            modules: Some(NODE),
            files: &[
                (
                    "vitest.config.mjs",
                    "export default { test: { globals: true, bail: 1, fileParallelism: false,
                       sequence: { sequencer: class {
                         async sort(files) {
                           return files.sort((a, b) => a.moduleId > b.moduleId ? 1 : -1); }
                         async shard(files) { return files; } } } } };\n",
                ),
                ("a.test.js", "SEEN test('is flaky', once);\n"),
                ("b.test.js", "SEEN test('other', other);\n"),
            ],
        },
        "playwright" => Sample {
            runner: "playwright",
            command: "npx playwright test {{testExamples}}",
            environment: None,
            flaky: ("  a.spec.js is flaky", "is flaky"),
            modules: Some(NODE),
            files: &[
                (
                    "playwright.config.js",
                    "module.exports = { testDir: '.', workers: 1, maxFailures: 1,
                       reporter: [['json', { outputFile: 'out' }]] };\n",
                ),
                (
                    "a.spec.js",
                    "SEEN const { test } = require('@playwright/test'); test('is flaky', once);\n",
                ),
                (
                    "b.spec.js",
                    "SEEN const { test } = require('@playwright/test'); test('other', other);\n",
                ),
            ],
        },
        "cucumber-js" => Sample {
            runner: "cucumber",
            command: "npx cucumber-js --require steps.cjs --format json:{{resultPath}} \
                      {{testExamples}}",
            environment: None,
            flaky: ("A", "is flaky"),
            modules: Some(NODE),
            files: &[
                ("cucumber.json", r#"{"default": {"failFast": true}}"#),
                (
                    "steps.cjs",
                    "SEEN const { Given } = require('@cucumber/cucumber');
                     Given('once', once); Given('other', other);\n",
                ),
                (
                    "features/a.feature",
                    "Feature: A\n  Scenario: is flaky\n    Given once\n",
                ),
                (
                    "features/b.feature",
                    "Feature: B\n  Scenario: other\n    Given other\n",
                ),
            ],
        },
        "cucumber-ruby" => Sample {
            runner: "cucumber",
            command: "cucumber --require steps.rb --format json --out {{resultPath}} \
                      {{testExamples}}",
            environment: None,
            flaky: ("A", "is flaky"),
            modules: None,
            files: &[
                ("cucumber.yml", "default: --fail-fast\n"),
                (
                    "steps.rb",
                    "Given(/^once$/) { seen = File.exist?('seen'); File.write('seen', '')
                       raise 'flaky' unless seen }
                     Given(/^other$/) { File.write('trace', ''); \
                       raise 'broken' if File.exist?('broken') }\n",
                ),
                (
                    "features/a.feature",
                    "Feature: A\n  Scenario: is flaky\n    Given once\n",
                ),
                (
                    "features/b.feature",
                    "Feature: B\n  Scenario: other\n    Given other\n",
                ),
            ],
        },
        "mocha" => Sample {
            runner: "custom",
            command: "npx mocha --reporter xunit --reporter-option output={{resultPath}} \
                      {{testExamples}}",
            environment: None,
            flaky: ("a", "is flaky"),
            modules: Some(MOCHA),
            files: &[
                (".mocharc.json", r#"{"bail": true}"#),
                (
                    "a.test.js",
                    "SEEN describe('a', () => { it('is flaky', once); });\n",
                ),
                (
                    "b.test.js",
                    "SEEN describe('b', () => { it('other', other); });\n",
                ),
            ],
        },
        "go" => Sample {
            runner: "gotest",
            command: "go test -json -count=1 {{packages}}",
            environment: Some(("GOFLAGS", "-failfast")),
            flaky: ("m", "TestA"),
            modules: None,
            files: &[
                ("go.mod", "module m\n\ngo 1.22\n"),
                (
                    "a_test.go",
                    "package a

import (
	\"os\"
	\"testing\"
)

func has(name string) bool { _, err := os.Stat(name); return err == nil }

func TestA(t *testing.T) {
	seen := has(\"seen\")
	os.WriteFile(\"seen\", nil, 0o600)
	if !seen {
		t.Fatal(\"flaky\")
	}
}

func TestB(t *testing.T) {
	os.WriteFile(\"trace\", nil, 0o600)
	if has(\"broken\") {
		t.Fatal(\"broken\")
	}
}
",
                ),
            ],
        },
        other => panic!("{other}"),
    }
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Options {
    /// A script runs the command, and an option of `bktec` would not reach it.
    pub(crate) script: bool,
    /// The other test fails.
    pub(crate) broken: bool,
    /// The flaky test is muted.
    pub(crate) muted: bool,
    pub(crate) retries: u32,
}

impl Sample {
    /// Also returns whether the other test ran.
    pub(crate) fn run(&self, options: Options) -> (FinishedRun, bool) {
        let Options {
            script,
            broken,
            muted,
            retries,
        } = options;
        let project = Project::new(&[]);
        for (file, content) in self.files {
            project.write(file, &content.replace("SEEN ", SEEN));
        }
        project.write("run.sh", "exec \"$@\"\n");
        if broken {
            project.write("broken", "");
        }
        if let Some(modules) = self.modules {
            let modules = tools::installed(modules);
            std::os::unix::fs::symlink(modules, project.root().join("node_modules")).unwrap();
        }
        let mut project = project.unwrapped_tool(&tools::on_path("go"));
        for tool in ["npx", "rspec", "cucumber"] {
            project = project.tool(tool, &tools::on_path(tool));
        }
        let command = if script {
            format!("sh run.sh {}", self.command)
        } else {
            self.command.to_owned()
        };
        let result = if self.runner == "custom" {
            "out.xml"
        } else {
            "out"
        };
        let names = ["jest", "vitest"].contains(&self.runner);
        let names = names.then_some(" --testNamePattern '{{testNamePattern}}'");
        let settings = RunnerSettings {
            retry_command: Some(format!("{command}{}", names.unwrap_or_default())),
            file_pattern: Some("**/*{_spec.rb,.test.js,.spec.js,.feature}".to_owned()),
            environment: self
                .environment
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            ..settings(&command, result)
        };
        let runner = project.runner(self.runner, settings);
        let mutes = [self.flaky];
        let mutes: &[(&str, &str)] = if muted { &mutes } else { &[] };
        let ran = project.run_all(&*runner, mutes, retries);
        (ran, project.root().join("trace").exists())
    }
}
