//! Builds that would be green although tests never ran: fail-fast settings in configuration files,
//! and mutes of failures that keep other tests from running. pytest has files of its own.

use bktec::internals::{RunStatus, RunnerSettings};
use rstest::rstest;
use test_engine_wire::Case;

use crate::fail_fast_samples::{Options, sample};
use crate::project::{FinishedRun, Project, assert_ended, selector, settings};
use crate::tools;

const JEST: &str = "examples/jest/node_modules";
const NODE: &str = ".tools/node/node_modules";
const MOCHA: &str = ".tools/javascript-collectors/node_modules";

const SAMPLES: [&str; 8] = [
    "rspec",
    "jest",
    "vitest",
    "playwright",
    "cucumber-js",
    "cucumber-ruby",
    "mocha",
    "go",
];

/// The retry passes the flaky test; the other one must run as well.
#[rstest]
fn a_retry_runs_what_a_fail_fast_setting_left_out(
    #[values(0, 1, 2, 3, 4, 5, 6, 7)] index: usize,
    #[values(false, true)] script: bool,
) {
    let name = SAMPLES[index];
    let options = Options {
        script,
        retries: 1,
        ..Options::default()
    };
    let (ran, other_ran) = sample(name).run(options);
    // A Jest that bails writes no results.
    if script && name == "jest" {
        assert_ended(&ran, 1, RunStatus::Unknown);
        return;
    }
    assert!(other_ran, "{:#?}", ran.events);
    assert_ended(&ran, 0, RunStatus::Passed);
    let (ran, _) = sample(name).run(Options {
        broken: true,
        ..options
    });
    assert_ne!(ran.outcome.exit_code, 0, "{:#?}", ran.events);
}

/// A mute of the flaky test does not excuse the other one, which is broken.
#[rstest]
fn a_mute_does_not_excuse_what_a_fail_fast_setting_left_out(
    #[values(0, 1, 2, 3, 4, 5, 6, 7)] index: usize,
    #[values(false, true)] script: bool,
) {
    let name = SAMPLES[index];
    let (ran, other_ran) = sample(name).run(Options {
        script,
        broken: true,
        muted: true,
        retries: 0,
    });
    assert_ne!(ran.outcome.exit_code, 0, "{:#?}", ran.events);
    // Behind a script, Jest may bail after either of them.
    if script && name == "jest" {
        return;
    }
    // The setting is in effect where it cannot be overridden.
    let is_overridden = !script && !name.starts_with("cucumber");
    assert_eq!(other_ran, is_overridden, "{:#?}", ran.events);
}

/// The mute of the only failure counts, since an override lets the runner run everything.
#[rstest]
#[case("rspec")]
#[case("jest")]
#[case("vitest")]
#[case("playwright")]
#[case("mocha")]
#[case("go")]
fn a_mute_counts_if_the_fail_fast_setting_is_overridden(#[case] name: &str) {
    let (ran, other_ran) = sample(name).run(Options {
        muted: true,
        ..Options::default()
    });
    assert_ended(&ran, 0, RunStatus::Passed);
    assert!(other_ran);
}

// Failures behind a mute, in one file.

fn run_one(
    runner: &str,
    modules: Option<&str>,
    settings: RunnerSettings,
    files: &[(&str, &str)],
    muted: &[(&str, &str)],
) -> FinishedRun {
    let project = Project::new(files);
    if let Some(modules) = modules {
        let modules = tools::installed(modules);
        std::os::unix::fs::symlink(modules, project.root().join("node_modules")).unwrap();
    }
    let mut project = project.unwrapped_tool(&tools::on_path("go"));
    for tool in ["npx", "rspec", "cucumber"] {
        project = project.tool(tool, &tools::on_path(tool));
    }
    let runner = project.runner(runner, settings);
    project.run_all(&*runner, muted, 0)
}

fn go(tests: &str, muted: &[(&str, &str)]) -> FinishedRun {
    let code = format!("package a\n\n{tests}\n");
    let files = [
        ("go.mod", "module m\n\ngo 1.22\n"),
        ("a_test.go", code.as_str()),
    ];
    let command = "go test -json -timeout 2s {{packages}}";
    run_one("gotest", None, settings(command, "out"), &files, muted)
}

#[rstest]
#[case("import \"testing\"\nfunc TestA(t *testing.T) { var m map[string]int; m[\"x\"] = 1 }")]
#[case("import (\"testing\"; \"time\")\nfunc TestA(t *testing.T) { time.Sleep(time.Minute) }")]
#[case("import (\"testing\"; \"os\")\nfunc TestA(t *testing.T) { os.Exit(1) }")]
fn a_muted_go_test_that_ends_the_package_fails(#[case] tests: &str) {
    let tests = format!("{tests}\nfunc TestB(t *testing.T) {{ t.Fatal(\"broken\") }}");
    assert_ended(&go(&tests, &[("m", "TestA")]), 1, RunStatus::Incomplete);
}

