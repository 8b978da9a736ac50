//! A custom runner: bats from Debian.

use bktec::internals::RunnerSettings;

use crate::project::{Project, settings};
use crate::tools;

const MIXED: &str = r#"
@test "passes" {
  true
}
@test "fails" {
  false
}
@test "is flaky" {
  [ -e "$BATS_TEST_DIRNAME/seen" ] && return
  touch "$BATS_TEST_DIRNAME/seen"
  false
}
@test "is skipped" {
  skip
}
"#;

fn project() -> Project {
    let files = [
        ("test/a.bats", MIXED),
        ("test/sp ace.bats", "@test \"also\" { true; }\n"),
    ];
    // bats writes its report to standard output, which the commands redirect.
    Project::new(&files).tool_printing_with("bats", &tools::on_path("bats"), "--formatter")
}

fn with_results() -> RunnerSettings {
    let command = "sh -c 'bats --formatter junit {{testExamples}} > {{resultPath}}'";
    RunnerSettings {
        retry_command: Some(command.to_owned()),
        file_pattern: Some("test/*.bats".to_owned()),
        ..settings(command, "result.xml")
    }
}

#[test]
fn results_are_read_and_files_with_failures_rerun() {
    let project = project();
    let runner = project.runner("custom", with_results());
    let ran = project.run_all(&*runner, &[], 1);
    ran.assert(
        1,
        &[
            " | a.bats | fails | failed failed",
            " | a.bats | is flaky | failed passed",
            " | a.bats | is skipped | skipped",
            " | a.bats | passes | passed passed",
            " | sp ace.bats | also | passed",
        ],
    );
    assert!(
        ran.events[1].contains("bats --formatter junit test/a.bats >"),
        "{:?}",
        ran.events
    );
}

#[test]
fn muted_failures_pass_the_build() {
    let project = project();
    let runner = project.runner("custom", with_results());
    let muted = [("a.bats", "fails"), ("a.bats", "is flaky")];
    assert_eq!(project.run_all(&*runner, &muted, 0).outcome.exit_code, 0);
}

#[test]
fn without_a_result_path_only_the_exit_code_counts() {
    let project = project();
    let settings = RunnerSettings {
        test_command: Some("bats {{testExamples}}".to_owned()),
        file_pattern: Some("test/*.bats".to_owned()),
        ..RunnerSettings::default()
    };
    let runner = project.runner("custom", settings);
    let ran = project.run_all(&*runner, &[("a.bats", "fails")], 2);
    ran.assert(1, &[]);
    assert_eq!(ran.events, ["bats test/a.bats 'test/sp ace.bats'"]);
}
