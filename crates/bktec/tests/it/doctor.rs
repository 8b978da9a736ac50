//! `bktec doctor` with a scripted server: what each problem is called, and how to fix it. The story
//! tests run it against the real server.

use serde_json::{Value, json};
use test_engine_testkit::NO_SERVER;

use crate::bktec::{Bktec, Ended};
use crate::server::{Reply, Request, Server};

const PLAN: &str = r#"{"identifier": "x", "parallelism": 2, "known_timings_ratio": 1.0,
    "tasks": {"0": {"node_number": 0, "tests": []}, "1": {"node_number": 1, "tests": []}},
    "features": ["node_reports"]}"#;
const TOKEN: &str = r#"{"uuid": "u", "scopes": ["read_suites", "read_test_plan",
    "write_test_plan"]}"#;
const SUITE: &str = r#"{"id": "s", "slug": "web", "name": "Web", "default_branch": "main"}"#;

fn healthy(request: &Request) -> Reply {
    let line = request.line();
    if line.ends_with("/v2/access-token") {
        Reply::ok(TOKEN)
    } else if line.ends_with("/test_plan") {
        Reply::ok(PLAN)
    } else if line.ends_with("/suites/web") {
        Reply::ok(SUITE)
    } else {
        Reply::ok("[]")
    }
}

/// With a runner that says its version.
fn doctor(server: &Server) -> Bktec {
    Bktec::against(&["doctor", "--json"], server).env(
        "BUILDKITE_TEST_ENGINE_TEST_CMD",
        "echo {{testExamples}} {{resultPath}}",
    )
}

fn report(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended}"))
}

/// The check of this name.
fn check(ended: &Ended, name: &str) -> Value {
    let report = report(ended);
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == name);
    found
        .unwrap_or_else(|| panic!("no {name}: {ended}"))
        .clone()
}

/// The check has failed with this message and this fix.
#[track_caller]
fn assert_failed(ended: &Ended, name: &str, message: &str, fix: &str) {
    let check = check(ended, name);
    assert_eq!(check["status"], "failed", "{ended}");
    assert!(
        check["message"].as_str().unwrap().contains(message),
        "{check}"
    );
    assert!(check["fix"].as_str().unwrap().contains(fix), "{check}");
    assert_eq!(report(ended)["ok"], false);
    assert_eq!(ended.code, 1, "{ended}");
}

#[test]
fn everything_is_fine() {
    let server = Server::start(|request, _| healthy(request));
    let ended = doctor(&server).run();
    assert_eq!(ended.code, 0, "{ended}");
    let report = report(&ended);
    assert_eq!(report["ok"], true);
    for name in [
        "settings",
        "runner",
        "tests",
        "result path",
        "token",
        "suite",
        "plan",
    ] {
        assert_eq!(check(&ended, name)["status"], "ok", "{name}: {ended}");
    }
    let message = check(&ended, "tests")["message"].clone();
    assert!(message.as_str().unwrap().starts_with("3 "), "{message}");
}

#[test]
fn people_get_lines() {
    let server = Server::start(|request, _| healthy(request));
    let ended = Bktec::against(&["doctor"], &server).run();
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stdout.contains("\nok       plan "), "{ended}");
}

#[test]
fn missing_settings_are_named() {
    let ended = Bktec::bare(&["doctor", "--json"]).run();
    assert_failed(
        &ended,
        "settings",
        "BUILDKITE_TEST_ENGINE_SUITE_SLUG",
        "docs/ci.md",
    );
}

#[test]
fn a_missing_runner_is_named() {
    let server = Server::start(|request, _| healthy(request));
    for command in [
        "no-such-runner {{testExamples}}",
        "npx jest {{testExamples}}",
    ] {
        let ended = doctor(&server)
            .env("BUILDKITE_TEST_ENGINE_TEST_CMD", command)
            .env("PATH", "/nowhere")
            .run();
        assert_failed(&ended, "runner", "jest: ", "install the runner");
    }
}