/// `go test` exits with 0.
#[test]
fn a_go_package_that_hides_its_failures_fails() {
    let tests = "import (\"os\"; \"testing\")
func TestMain(m *testing.M) { m.Run(); os.Exit(0) }
func TestA(t *testing.T) { t.Fatal(\"broken\") }";
    assert_ended(&go(tests, &[]), 1, RunStatus::Failed);
}

#[rstest]
#[case("", 0, RunStatus::Passed)]
#[case("t.Error(\"own\")", 1, RunStatus::Failed)]
fn a_mute_of_a_go_subtest_excuses_its_parent(
    #[case] own: &str,
    #[case] code: i32,
    #[case] status: RunStatus,
) {
    let tests = format!(
        "import \"testing\"
func TestAll(t *testing.T) {{
	t.Run(\"flaky\", func(t *testing.T) {{ t.Fatal(\"flaky\") }})
	t.Run(\"fine\", func(t *testing.T) {{}})
	{own}
}}"
    );
    assert_ended(&go(&tests, &[("m", "TestAll/flaky")]), code, status);
    assert_ended(&go(&tests, &[("m", "TestAll/fine")]), 1, RunStatus::Failed);
}

fn defaults(result_path: &str) -> RunnerSettings {
    RunnerSettings {
        result_path: Some(result_path.to_owned()),
        ..RunnerSettings::default()
    }
}

#[test]
fn a_mute_does_not_hide_an_error_in_jests_after_all() {
    let test = "describe('cart', () => {
  afterAll(() => { throw new Error('orders left open'); });
  test('is flaky', () => { throw new Error('flaky'); });
  test('adds', () => {});
});
";
    let muted = [("cart", "is flaky")];
    let files = [
        ("package.json", r#"{"jest": {"watchman": false}}"#),
        ("a.test.js", test),
    ];
    let ran = run_one("jest", Some(JEST), defaults("out.json"), &files, &muted);
    assert_ended(&ran, 1, RunStatus::Error);
    let fixed = test.replace("throw new Error('orders left open');", "");
    let files = [files[0], ("a.test.js", fixed.as_str())];
    let ran = run_one("jest", Some(JEST), defaults("out.json"), &files, &muted);
    assert_ended(&ran, 0, RunStatus::Passed);
}

#[rstest]
#[case("afterAll(() => { throw new Error('open'); });", 1, RunStatus::Error)]
#[case(
    "test('late', async () => { setTimeout(() => { throw new Error('open'); }, 1);
    await new Promise((done) => setTimeout(done, 30)); });",
    1,
    RunStatus::Error
)]
#[case("", 0, RunStatus::Passed)]
fn a_mute_does_not_hide_an_error_outside_vitests_tests(
    #[case] code: &str,
    #[case] exit_code: i32,
    #[case] status: RunStatus,
) {
    let test = format!(
        "import {{ afterAll, describe, test }} from 'vitest';
describe('cart', () => {{ {code} test('is flaky', () => {{ throw new Error('flaky'); }}); }});
"
    );
    let files = [
        ("package.json", r#"{"type": "module"}"#),
        ("a.test.js", test.as_str()),
    ];
    let muted = [("cart", "is flaky")];
    let ran = run_one("vitest", Some(NODE), defaults("out.json"), &files, &muted);
    assert_ended(&ran, exit_code, status);
}

/// Jest exits with 0 and writes no results.
#[test]
fn a_jest_process_that_ends_in_a_test_fails() {
    let files = [
        ("package.json", r#"{"jest": {"watchman": false}}"#),
        ("a.test.js", "test('ends', () => { process.exit(0); });\n"),
    ];
    let ran = run_one("jest", Some(JEST), defaults("out.json"), &files, &[]);
    assert_ended(&ran, 1, RunStatus::Incomplete);
}

#[test]
fn a_mute_does_not_excuse_the_rest_of_a_serial_group() {
    let test = "const { test } = require('@playwright/test');
test.describe.serial('cart', () => {
  test('is flaky', () => { throw new Error('flaky'); });
  test('pays', () => { throw new Error('broken'); });
});
";
    let configuration =
        "module.exports = { testDir: '.', reporter: [['json', { outputFile: 'out' }]] };\n";
    let files = [("playwright.config.js", configuration), ("a.spec.js", test)];
    let muted = [("  a.spec.js cart is flaky", "is flaky")];
    let settings = settings("npx playwright test {{testExamples}}", "out");
    let ran = run_one("playwright", Some(NODE), settings, &files, &muted);
    assert_ended(&ran, 1, RunStatus::Incomplete);
}

/// The server knows the number of tests, so it is known that Mocha ran all of them.
fn mocha(test: &str, muted: &[(&str, &str)]) -> FinishedRun {
    let command = "npx mocha --reporter xunit --reporter-option output={{resultPath}} \
                   {{testExamples}}";
    let settings = RunnerSettings {
        file_pattern: Some("test/*.js".to_owned()),
        ..settings(command, "out.xml")
    };
    let project = Project::new(&[("test/a.test.js", test)]);
    let modules = tools::installed(MOCHA);
    std::os::unix::fs::symlink(modules, project.root().join("node_modules")).unwrap();
    let project = project.tool("npx", &tools::on_path("npx"));
    let runner = project.runner("custom", settings);
    let case = Case {
        expected_tests: Some(2),
        ..selector("test/a.test.js")
    };
    project.run(&*runner, &[case], muted, 0)
}

#[test]
fn a_mute_of_a_mocha_hook_does_not_excuse_its_tests() {
    let test = "describe('cart', () => {
  beforeEach(() => { throw new Error('no database'); });
  it('adds', () => {});
  it('pays', () => { throw new Error('broken'); });
});
";
    let ran = mocha(test, &[("cart", "\"before each\" hook for \"adds\"")]);
    assert_ended(&ran, 1, RunStatus::Incomplete);
}

