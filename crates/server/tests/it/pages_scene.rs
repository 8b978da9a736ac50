//! A suite with something of everything that pages show.

use serde_json::{Value, json};
use test_engine::clock::Clock;

use crate::support::{SUITE, TestServer, result};

pub(crate) const PAGES: &str = "/organizations/acme/analytics";
const SCOPE: &str = "Cart with two currencies";
const COMMIT: &str = "4ccaa72d66e1f0a94ccaa72d66e1f0a94ccaa72d";

pub(crate) struct Scene {
    pub(crate) server: TestServer,
    /// The path of the page of a run on a branch, with failures of every kind.
    pub(crate) red_run: String,
    /// Of a run whose failures passed on retry.
    pub(crate) retried_run: String,
    pub(crate) green_run: String,
    /// Of a run with names of 10 KB, from right to left, with emoji and HTML.
    pub(crate) strange_run: String,
    /// Of the comparison of the red run with the newest one of the default branch.
    pub(crate) comparison: String,
    /// Of the build of the red run, which has runs of two suites.
    pub(crate) build: String,
    /// Of a suite without results.
    pub(crate) empty_suite: String,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let server = TestServer::with(|config| config.web.open = true, Clock::System);
        let mut runs = Vec::new();
        for build in 0..8 {
            let ships = if build < 6 { "passed" } else { "failed" };
            let mut results = vec![
                test("adds up", 0.2, "passed"),
                test("pays", 0.4, "passed"),
                test("ships", 1.5, ships),
                test("waits", 0.1, "passed"),
            ];
            if build % 3 == 0 {
                results.push(failed("polls", "Timeout::Error: execution expired", 5.0));
            }
            results.push(test("polls", 0.5, "passed"));
            runs.push(upload(
                &server,
                &format!("{build}"),
                "main",
                &json!(results),
            ));
        }
        let waits = json!({"scope": SCOPE, "name": "waits"});
        let waits = server.post(&format!("{SUITE}/tests/find"), &waits).ok();
        let waits = waits["id"].as_str().unwrap();
        server.put(&format!("{SUITE}/tests/{waits}/mute")).ok();
        plan(&server);
        let red = upload(&server, "red", "mara/tax-per-line", &red_results());
        report_nodes(&server);
        let strange = upload(&server, "strange", "feature/ünïcode", &strange_results());
        let (empty, _) = server.create_suite("Empty");
        let (_, token) = server.create_suite("Payments API");
        let body = body("red", "mara/tax-per-line", &red_results());
        assert_eq!(server.upload_with(&token, &body).status, 202);
        let page = |run: &str| format!("{PAGES}/suites/web/runs/{run}");
        Self {
            red_run: page(&red),
            retried_run: page(&runs[3]),
            green_run: page(&runs[5]),
            strange_run: page(&strange),
            comparison: format!("{}/against/{}", page(&red), runs[7]),
            build: format!("{PAGES}/builds/red"),
            empty_suite: format!("{PAGES}/suites/{empty}"),
            server,
        }
    }

    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.server.base)
    }
}

fn test(name: &str, seconds: f64, outcome: &str) -> Value {
    result(SCOPE, name, "spec/cart_spec.rb", seconds, outcome)
}

fn failed(name: &str, reason: &str, seconds: f64) -> Value {
    let mut failed = test(name, seconds, "failed");
    failed["failure_reason"] = json!(reason);
    failed
}

/// A difference between values, with frames of the project and of libraries.
fn wrong_total(name: &str) -> Value {
    let mut failed = failed(name, "expected total to eq 4758, got 4757", 0.3);
    failed["failure_expanded"] = json!([{
        "expanded": ["expected: 4758", "     got: 4757", "", "(compared using ==)"],
        "backtrace": [
            "app/services/tax/per_line.rb:49:in `call'",
            "app/services/application_service.rb:14:in `call'",
            "/usr/lib/ruby/gems/3.1.0/gems/rspec-core/lib/rspec/core/example.rb:263:in `run'",
            "/usr/lib/ruby/gems/3.1.0/gems/rspec-core/lib/rspec/core/runner.rb:9:in `run'",
            "spec/cart_spec.rb:183:in `block'",
        ],
    }]);
    failed
}

