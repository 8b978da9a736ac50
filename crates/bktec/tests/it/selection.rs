//! Test selection as people see it: the line in the log, and `bktec explain`.

use rstest::rstest;
use serde_json::{Value, json};

use crate::bktec::{Bktec, Ended};
use crate::server::{Reply, Server};

const STRATEGY: &str = "--selection-strategy=confidence";

fn selection(verdict: &str, reason: Option<&str>) -> Value {
    json!({
        "verdict": verdict, "reason": reason.map(|_| "a_code"), "reason_text": reason,
        "strategy": "confidence", "items": 5210, "selected": 611, "time": 5400.2,
        "selected_time": 702.9, "always": {"changed": 2},
        "confidence": {"holdouts": 212, "caught": 203, "shown": 0.953, "at_least": 0.927},
        "url": "https://tests.example.com/decision",
    })
}

/// A server whose plan has only one of three test files.
fn selecting(selection: Option<Value>) -> Server {
    let mut plan = json!({
        "identifier": "build-1/step-1", "parallelism": 1,
        "tasks": {"0": {"node_number": 0, "tests": [{"value": "a.test.js", "format": "selector",
            "estimated_duration": 1000, "timing_sample_size": 3}]}},
        "timing_metadata": {"selector": {"median_duration": 1000, "default_duration": 1000}},
    });
    if let Some(selection) = selection {
        plan["selection"] = selection;
    }
    let plan = plan.to_string();
    Server::start(move |request, _| match request.line().as_str() {
        line if line.starts_with("GET ") => Reply::not_found(),
        line if line.ends_with("/test_plan") => Reply::ok(&plan),
        _ => Reply::ok("{}"),
    })
}

fn run(server: &Server, options: &[&str]) -> Ended {
    let ended = Bktec::against(&[&["run"], options].concat(), server)
        .env("BUILDKITE_PARALLEL_JOB_COUNT", "1")
        .run();
    assert_eq!(ended.code, 0, "{ended}");
    ended
}

#[rstest]
#[case::selected(
    selection("selected", None),
    "Selected 611 of 5,210 tests (13% of the time). Of the last 212 failing builds 203 would have \
     been caught (at least 92%).\nhttps://tests.example.com/decision\n"
)]
#[case::full(
    selection("full", Some("pyproject.toml changed")),
    "All tests run: pyproject.toml changed.\nhttps://tests.example.com/decision\n"
)]
fn the_selection_follows_the_split_summary(#[case] selection: Value, #[case] expected: &str) {
    let server = selecting(Some(selection));
    let ended = run(&server, &[STRATEGY]);
    let (summary, after) = ended
        .stdout
        .split_once(expected)
        .unwrap_or_else(|| panic!("{ended}"));
    assert!(summary.ends_with("Estimated time: 1.0s\n"), "{ended}");
    assert!(after.contains("ran a.test.js"), "{ended}");
    // Nodes that do not ask for a selection get the same plan.
    assert!(run(&server, &[]).stdout.contains(expected));
    // For `plan`, everything for people goes to stderr.
    let ended = Bktec::against(&["plan", "--json", STRATEGY], &server).run();
    assert!(ended.stderr.contains(expected), "{ended}");
    assert!(!ended.stdout.contains("tests.example.com"), "{ended}");
}

#[test]
fn warnings_of_the_server_are_printed() {
    let mut selection = selection("selected", None);
    let quiet = "No failing build was recorded in the last 30 days.";
    selection["warnings"] = json!([quiet, "Recent changes touch other files."]);
    let server = selecting(Some(selection));
    let ended = run(&server, &[STRATEGY]);
    let first = ended.stderr.find(&format!("⚠️ Test selection: {quiet}\n"));
    let second = ended.stderr.find("⚠️ Test selection: Recent changes touch");
    assert!(first.is_some() && first < second, "{ended}");
    let ended = Bktec::against(&["plan", "--json", STRATEGY], &server).run();
    assert!(ended.stderr.contains(quiet), "{ended}");
}

#[test]
fn a_server_without_selection_runs_all_tests() {
    let server = selecting(None);
    let ended = run(&server, &[STRATEGY]);
    let line = "All tests run: the plan was made without test selection.\n";
    assert!(ended.stdout.contains(line), "{ended}");
    let ended = run(&server, &[]);
    assert!(!ended.stdout.contains("All tests run"), "{ended}");
}

#[test]
fn without_a_server_all_tests_run() {
    let server = Server::start(|_, _| Reply::message(422, "not available"));
    let ended = run(&server, &[STRATEGY]);
    assert!(
        ended.stdout.contains("ran a.test.js b.test.js c.test.js"),
        "{ended}"
    );
    assert!(
        ended
            .stderr
            .contains("Falling back to non-intelligent splitting"),
        "{ended}"
    );
}

fn decision(items: &[Value], unknown: &[&str]) -> String {
    json!({
        "identifier": "build-1/step-1", "created_at": "2026-11-29T10:00:00Z", "branch": "topic",
        "commit_sha": "0123abc", "params": {}, "selection": selection("selected", None),
        "least_value": -2.0, "items": items, "unknown_items": unknown,
        "changed_files": [{"path": "src/cart.js", "lines": 12}],
    })
    .to_string()
}