/// The code of a test may stop it whatever its options are.
#[test]
fn a_mute_does_not_excuse_a_mocha_test_that_stops_the_others() {
    let test = "describe('cart', () => {
  it('one', function () { this.test.parent.bail(true); throw new Error('x'); });
  it('two', () => { throw new Error('broken'); });
});
";
    assert_ended(&mocha(test, &[("cart", "one")]), 1, RunStatus::Incomplete);
}

/// Mocha exits with the number of failures.
#[rstest]
#[case(&["one", "two"], 0, RunStatus::Passed)]
#[case(&["one"], 2, RunStatus::Failed)]
fn mutes_excuse_the_exit_code_of_mocha(
    #[case] muted: &[&str],
    #[case] code: i32,
    #[case] status: RunStatus,
) {
    let test = "describe('cart', () => { it('one', () => { throw new Error('x'); });
  it('two', () => { throw new Error('x'); }); });\n";
    let muted: Vec<(&str, &str)> = muted.iter().map(|name| ("cart", *name)).collect();
    assert_ended(&mocha(test, &muted), code, status);
}

const RSPEC: &str = "rspec --format json --out {{resultPath}} {{testExamples}}";

/// Mutes excuse the code that RSpec documents for failed examples, and no other.
#[rstest]
#[case("", "", 0, RunStatus::Passed)]
#[case("", "--failure-exit-code 7", 0, RunStatus::Passed)]
#[case("at_exit { exit 3 }", "", 3, RunStatus::UnexplainedExit)]
fn mutes_excuse_only_the_exit_code_for_failed_examples(
    #[case] code: &str,
    #[case] option: &str,
    #[case] exit_code: i32,
    #[case] status: RunStatus,
) {
    let spec = format!("{code}\nRSpec.describe('A') {{ it('is flaky') {{ raise 'no' }} }}\n");
    let settings = settings(&format!("{RSPEC} {option}"), "out");
    let muted = [("A", "is flaky")];
    let files = [("spec/a_spec.rb", spec.as_str())];
    let ran = run_one("rspec", None, settings, &files, &muted);
    assert_ended(&ran, exit_code, status);
}

/// RSpec exits with 0.
#[test]
fn failed_examples_count_whatever_their_exit_code_is() {
    let spec = "RSpec.describe('A') { it('fails') { raise 'no' } }\n";
    let settings = settings(&format!("{RSPEC} --failure-exit-code 0"), "out");
    let ran = run_one("rspec", None, settings, &[("spec/a_spec.rb", spec)], &[]);
    assert_ended(&ran, 1, RunStatus::Failed);
}

#[rstest]
#[case("cucumber", 0, RunStatus::Passed)]
#[case("cucumber --strict", 1, RunStatus::Failed)]
fn an_undefined_step_follows_the_strictness_of_cucumber(
    #[case] program: &str,
    #[case] code: i32,
    #[case] status: RunStatus,
) {
    let feature = "Feature: A\n  Scenario: passes\n    Given it passes\n  Scenario: undefined\n    \
                   Given nothing of the kind\n";
    let files = [
        ("features/a.feature", feature),
        (
            "features/step_definitions/s.rb",
            "Given(/^it passes$/) {}\n",
        ),
    ];
    let command = format!("{program} --format json --out {{{{resultPath}}}} {{{{testExamples}}}}");
    let ran = run_one("cucumber", None, settings(&command, "out"), &files, &[]);
    assert_ended(&ran, code, status);
}
