//! The events of `bktec run --output json`, and their documented examples.

use std::collections::BTreeSet;

use bktec::internals::{Event, EventLine, RunResult};

use crate::bktec::Bktec;
use crate::server::{Reply, Server};

const PLAN: &str = r#"{"tasks":{"0":{"tests":[{"value":"a.test.js","format":"selector"}]},
    "1":{"tests":[{"value":"b.test.js","format":"selector"}]}}}"#;

/// Fails the first time and passes the second.
const FLAKY: &str = concat!(
    "sh -c 'state=failed; code=1; ",
    "if [ -e again ]; then state=passed; code=0; fi; touch again; ",
    r#"echo "{\"testResults\":[{\"name\":\"$PWD/a.test.js\",\"status\":\"$state\","#,
    r#"\"assertionResults\":[{\"title\":\"t\",\"fullName\":\"g t\",\"ancestorTitles\":[\"g\"],"#,
    r#"\"status\":\"$state\",\"failureMessages\":[]}]}]}" > result.json; exit $code' "#,
    "{{testExamples}} {{resultPath}}"
);
const FLAKY_AGAIN: &str = concat!(
    r#"sh -c 'echo "{\"testResults\":[{\"name\":\"$PWD/a.test.js\",\"status\":\"passed\","#,
    r#"\"assertionResults\":[{\"title\":\"t\",\"fullName\":\"g t\",\"ancestorTitles\":[\"g\"],"#,
    r#"\"status\":\"passed\",\"failureMessages\":[]}]}]}" > result.json' "#,
    "{{testNamePattern}} {{resultPath}}"
);

fn with_plan(plan: &'static str) -> Server {
    Server::start(move |request, _| match request.method.as_str() {
        "GET" => Reply::ok(plan),
        _ => Reply::ok("{}"),
    })
}

fn decoded(text: &str) -> Vec<EventLine> {
    text.lines()
        .filter(|line| line.starts_with("{\"schema_version\":"))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn names(lines: &[EventLine]) -> Vec<String> {
    lines
        .iter()
        .map(|line| {
            let value = serde_json::to_value(line).unwrap();
            assert_eq!(value["schema_version"], 1);
            assert!(value["timestamp"].as_str().unwrap().ends_with('Z'));
            value["event"].as_str().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn documented_examples_match_the_schema() {
    let page = include_str!("../../../../docs/reference/events.md");
    let examples: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("{\"schema_version\""))
        .collect();
    let mut seen = BTreeSet::new();
    for example in examples {
        let line: EventLine = serde_json::from_str(example).unwrap();
        // No field is missing from the documentation or from the schema.
        assert_eq!(serde_json::to_string(&line).unwrap(), example);
        seen.insert(names(&[line]).remove(0));
    }
    let known = [
        "attempt_finished",
        "attempt_started",
        "errors_outside_tests",
        "fail_fast_overridden",
        "listing_tests",
        "part_finished",
        "part_started",
        "plan_ready",
        "results_incomplete",
        "results_unreadable",
        "retry_impossible",
        "run_failed",
        "run_finished",
        "run_started",
        "skipped_tests_ran",
        "targets_incomplete",
        "targets_without_results",
        "test_finished",
        "unplanned_files_ran",
        "upload_finished",
    ];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), known);
    for name in known {
        assert!(
            page.contains(&format!("`{name}`")),
            "{name} is not in the table"
        );
    }
}

#[test]
fn writes_the_events_of_a_retry_to_a_file() {
    let arguments = [
        "run",
        "--output",
        "json",
        "--output-file",
        "events.jsonl",
        "--test-engine-retry-count",
        "2",
        "--test-command",
        FLAKY,
        "--retry-command",
        FLAKY_AGAIN,
    ];
    let (ended, bktec) = Bktec::against(&arguments, &with_plan(PLAN)).run_and_keep();
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended}");
    assert!(ended.stdout.contains("✅ All tests passed."), "{ended}");
    let text = bktec.read("events.jsonl");
    let lines = decoded(&text);
    assert_eq!(lines.len(), text.lines().count(), "{text}");
    assert_eq!(
        names(&lines),
        [
            "run_started",
            "plan_ready",
            "attempt_started",
            "attempt_finished",
            "attempt_started",
            "attempt_finished",
            "test_finished",
            "run_finished",
        ]
    );
    let Event::RunFinished(end) = &lines.last().unwrap().event else {
        panic!("{text}");
    };
    assert_eq!(
        (end.result, end.exit_code, end.retries),
        (RunResult::Passed, 0, 1)
    );
    assert_eq!(end.statistics.passed_on_retry, 1);
}

