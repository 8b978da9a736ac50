//! Builds that would be green although tests did not run or failed: the runner ends early with exit
//! code 0, a retry or a mute hides other tests, or something swallows the exit code.

use bktec::internals::{RunStatus, RunnerSettings};
use rstest::rstest;

use crate::project::{FinishedRun, Project, assert_ended, settings};
use crate::tools;

/// Runs all tests with a custom command.
fn run_custom(files: &[(&str, &str)], command: &str, muted: &[(&str, &str)]) -> FinishedRun {
    let project = Project::new(files);
    let settings = RunnerSettings {
        retry_command: Some(command.to_owned()),
        file_pattern: Some("test/*".to_owned()),
        ..settings(command, "out.xml")
    };
    let runner = project.runner("custom", settings);
    project.run_all(&*runner, muted, 1)
}

const ONE_FAILURE: &str = r#"<testsuite name="s" tests="2" failures="1">
<testcase classname="a" name="x" file="test/a.t"><failure message="no"/></testcase>
<testcase classname="a" name="y" file="test/a.t"/></testsuite>"#;

#[rstest]
#[case("sh -c 'cp report.xml {{resultPath}}; exit 0' - {{testExamples}}")]
#[case("sh -c '{ cp report.xml {{resultPath}}; exit 1; } | cat' - {{testExamples}}")]
#[case("sh -c '{ cp report.xml {{resultPath}}; false; } || true' - {{testExamples}}")]
fn failed_tests_count_although_the_command_succeeds(#[case] command: &str) {
    let files = [("test/a.t", ""), ("report.xml", ONE_FAILURE)];
    assert_ended(&run_custom(&files, command, &[]), 1, RunStatus::Failed);
    assert_ended(
        &run_custom(&files, command, &[("a", "x")]),
        0,
        RunStatus::Passed,
    );
}

/// The retry passes one of them and does not list the other.
#[test]
fn two_failed_tests_of_one_name_are_not_repaired_by_one() {
    let case = |failure: &str| {
        format!(
            r#"<testsuite><testcase classname="S" name="works">{failure}</testcase></testsuite>"#
        )
    };
    let (failed, passed) = (case("<failure/>"), case(""));
    let files = [
        ("test/a.t", ""),
        ("test/b.t", ""),
        (
            "1.xml",
            &format!("<testsuites>{failed}{failed}</testsuites>"),
        ),
        ("2.xml", &format!("<testsuites>{passed}</testsuites>")),
        ("code-1", "1"),
        ("code-2", "0"),
        (
            "run.sh",
            "number=$(($(cat number 2>/dev/null || echo 0) + 1))\necho $number >number\n\
             cp $number.xml out.xml\nexit $(cat code-$number)\n",
        ),
    ];
    let command = "sh run.sh {{testExamples}}";
    let ran = run_custom(&files, command, &[]);
    assert_ended(&ran, 1, RunStatus::Failed);
    assert_eq!(ran.outcome.retries, 1);
    // Nor does a mute excuse both: it is unknown which one is meant.
    let ran = run_custom(&files, command, &[("S", "works")]);
    assert_ended(&ran, 1, RunStatus::Failed);
}

/// Every case of node:test has the class "test", so only its suites tell these tests apart.
#[rstest]
#[case("", 0, RunStatus::Passed)]
#[case("throw new Error('prices are wrong');", 1, RunStatus::Failed)]
fn a_mute_excuses_only_the_test_of_its_suite(
    #[case] orders: &str,
    #[case] code: i32,
    #[case] status: RunStatus,
) {
    let test = format!(
        "import {{ describe, it }} from 'node:test';
describe('cart', () => {{ it('works', () => {{ throw new Error('flaky'); }}); }});
describe('orders', () => {{ it('works', () => {{ {orders} }}); }});
"
    );
    let node = tools::on_path("node");
    let command = format!(
        "{} --test --test-reporter=junit --test-reporter-destination={{{{resultPath}}}} \
         {{{{testExamples}}}}",
        node.display()
    );
    let files = [("test/a.test.mjs", test.as_str())];
    let ran = run_custom(&files, &command, &[("cart", "works")]);
    assert_ended(&ran, code, status);
}

/// A custom command whose process ends early, with exit code 0.
#[rstest]
#[case("sh -c 'exit 0' - {{testExamples}} {{resultPath}}")]
#[case("sh -c 'echo \"<testsuite>\" > {{resultPath}}' - {{testExamples}}")]
fn a_custom_command_must_leave_results(#[case] command: &str) {
    let ran = run_custom(&[("test/a.t", "")], command, &[]);
    assert_ended(&ran, 1, RunStatus::Incomplete);
}

const RSPEC: &str = "rspec --format json --out {{resultPath}} {{testExamples}}";

fn rspec(files: &[(&str, &str)]) -> Project {
    Project::new(files).tool("rspec", &tools::on_path("rspec"))
}

/// The first file ends the process, so the second never runs.
#[rstest]
#[case("exit 0")]
#[case("exit! 0")]
#[case("Process.exit!(true)")]
fn an_rspec_process_that_ends_in_an_example_fails(#[case] end: &str) {
    let first = format!("RSpec.describe('A') {{ it('ends') {{ {end} }} }}\n");
    let project = rspec(&[
        ("spec/a_spec.rb", &first),
        (
            "spec/b_spec.rb",
            "RSpec.describe('B') { it('fails') { raise } }\n",
        ),
    ]);
    let runner = project.runner("rspec", settings(RSPEC, "out.json"));
    let ran = project.run_all(&*runner, &[], 1);
    assert_ended(&ran, 1, RunStatus::Incomplete);
}

