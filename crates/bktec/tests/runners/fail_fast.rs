//! Runners that are told to stop at the first failed test: a retry that mends it, or a mute that
//! hides it, must not make up for the tests that never ran. Jest is not here: it leaves no results
//! when it stops so.

use rstest::rstest;

use crate::project::{Project, settings};
use crate::tools;

/// The first test fails once, the second leaves a trace.
const RSPEC: &str = "RSpec.describe('S') do\n  it('one') { seen = File.exist?('seen'); File.write('seen', ''); expect(seen).to be true }\n  it('two') { File.write('trace', '') }\nend\n";
const PYTEST: &str = "import os\n\ndef test_one():\n    seen = os.path.exists('seen')\n    open('seen', 'w').close()\n    assert seen\n\ndef test_two():\n    open('trace', 'w').close()\n";
const VITEST: &str = "import fs from 'node:fs';\nimport { expect, test } from 'vitest';\ntest('one', () => { const seen = fs.existsSync('seen'); fs.writeFileSync('seen', ''); expect(seen).toBe(true); });\ntest('two', () => { fs.writeFileSync('trace', ''); });\n";
const PLAYWRIGHT: &str = "const fs = require('fs');\nconst { test, expect } = require('@playwright/test');\ntest('one', () => { const seen = fs.existsSync('seen'); fs.writeFileSync('seen', ''); expect(seen).toBe(true); });\ntest('two', () => { fs.writeFileSync('trace', ''); });\n";
const FEATURE: &str =
    "Feature: S\n\n  Scenario: one\n    Given one\n\n  Scenario: two\n    Given two\n";
const GO: &str = "package a\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestOne(t *testing.T) {\n\t_, err := os.Stat(\"seen\")\n\tos.WriteFile(\"seen\", nil, 0o600)\n\tif err != nil {\n\t\tt.Fatal(\"first\")\n\t}\n}\n\nfunc TestTwo(t *testing.T) { os.WriteFile(\"trace\", nil, 0o600) }\n";

fn project(runner: &str) -> Project {
    match runner {
        "rspec" => Project::new(&[("spec/a_spec.rb", RSPEC)]).tool(
            "rspec",
            &tools::on_path("rspec"),
            "never",
        ),
        "pytest" => Project::new(&[("test_a.py", PYTEST)]).tool(
            "pytest",
            &tools::installed(".tools/pytest/bin/pytest"),
            "never",
        ),
        "gotest" => Project::new(&[("go.mod", "module a\n\ngo 1.21\n"), ("a_test.go", GO)])
            .with_folder(&tools::on_path("go")),
        _ => {
            let project = Project::new(&[
                ("features/a.feature", FEATURE),
                (
                    "steps/s.rb",
                    "Given(/^one$/) { seen = File.exist?('seen'); File.write('seen', ''); raise 'x' unless seen }\nGiven(/^two$/) { File.write('trace', '') }\n",
                ),
                (
                    "steps/s.cjs",
                    "const fs = require('fs');\nconst { Given } = require('@cucumber/cucumber');\nGiven('one', () => { const seen = fs.existsSync('seen'); fs.writeFileSync('seen', ''); if (!seen) throw new Error('x'); });\nGiven('two', () => fs.writeFileSync('trace', ''));\n",
                ),
                (
                    "playwright.config.js",
                    "module.exports = { testDir: '.', workers: 1, maxFailures: Number(process.env.MAX ?? 0), reporter: [['json', { outputFile: 'out.json' }]] };\n",
                ),
            ]);
            let (file, content) = if runner == "vitest" {
                ("a.test.js", VITEST)
            } else {
                ("a.spec.js", PLAYWRIGHT)
            };
            project.write(file, content);
            project.link_node_modules();
            project.tool("npx", &tools::on_path("npx"), "never").tool(
                "cucumber",
                &tools::on_path("cucumber"),
                "never",
            )
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
#[case("playwright", "env MAX=1 npx playwright test {{testExamples}}")]
#[case(
    "cucumber",
    "cucumber --fail-fast --require steps --format json --out {{resultPath}} {{testExamples}}"
)]
#[case(
    "cucumber",
    "npx cucumber-js --fail-fast --require steps/s.cjs --format json:{{resultPath}} {{testExamples}}"
)]
#[case("gotest", "go test -json -count=1 -failfast {{packages}}")]
fn a_test_that_never_ran_is_not_passed_by_a_retry_or_a_mute(
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
        let told = || format!("{:#?}\n{:#?}\n{}", ran.events, ran.outcome, project.log());
        let two_ran = project.root().join("trace").exists();
        assert_eq!(ran.outcome.exit_code == 0, two_ran, "{}", told());
        // Go's tests are retried with their package, so there the second test runs after all.
        let is_whole = !muted && runner.retries_whole_targets();
        assert_eq!(two_ran, is_whole, "{}", told());
    }
}

/// The same without such an option: the muted failure hides nothing, and the retry is made.
#[rstest]
#[case("rspec", "rspec --format json --out {{resultPath}} {{testExamples}}")]
#[case(
    "pytest",
    "pytest --maxfail=2 {{testExamples}} --junit-xml={{resultPath}}"
)]
fn a_limit_that_is_not_reached_changes_nothing(#[case] runner: &str, #[case] command: &str) {
    let result = if runner == "pytest" {
        "out.xml"
    } else {
        "out.json"
    };
    for (muted, retries) in [(true, 0), (false, 1)] {
        let project = project(runner);
        let runner = project.runner(runner, settings(command, result));
        let all = [("S", "one"), ("test_a", "test_one")];
        let muted: &[(&str, &str)] = if muted { &all } else { &[] };
        let ran = project.run_all(&*runner, muted, retries);
        assert_eq!(ran.outcome.exit_code, 0, "{:#?}", ran.outcome);
        assert_eq!(ran.outcome.tests.len(), 2);
    }
}
