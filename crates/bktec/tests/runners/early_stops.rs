//! Runners that stop early in ways that their options, exit codes or first results do not show.

use bktec::internals::{RunStatus, RunnerSettings};
use rstest::rstest;
use test_engine_wire::Case;

use crate::project::{Project, assert_ended, selector, settings};
use crate::tools;

/// Targets with the number of tests that the server expects of each.
fn cases(targets: &[(&str, u64)]) -> Vec<Case> {
    let case = |&(target, expected): &(&str, u64)| Case {
        expected_tests: Some(expected),
        ..selector(target)
    };
    targets.iter().map(case).collect()
}

const GO: &str = r#"package m

import (
	"os"
	"testing"
)

func TestA(t *testing.T) { t.Fatal("always") }

func TestB(t *testing.T) {
	if _, err := os.Stat("seen"); err != nil {
		os.WriteFile("seen", nil, 0o600)
		panic("once")
	}
}

func TestC(t *testing.T) { t.Fatal("broken") }
"#;

/// In the first attempt a panic keeps the third test from running, in the retry a limit does.
#[rstest]
#[case("", RunStatus::Failed)]
#[case("-failfast", RunStatus::Incomplete)]
fn a_limit_of_the_retry_command_is_noticed(#[case] option: &str, #[case] status: RunStatus) {
    let project = Project::new(&[("go.mod", "module m\n\ngo 1.22\n"), ("a_test.go", GO)]);
    let project = project.unwrapped_tool(&tools::on_path("go"));
    let command = "go test -json -count=1 {{packages}}";
    let runner = project.runner(
        "gotest",
        RunnerSettings {
            retry_command: Some(format!("go test -json -count=1 {option} {{{{packages}}}}")),
            ..settings(command, "out")
        },
    );
    let ran = project.run_all(&*runner, &[("m", "TestA"), ("m", "TestB")], 1);
    assert_eq!(ran.outcome.retries, 1);
    assert_ended(&ran, 1, status);
}

const RSPEC: &str = "rspec --format json --out {{resultPath}} {{testExamples}}";

fn rspec(files: &[(&str, &str)]) -> Project {
    Project::new(files).tool("rspec", &tools::on_path("rspec"))
}

/// RSpec reads the variable after its command.
#[rstest]
#[case("rspec ")]
#[case("rspec --no-fail-fast ")]
fn a_limit_in_rspecs_variable_beats_the_command(#[case] program: &str) {
    let project = rspec(&[(
        "spec/a_spec.rb",
        "RSpec.describe('A') { it('fails') { raise }; it('breaks') { raise } }\n",
    )]);
    let runner = project.runner(
        "rspec",
        RunnerSettings {
            environment: vec![("SPEC_OPTS".into(), "--fail-fast".into())],
            ..settings(&RSPEC.replace("rspec ", program), "out")
        },
    );
    let ran = project.run_all(&*runner, &[("A", "fails")], 0);
    assert_ended(&ran, 1, RunStatus::Incomplete);
}

/// No option overrides what a hook sets. RSpec lists the examples of the file, and shows whether
/// the missing one was deleted.
#[rstest]
#[case("it('breaks') { raise }", 1, RunStatus::Incomplete)]
#[case("", 0, RunStatus::Passed)]
fn an_rspec_hook_that_ends_the_run_is_noticed(
    #[case] other: &str,
    #[case] code: i32,
    #[case] status: RunStatus,
) {
    let spec = format!(
        "RSpec.configure {{ |c| c.after {{ |e| RSpec.world.wants_to_quit = true if e.exception }} }}
RSpec.describe('A') {{ it('passes') {{}}; it('is flaky') {{ raise }}; {other} }}\n"
    );
    let project = rspec(&[("spec/a_spec.rb", &spec)]);
    let runner = project.runner("rspec", settings(RSPEC, "out"));
    let cases = cases(&[("spec/a_spec.rb", 3)]);
    let ran = project.run(&*runner, &cases, &[("A", "is flaky")], 0);
    assert_ended(&ran, code, status);
}

/// The rerun of the file makes up for the example that ended the process.
#[rstest]
#[case("File.exist?('seen')", 0, RunStatus::Passed)]
#[case("false", 1, RunStatus::Incomplete)]
fn an_rspec_process_that_ends_once_is_repaired(
    #[case] condition: &str,
    #[case] code: i32,
    #[case] status: RunStatus,
) {
    let spec = format!(
        "RSpec.describe('A') {{
  it('ends') {{ seen = {condition}; File.write('seen', ''); exit 0 unless seen }}
  it('passes') {{}}
}}\n"
    );
    let project = rspec(&[("spec/a_spec.rb", &spec)]);
    let runner = project.runner("rspec", settings(RSPEC, "out"));
    let ran = project.run_all(&*runner, &[], 1);
    assert_ended(&ran, code, status);
}

/// A shell that runs one file at a time, and stops at the first that fails.
#[test]
fn a_loop_of_a_shell_may_stop() {
    let project = Project::new(&[
        ("test/a.bats", "@test \"fails\" { false; }\n"),
        ("test/b.bats", "@test \"breaks\" { false; }\n"),
    ]);
    let project = project.unwrapped_tool(&tools::on_path("bats"));
    let command = "sh -c 'for f in {{testExamples}}; do \
                   bats --formatter junit $f > {{resultPath}} || exit 1; done'";
    let settings = RunnerSettings {
        file_pattern: Some("test/*.bats".to_owned()),
        ..settings(command, "out.xml")
    };
    let runner = project.runner("custom", settings);
    let ran = project.run_all(&*runner, &[("a.bats", "fails")], 0);
    assert_ended(&ran, 1, RunStatus::Incomplete);
}

/// Packages of a module are independent of each other, also where one is below another.
#[test]
fn results_of_a_go_package_do_not_prove_the_one_above() {
    let broken = "package m\n\nimport (\"os\"; \"testing\")\n
func TestMain(m *testing.M) { os.Exit(0) }
func TestA(t *testing.T) { t.Fatal(\"broken\") }\n";
    let fine = "package sub\n\nimport \"testing\"\n\nfunc TestB(t *testing.T) {}\n";
    let project = Project::new(&[
        ("go.mod", "module m\n\ngo 1.22\n"),
        ("a_test.go", broken),
        ("sub/a_test.go", fine),
    ]);
    let project = project.unwrapped_tool(&tools::on_path("go"));
    let runner = project.runner("gotest", settings("go test -json {{packages}}", "out"));
    let ran = project.run_all(&*runner, &[], 0);
    let targets = ran.outcome.targets.iter();
    let tests: Vec<_> = targets
        .map(|target| (&*target.value, target.tests))
        .collect();
    assert_eq!(tests, [("m", 0), ("m/sub", 1)]);
    assert!(
        ran.events.contains(&"without results: m".to_owned()),
        "{:?}",
        ran.events
    );
}
