//! Buildkite's own collector for pytest, unmodified, uploads to our server.

use std::time::Duration;

use test_engine_testkit::{
    Example, ExpectedOutcome, OutcomeCounts, TestServer, clean_command, run_within, tool,
};

use crate::build::PACE;

#[test]
fn official_collector_uploads_every_test() {
    let example = Example::copy("pytest");
    let server = TestServer::start();
    let connection = server.create_suite("shop");
    let python = tool("pytest-collector/bin/python");
    let mut command = clean_command(python, &example.home());
    command
        .args(["-m", "pytest", "-q"])
        .current_dir(example.project())
        .env("EXAMPLE_PACE", PACE)
        .env(
            "BUILDKITE_ANALYTICS_API_URL",
            format!("{}/v1", server.base_url()),
        )
        .env("BUILDKITE_ANALYTICS_TOKEN", &connection.suite_token)
        .env("BUILDKITE_BUILD_ID", "build-of-the-collector")
        .env("BUILDKITE_BRANCH", "main");
    let finished = run_within(command, Duration::from_mins(2));
    // pytest's exit code for failed tests; the collector does not change it.
    finished.expect_code(1);
    assert!(!finished.stderr.contains("Failed to upload"), "{finished}");

    let stored = server.stored_results();
    let run = stored
        .run(
            &connection.organization,
            &connection.suite,
            "build-of-the-collector",
        )
        .unwrap_or_else(|| panic!("nothing was stored\n{finished}"));
    assert_eq!(run.executions, example.tests().len() as u64, "{run:?}");
    assert_eq!((run.result, run.failed), ("failed", 1), "{run:?}");
    let outcomes = stored.outcomes(&connection.organization, &connection.suite);
    for test in example.tests() {
        let name = test.collector.as_ref().unwrap();
        let counts = outcomes.get(&(name.scope.clone(), name.name.clone()));
        // Without a state directory, the flaky test passes.
        let (passed, failed, skipped) = match test.outcome {
            ExpectedOutcome::Passed | ExpectedOutcome::Flaky => (1, 0, 0),
            ExpectedOutcome::Failed => (0, 1, 0),
            ExpectedOutcome::Skipped => (0, 0, 1),
        };
        let expected = OutcomeCounts {
            passed,
            failed,
            skipped,
            unknown: 0,
        };
        assert_eq!(counts, Some(&expected), "{}", test.id);
        // The API finds it, too.
        connection.test_id(&name.scope, &name.name);
    }
}
