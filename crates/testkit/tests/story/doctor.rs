//! `bktec doctor` against the real server, with the real runner.

use serde_json::{Value, json};
use test_engine_testkit::{Connection, Example, Node, TestServer};

/// The exit code, and the checks.
#[track_caller]
fn check(suite: &Connection, example: &Example) -> (i32, String) {
    let node = Node::doctor(example, suite).env("BKTEC_TEST_BUDGET_SCALE", "0.05");
    let (ended, _) = node.start().wait();
    (ended.code(), ended.stdout)
}

#[test]
fn a_new_suite_has_no_timings_and_one_with_results_is_fine() {
    let server = TestServer::start();
    let suite = server.create_suite("shop");
    let example = Example::copy("pytest");
    let (code, text) = check(&suite, &example);
    assert_eq!(code, 0, "{text}");
    for line in [
        "ok       runner          pytest: pytest ",
        "ok       token           scopes ",
        "ok       upload token    accepted by ",
        "ok       suite           acme/shop, default branch main",
        "ok       clock           agrees",
        "ok       plan            created for 2 nodes, and fetched again",
        "ok       server version  accepts the reports of nodes",
        "warning  timings         0% of the tests have timings",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }

    let results = |prefix: &str| -> Value {
        let files = example.files();
        let result = |file: &&str| {
            json!({
                "scope": "", "name": format!("test of {file}"), "result": "passed",
                "file_name": format!("{prefix}{file}"), "location": format!("{prefix}{file}:1"),
                "history": {"section": "top", "duration": 1},
            })
        };
        files.keys().map(result).collect()
    };
    suite.upload("b1", "json", &results("")).expect_status(202);
    let (code, text) = check(&suite, &example);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("ok       timings         100%"), "{text}");

    // Another suite, whose results come from the root of the repository.
    let other = server.create_suite("web");
    other
        .upload("b1", "json", &results("app/"))
        .expect_status(202);
    let (code, text) = check(&other, &example);
    assert_eq!(code, 1, "{text}");
    let fix = "fix: set BUILDKITE_TEST_ENGINE_LOCATION_PREFIX to app";
    assert!(text.contains(fix), "{text}");
}

#[test]
fn wrong_tokens_and_suites_are_named() {
    let server = TestServer::start();
    let suite = server.create_suite("shop");
    let other = server.create_suite("web");
    let example = Example::copy("pytest");
    let with = |change: fn(&mut Connection)| {
        let mut changed = suite.clone();
        change(&mut changed);
        changed
    };
    for (connection, line, skipped) in [
        (
            with(|it| it.access_token.push('x')),
            "FAILED   token ",
            "the access token is wrong",
        ),
        (
            with(|it| it.suite.push('x')),
            "FAILED   suite ",
            "the suite was not found",
        ),
    ] {
        let (code, text) = check(&connection, &example);
        assert_eq!(code, 1, "{text}");
        assert!(text.contains(line) && text.contains(skipped), "{text}");
    }
    let mixed = Connection {
        suite_token: other.suite_token.clone(),
        ..suite.clone()
    };
    let (code, text) = check(&mixed, &example);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("belongs to another suite"), "{text}");
}

#[test]
fn each_runner_says_its_version() {
    let server = TestServer::start();
    let suite = server.create_suite("shop");
    for (name, version) in [
        ("jest", "jest: 29."),
        ("vitest", "vitest: vitest/"),
        ("playwright", "playwright: Version 1."),
        ("rspec", "rspec: RSpec "),
        ("cucumber-ruby", "cucumber: "),
        ("gotest", "gotest: gotestsum version v"),
        ("custom-bats", "custom: sh is installed"),
    ] {
        let example = Example::copy(name);
        let (code, text) = check(&suite, &example);
        let line = format!("ok       runner          {version}");
        assert!(code == 0 && text.contains(&line), "{name}: {text}");
    }
}
