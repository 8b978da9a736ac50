//! Pages about several runs: the causes of failures, two runs compared, a build over all suites,
//! and the filters of the list of runs.

use serde_json::{Value, json};
use test_engine::clock::Clock;

use super::TestServer;
use crate::support::{SUITE, result};

const ORGANIZATION: &str = "/organizations/acme/analytics";
const PAGES: &str = "/organizations/acme/analytics/suites/web";
const COMMIT: &str = "4ccaa72d66e1f0a94ccaa72d66e1f0a94ccaa72d";

fn open() -> TestServer {
    TestServer::with(|config| config.web.open = true, Clock::System)
}

fn page(server: &TestServer, path: &str) -> String {
    let answer = server.ask("GET", path).send();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

#[track_caller]
fn shows(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
}

fn test(name: &str, seconds: f64, outcome: &str) -> Value {
    result("Cart", name, "spec/cart_spec.rb", seconds, outcome)
}

fn passed(name: &str) -> Value {
    test(name, 0.25, "passed")
}

fn failed(name: &str, reason: &str) -> Value {
    let mut failed = test(name, 0.25, "failed");
    failed["failure_reason"] = json!(reason);
    failed
}

/// Enough passes that failures are no outage.
fn with_others(mut results: Vec<Value>) -> Value {
    results.extend((0..60).map(|number| passed(&format!("case {number}"))));
    json!(results)
}

/// The id of the run.
fn upload(server: &TestServer, key: &str, branch: &str, results: Vec<Value>) -> String {
    let receipt = server.upload(key, branch, &with_others(results)).json();
    receipt["run_id"].as_str().unwrap().to_owned()
}

#[test]
fn causes_are_listed_with_the_runs_that_they_fail() {
    let server = open();
    let address = format!("{PAGES}/failures");
    shows(
        &page(&server, &address),
        &[
            "No test failed in the runs of the last 28 days.",
            "one cause",
        ],
    );
    upload(&server, "green", "main", vec![passed("adds")]);
    upload(
        &server,
        "first",
        "main",
        vec![failed("adds", "timeout <b>")],
    );
    upload(
        &server,
        "second",
        "topic",
        vec![failed("pays", "timeout <b>")],
    );
    let retried = vec![failed("ships", "no weight"), passed("ships")];
    upload(&server, "retried", "main", retried);
    let text = page(&server, &address);
    shows(
        &text,
        &[
            "1 cause occurs in all of the 2 red runs of the last 28 days.",
            "2 causes",
            "timeout &#60;b&#62;",
            "Cart adds",
            "Cart pays",
            "no weight",
            "Failed no run",
        ],
    );
    assert!(text.find("timeout").unwrap() < text.find("no weight").unwrap());
    // The runs with the cause.
    let (_, rest) = text.split_once(&format!("{PAGES}/runs?cause=")).unwrap();
    let cause = &rest[..16];
    let runs = page(&server, &format!("{PAGES}/runs?cause={cause}"));
    shows(
        &runs,
        &[
            "<bdi>first</bdi>",
            "<bdi>second</bdi>",
            "Runs with the failure",
            "timeout",
        ],
    );
    assert!(!runs.contains("<bdi>retried</bdi>"), "{runs}");
    let topic = page(&server, &format!("{address}?branch=topic"));
    shows(
        &topic,
        &[
            "1 cause occurs in the only red run",
            "branch=topic&#38;cause=",
        ],
    );
    assert!(!topic.contains("no weight"), "{topic}");
    let none = page(&server, &format!("{address}?branch=none&period=7"));
    shows(
        &none,
        &["of the last 7 days", "No failures on this branch."],
    );
    for odd in ["period=1", "page=0", "page=99", "branch=%00"] {
        page(&server, &format!("{address}?{odd}"));
    }
    shows(
        &page(&server, &format!("{PAGES}/runs")),
        &["Failures by cause"],
    );
}

/// A plan request with the commit of the run `authored`.
fn commit_of(server: &TestServer, author: &str) {
    let metadata = json!({
        "commit_sha": COMMIT, "author_name": author, "author_email": "mara@example.com",
        "author_date": "2026-11-22T10:00:00+01:00", "committer_name": author,
        "committer_email": "mara@example.com", "committer_date": "2026-11-22T10:00:00+01:00",
        "message": "Round tax per line", "files_changed": "a.rb", "branch": "topic",
    });
    let request = json!({
        "runner": "rspec", "identifier": "authored/step", "parallelism": 1, "branch": "topic",
        "metadata": metadata, "tests": {"files": [{"path": "spec/cart_spec.rb"}]},
    });
    server.post(&format!("{SUITE}/test_plan"), &request).ok();
}

#[test]
fn runs_are_filtered_by_author_ci_and_failed_test() {
    let server = open();
    commit_of(&server, "Mara Lindqvist");
    let authored = json!({
        "format": "json",
        "run_env": {
            "CI": "github_actions", "key": "authored", "branch": "topic", "commit_sha": COMMIT,
        },
        "data": with_others(vec![failed("adds", "wrong")]),
    });
    assert_eq!(server.upload_json(&authored).status, 202);
    upload(
        &server,
        "other",
        "main",
        vec![passed("adds"), failed("pays", "wrong")],
    );
    for (query, expected) in [
        ("author=lindq", &["authored"][..]),
        ("author=Mara%40Example", &["authored"]),
        ("author=nobody", &[]),
        ("ci=github_actions", &["authored"]),
        ("ci=Buildkite", &["other"]),
        ("ci=git", &[]),
        ("failed=ADDS", &["authored"]),
        ("failed=cart+pays", &["other"]),
        ("failed=case", &[]),
        ("failed=a&ci=buildkite", &["other"]),
        ("cause=x", &[]),
    ] {
        let text = page(&server, &format!("{PAGES}/runs?{query}"));
        let found = ["authored", "other"].map(|key| text.contains(&format!("<bdi>{key}</bdi>")));
        let wanted = ["authored", "other"].map(|key| expected.contains(&key));
        assert_eq!(found, wanted, "{query}");
        assert_eq!(
            text.contains("No run matches."),
            expected.is_empty(),
            "{query}"
        );
    }
    // The form keeps what was asked for.
    let text = page(
        &server,
        &format!("{PAGES}/runs?author=lindq&failed=adds&result=failed"),
    );
    shows(
        &text,
        &[
            "value=\"lindq\"",
            "value=\"adds\"",
            "name=\"result\" value=\"failed\"",
        ],
    );
}

#[test]
fn two_runs_are_compared() {
    let server = open();
    let before = upload(
        &server,
        "before",
        "main",
        vec![
            passed("adds"),
            failed("ships", "no weight"),
            failed("waits", "throttled"),
            test("polls", 0.5, "passed"),
            passed("old"),
        ],
    );
    let after = upload(
        &server,
        "after",
        "topic",
        vec![
            failed("adds", "total is wrong"),
            passed("ships"),
            failed("waits", "throttled"),
            test("polls", 1.5, "passed"),
            passed("new"),
        ],
    );
    let address = format!("{PAGES}/runs/{after}/against/{before}");
    let text = page(&server, &address);
    shows(
        &text,
        &[
            "1 new failure, 1 fixed, 1 slower, compared with Run before.",
            "1 test fails in both. 1 test is new. 1 test is gone.",
            "total is wrong",
            "3.0×",
            "65 tests",
        ],
    );
    let sections = [
        "new-failures",
        "fixed",
        "slower",
        "failing",
        "new-tests",
        "gone-tests",
    ];
    let places = sections.map(|id| text.find(&format!("<h2 id=\"{id}\"")).unwrap());
    assert!(places.is_sorted(), "{places:?}");
    let swapped = page(&server, &format!("{PAGES}/runs/{before}/against/{after}"));
    shows(
        &swapped,
        &[
            "1 new failure, 1 fixed, compared with Run after.",
            "no weight",
        ],
    );
    assert!(!swapped.contains("id=\"slower\""), "{swapped}");

    // Where such a comparison is chosen.
    let choose = |query: &str| {
        let path = format!("{PAGES}/runs/compare?{query}");
        let answer = server.ask("GET", &path).send();
        let location = answer.header("location").map(str::to_owned);
        (answer.status, location.unwrap_or_default())
    };
    assert_eq!(
        choose(&format!("run={before}&run={after}")),
        (303, address.clone())
    );
    assert_eq!(
        choose(&format!("run={after}&run={before}")),
        (303, address.clone())
    );
    assert_eq!(choose(&format!("run={after}")), (303, address));
    assert_eq!(choose(&format!("run={before}")).0, 404, "nothing before it");
    assert_eq!(choose("").0, 422);
    assert_eq!(
        choose(&format!("run={after}&run={before}&run={before}")).0,
        422
    );
    assert_eq!(choose("run=x").0, 404);
    let same = format!("{PAGES}/runs/{after}/against/{after}");
    let same = server.ask("GET", &same).send();
    assert_eq!(
        same.header("location"),
        Some(format!("{PAGES}/runs/{after}").as_str())
    );
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
    for (one, other) in [(after.as_str(), unknown), (unknown, before.as_str())] {
        let path = format!("{PAGES}/runs/{one}/against/{other}");
        assert_eq!(server.ask("GET", &path).send().status, 404);
    }
    let list = page(&server, &format!("{PAGES}/runs"));
    shows(
        &list,
        &[
            "Compare two chosen runs",
            &format!("name=\"run\" value=\"{after}\""),
        ],
    );
    let run = page(&server, &format!("{PAGES}/runs/{after}"));
    shows(
        &run,
        &[
            "with the last run of <bdi>main</bdi>",
            &format!("{PAGES}/runs/compare?run={after}"),
        ],
    );
}

#[test]
fn a_build_has_a_section_for_each_suite() {
    let server = open();
    let (_, token) = server.create_suite("The API");
    let address = format!("{ORGANIZATION}/builds/b1");
    assert_eq!(server.ask("GET", &address).send().status, 404);
    let run = upload(
        &server,
        "b1",
        "topic",
        vec![failed("adds", "total is wrong")],
    );
    let alone = page(&server, &address);
    shows(
        &alone,
        &["1 test fails because of this change.", "total is wrong"],
    );
    let of_run = format!("{PAGES}/runs/{run}");
    assert!(
        !page(&server, &of_run).contains("All suites"),
        "the build has one run"
    );
    let body = json!({
        "format": "json",
        "run_env": {
            "CI": "buildkite", "key": "b1", "branch": "topic", "number": "412",
            "message": "Round tax <b>", "url": "https://ci.example/412",
        },
        "data": with_others(vec![failed("polls", "timeout"), passed("polls")]),
    });
    assert_eq!(server.upload_with(&token, &body).status, 202);
    let text = page(&server, &address);
    shows(
        &text,
        &[
            "1 of 2 suites fails because of this change.",
            "Red: Web.",
            "Build #412",
            "Round tax &#60;b&#62;",
            "https://ci.example/412",
            "The API",
            "It works. 1 flaky test passed on retry.",
            "total is wrong",
            "timeout",
            "New here",
            "Flaky here",
        ],
    );
    assert!(
        text.find("The API").unwrap() < text.find(">Web<").unwrap(),
        "by name"
    );
    shows(&page(&server, &of_run), &["All suites", &address]);
    let other = format!("{ORGANIZATION}/builds/none");
    assert_eq!(server.ask("GET", &other).send().status, 404);
}

#[test]
fn a_group_of_failures_can_be_copied_and_the_job_run_again() {
    let server = open();
    upload(
        &server,
        "main",
        "main",
        vec![passed("adds"), passed("pays")],
    );
    let run = upload(
        &server,
        "topic",
        "topic",
        vec![
            failed("adds", "total is `wrong`"),
            failed("pays", "total is `wrong`"),
        ],
    );
    let text = page(&server, &format!("{PAGES}/runs/{run}"));
    let base = &server.base;
    shows(
        &text,
        &[
            "data-copy=\"**New here** in [`Run topic`](",
            &format!("({base}{PAGES}/runs/{run}#failure-"),
            "`` total is `wrong` ``",
            "- [`Cart adds`](",
            "- [`Cart pays`](",
        ],
    );
    assert!(!text.contains("Run the job again"), "it would fail again");
}
