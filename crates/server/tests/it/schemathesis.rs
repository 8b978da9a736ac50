//! The server accepts what the OpenAPI document permits and rejects what it forbids: schemathesis
//! derives thousands of requests from it.

use std::time::Duration;

use serde_json::json;
use test_engine::clock::Clock;
use test_engine_store::Role;
use test_engine_testkit::{clean_command, root, run_within, tool};

use crate::people_api;
use crate::support::{SUITE, TestServer, result};

const ORGANIZATION: &str = "/v2/analytics/organizations/acme";

/// For a server that does not respond at all, or a schemathesis that does not end.
const TIMEOUT: Duration = Duration::from_mins(30);

#[test]
fn requests_are_accepted_and_rejected_as_documented() {
    let server = TestServer::with(
        |config| {
            config.limits.plan_requests_per_minute = 0;
            config.limits.rest_requests_per_minute = 0;
        },
        Clock::System,
    );
    let (_, access) = people_api::user(&server, "acme", "admin", Role::Admin);
    let (member, _) = people_api::user(&server, "acme", "priya", Role::Reader);
    let failed = result("A", "one", "a.rb", 1.0, "failed");
    let run = server.upload("b1", "main", &json!([failed])).json()["run_id"].clone();
    let find = json!({"scope": "A", "name": "one"});
    let test = server.post(&format!("{SUITE}/tests/find"), &find).ok()["id"].clone();
    let hook = json!({"url": "https://hooks.example.com/a"});
    let webhook = server
        .post(&format!("{ORGANIZATION}/webhooks"), &hook)
        .json()["id"]
        .clone();
    let rule = server.get(&format!("{SUITE}/rules")).ok()[0]["id"].clone();

    let tests = root().join("crates/server/tests/openapi");
    let scratch = tempfile::tempdir().unwrap();
    // Not the environment of the tests: with that of a CI, it chooses other requests.
    let mut command = clean_command(tool("schemathesis/bin/schemathesis"), scratch.path());
    command
        .current_dir(scratch.path())
        .arg("--config-file")
        .arg(tests.join("schemathesis.toml"))
        .arg("run")
        .arg(root().join("docs/server/openapi.yaml"))
        .args(["--url", &server.base, "--no-color", "--checks"])
        .arg("negative_data_rejection,documented_requests_are_accepted")
        .env("PYTHONPATH", &tests)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // The order of sets, and so the choice of requests, depends on it.
        .env("PYTHONHASHSEED", "1")
        .env("ACCESS_TOKEN", access)
        .env("SUITE_TOKEN", &server.suite_token)
        .env("RUN_ID", run.as_str().unwrap())
        .env("TEST_ID", test.as_str().unwrap())
        .env("WEBHOOK_ID", webhook.as_str().unwrap())
        .env("RULE_ID", rule.as_str().unwrap())
        .env("MEMBER_ID", member);
    let finished = run_within(command, TIMEOUT);
    let report = &finished.stdout;
    assert!(
        finished.status.success(),
        "{}\n{finished}",
        problems(report)
    );
    // Nothing was left out by mistake.
    let operations = report
        .lines()
        .find(|line| line.trim_start().starts_with("Tested:"));
    assert!(
        operations.is_some_and(|line| !line.ends_with(" 0")),
        "{report}"
    );
}

/// The part of a report that says what failed, which is shown first.
fn problems(report: &str) -> String {
    let is_heading = |line: &&str| line.starts_with("==");
    let is_problem = |line: &&str| line.contains(" ERRORS ") || line.contains(" FAILURES ");
    let mut in_problem = false;
    let lines = report.lines().filter(|line| {
        if is_heading(line) {
            in_problem = is_problem(line);
        }
        in_problem
    });
    lines.collect::<Vec<_>>().join("\n")
}
