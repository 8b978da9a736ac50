//! Wrong settings: all are told at once, in one form, before anything is done.

use crate::bktec::Bktec;
use crate::server::nobody;

#[test]
fn nothing_configured() {
    let ended = Bktec::bare(&["run"]).run();
    insta::assert_snapshot!(ended, @"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec run: invalid configuration:
    BUILDKITE_BUILD_ID must not be blank (or give --plan-identifier, the same on every node)
    BUILDKITE_ORGANIZATION_SLUG must not be blank (or give --organization-slug)
    BUILDKITE_STEP_ID must not be blank (or give --plan-identifier, the same on every node)
    BUILDKITE_TEST_ENGINE_SUITE_SLUG must not be blank (or give --suite-slug)
    BUILDKITE_TEST_ENGINE_TEST_RUNNER must not be blank (or give --test-runner)
    ");
}

#[test]
fn plan_has_its_own_rules() {
    let ended = Bktec::configured(&["plan"], &nobody())
        .env("BUILDKITE_TEST_ENGINE_TARGET_TIME", "25h")
        .env("BUILDKITE_TEST_ENGINE_MAX_PARALLELISM", "1001")
        .env("BUILDKITE_PARALLEL_JOB_COUNT", "0")
        .run();
    insta::assert_snapshot!(ended, @r#"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec plan: invalid configuration:
    --json|--plan-out|--pipeline-upload|--output exactly one of these must be given
    BUILDKITE_PARALLEL_JOB_COUNT was "0", must be 1 to 1000 (--parallelism)
    BUILDKITE_TEST_ENGINE_MAX_PARALLELISM was "1001", must be 0 to 1000 (--max-parallelism)
    BUILDKITE_TEST_ENGINE_TARGET_TIME was "25h", must be more than 0s and at most 24h (--target-time)
    "#);
}

#[test]
fn a_target_time_needs_a_maximum() {
    let ended = Bktec::configured(&["plan", "--json", "--target-time", "2m30s"], &nobody()).run();
    insta::assert_snapshot!(ended, @"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec plan: invalid configuration:
    BUILDKITE_TEST_ENGINE_TARGET_TIME needs a maximum of nodes (give --max-parallelism)
    ");
}

#[test]
fn outputs_exclude_each_other() {
    let ended = Bktec::configured(&["plan", "--json", "--plan-out", "-"], &nobody()).run();
    insta::assert_snapshot!(ended, @"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec plan: invalid configuration:
    --json|--plan-out|--pipeline-upload|--output exactly one of these must be given
    ");
}

#[test]
fn every_unreadable_value_is_told() {
    let ended = Bktec::configured(
        &[
            "run",
            "--retry-count",
            "-1",
            "--upload-results=maybe",
            "--tag",
            "novalue",
            "--oidc-lifetime",
            "2 hours",
        ],
        &nobody(),
    )
    .env("BUILDKITE_PARALLEL_JOB", "two")
    .env("BUILDKITE_TEST_ENGINE_RETRY_COUNT", "-2")
    .env("BUILDKITE_TEST_ENGINE_BASE_URL", "api.example.com")
    .env("BUILDKITE_TEST_ENGINE_DEBUG_ENABLED", "loud")
    .env("BUILDKITE_TEST_ENGINE_TAG_FILTERS", "fast")
    .env("BUILDKITE_TEST_ENGINE_SPLIT_BY_EXAMPLE", "yes please")
    .run();
    insta::assert_snapshot!(ended, @r#"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec run: invalid configuration:
    BUILDKITE_PARALLEL_JOB was "two", must be a whole number (--parallel-job)
    BUILDKITE_RETRY_COUNT was "-1", must be greater than or equal to 0 (--retry-count)
    BUILDKITE_TEST_ENGINE_BASE_URL was "api.example.com", must be a URL such as https://api.example.com (--base-url)
    BUILDKITE_TEST_ENGINE_DEBUG_ENABLED was "loud", must be true or false (--debug)
    BUILDKITE_TEST_ENGINE_OIDC_LIFETIME was "2 hours", must be a duration such as 90s, 2m30s or 1.5h (--oidc-lifetime)
    BUILDKITE_TEST_ENGINE_RETRY_COUNT was "-2", must be greater than or equal to 0 (--test-engine-retry-count)
    BUILDKITE_TEST_ENGINE_SPLIT_BY_EXAMPLE was "yes please", must be true or false (--split-by-example)
    BUILDKITE_TEST_ENGINE_TAGS was ["novalue"], must be KEY=VALUE (--tag)
    BUILDKITE_TEST_ENGINE_TAG_FILTERS is not supported by the jest runner, only by pytest
    BUILDKITE_TEST_ENGINE_UPLOAD_RESULTS was "maybe", must be true or false (--upload-results)
    "#);
}

#[test]
fn an_unknown_runner_lists_the_known_ones() {
    let ended = Bktec::configured(&["run", "--test-runner", "mocha"], &nobody()).run();
    assert_eq!(ended.code, 16);
    let start = "bktec run: invalid configuration:\nBUILDKITE_TEST_ENGINE_TEST_RUNNER unsupported value for BUILDKITE_TEST_ENGINE_TEST_RUNNER \"mocha\", must be one of ";
    assert!(ended.stderr.starts_with(start), "{ended}");
    for runner in ["rspec", "jest", "pytest"] {
        assert!(ended.stderr.contains(runner), "{ended}");
    }
}

#[test]
fn the_node_must_be_one_of_the_nodes() {
    let run = |node: &str, nodes: &str| {
        Bktec::configured(
            &["run", "--parallel-job", node, "--parallelism", nodes],
            &nobody(),
        )
        .run()
        .stderr
    };
    insta::assert_snapshot!(run("2", "2"), @r#"
    bktec run: invalid configuration:
    BUILDKITE_PARALLEL_JOB was "2", must be 0 to 1, below BUILDKITE_PARALLEL_JOB_COUNT (--parallel-job)
    "#);
    insta::assert_snapshot!(run("-1", "2"), @r#"
    bktec run: invalid configuration:
    BUILDKITE_PARALLEL_JOB was "-1", must be 0 to 1, below BUILDKITE_PARALLEL_JOB_COUNT (--parallel-job)
    "#);
    insta::assert_snapshot!(run("0", "0"), @r#"
    bktec run: invalid configuration:
    BUILDKITE_PARALLEL_JOB_COUNT was "0", must be 1 to 1000 (--parallelism)
    "#);
    insta::assert_snapshot!(run("0", "1001"), @r#"
    bktec run: invalid configuration:
    BUILDKITE_PARALLEL_JOB_COUNT was "1001", must be 1 to 1000 (--parallelism)
    "#);
}

#[test]
fn a_variable_that_is_empty_is_not_set() {
    let ended = Bktec::configured(&["run"], &nobody())
        .env("BUILDKITE_TEST_ENGINE_SUITE_SLUG", "")
        .env("BUILDKITE_TEST_ENGINE_RETRY_COUNT", "")
        .env("BUILDKITE_TEST_ENGINE_DEBUG_ENABLED", "")
        .env("BUILDKITE_TEST_ENGINE_RESULT_PATH", "")
        .run();
    insta::assert_snapshot!(ended, @"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec run: invalid configuration:
    BUILDKITE_TEST_ENGINE_RESULT_PATH must not be blank for the jest runner (or give --result-path)
    BUILDKITE_TEST_ENGINE_SUITE_SLUG must not be blank (or give --suite-slug)
    ");
}

#[test]
fn an_option_wins_over_its_variable() {
    let ended = Bktec::configured(&["run", "--parallelism", "0"], &nobody())
        .env("BUILDKITE_PARALLEL_JOB_COUNT", "2")
        .run();
    assert!(
        ended
            .stderr
            .contains("BUILDKITE_PARALLEL_JOB_COUNT was \"0\""),
        "{ended}"
    );
}

#[test]
fn an_identifier_stands_in_for_build_and_step() {
    let ended = Bktec::configured(
        &["run", "--plan-identifier", "x", "--parallelism", "0"],
        &nobody(),
    )
    .without("BUILDKITE_BUILD_ID")
    .without("BUILDKITE_STEP_ID")
    .run();
    insta::assert_snapshot!(ended, @r#"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec run: invalid configuration:
    BUILDKITE_PARALLEL_JOB_COUNT was "0", must be 1 to 1000 (--parallelism)
    "#);
}

#[test]
fn parameters_need_a_strategy() {
    let arguments = [
        "plan",
        "--json",
        "--selection-param",
        "percent=40",
        "--metadata",
        "novalue",
    ];
    let ended = Bktec::configured(&arguments, &nobody())
        .env("BKTEC_PREVIEW_SELECTION", "1")
        .env("BUILDKITE_TEST_ENGINE_SELECTION_STRATEGY", " None ")
        .run();
    insta::assert_snapshot!(ended, @r#"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec plan: invalid configuration:
    --metadata was ["novalue"], must be KEY=VALUE
    --selection-param needs a strategy (give --selection-strategy)
    "#);
}
