//! Runners that stop at the first failed test: neither a successful retry nor a mute makes up for
//! the tests that did not run. Jest is missing here because it writes no results when it stops
//! early.

use rstest::rstest;

use crate::project::{Project, settings};
use crate::tools;

/// The first test fails once, the second creates the file `trace`.
const RSPEC: &str = "RSpec.describe('S') do
  it('one') { seen = File.exist?('seen'); File.write('seen', ''); expect(seen).to be true }
  it('two') { File.write('trace', '') }
end
";
const PYTEST: &str = "import os

def test_one():
    seen = os.path.exists('seen')
    open('seen', 'w').close()
    assert seen

def test_two():
    open('trace', 'w').close()
";
const VITEST: &str = "import fs from 'node:fs';
import { expect, test } from 'vitest';
test('one', () => {
  const seen = fs.existsSync('seen');
  fs.writeFileSync('seen', '');
  expect(seen).toBe(true);
});
test('two', () => { fs.writeFileSync('trace', ''); });
";
const PLAYWRIGHT: &str = "const fs = require('fs');
const { test, expect } = require('@playwright/test');
test('one', () => {
  const seen = fs.existsSync('seen');
  fs.writeFileSync('seen', '');
  expect(seen).toBe(true);
});
test('two', () => { fs.writeFileSync('trace', ''); });
";
const FEATURE: &str =
    "Feature: S\n\n  Scenario: one\n    Given one\n\n  Scenario: two\n    Given two\n";
const GO: &str = r#"package a

import (
	"os"
	"testing"
)

func TestOne(t *testing.T) {
	_, err := os.Stat("seen")
	os.WriteFile("seen", nil, 0o600)
	if err != nil {
		t.Fatal("first")
	}
}

func TestTwo(t *testing.T) { os.WriteFile("trace", nil, 0o600) }
"#;

fn project(runner: &str) -> Project {
    match runner {
        "rspec" => {
            Project::new(&[("spec/a_spec.rb", RSPEC)]).tool("rspec", &tools::on_path("rspec"))
        }
        "pytest" => Project::new(&[("test_a.py", PYTEST)])
            .tool("pytest", &tools::installed(".tools/pytest/bin/pytest")),
        "gotest" => Project::new(&[("go.mod", "module a\n\ngo 1.21\n"), ("a_test.go", GO)])
            .unwrapped_tool(&tools::on_path("go")),
        _ => {
            let project = Project::new(&[
                ("features/a.feature", FEATURE),
                (
                    "steps/s.rb",
                    "Given(/^one$/) {
  seen = File.exist?('seen')
  File.write('seen', '')
  raise 'x' unless seen
}
Given(/^two$/) { File.write('trace', '') }
",
                ),
                (
                    "steps/s.cjs",
                    "const fs = require('fs');
const { Given } = require('@cucumber/cucumber');
Given('one', () => {
  const seen = fs.existsSync('seen');
  fs.writeFileSync('seen', '');
  if (!seen) throw new Error('x');
});
Given('two', () => fs.writeFileSync('trace', ''));
",
                ),
                (
                    "playwright.config.js",
                    "module.exports = {
  testDir: '.',
  workers: 1,
  maxFailures: Number(process.env.MAX ?? 0),
  reporter: [['json', { outputFile: 'out.json' }]],
};
",
                ),
            ]);
            let (file, content) = if runner == "vitest" {
                ("a.test.js", VITEST)
            } else {
                ("a.spec.js", PLAYWRIGHT)
            };
            project.write(file, content);
            project.link_node_modules();
            project
                .tool("npx", &tools::on_path("npx"))
                .tool("cucumber", &tools::on_path("cucumber"))
        }
    }
}

#[rstest]
#[case(
    "rspec",
    "rspec --fail-fast --format json --out {{resultPath}} {{testExamples}}"
)]
#[case("pytest", "pytest -qx {{testExamples}} --junit-xml={{resultPath}}")]
#[case(
    "pytest",
    "pytest --maxfail=1 {{testExamples}} --junit-xml={{resultPath}}"
)]
#[case(
    "vitest",
    "npx vitest run {{testExamples}} --bail=1 --reporter=json --outputFile {{resultPath}}"
)]
#[case("playwright", "npx playwright test -x {{testExamples}}")]
#[case(
    "cucumber",
    "cucumber --fail-fast --require steps --format json --out {{resultPath}} {{testExamples}}"
)]
#[case(
    "cucumber",
    "npx cucumber-js --fail-fast --require steps/s.cjs \
     --format json:{{resultPath}} {{testExamples}}"
)]
#[case("gotest", "go test -json -count=1 -failfast {{packages}}")]
fn retries_and_mutes_do_not_make_up_for_tests_that_did_not_run(
    #[case] runner: &str,
    #[case] command: &str,
) {
    let result = if runner == "pytest" {
        "out.xml"
    } else {
        "out.json"
    };
    for (muted, retries) in [(true, 0), (false, 1)] {
        let project = project(runner);
        let runner = project.runner(runner, settings(command, result));
        let scopes = ["S", "test_a", "", "a", "  a.spec.js one"];
        let names = ["one", "test_one", "TestOne"];
        let all: Vec<(&str, &str)> = scopes
            .iter()
            .flat_map(|&scope| names.map(|name| (scope, name)))
            .filter(|_| muted)
            .collect();
        let ran = project.run_all(&*runner, &all, retries);
        let details = || format!("{:#?}\n{:#?}\n{}", ran.events, ran.outcome, project.log());
        let two_ran = project.root().join("trace").exists();
        assert_eq!(ran.outcome.exit_code == 0, two_ran, "{}", details());
        // Go's tests are retried with their package, so there the second test runs after all.
        let is_whole = !muted && runner.retries_whole_targets();
        assert_eq!(two_ran, is_whole, "{}", details());
    }
}

/// Without an early stop, mutes and retries apply.
#[rstest]
#[case("playwright", "env MAX=1 npx playwright test {{testExamples}}")]
#[case("rspec", "rspec --format json --out {{resultPath}} {{testExamples}}")]
#[case(
    "pytest",
    "pytest --maxfail=2 {{testExamples}} --junit-xml={{resultPath}}"
)]
fn a_limit_that_is_not_reached_has_no_effect(#[case] runner: &str, #[case] command: &str) {
    let result = if runner == "pytest" {
        "out.xml"
    } else {
        "out.json"
    };
    for (muted, retries) in [(true, 0), (false, 1)] {
        let project = project(runner);
        let runner = project.runner(runner, settings(command, result));
        let all = [
            ("S", "one"),
            ("test_a", "test_one"),
            ("  a.spec.js one", "one"),
        ];
        let muted: &[(&str, &str)] = if muted { &all } else { &[] };
        let ran = project.run_all(&*runner, muted, retries);
        assert_eq!(ran.outcome.exit_code, 0, "{:#?}", ran.outcome);
        assert_eq!(ran.outcome.tests.len(), 2);
    }
}