#[test]
fn a_pytest_process_that_ends_in_a_test_fails() {
    let first = "import os\ndef test_a(): os._exit(0)\n";
    let second = "def test_b(): assert 0\n";
    let project = Project::new(&[("test_a.py", first), ("test_b.py", second)])
        .tool("pytest", &tools::installed(".tools/pytest/bin/pytest"));
    let command = "pytest {{testExamples}} --junit-xml={{resultPath}}";
    let runner = project.runner("pytest", settings(command, "out.xml"));
    let ran = project.run_all(&*runner, &[], 1);
    assert_ended(&ran, 1, RunStatus::Incomplete);
}

/// A flaky example; the other file runs only if the first one does not stop RSpec.
const FLAKY: &str = "require_relative 'spec_helper'
RSpec.describe('A') do
  it('is flaky') { seen = File.exist?('seen'); File.write('seen', ''); expect(seen).to be true }
end
";
const HELPER: &str = "RSpec.configure { |config| config.fail_fast = true }\n";

/// A fail-fast setting in a helper, with a script that gets no options from `bktec`.
#[rstest]
#[case("File.write('trace', '')", 0, RunStatus::Passed)]
#[case("raise", 1, RunStatus::Failed)]
fn whole_files_are_rerun_after_an_early_stop(
    #[case] body: &str,
    #[case] code: i32,
    #[case] status: RunStatus,
) {
    let other = format!("RSpec.describe('B') {{ it('runs') {{ {body} }} }}\n");
    let project = rspec(&[
        ("spec/a_spec.rb", FLAKY),
        ("spec/b_spec.rb", &other),
        ("spec/spec_helper.rb", HELPER),
        ("run.sh", "exec rspec \"$@\"\n"),
    ]);
    let command = RSPEC.replace("rspec ", "sh run.sh ");
    let runner = project.runner("rspec", settings(&command, "out.json"));
    let ran = project.run_all(&*runner, &[], 1);
    assert_ended(&ran, code, status);
    assert!(
        ran.events
            .iter()
            .any(|event| event.ends_with(" spec/a_spec.rb spec/b_spec.rb")),
        "{:?}",
        ran.events
    );
}

/// RSpec lists the examples of the file: the second one has no result.
#[rstest]
#[case("", 0, RunStatus::Passed)]
#[case("RSpec.describe('B') { it('runs') {} }\n", 1, RunStatus::Incomplete)]
fn listed_tests_prove_whether_a_muted_failure_stopped_the_runner(
    #[case] other: &str,
    #[case] code: i32,
    #[case] status: RunStatus,
) {
    let project = rspec(&[
        ("spec/a_spec.rb", &format!("{FLAKY}{other}")),
        ("spec/spec_helper.rb", HELPER),
        ("run.sh", "exec rspec \"$@\"\n"),
    ]);
    let command = RSPEC.replace("rspec ", "sh run.sh ");
    let runner = project.runner("rspec", settings(&command, "out.json"));
    let ran = project.run_all(&*runner, &[("A", "is flaky")], 0);
    assert_ended(&ran, code, status);
}

const FLAKY_FEATURE: &str = "Feature: A
  Scenario: flaky
    Given it is flaky
  Scenario: later
    Given it runs a
";
const LATER_FEATURE: &str = "Feature: B\n  Scenario: last\n    Given it runs b\n";
const RUBY_STEPS: &str = "Given(/^it is flaky$/) {
  seen = File.exist?('seen')
  File.write('seen', '')
  raise 'x' unless seen
}
Given(/^it runs (.)$/) { |name| File.write(name, '') }
";
const JAVASCRIPT_STEPS: &str = "const fs = require('fs');
const { Given } = require('@cucumber/cucumber');
Given('it is flaky', () => {
  const seen = fs.existsSync('seen');
  fs.writeFileSync('seen', '');
  if (!seen) throw new Error('x');
});
Given(/^it runs (.)$/, name => fs.writeFileSync(name, ''));
";

/// No option overrides these settings, so each feature is rerun by itself.
#[rstest]
#[case(
    "cucumber --require steps --format json --out {{resultPath}} {{testExamples}}",
    ("cucumber.yml", "default: --fail-fast\n")
)]
#[case(
    "npx cucumber-js --require steps/s.cjs --format json:{{resultPath}} {{testExamples}}",
    ("cucumber.js", "module.exports = { default: { failFast: true } };\n")
)]
#[case(
    "npx cucumber-js --require steps/s.cjs --format json:{{resultPath}} {{testExamples}}",
    ("cucumber.json", r#"{ "default": { "failFast": true } }"#)
)]
fn features_are_rerun_one_by_one_after_an_early_stop(
    #[case] command: &str,
    #[case] setting: (&str, &str),
) {
    let project = Project::new(&[
        ("features/a.feature", FLAKY_FEATURE),
        ("features/b.feature", LATER_FEATURE),
        ("steps/s.rb", RUBY_STEPS),
        ("steps/s.cjs", JAVASCRIPT_STEPS),
        setting,
    ]);
    project.link_node_modules();
    let project = project
        .tool("npx", &tools::on_path("npx"))
        .tool("cucumber", &tools::on_path("cucumber"));
    let runner = project.runner("cucumber", settings(command, "out.json"));
    let ran = project.run_all(&*runner, &[], 1);
    assert_ended(&ran, 0, RunStatus::Passed);
    assert!(project.root().join("a").exists() && project.root().join("b").exists());
    assert!(
        ran.events.iter().any(|event| event == "part 2 of 2"),
        "{:?}",
        ran.events
    );
    // Without a retry, no mute hides what did not run.
    fs_err::remove_file(project.root().join("seen")).unwrap();
    let ran = project.run_all(&*runner, &[("A", "flaky")], 0);
    assert_ended(&ran, ran.outcome.exit_code.max(1), RunStatus::Incomplete);
}
