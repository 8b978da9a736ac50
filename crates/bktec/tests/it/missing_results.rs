//! How `bktec run` reports planned files without results, and results it cannot read.

use rstest::rstest;

use crate::bktec::{Bktec, Ended};
use crate::server::{Reply, Server};

const PLAN: &str = r#"{"tasks":{"0":{"tests":[{"value":"a.test.js","format":"selector"},
    {"value":"[bc].test.js","format":"selector"}]},"1":{"tests":[]}}}"#;

/// A command with one passed test in each of these files, and exit code 0.
fn command(files: &[&str]) -> String {
    let results: Vec<String> = files
        .iter()
        .map(|file| {
            r#"{\"name\":\"$PWD/FILE\",\"status\":\"passed\",\"assertionResults\":
                [{\"title\":\"t\",\"ancestorTitles\":[],\"status\":\"passed\"}]}"#
                .replace("FILE", file)
        })
        .collect();
    r#"sh -c 'echo "{\"testResults\":[RESULTS]}" > result.json' {{testExamples}} {{resultPath}}"#
        .replace("RESULTS", &results.join(","))
}

fn run(command: &str, arguments: &[&str]) -> (Ended, Vec<serde_json::Value>) {
    let server = Server::start(|request, _| match request.method.as_str() {
        "GET" => Reply::ok(PLAN),
        _ => Reply::ok("{}"),
    });
    let all = [
        &[
            "run",
            "--test-command",
            command,
            "--output",
            "json",
            "--output-file",
            "events.jsonl",
        ],
        arguments,
    ]
    .concat();
    let (ended, bktec) = Bktec::against(&all, &server)
        .without("BUILDKITE_TEST_ENGINE_ALLOW_MISSING_RESULTS")
        .run_and_keep();
    let events = bktec
        .read("events.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    (ended, events)
}

const LISTED: &str = "+++ No results for these files (all tests skipped or deselected, or they did \
    not run):\n- [bc].test.js\n";

#[test]
fn lists_a_file_without_results_once_and_passes() {
    let (ended, events) = run(&command(&["a.test.js"]), &[]);
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stdout.contains("✅ All tests passed."), "{ended}");
    assert!(ended.stdout.ends_with(LISTED), "{ended}");
    assert_eq!(ended.stdout.matches("No results for").count(), 1, "{ended}");
    let last = events.last().unwrap();
    assert_eq!(last["targets_without_results"], 1, "{last}");
}

#[rstest]
#[case(&["a.test.js"], 1)]
#[case(&["a.test.js", "[bc].test.js"], 0)]
#[case(&[], 1)]
fn requires_results_of_every_file_with_the_option(#[case] files: &[&str], #[case] code: i32) {
    let (ended, events) = run(&command(files), &["--fail-on-missing-results"]);
    assert_eq!(ended.code, code, "{ended}");
    assert_eq!(events.last().unwrap()["exit_code"], code, "{ended}");
    let is_reported = ended.stdout.contains("results are required, and ");
    assert_eq!(is_reported, code == 1, "{ended}");
    assert_eq!(ended.stdout.contains("✅"), code == 0, "{ended}");
}

#[rstest]
#[case("true {{testExamples}} {{resultPath}}", "wrote no results")]
#[case(
    "sh -c 'echo [ > result.json' {{testExamples}} {{resultPath}}",
    "result.json are"
)]
fn requires_readable_results(#[case] command: &str, #[case] why: &str) {
    for (arguments, code) in [
        (&[][..], 1),
        (&["--fail-on-missing-results"], 1),
        (&["--allow-missing-results"], 0),
    ] {
        let (ended, events) = run(command, arguments);
        assert_eq!(ended.code, code, "{ended}");
        let last = events.last().unwrap();
        let result = if code == 0 { "unknown" } else { "error" };
        assert_eq!(
            (&last["exit_code"], &last["result"]),
            (&code.into(), &result.into())
        );
        let status = ended.stdout.lines().find(|line| line.starts_with("🚨"));
        assert_eq!(
            status.is_some_and(|line| line.contains(why)),
            code == 1,
            "{ended}"
        );
        let is_hinted = ended
            .stdout
            .contains("\nhint: --allow-missing-results accepts");
        assert_eq!(is_hinted, arguments.is_empty(), "{ended}");
    }
}

#[test]
fn results_that_are_required_cannot_be_missing() {
    let server = Server::start(|_, _| Reply::ok(PLAN));
    let arguments = [
        "run",
        "--fail-on-missing-results",
        "--allow-missing-results",
    ];
    let ended = Bktec::against(&arguments, &server).run();
    assert_eq!(ended.code, 16, "{ended}");
    let problem = "BUILDKITE_TEST_ENGINE_ALLOW_MISSING_RESULTS contradicts \
                   --fail-on-missing-results";
    assert!(ended.stderr.contains(problem), "{ended}");
}

/// A runner whose exit code a pipe or `|| true` replaces.
#[rstest]
#[case(&[], 1)]
#[case(&["--trust-exit-code"], 0)]
fn failures_count_whatever_the_exit_code_is(#[case] arguments: &[&str], #[case] code: i32) {
    let command = command(&["a.test.js", "[bc].test.js"]).replace("passed", "failed");
    let (ended, events) = run(&command, arguments);
    assert_eq!(ended.code, code, "{ended}");
    let last = events.last().unwrap();
    let result = if code == 0 { "passed" } else { "failed" };
    assert_eq!(
        (&last["exit_code"], &last["result"]),
        (&code.into(), &result.into())
    );
    let status = if code == 0 {
        "✅ Build passed, because the runner exited with code 0 and --trust-exit-code is set: \
         2 tests failed."
    } else {
        "❌ Some tests failed."
    };
    assert!(ended.stdout.contains(status), "{ended}");
}

/// As if a shell expanded the path as a glob.
#[test]
fn a_file_that_ran_instead_of_a_planned_one_fails_the_node() {
    let (ended, events) = run(&command(&["a.test.js", "b.test.js"]), &[]);
    assert_eq!(ended.code, 1, "{ended}");
    assert!(
        ended
            .stdout
            .contains("🚨 [bc].test.js did not run, but b.test.js did"),
        "{ended}"
    );
    assert!(ended.stdout.ends_with(LISTED), "{ended}");
    let last = events.last().unwrap();
    assert_eq!(
        (&last["result"], &last["exit_code"]),
        (&"error".into(), &1.into()),
        "{last}"
    );
}