fn red_results() -> Value {
    let mut results = vec![
        wrong_total("adds up"),
        wrong_total("pays"),
        failed("ships", "undefined method `weight' for nil", 1.0),
        failed("polls", "Timeout::Error: execution expired", 5.0),
        test("polls", 0.5, "passed"),
        failed("waits", "the sandbox throttles us", 0.1),
        test("sleeps", 0.0, "skipped"),
        test("greets", 0.1, "passed"),
    ];
    // Many others passed, so this is no outage.
    results.extend((0..60).map(|number| test(&format!("case {number}"), 0.1, "passed")));
    json!(results)
}

fn strange_results() -> Value {
    let names = [
        "x".repeat(10_000),
        "שלום עולם ".repeat(20),
        "👩‍👩‍👧‍👦 family".to_owned(),
        "<b onmouseover=alert(1)>&amp;</b>".to_owned(),
        format!("a {}", "word ".repeat(500)),
    ];
    let results = names.iter().map(|name| {
        let mut failed = failed(name, &format!("broken: {name}"), 0.1);
        failed["scope"] = json!(name);
        failed["failure_expanded"] = json!([{"expanded": [name], "backtrace": [name]}]);
        failed
    });
    results.collect()
}

fn upload(server: &TestServer, key: &str, branch: &str, results: &Value) -> String {
    let answer = server.upload_json(&body(key, branch, results));
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.json()["run_id"].as_str().unwrap().to_owned()
}

fn body(key: &str, branch: &str, results: &Value) -> Value {
    json!({
        "format": "json",
        "run_env": {
            "CI": "buildkite", "key": key, "branch": branch, "number": key,
            "commit_sha": if key == "red" { COMMIT.to_owned() } else { format!("sha-{key}") },
            "message": "Round tax per line, not per order\n\nThe total was off by a cent.",
            "url": "https://ci.example/builds/1", "test_runner": "rspec", "job_id": "job-0",
        },
        "tags": {"host.type": "c7g.xlarge", "cloud.region": "eu-west-1"},
        "data": results,
    })
}

/// A plan with the commit.
fn plan(server: &TestServer) {
    let metadata = json!({
        "commit_sha": COMMIT, "parent_shas": "b".repeat(40),
        "author_name": "Mara Lindqvist", "author_email": "mara@example.com",
        "author_date": "2026-11-22T10:00:00+01:00",
        "committer_name": "Mara Lindqvist", "committer_email": "mara@example.com",
        "committer_date": "2026-11-22T10:00:00+01:00",
        "message": "Round tax per line, not per order\n\nThe total was off by a cent.",
        "base_branch": "main", "files_changed": "app/services/tax/per_line.rb\nconfig/routes.rb",
        "diff_stat": "96\t2\tapp/services/tax/per_line.rb\n33\t13\tconfig/routes.rb",
        "git_diff": "…", "git_diff_raw": "…", "branch": "mara/tax-per-line",
    });
    let request = json!({
        "runner": "rspec", "identifier": "red/step", "parallelism": 2,
        "branch": "mara/tax-per-line", "metadata": metadata,
        "tests": {"files": [{"path": "spec/cart_spec.rb"}, {"path": "spec/tax_spec.rb"}]},
    });
    server.post(&format!("{SUITE}/test_plan"), &request).ok();
}

/// Both nodes of the plan; the second one ran longer.
fn report_nodes(server: &TestServer) {
    for (node, target, end) in [
        (0, "spec/cart_spec.rb", "04:46:53"),
        (1, "spec/tax_spec.rb", "04:47:13"),
    ] {
        let report = json!({
            "identifier": "red/step", "build_id": "red", "node": node, "parallelism": 2,
            "run_key": "red", "job_id": format!("job-{node}"), "state": "finished",
            "runner": "rspec", "exit_code": 1, "started_at": "2026-06-20T04:46:13Z",
            "finished_at": format!("2026-06-20T{end}Z"),
            "targets": [{"value": target, "planned": true, "tests": 4, "outcome": "complete"}],
        });
        let stored = server.post(&format!("{SUITE}/test_plan/node_reports"), &report);
        assert_eq!(stored.ok(), json!({"stored": true}));
    }
}