#[test]
fn writes_events_to_stderr_by_default() {
    let quiet = Bktec::against(&["run"], &with_plan(PLAN)).run();
    let ended = Bktec::against(&["run", "--output=json"], &with_plan(PLAN)).run();
    assert_eq!(ended.stdout, quiet.stdout);
    assert_eq!(quiet.stderr, "");
    let lines = decoded(&ended.stderr);
    assert_eq!(lines.len(), ended.stderr.lines().count(), "{ended}");
    assert_eq!(names(&lines).last().unwrap(), "run_finished");
    let by_variable = Bktec::against(&["run"], &with_plan(PLAN))
        .env("BUILDKITE_TEST_ENGINE_OUTPUT", "json")
        .run();
    assert_eq!(names(&decoded(&by_variable.stderr)), names(&lines));
}

#[test]
fn a_rejected_run_ends_with_run_failed() {
    let server = Server::start(|_, _| Reply::message(401, "no such token"));
    let ended = Bktec::against(&["run", "--output", "json"], &server).run();
    assert_eq!(ended.code, 16, "{ended}");
    let lines = decoded(&ended.stderr);
    let Event::RunFailed(failed) = &lines.last().unwrap().event else {
        panic!("{ended}");
    };
    assert_eq!(failed.exit_code, 16);
    assert!(
        failed.message.contains("no such token"),
        "{}",
        failed.message
    );
    assert!(!ended.stderr.contains("secret-token"), "{ended}");
}

#[test]
fn a_node_without_tests_has_the_result_no_tests() {
    let plan =
        r#"{"tasks":{"0":{"tests":[]},"1":{"tests":[{"value":"b.test.js","format":"selector"}]}}}"#;
    let ended = Bktec::against(&["run", "--output", "json"], &with_plan(plan)).run();
    let lines = decoded(&ended.stderr);
    let Event::RunFinished(end) = &lines.last().unwrap().event else {
        panic!("{ended}");
    };
    assert_eq!(end.result, RunResult::NoTests, "{ended}");
}

#[test]
fn an_event_file_that_cannot_be_created_stops_the_run() {
    let server = with_plan(PLAN);
    let arguments = [
        "run",
        "--output",
        "json",
        "--output-file",
        "no/such/folder/events",
    ];
    let ended = Bktec::against(&arguments, &server).run();
    assert_eq!(ended.code, 16, "{ended}");
    assert!(
        ended
            .stderr
            .contains("❌ failed to write the events (--output-file): "),
        "{ended}"
    );
    assert!(server.requests().is_empty());
}

#[test]
fn rejects_invalid_options() {
    let ended = Bktec::against(
        &["run", "--output", "xml", "--output-file", "x"],
        &with_plan(PLAN),
    )
    .run();
    insta::assert_snapshot!(ended.stderr, @r#"
    bktec run: invalid configuration:
    BUILDKITE_TEST_ENGINE_OUTPUT was "xml", must be text or json (--output)
    "#);
    let ended = Bktec::against(&["run", "--output-file", "x"], &with_plan(PLAN)).run();
    insta::assert_snapshot!(ended.stderr, @r"
    bktec run: invalid configuration:
    BUILDKITE_TEST_ENGINE_OUTPUT_FILE requires --output json
    ");
}
