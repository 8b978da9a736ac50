//! Targets of which one is a part of another: a runner that is given both may run the part alone,
//! so every test of the whole must still be seen to run.

use bktec::internals::RunnerSettings;
use rstest::rstest;

use crate::project::{Project, selector, settings};
use crate::tools;

const RSPEC: &str = "RSpec.describe('S') do\n  it('one') {}\n  it('two') {}\nend\n";
const PYTEST: &str =
    "def test_one():\n    pass\n\nclass TestK:\n    def test_two(self):\n        pass\n";
const FEATURE: &str =
    "Feature: F\n\n  Scenario: one\n    Given x\n\n  Scenario: two\n    Given x\n";
const PLAYWRIGHT: &str = "const { test } = require('@playwright/test');\ntest('one', () => {});\ntest('two', () => {});\n";

/// Two files with two tests each, and the runner for them.
fn project(runner: &str) -> (Project, RunnerSettings) {
    let (folder, names, content) = match runner {
        "rspec" => ("spec", ["a_spec.rb", "b_spec.rb"], RSPEC),
        "pytest" => ("tests", ["test_a.py", "test_b.py"], PYTEST),
        "playwright" => ("e2e", ["a.spec.js", "b.spec.js"], PLAYWRIGHT),
        _ => ("features", ["a.feature", "b.feature"], FEATURE),
    };
    let project = Project::new(&[
        ("steps/steps.rb", "Given(/^x$/) {}\n"),
        (
            "steps/steps.cjs",
            "require('@cucumber/cucumber').Given('x', () => {});\n",
        ),
        (
            "playwright.config.js",
            "module.exports = { testDir: '.', workers: 1, reporter: [['json', { outputFile: 'out.json' }]] };\n",
        ),
    ]);
    for name in names {
        project.write(&format!("{folder}/{name}"), content);
    }
    match runner {
        "rspec" => (
            project.tool("rspec", &tools::on_path("rspec"), "never"),
            settings(
                "rspec --format json --out {{resultPath}} {{testExamples}}",
                "out.json",
            ),
        ),
        "pytest" => (
            project.tool(
                "pytest",
                &tools::installed(".tools/pytest/bin/pytest"),
                "never",
            ),
            settings(
                "pytest {{testExamples}} --junit-xml={{resultPath}}",
                "out.xml",
            ),
        ),
        "cucumber" => (
            project.tool("cucumber", &tools::on_path("cucumber"), "never"),
            settings(
                "cucumber --require steps --format json --out {{resultPath}} {{testExamples}}",
                "out.json",
            ),
        ),
        _ => {
            project.link_node_modules();
            let command = if runner == "playwright" {
                "npx playwright test {{testExamples}}"
            } else {
                "npx cucumber-js --require steps/steps.cjs --format json:{{resultPath}} {{testExamples}}"
            };
            let project = project.tool("npx", &tools::on_path("npx"), "never");
            (project, settings(command, "out.json"))
        }
    }
}

#[rstest]
#[case::rspec_file("rspec", &["spec/a_spec.rb", "./spec/a_spec.rb[1:1]", "spec/b_spec.rb:2"], 3)]
#[case::rspec_folder("rspec", &["spec", "spec/a_spec.rb[1:1]"], 4)]
#[case::pytest_file("pytest", &["tests/test_a.py::TestK", "tests/test_a.py", "tests/test_b.py::test_one"], 3)]
#[case::pytest_folder("pytest", &["tests", "tests/test_a.py"], 4)]
#[case::pytest_class("pytest", &["tests/test_a.py::TestK", "tests/test_a.py::TestK::test_two", "tests/test_b.py"], 3)]
#[case::ruby_file("cucumber", &["features/a.feature", "features/a.feature:3", "features/b.feature:6"], 3)]
#[case::ruby_folder("cucumber", &["features", "features/a.feature:3"], 4)]
#[case::javascript_file("cucumber-js", &["features/a.feature:3", "features/a.feature", "features/b.feature:6"], 3)]
#[case::javascript_folder("cucumber-js", &["features", "features/a.feature:3"], 4)]
#[case::playwright_file("playwright", &["e2e/a.spec.js", "e2e/a.spec.js:2", "e2e/b.spec.js:3"], 3)]
#[case::playwright_folder("playwright", &["e2e", "e2e/a.spec.js:2"], 4)]
fn a_part_does_not_stand_for_the_whole(
    #[case] runner: &str,
    #[case] targets: &[&str],
    #[case] tests: usize,
) {
    let (project, settings) = project(runner);
    let name = runner.trim_end_matches("-js");
    let runner = project.runner(name, settings);
    let cases: Vec<_> = targets.iter().map(|target| selector(target)).collect();
    let ran = project.run(&*runner, &cases, &[], 0);
    let told = || format!("{:#?}\n{:#?}\n{}", ran.events, ran.outcome, project.log());
    assert_eq!(ran.outcome.exit_code, 0, "{}", told());
    let passed = ran.outcome.statistics().passed_on_first_run;
    assert_eq!(usize::try_from(passed).unwrap(), tests, "{}", told());
}

/// pytest can be given only one of the two, and this folder does not lead to a file of that name.
#[test]
fn a_file_that_its_folder_does_not_lead_to_is_missed() {
    let (project, settings) = project("pytest");
    project.write("tests/odd.py", PYTEST);
    let runner = project.runner("pytest", settings);
    let cases = ["tests", "tests/odd.py"].map(selector);
    let ran = project.run(&*runner, &cases, &[], 0);
    let told = || format!("{:#?}\n{:#?}\n{}", ran.events, ran.outcome, project.log());
    assert_eq!(ran.outcome.exit_code, 1, "{}", told());
    let [error] = ran.outcome.errors_outside_tests.as_slice() else {
        panic!("{}", told());
    };
    assert!(error.starts_with("tests/odd.py has no results"), "{error}");
}
