//! Invalid settings are reported together, in one form, before anything else happens.

use rstest::rstest;

use crate::bktec::Bktec;
use test_engine_testkit::NO_SERVER;

#[test]
fn reports_missing_settings_together() {
    let ended = Bktec::bare(&["run"]).run();
    insta::assert_snapshot!(ended.wrapped(), @"
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
fn validates_options_of_plan() {
    let ended = Bktec::configured(&["plan"], NO_SERVER)
        .env("BUILDKITE_TEST_ENGINE_TARGET_TIME", "25h")
        .env("BUILDKITE_TEST_ENGINE_MAX_PARALLELISM", "1001")
        .env("BUILDKITE_PARALLEL_JOB_COUNT", "0")
        .run();
    insta::assert_snapshot!(ended.wrapped(), @r#"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec plan: invalid configuration:
    --json, --plan-out, --pipeline-upload or --output is required
    BUILDKITE_PARALLEL_JOB_COUNT was "0", must be 1 to 1000 (--parallelism)
    BUILDKITE_TEST_ENGINE_MAX_PARALLELISM was "1001", must be 0 to 1000 (--max-parallelism)
    BUILDKITE_TEST_ENGINE_TARGET_TIME was "25h", must be more than 0s and at most 24h
      (--target-time)
    "#);
}

#[test]
fn target_time_requires_max_parallelism() {
    let ended = Bktec::configured(&["plan", "--json", "--target-time", "2m30s"], NO_SERVER).run();
    insta::assert_snapshot!(ended.wrapped(), @"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec plan: invalid configuration:
    BUILDKITE_TEST_ENGINE_TARGET_TIME requires --max-parallelism
    ");
}

#[test]
fn rejects_two_outputs() {
    let ended = Bktec::configured(&["plan", "--json", "--plan-out", "-"], NO_SERVER).run();
    insta::assert_snapshot!(ended.wrapped(), @"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec plan: invalid configuration:
    --json and --plan-out cannot be used together
    ");
}

#[test]
fn reports_all_invalid_values_together() {
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
        NO_SERVER,
    )
    .env("BUILDKITE_PARALLEL_JOB", "two")
    .env("BUILDKITE_TEST_ENGINE_RETRY_COUNT", "-2")
    .env("BUILDKITE_TEST_ENGINE_BASE_URL", "api.example.com")
    .env("BUILDKITE_TEST_ENGINE_DEBUG_ENABLED", "loud")
    .env("BUILDKITE_TEST_ENGINE_TAG_FILTERS", "fast")
    .env("BUILDKITE_TEST_ENGINE_SPLIT_BY_EXAMPLE", "yes please")
    .run();
    insta::assert_snapshot!(ended.wrapped(), @r#"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec run: invalid configuration:
    BUILDKITE_PARALLEL_JOB was "two", must be a whole number (--parallel-job)
    BUILDKITE_RETRY_COUNT was "-1", must be greater than or equal to 0 (--retry-count)
    BUILDKITE_TEST_ENGINE_BASE_URL was "api.example.com", must be a URL such as
      https://api.example.com (--base-url)
    BUILDKITE_TEST_ENGINE_DEBUG_ENABLED was "loud", must be true or false (--debug)
    BUILDKITE_TEST_ENGINE_OIDC_LIFETIME was "2 hours", must be a duration such as 90s, 2m30s
      or 1.5h (--oidc-lifetime)
    BUILDKITE_TEST_ENGINE_RETRY_COUNT was "-2", must be greater than or equal to 0
      (--test-engine-retry-count)
    BUILDKITE_TEST_ENGINE_SPLIT_BY_EXAMPLE was "yes please", must be true or false
      (--split-by-example)
    BUILDKITE_TEST_ENGINE_TAGS was "novalue", must be KEY=VALUE (--tag)
    BUILDKITE_TEST_ENGINE_TAG_FILTERS is not supported by the jest runner, only by pytest
    BUILDKITE_TEST_ENGINE_UPLOAD_RESULTS was "maybe", must be true or false
      (--upload-results)
    "#);
}

#[test]
fn unknown_runner_lists_supported_runners() {
    let ended = Bktec::configured(&["run", "--test-runner", "mocha"], NO_SERVER).run();
    insta::assert_snapshot!(ended.wrapped(), @r#"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec run: invalid configuration:
    unsupported value for BUILDKITE_TEST_ENGINE_TEST_RUNNER "mocha", must be one of rspec,
      jest, vitest, playwright, cypress, pytest, pytest-pants, gotest, cucumber, custom
      (--test-runner)
    "#);
    let ended = Bktec::configured(&["run", "--test-runner", "pytests"], NO_SERVER).run();
    assert!(
        ended.stderr.ends_with("\nhint: did you mean pytest?\n"),
        "{ended}"
    );
}

#[test]
fn node_index_must_be_below_the_count() {
    let run = |node: &str, nodes: &str| {
        Bktec::configured(
            &["run", "--parallel-job", node, "--parallelism", nodes],
            NO_SERVER,
        )
        .run()
        .wrapped_stderr()
    };
    insta::assert_snapshot!(run("2", "2"), @r#"
    bktec run: invalid configuration:
    BUILDKITE_PARALLEL_JOB was "2", must be 0 to 1, below BUILDKITE_PARALLEL_JOB_COUNT
      (--parallel-job)
    "#);
    insta::assert_snapshot!(run("-1", "2"), @r#"
    bktec run: invalid configuration:
    BUILDKITE_PARALLEL_JOB was "-1", must be 0 to 1, below BUILDKITE_PARALLEL_JOB_COUNT
      (--parallel-job)
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
fn empty_variable_counts_as_not_set() {
    let ended = Bktec::configured(&["run"], NO_SERVER)
        .env("BUILDKITE_TEST_ENGINE_SUITE_SLUG", "")
        .env("BUILDKITE_TEST_ENGINE_RETRY_COUNT", "")
        .env("BUILDKITE_TEST_ENGINE_DEBUG_ENABLED", "")
        .env("BUILDKITE_TEST_ENGINE_RESULT_PATH", "")
        .run();
    insta::assert_snapshot!(ended.wrapped(), @"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec run: invalid configuration:
    BUILDKITE_TEST_ENGINE_RESULT_PATH must not be blank for the jest runner (or give
      --result-path)
    BUILDKITE_TEST_ENGINE_SUITE_SLUG must not be blank (or give --suite-slug)
    ");
}

#[test]
fn option_wins_over_its_variable() {
    let ended = Bktec::configured(&["run", "--parallelism", "0"], NO_SERVER)
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
fn identifier_replaces_build_and_step() {
    let ended = Bktec::configured(
        &["run", "--plan-identifier", "x", "--parallelism", "0"],
        NO_SERVER,
    )
    .without("BUILDKITE_BUILD_ID")
    .without("BUILDKITE_STEP_ID")
    .run();
    insta::assert_snapshot!(ended.wrapped(), @r#"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec run: invalid configuration:
    BUILDKITE_PARALLEL_JOB_COUNT was "0", must be 1 to 1000 (--parallelism)
    "#);
}

#[test]
fn selection_params_require_a_strategy() {
    let arguments = [
        "plan",
        "--json",
        "--selection-param",
        "percent=40",
        "--metadata",
        "novalue",
    ];
    let ended = Bktec::configured(&arguments, NO_SERVER)
        .env("BUILDKITE_TEST_ENGINE_SELECTION_STRATEGY", " None ")
        .run();
    insta::assert_snapshot!(ended.wrapped(), @r#"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec plan: invalid configuration:
    --metadata was "novalue", must be KEY=VALUE
    --selection-param requires --selection-strategy
    "#);
}

/// Every problem that no other test covers. The second argument lists variables.
#[rstest]
#[case::blank_organization(
    &["run"],
    &[("BUILDKITE_ORGANIZATION_SLUG", "  ")],
    "BUILDKITE_ORGANIZATION_SLUG must not be blank (or give --organization-slug)"
)]
#[case::blank_suite(
    &["plan", "--json"],
    &[("BUILDKITE_TEST_ENGINE_SUITE_SLUG", " ")],
    "BUILDKITE_TEST_ENGINE_SUITE_SLUG must not be blank (or give --suite-slug)"
)]
#[case::blank_runner(
    &["plan", "--json"],
    &[("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "\t")],
    "BUILDKITE_TEST_ENGINE_TEST_RUNNER must not be blank (or give --test-runner)"
)]
#[case::no_build(
    &["plan", "--json"],
    &[("BUILDKITE_BUILD_ID", "")],
    "BUILDKITE_BUILD_ID must not be blank (or give --plan-identifier, the same on every node)"
)]
#[case::no_step(
    &["run"],
    &[("BUILDKITE_STEP_ID", "")],
    "BUILDKITE_STEP_ID must not be blank (or give --plan-identifier, the same on every node)"
)]
#[case::blank_identifier(
    &["run", "--plan-identifier", " "],
    &[("BUILDKITE_STEP_ID", "")],
    "BUILDKITE_STEP_ID must not be blank (or give --plan-identifier, the same on every node)"
)]
#[case::retries_of_the_job(
    &["run"],
    &[("BUILDKITE_RETRY_COUNT", "-1")],
    "BUILDKITE_RETRY_COUNT was \"-1\", must be greater than or equal to 0 (--retry-count)"
)]
#[case::retries(
    &["plan", "--json"],
    &[("BUILDKITE_TEST_ENGINE_RETRY_COUNT", "-1")],
    "BUILDKITE_TEST_ENGINE_RETRY_COUNT was \"-1\", must be greater than or equal to 0 \
     (--test-engine-retry-count)"
)]
#[case::custom_without_a_command(
    &["run"],
    &[
        ("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "custom"),
        ("BUILDKITE_TEST_ENGINE_TEST_CMD", ""),
        ("BUILDKITE_TEST_ENGINE_TEST_FILE_PATTERN", "**/*"),
    ],
    "BUILDKITE_TEST_ENGINE_TEST_CMD must not be blank for the custom runner (or give \
     --test-command)"
)]
#[case::custom_without_a_pattern(
    &["run"],
    &[("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "custom"), ("BUILDKITE_TEST_ENGINE_FILES", "list")],
    "BUILDKITE_TEST_ENGINE_TEST_FILE_PATTERN must not be blank for the custom runner (or give \
     --test-file-pattern, or a list with --selector-file)"
)]
#[case::result_path_of_rspec(
    &["run"],
    &[("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "rspec"), ("BUILDKITE_TEST_ENGINE_RESULT_PATH", "")],
    "BUILDKITE_TEST_ENGINE_RESULT_PATH must not be blank for the rspec runner (or give \
     --result-path)"
)]
#[case::result_path_of_vitest(
    &["run"],
    &[
        ("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "vitest"),
        ("BUILDKITE_TEST_ENGINE_RESULT_PATH", ""),
    ],
    "BUILDKITE_TEST_ENGINE_RESULT_PATH must not be blank for the vitest runner (or give \
     --result-path)"
)]
#[case::result_path_of_playwright(
    &["run"],
    &[
        ("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "playwright"),
        ("BUILDKITE_TEST_ENGINE_RESULT_PATH", ""),
    ],
    "BUILDKITE_TEST_ENGINE_RESULT_PATH must not be blank for the playwright runner (or give \
     --result-path)"
)]
#[case::result_path_of_gotest(
    &["run"],
    &[
        ("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "gotest"),
        ("BUILDKITE_TEST_ENGINE_RESULT_PATH", ""),
    ],
    "BUILDKITE_TEST_ENGINE_RESULT_PATH must not be blank for the gotest runner (or give \
     --result-path)"
)]
#[case::result_path_of_cucumber(
    &["run"],
    &[
        ("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "cucumber"),
        ("BUILDKITE_TEST_ENGINE_RESULT_PATH", ""),
    ],
    "BUILDKITE_TEST_ENGINE_RESULT_PATH must not be blank for the cucumber runner (or give \
     --result-path)"
)]
#[case::no_node(
    &["run"],
    &[("BUILDKITE_PARALLEL_JOB", "")],
    "BUILDKITE_PARALLEL_JOB must not be blank if BUILDKITE_PARALLEL_JOB_COUNT is 2 (or give \
     --parallel-job)"
)]
#[case::maximum_below_zero(
    &["plan", "--json"],
    &[("BUILDKITE_TEST_ENGINE_MAX_PARALLELISM", "-1")],
    "BUILDKITE_TEST_ENGINE_MAX_PARALLELISM was \"-1\", must be 0 to 1000 (--max-parallelism)"
)]
#[case::target_below_zero(
    &["plan", "--json"],
    &[
        ("BUILDKITE_TEST_ENGINE_MAX_PARALLELISM", "9"),
        ("BUILDKITE_TEST_ENGINE_TARGET_TIME", "-1s"),
    ],
    "BUILDKITE_TEST_ENGINE_TARGET_TIME was \"-1s\", must be a duration such as 90s, 2m30s or \
     1.5h (--target-time)"
)]
#[case::nodes_below_zero(
    &["plan", "--json"],
    &[("BUILDKITE_TEST_ENGINE_MAX_PARALLELISM", "9"), ("BUILDKITE_PARALLEL_JOB_COUNT", "-1")],
    "BUILDKITE_PARALLEL_JOB_COUNT was \"-1\", must be 0 to 1000 (--parallelism)"
)]
#[case::plan_without_a_token(
    &["plan", "--json"],
    &[("BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN", "")],
    "BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN must not be blank (or give --access-token), since \
     OIDC is off"
)]
fn reports_each_problem(
    #[case] arguments: &[&str],
    #[case] variables: &[(&str, &str)],
    #[case] line: &str,
) {
    let mut bktec = Bktec::configured(arguments, NO_SERVER);
    for (name, value) in variables {
        bktec = bktec.env(name, value);
    }
    let ended = bktec.run();
    let stderr = format!("bktec {}: invalid configuration:\n{line}\n", arguments[0]);
    assert_eq!(
        (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
        (16, "", stderr.as_str())
    );
}

#[rstest]
#[case::no_results_without_a_run(&["plan", "--json"], &[("BUILDKITE_TEST_ENGINE_RESULT_PATH", "")])]
#[case::a_maximum_without_nodes(
    &["plan", "--json", "--max-parallelism", "9"],
    &[("BUILDKITE_PARALLEL_JOB_COUNT", "0")]
)]
#[case::the_longest_target(
    &["plan", "--json", "--max-parallelism", "1000", "--target-time", "24h"],
    &[]
)]
#[case::no_target(&["plan", "--json"], &[("BUILDKITE_TEST_ENGINE_TARGET_TIME", "0s")])]
#[case::the_most_nodes(&["run", "--parallel-job", "999", "--parallelism", "1000"], &[])]
#[case::custom_with_selectors(
    &["run", "--selector-file", "list"],
    &[
        ("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "custom"),
        ("BUILDKITE_TEST_ENGINE_TEST_CMD", "true {{testExamples}}"),
    ]
)]
fn accepts_valid_edge_cases(#[case] arguments: &[&str], #[case] variables: &[(&str, &str)]) {
    let mut bktec = Bktec::configured(arguments, NO_SERVER).file("list", "one\n");
    for (name, value) in variables {
        bktec = bktec.env(name, value);
    }
    let ended = bktec.run();
    assert_eq!(ended.code, 0, "{ended}");
}
