//! Overlapping targets: a runner may run only the part, so every test of the whole must still run.

use bktec::internals::RunnerSettings;
use rstest::rstest;

use crate::project::{Project, selector, settings};
use crate::tools;

const RSPEC: &str = "RSpec.describe('S') do\n  it('one') {}\n  it('two') {}\nend\n";
const PYTEST: &str =
    "def test_one():\n    pass\n\nclass TestK:\n    def test_two(self):\n        pass\n";
const FEATURE: &str =
    "Feature: F\n\n  Scenario: one\n    Given x\n\n  Scenario: two\n    Given x\n";
const PLAYWRIGHT: &str = "const { test } = require('@playwright/test');
test('one', () => {});
test('two', () => {});
";

/// Two files with two tests each, and the runner for them.
fn project(runner: &str) -> (Project, RunnerSettings) {
    let (directory, names, content) = match runner {
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
            "module.exports = {
  testDir: '.',
  workers: 1,
  reporter: [['json', { outputFile: 'out.json' }]],
};
",
        ),
    ]);
    for name in names {
        project.write(&format!("{directory}/{name}"), content);
    }
    match runner {
        "rspec" => (
            project.tool("rspec", &tools::on_path("rspec")),
            settings(
                "rspec --format json --out {{resultPath}} {{testExamples}}",
                "out.json",
            ),
        ),
        "pytest" => (
            project.tool("pytest", &tools::installed(".tools/pytest/bin/pytest")),
            settings(
                "pytest {{testExamples}} --junit-xml={{resultPath}}",
                "out.xml",
            ),
        ),
        "cucumber" => (
            project.tool("cucumber", &tools::on_path("cucumber")),
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
                "npx cucumber-js --require steps/steps.cjs \
                 --format json:{{resultPath}} {{testExamples}}"
            };
            let project = project.tool("npx", &tools::on_path("npx"));
            (project, settings(command, "out.json"))
        }
    }
}

#[rstest]
#[case::rspec_file("rspec", &["spec/a_spec.rb", "./spec/a_spec.rb[1:1]", "spec/b_spec.rb:2"], 3)]
#[case::rspec_directory("rspec", &["spec", "spec/a_spec.rb[1:1]"], 4)]
#[case::pytest_file(
    "pytest",
    &["tests/test_a.py::TestK", "tests/test_a.py", "tests/test_b.py::test_one"],
    3
)]
#[case::pytest_directory("pytest", &["tests", "tests/test_a.py"], 4)]
#[case::pytest_class(
    "pytest",
    &["tests/test_a.py::TestK", "tests/test_a.py::TestK::test_two", "tests/test_b.py"],
    3
)]
#[case::ruby_file(
    "cucumber",
    &["features/a.feature", "features/a.feature:3", "features/b.feature:6"],
    3
)]
#[case::ruby_directory("cucumber", &["features", "features/a.feature:3"], 4)]
#[case::javascript_file(
    "cucumber-js",
    &["features/a.feature:3", "features/a.feature", "features/b.feature:6"],
    3
)]
#[case::javascript_directory("cucumber-js", &["features", "features/a.feature:3"], 4)]
#[case::playwright_file("playwright", &["e2e/a.spec.js", "e2e/a.spec.js:2", "e2e/b.spec.js:3"], 3)]
#[case::playwright_directory("playwright", &["e2e", "e2e/a.spec.js:2"], 4)]
fn a_part_does_not_replace_the_whole(
    #[case] runner: &str,
    #[case] targets: &[&str],
    #[case] tests: usize,
) {
    let (project, settings) = project(runner);
    let name = runner.trim_end_matches("-js");
    let runner = project.runner(name, settings);
    let cases: Vec<_> = targets.iter().map(|target| selector(target)).collect();
    let ran = project.run(&*runner, &cases, &[], 0);
    let details = || format!("{:#?}\n{:#?}\n{}", ran.events, ran.outcome, project.log());
    assert_eq!(ran.outcome.exit_code, 0, "{}", details());
    let passed = ran.outcome.statistics().passed_on_first_run;
    assert_eq!(usize::try_from(passed).unwrap(), tests, "{}", details());
}

/// pytest can be given only one of the two, and running this directory does not include that file.
#[test]
fn a_file_that_its_directory_does_not_include_is_an_error() {
    let (project, settings) = project("pytest");
    project.write("tests/odd.py", PYTEST);
    let runner = project.runner("pytest", settings);
    let cases = ["tests", "tests/odd.py"].map(selector);
    let ran = project.run(&*runner, &cases, &[], 0);
    let details = || format!("{:#?}\n{:#?}\n{}", ran.events, ran.outcome, project.log());
    assert_eq!(ran.outcome.exit_code, 1, "{}", details());
    let [error] = ran.outcome.errors_outside_tests.as_slice() else {
        panic!("{}", details());
    };
    assert!(error.starts_with("tests/odd.py has no results"), "{error}");
}