#[test]
fn a_project_without_tests_has_no_plan() {
    let server = Server::start(|request, _| healthy(request));
    let ended = doctor(&server)
        .env("BUILDKITE_TEST_ENGINE_TEST_FILE_PATTERN", "**/*.none.js")
        .run();
    assert_failed(&ended, "tests", "", "FILE_PATTERN");
    assert_eq!(check(&ended, "plan")["status"], "skipped");
}

#[test]
fn a_result_path_that_cannot_be_written_is_named() {
    let server = Server::start(|request, _| healthy(request));
    let ended = doctor(&server)
        .env("BUILDKITE_TEST_ENGINE_RESULT_PATH", "a.test.js/result.json")
        .run();
    assert_failed(&ended, "result path", "cannot be written", "RESULT_PATH");
}

#[test]
fn tests_of_several_files_with_one_name_are_a_warning() {
    let server = Server::start(|request, _| healthy(request));
    let file = |name: &str| {
        let test = json!({"ancestorTitles": ["Cart"], "title": "adds", "status": "passed",
            "fullName": "Cart adds", "failureMessages": []});
        json!({"name": name, "status": "passed", "assertionResults": [test]})
    };
    for (files, status) in [
        (vec![file("a.test.js")], "ok"),
        (vec![file("a.test.js"), file("b.test.js")], "warning"),
    ] {
        let results = json!({"success": true, "testResults": files}).to_string();
        let ended = doctor(&server).file("result.json", &results).run();
        assert_eq!(ended.code, 0, "{ended}");
        let check = check(&ended, "identities");
        assert_eq!(check["status"], status, "{check}");
    }
}

#[test]
fn a_server_that_is_down_is_named() {
    let server = Server::start(|request, _| healthy(request));
    let ended = doctor(&server)
        .env("BUILDKITE_TEST_ENGINE_BASE_URL", NO_SERVER)
        .run();
    assert_failed(&ended, "server", "connection refused", "BASE_URL");
    assert_eq!(check(&ended, "plan")["status"], "skipped");
}

#[test]
fn a_clock_that_is_wrong_is_named() {
    let server = Server::start(|request, _| {
        let (name, value) = ("Date", "Sun, 06 Nov 1994 08:49:37 GMT".to_owned());
        match healthy(request) {
            Reply::Body(status, body) => Reply::WithHeader(status, name, value, body),
            other => other,
        }
    });
    assert_failed(
        &doctor(&server).run(),
        "clock",
        "s ahead of the server",
        "synchronize",
    );
}

#[test]
fn a_token_that_may_do_too_little_is_named() {
    for (scopes, missing) in [
        (json!(["read_suites"]), "read_test_plan, write_test_plan"),
        (json!(["read_test_plan"]), "write_test_plan"),
    ] {
        let server = Server::start(move |request, _| {
            if request.line().ends_with("/v2/access-token") {
                Reply::ok(&json!({"uuid": "u", "scopes": scopes}).to_string())
            } else {
                healthy(request)
            }
        });
        assert_failed(
            &doctor(&server).run(),
            "token",
            missing,
            "test-engine token create",
        );
    }
}

#[test]
fn an_old_server_is_a_warning() {
    let server = Server::start(|request, _| {
        if request.line().ends_with("/test_plan") {
            Reply::ok(&PLAN.replace("node_reports", "none"))
        } else {
            healthy(request)
        }
    });
    let ended = doctor(&server).run();
    assert_eq!(ended.code, 0, "{ended}");
    let check = check(&ended, "server version");
    assert_eq!(check["status"], "warning");
    assert_eq!(check["fix"], "upgrade the server");
}

#[test]
fn two_servers_behind_one_address_are_noticed() {
    let server = Server::start(|request, count| {
        if request.line().ends_with("/test_plan") {
            Reply::ok(&PLAN.replace("\"x\"", &format!("\"{count}\"")))
        } else {
            healthy(request)
        }
    });
    assert_failed(
        &doctor(&server).run(),
        "plan",
        "another plan",
        "same server",
    );
}
