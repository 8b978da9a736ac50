//! Buildkite's own collector for JavaScript, unmodified, uploads to our server: with Jest, Mocha,
//! Vitest, and Playwright in a real Chromium.
//!
//! `expected.json` of each project in `tests/collectors/` lists the expected results.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use test_engine_testkit::{
    ExpectedOutcome, OutcomeCounts, TestServer, clean_command, copy_tree, installed, run_within,
    tool,
};

/// Jest and Chromium start slowly on a busy machine.
const LIMIT: Duration = Duration::from_mins(3);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Project {
    /// A program in `node_modules/.bin`, and its arguments.
    command: Vec<String>,
    /// The name that the collector uploads.
    framework: String,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    scope: String,
    name: String,
    file: String,
    location: String,
    /// One outcome per attempt.
    outcomes: Vec<ExpectedOutcome>,
    /// Tags of the test itself. The API returns tags only of failed executions.
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

fn counts(outcomes: &[ExpectedOutcome]) -> OutcomeCounts {
    let count = |outcome| outcomes.iter().filter(|one| **one == outcome).count() as u64;
    OutcomeCounts {
        passed: count(ExpectedOutcome::Passed),
        failed: count(ExpectedOutcome::Failed),
        skipped: count(ExpectedOutcome::Skipped),
        unknown: 0,
    }
}

fn assert_uploads_everything(framework: &str) {
    let packages = tool("javascript-collectors/node_modules");
    let original = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/collectors")
        .join(framework);
    let directory = tempfile::tempdir().unwrap();
    let work = directory.path().join("project");
    copy_tree(&original, &work);
    fs_err::os::unix::fs::symlink(&packages, work.join("node_modules")).unwrap();
    let project: Project =
        serde_json::from_slice(&fs_err::read(work.join("expected.json")).unwrap()).unwrap();

    let server = TestServer::start();
    let connection = server.create_suite("kitchen");
    let mut command = clean_command(
        packages.join(".bin").join(&project.command[0]),
        directory.path(),
    );
    command
        .args(&project.command[1..])
        .current_dir(&work)
        .env(
            "BUILDKITE_ANALYTICS_BASE_URL",
            format!("{}/v1/uploads", server.base_url()),
        )
        .env("BUILDKITE_ANALYTICS_TOKEN", &connection.suite_token)
        .env("BUILDKITE_BUILD_ID", "a-build")
        .env("BUILDKITE_BRANCH", "main")
        .env(
            "BUILDKITE_COMMIT",
            "8f14e45fceea167a5a36dedd4bea2543f14e45fc",
        )
        .env("CHROMIUM", installed("chromium"));
    let finished = run_within(command, LIMIT);
    // The frameworks' exit code for failed tests; the collector does not change it.
    finished.expect_code(1);

    let stored = server.stored_results();
    let run = stored
        .run(&connection.organization, &connection.suite, "a-build")
        .unwrap_or_else(|| panic!("nothing was stored\n{finished}"));
    assert_eq!(run.result, "failed", "{run:?}\n{finished}");
    let executions: usize = project.tests.iter().map(|test| test.outcomes.len()).sum();
    assert_eq!(run.executions, executions as u64, "{run:?}\n{finished}");
    let outcomes = stored.outcomes(&connection.organization, &connection.suite);
    let expected: BTreeMap<(String, String), OutcomeCounts> = project
        .tests
        .iter()
        .map(|test| {
            let name = (test.scope.clone(), test.name.clone());
            (name, counts(&test.outcomes))
        })
        .collect();
    assert_eq!(outcomes, expected, "{finished}");

    for test in &project.tests {
        let found = connection.api().post(
            "/tests/find",
            &json!({"scope": test.scope, "name": test.name}),
        );
        let found = found.expect_status(200).json();
        assert_eq!(found["file_name"], test.file.as_str(), "{found}");
        assert_eq!(found["location"], test.location.as_str(), "{found}");
    }

    let runs = connection.api().get("/runs").json();
    assert_eq!(runs[0]["branch"], "main", "{runs}");
    assert_eq!(
        runs[0]["commit_sha"], "8f14e45fceea167a5a36dedd4bea2543f14e45fc",
        "{runs}"
    );
    let id = runs[0]["id"].as_str().unwrap();
    let failures = connection
        .api()
        .get(&format!("/runs/{id}/failed_executions?per_page=100"))
        .json();
    let failures = failures.as_array().unwrap();
    let failed: u64 = expected.values().map(|one| one.failed).sum();
    assert_eq!(failures.len() as u64, failed, "{failures:?}");
    for failure in failures {
        check_failure(failure, &project);
    }
}

fn check_failure(failure: &Value, project: &Project) {
    let name = failure["test_name"].as_str().unwrap();
    let test = project
        .tests
        .iter()
        .find(|test| format!("{} {}", test.scope, test.name).trim() == name.trim())
        .unwrap_or_else(|| panic!("{name:?} should not have failed"));
    assert!(
        failure["failure_reason"]
            .as_str()
            .is_some_and(|reason| !reason.is_empty()),
        "{failure}"
    );
    assert!(failure["duration"].is_f64(), "{failure}");
    let mut tags = test.tags.clone();
    let core = [
        ("collector.name", "js-buildkite-test-collector"),
        ("collector.version", "1.12.0"),
        ("test.framework.name", &project.framework),
        ("code.file.path", &test.file),
    ];
    tags.extend(core.map(|(key, value)| (key.to_owned(), value.to_owned())));
    for (key, value) in tags {
        assert_eq!(failure["tags"][&key], value.as_str(), "{key} of {failure}");
    }
}

#[test]
fn jest_through_the_official_collector() {
    assert_uploads_everything("jest");
}

#[test]
fn mocha_through_the_official_collector() {
    assert_uploads_everything("mocha");
}

#[test]
fn vitest_through_the_official_collector() {
    assert_uploads_everything("vitest");
}

#[test]
fn playwright_through_the_official_collector() {
    assert_uploads_everything("playwright");
}
