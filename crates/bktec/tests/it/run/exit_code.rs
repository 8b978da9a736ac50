//! Exit codes, mutes and promised failures.

use rstest::rstest;

use super::{PASSING, PLAN, with_plan};
use crate::bktec::Bktec;

/// Writes a Jest report with a failed test and exits with 1.
const FAILING: &str = concat!(
    r#"sh -c 'echo "{\"testResults\":[{\"name\":\"$PWD/a.test.js\",\"status\":\"failed\","#,
    r#"\"assertionResults\":[{\"title\":\"t\",\"ancestorTitles\":[],\"status\":\"failed\"}]}]}""#,
    " > result.json; exit 1' {{testExamples}} {{resultPath}}"
);

const FAILING_WITH_CODE_0: &str = concat!(
    r#"sh -c 'echo "{\"testResults\":[{\"name\":\"$PWD/a.test.js\",\"status\":\"failed\","#,
    r#"\"assertionResults\":[{\"title\":\"t\",\"ancestorTitles\":[],\"status\":\"failed\"}]}]}""#,
    " > result.json' {{testExamples}} {{resultPath}}"
);

const MUTED: &str = r#""muted_tests":[{"scope":"","name":"t","path":"elsewhere:3"}]"#;

#[rstest]
#[case::own_code("sh -c 'exit 7' {{testExamples}} {{resultPath}}", 7)]
#[case::signal("sh -c 'kill -TERM $$' {{testExamples}} {{resultPath}}", 143)]
#[case::not_found("no-such-program-here {{testExamples}} {{resultPath}}", 16)]
fn exits_with_the_runners_code(#[case] command: &str, #[case] code: i32) {
    let ended = Bktec::against(&["run", "--test-command", command], &with_plan(PLAN)).run();
    assert_eq!(ended.code, code, "{ended}");
}

#[test]
fn a_closed_stdout_changes_nothing() {
    let server = with_plan(PLAN);
    let silent = "true {{testExamples}} {{resultPath}}";
    let ended = Bktec::against(&["run", "--debug", "--test-command", silent], &server)
        .run_with_closed_stdout();
    assert_eq!(ended.code, 0, "{ended}");
    assert!(!ended.stderr.contains("panicked"), "{ended}");
    assert_eq!(server.lines(), "GET /test_plan\nPOST /test_plan_metadata");
}

