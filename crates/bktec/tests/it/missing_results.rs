//! What `bktec run` makes of planned files that left no results, and of results it cannot read.

use rstest::rstest;

use crate::bktec::{Bktec, Ended};
use crate::server::{Reply, Server};

const PLAN: &str = r#"{"tasks":{"0":{"tests":[{"value":"a.test.js","format":"selector"},
    {"value":"[bc].test.js","format":"selector"}]},"1":{"tests":[]}}}"#;

/// The runner: one passed test in each of these files, and exit code 0.
fn command(files: &[&str]) -> String {
    let result = |file: &&str| {
        format!(
            r#"{{\"name\":\"$PWD/{file}\",\"status\":\"passed\",\"assertionResults\":[{{\"title\":\"t\",\"ancestorTitles\":[],\"status\":\"passed\"}}]}}"#
        )
    };
    let results: Vec<String> = files.iter().map(result).collect();
    format!(
        r#"sh -c 'echo "{{\"testResults\":[{}]}}" > result.json' {{{{testExamples}}}} {{{{resultPath}}}}"#,
        results.join(",")
    )
}

fn run(command: &str, arguments: &[&str]) -> (Ended, Vec<serde_json::Value>) {
    let server = Server::start(|asked, _| match asked.method.as_str() {
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
    let (ended, bktec) = Bktec::against(&all, &server).run_and_keep();
    let events = bktec
        .read("events.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    (ended, events)
}

const LISTED: &str =
    "+++ No results from these, so if they hold tests, the tests did not run:\n- [bc].test.js\n";

#[test]
fn a_file_without_results_is_told_to_the_end_and_fails_nothing() {
    let (ended, events) = run(&command(&["a.test.js"]), &[]);
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stdout.contains("✅ All tests passed."), "{ended}");
    assert!(ended.stdout.ends_with(LISTED), "{ended}");
    let last = events.last().unwrap();
    assert_eq!(last["targets_without_results"], 1, "{last}");
}

#[rstest]
#[case(&["a.test.js"], 1)]
#[case(&["a.test.js", "[bc].test.js"], 0)]
#[case(&[], 1)]
fn every_file_must_leave_results_where_that_is_asked_for(
    #[case] files: &[&str],
    #[case] code: i32,
) {
    let (ended, events) = run(&command(files), &["--fail-on-missing-results"]);
    assert_eq!(ended.code, code, "{ended}");
    assert_eq!(events.last().unwrap()["exit_code"], code, "{ended}");
    let says_so = ended
        .stdout
        .contains("left no results, and results are required");
    assert_eq!(says_so, code == 1, "{ended}");
    assert_eq!(ended.stdout.contains("✅"), code == 0, "{ended}");
}

#[rstest]
#[case("true {{testExamples}} {{resultPath}}", "wrote no results")]
#[case(
    "sh -c 'echo [ > result.json' {{testExamples}} {{resultPath}}",
    "result.json are"
)]
fn results_must_be_there_to_be_read_where_that_is_asked_for(
    #[case] command: &str,
    #[case] why: &str,
) {
    let (ended, _) = run(command, &[]);
    assert_eq!(ended.code, 0, "{ended}");
    let (ended, _) = run(command, &["--fail-on-missing-results"]);
    assert_eq!(ended.code, 1, "{ended}");
    let status = ended
        .stdout
        .lines()
        .find(|line| line.starts_with("🚨"))
        .unwrap();
    assert!(
        status.contains("results are required") && status.contains(why),
        "{ended}"
    );
}

/// A shell on the way read the path as a pattern: the planned file never ran.
#[test]
fn a_file_that_ran_in_place_of_a_planned_one_fails_the_node() {
    let (ended, events) = run(&command(&["a.test.js", "b.test.js"]), &[]);
    assert_eq!(ended.code, 1, "{ended}");
    assert!(
        ended
            .stdout
            .contains("🚨 [bc].test.js did not run, and b.test.js did"),
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