fn item(number: usize, is_in: bool) -> Value {
    json!({
        "item": format!("{number}.test.js"), "in": is_in, "rank": number, "value": -2.5,
        "duration": 1.0, "reason": is_in.then_some("changed"),
        "why": [{"path": "src/cart.js", "why": "failed in 3 of 4 weighted failing builds"}],
    })
}

fn explain(arguments: &[&str], server: &Server) -> Ended {
    Bktec::against(&[&["explain"], arguments].concat(), server).run()
}

#[test]
fn explain_prints_the_decision_of_the_builds_own_plan() {
    let server = Server::start(|_, _| Reply::ok(&decision(&[], &[])));
    let ended = explain(&[], &server);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended}");
    for part in [
        "Selected 611 of 5,210 tests",
        "Plan build-1/step-1, branch topic, commit 0123abc\n",
        "1 changed file:\n  src/cart.js (12 lines)\n",
        "Selected whatever their value: 2 changed\n",
    ] {
        assert!(ended.stdout.contains(part), "{part}: {ended}");
    }
    let requests = server.requests();
    let query = "/test_plan/selection?identifier=build-1/step-1&per_page=1";
    assert!(requests[0].target.ends_with(query), "{requests:?}");
}

#[test]
fn explain_prints_a_record_of_each_item() {
    let server = Server::start(|request, _| {
        let count = request.target.matches("&item=").count();
        let items: Vec<Value> = (1..=count)
            .map(|number| item(number, number == 1))
            .collect();
        Reply::ok(&decision(&items, &["gone.test.js"]))
    });
    let names: Vec<String> = (0..150).map(|number| format!("a b{number}.js")).collect();
    let mut arguments = vec!["--plan-identifier", "other plan"];
    arguments.extend(names.iter().map(String::as_str));
    let ended = explain(&arguments, &server);
    assert_eq!(ended.code, 0, "{ended}");
    assert!(
        ended.stdout.starts_with(
            "1.test.js: selected (its file changed)\n  \
             rank 1 of 5,210, value −2.50 below the cut of −2.00\n  \
             src/cart.js: failed in 3 of 4 weighted failing builds\n\
             2.test.js: left out\n"
        ),
        "{ended}"
    );
    // In two requests, since one can name 100 items.
    assert_eq!(ended.stdout.matches(".test.js: ").count(), 150);
    let warning = "\"gone.test.js\" is not an item of the plan request";
    assert_eq!(ended.stderr.matches(warning).count(), 2, "{ended}");
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert!(
        requests[0]
            .target
            .contains("?identifier=other%20plan&item=a%20b0.js&item="),
        "{requests:?}"
    );
}

#[test]
fn explain_lists_everything_that_was_left_out() {
    let server = Server::start(|request, _| {
        let (from, to) = if request.target.contains("&page=2&") {
            (101, 130)
        } else {
            (1, 100)
        };
        let items: Vec<Value> = (from..=to).map(|number| item(number, false)).collect();
        Reply::ok(&decision(&items, &[]))
    });
    let ended = explain(&["--left-out"], &server);
    assert_eq!(ended.code, 0, "{ended}");
    assert!(
        ended.stderr.starts_with("Selected 611 of 5,210 tests"),
        "{ended}"
    );
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 130, "{ended}");
    assert_eq!(
        lines[129],
        "130.test.js: rank 130 of 5,210, value −2.50 below the cut of −2.00"
    );
    let requests = server.requests();
    assert!(
        requests
            .iter()
            .all(|one| one.target.contains("&left_out=true"))
    );
}

#[test]
fn explain_says_if_nothing_is_known_of_single_items() {
    let server = Server::start(|_, _| Reply::ok(&decision(&[], &[])));
    let ended = explain(&["a.test.js"], &server);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{ended}");
    assert!(
        ended.stderr.contains("has no values of single items"),
        "{ended}"
    );
}

#[test]
fn explain_fails_without_a_decision() {
    let server = Server::start(|_, _| Reply::not_found());
    for arguments in [&["a.test.js"][..], &["--left-out"], &[]] {
        let ended = explain(arguments, &server);
        assert_eq!((ended.code, ended.stdout.as_str()), (16, ""), "{ended}");
        assert!(
            ended.stderr.starts_with(
                "❌ the server has no selection of the plan \"build-1/step-1\"\nhint: "
            ),
            "{ended}"
        );
    }
}

#[test]
fn explain_reports_what_is_missing() {
    let ended = Bktec::bare(&["explain", "--left-out", "a.test.js"])
        .env("BUILDKITE_TEST_ENGINE_OIDC", "false")
        .run();
    insta::assert_snapshot!(ended.wrapped(), @"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec explain: invalid configuration:
    --left-out cannot be used with ITEM
    BUILDKITE_BUILD_ID must not be blank (or give --plan-identifier, the same on every node)
    BUILDKITE_ORGANIZATION_SLUG must not be blank (or give --organization-slug)
    BUILDKITE_STEP_ID must not be blank (or give --plan-identifier, the same on every node)
    BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN must not be blank (or give --access-token), since
      OIDC is off
    BUILDKITE_TEST_ENGINE_SUITE_SLUG must not be blank (or give --suite-slug)
    ");
}