#[test]
fn a_muted_failure_does_not_fail_the_build() {
    let server = with_plan(&PLAN.replace(r#""muted_tests":[]"#, MUTED));
    let ended = Bktec::against(&["run", "--test-command", FAILING], &server).run();
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stdout.contains("Some muted tests failed."), "{ended}");
}

/// A script may stop at the failed test, unless it is known how many tests there are.
#[rstest]
#[case("", 1)]
#[case(r#""expected_tests":1,"#, 0)]
fn a_muted_failure_counts_if_other_tests_may_not_have_run(
    #[case] expected: &str,
    #[case] code: i32,
) {
    let case = format!(r#"{{{expected}"value":"a.test.js","format":"selector"}}"#);
    let plan = format!(r#"{{"tasks":{{"0":{{"tests":[{case}]}},"1":{{"tests":[]}}}},{MUTED}}}"#);
    let ended = Bktec::against(&["run", "--test-command", FAILING], &with_plan(&plan))
        .without("BUILDKITE_TEST_ENGINE_ALLOW_MISSING_RESULTS")
        .run();
    assert_eq!(ended.code, code, "{ended}");
    let reason = "a.test.js: results of 1 test: no test was executed after the last failed one";
    assert_eq!(ended.stdout.contains(reason), code == 1, "{ended}");
    let hint = "\nhint: call the runner itself in the test command";
    assert_eq!(ended.stdout.contains(hint), code == 1, "{ended}");
}

#[test]
fn sends_nothing_after_the_runner_was_killed() {
    let server = with_plan(PLAN);
    let command = "sh -c 'echo {} > result.json; kill -KILL $$' {{testExamples}} {{resultPath}}";
    let ended = Bktec::against(
        &["run", "--upload-results", "--test-command", command],
        &server,
    )
    .env("BUILDKITE_ANALYTICS_TOKEN", "upload-secret")
    .run();
    assert_eq!(ended.code, 137, "{ended}");
    assert_eq!(server.lines(), "GET /test_plan");
}

#[test]
fn promises_a_failure() {
    let server = with_plan(PLAN);
    let run = |agent: &str| {
        Bktec::against(
            &["run", "--promise-failure", "--test-command", FAILING],
            &server,
        )
        .program("buildkite-agent", agent)
        .run_and_keep()
    };
    let (ended, bktec) = run(r#"echo "$@" > promised"#);
    assert_eq!(ended.code, 1, "{ended}");
    assert_eq!(
        bktec.read("promised"),
        "job promise-failure 1 --reason test_failure (1 failed after retries)\n"
    );
    let (ended, _) = run("exit 3");
    assert_eq!(ended.code, 1, "{ended}");
    assert!(ended.stderr.contains("failed to promise"), "{ended}");
}

#[rstest]
#[case::without_the_option(&["run", "--test-command", FAILING], false, 1)]
#[case::all_passed(&["run", "--promise-failure", "--test-command", PASSING], false, 0)]
#[case::only_muted_tests_failed(&["run", "--promise-failure", "--test-command", FAILING], true, 0)]
#[case::exit_code_is_trusted(
    &["run", "--promise-failure", "--trust-exit-code", "--test-command", FAILING_WITH_CODE_0],
    false,
    0
)]
fn promises_nothing_without_the_option_or_a_failure(
    #[case] arguments: &[&str],
    #[case] muted: bool,
    #[case] code: i32,
) {
    let mut plan = PLAN.to_owned();
    if muted {
        plan = plan.replace(r#""muted_tests":[]"#, MUTED);
    }
    let (ended, bktec) = Bktec::against(arguments, &with_plan(&plan))
        .program("buildkite-agent", "touch promised")
        .run_and_keep();
    assert_eq!(ended.code, code, "{ended}");
    assert!(!bktec.path().join("promised").exists(), "{ended}");
}

#[test]
fn an_agent_that_hangs_does_not_delay_the_failure() {
    let ended = Bktec::against(
        &["run", "--promise-failure", "--test-command", FAILING],
        &with_plan(PLAN),
    )
    .program("buildkite-agent", "exec sleep 60")
    .run();
    assert_eq!(ended.code, 1, "{ended}");
    assert!(ended.stderr.contains("timed out after 5 s"), "{ended}");
}

/// Fails first; then passes, but exits with 1 as for a coverage limit.
const COVERED_TOO_LITTLE: &str = concat!(
    "sh -c 'outcome=failed; [ -e ran ] && outcome=passed; touch ran; ",
    r#"echo "{\"testResults\":[{\"name\":\"$PWD/a.test.js\",\"status\":\"$outcome\","#,
    r#"\"assertionResults\":[{\"title\":\"t\",\"ancestorTitles\":[],\"status\":\"$outcome\"}]}]}""#,
    " > result.json; exit 1' {{testExamples}} {{testNamePattern}} {{resultPath}}"
);

/// A retry measures only the retried tests, so it cannot reach the limit of the whole suite.
#[rstest]
#[case::with_a_limit("module.exports = {coverageThreshold: {global: {lines: 80}}};", true)]
#[case::without("module.exports = {};", false)]
fn a_coverage_limit_that_a_retry_cannot_reach_is_named(
    #[case] config: &str,
    #[case] is_named: bool,
) {
    let commands = [
        "--test-command",
        COVERED_TOO_LITTLE,
        "--retry-command",
        COVERED_TOO_LITTLE,
    ];
    let arguments = [&["run", "--test-engine-retry-count", "1"], &commands[..]].concat();
    let ended = Bktec::against(&arguments, &with_plan(PLAN))
        .file("jest.config.js", config)
        .run();
    assert_eq!(ended.code, 1, "{ended}");
    let status =
        "🚨 The runner exited with code 1, which no failed test explains; see its output\n";
    assert!(ended.stdout.contains(status), "{ended}");
    let hint = "hint: jest.config.js sets a coverage limit (coverageThreshold), which saw only the \
        retried tests; turn it off in the retry command with --coverage=false";
    assert_eq!(ended.stdout.contains(hint), is_named, "{ended}");
}
