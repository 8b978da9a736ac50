//! The options of each subcommand, grouped as help shows them.
//!
//! Only clap structs: each field is an option, its doc comment is its help, its variable is a
//! constant of `env_vars`. All values are text; `settings` gives them meaning.

use clap::Args;

use crate::env_vars;

/// Options of the program itself.
#[derive(Args, Clone, Debug, Default)]
pub struct GlobalArgs {
    /// Print more about what is done
    #[arg(long, global = true, env = env_vars::BUILDKITE_TEST_ENGINE_DEBUG_ENABLED, hide_env_values = true,
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub debug: Option<String>,
    /// A factor for API time budgets; see `cli::test_budget_scale`.
    #[arg(skip)]
    pub time_scale: Option<f64>,
}

/// What the CI says about the build.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Build environment")]
pub struct BuildArgs {
    /// The organization's slug
    #[arg(long, env = env_vars::BUILDKITE_ORGANIZATION_SLUG, hide = true)]
    pub organization_slug: Option<String>,
    /// The build's UUID
    #[arg(long, env = env_vars::BUILDKITE_BUILD_ID, hide = true)]
    pub build_id: Option<String>,
    /// The job's UUID
    #[arg(long, env = env_vars::BUILDKITE_JOB_ID, hide = true)]
    pub job_id: Option<String>,
    /// The step's UUID
    #[arg(long, env = env_vars::BUILDKITE_STEP_ID, hide = true)]
    pub step_id: Option<String>,
    /// The branch that is built
    #[arg(long, env = env_vars::BUILDKITE_BRANCH, hide = true)]
    pub branch: Option<String>,
    /// The commit that is built
    #[arg(long, env = env_vars::BUILDKITE_COMMIT, hide = true)]
    pub commit: Option<String>,
    /// The commit's or the build's message
    #[arg(long, env = env_vars::BUILDKITE_MESSAGE, hide = true)]
    pub message: Option<String>,
    /// The build's number
    #[arg(long, env = env_vars::BUILDKITE_BUILD_NUMBER, hide = true)]
    pub build_number: Option<String>,
    /// The build's page
    #[arg(long, env = env_vars::BUILDKITE_BUILD_URL, hide = true)]
    pub build_url: Option<String>,
    /// How often the CI job was retried
    #[arg(long, env = env_vars::BUILDKITE_RETRY_COUNT, hide = true)]
    pub retry_count: Option<String>,
    /// This job's number among the parallel jobs, from 0
    #[arg(long, env = env_vars::BUILDKITE_PARALLEL_JOB, hide = true)]
    pub parallel_job: Option<String>,
    /// How many parallel jobs there are [default: 1]
    #[arg(long, env = env_vars::BUILDKITE_PARALLEL_JOB_COUNT, value_name = "COUNT")]
    pub parallelism: Option<String>,
}

/// Where the server is and how to speak to it.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Test Engine")]
pub struct EngineArgs {
    /// The token for the plan API; asked of the CI agent when there is none
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN, value_name = "TOKEN")]
    pub access_token: Option<String>,
    /// The token for uploads; asked of the CI agent when there is none
    #[arg(long, env = env_vars::BUILDKITE_ANALYTICS_TOKEN, value_name = "TOKEN", hide = true)]
    pub upload_token: Option<String>,
    /// Upload the result file after every attempt
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_UPLOAD_RESULTS,
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub upload_results: Option<String>,
    /// A tag for uploads (can be repeated; the variable holds several, separated by commas)
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_TAGS, value_name = "KEY=VALUE")]
    pub tag: Vec<String>,
    /// The suite's slug
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_SUITE_SLUG, value_name = "SLUG")]
    pub suite_slug: Option<String>,
    /// Where the plan API is
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_BASE_URL, value_name = "URL", hide = true)]
    pub base_url: Option<String>,
    /// Where the upload API is
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_UPLOAD_BASE_URL, value_name = "URL", hide = true)]
    pub upload_base_url: Option<String>,
    /// Ask the CI agent for tokens that are not set [default: true]
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_OIDC,
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub oidc: Option<String>,
    /// Never ask the CI agent for tokens
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub no_oidc: Option<String>,
    /// How long such a token is good for [default: 2h]
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_OIDC_LIFETIME, value_name = "DURATION")]
    pub oidc_lifetime: Option<String>,
    /// The CI agent's program
    #[arg(long, value_name = "PROGRAM", hide = true)]
    pub buildkite_agent_command: Option<String>,
}

/// What to run, and how.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Test runner")]
pub struct RunnerArgs {
    /// The test runner's name
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_TEST_RUNNER, value_name = "NAME")]
    pub test_runner: Option<String>,
    /// The command that runs tests [default: the runner's]
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_TEST_CMD, value_name = "COMMAND")]
    pub test_command: Option<String>,
    /// The glob pattern of test files [default: the runner's]
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_TEST_FILE_PATTERN, value_name = "GLOB")]
    pub test_file_pattern: Option<String>,
    /// The glob pattern of files and folders to leave out
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_TEST_FILE_EXCLUDE_PATTERN, value_name = "GLOB")]
    pub test_file_exclude_pattern: Option<String>,
    /// Where the runner writes its results
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_RESULT_PATH, value_name = "PATH")]
    pub result_path: Option<String>,
    /// A text file with one test file per line, instead of discovery
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_FILES, value_name = "PATH")]
    pub files: Option<String>,
    /// A text file with one selector per line; wins over --files
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_SELECTOR_FILE, value_name = "PATH")]
    pub selector_file: Option<String>,
    /// Split slow files into their examples
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_SPLIT_BY_EXAMPLE,
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub split_by_example: Option<String>,
    /// Name the targets of a plan request as selectors rather than as files
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_SELECTOR_SPLITTING, hide = true,
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub selector_splitting: Option<String>,
    /// Which tags to run (pytest only)
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_TAG_FILTERS, value_name = "FILTERS")]
    pub tag_filters: Option<String>,
    /// The folder of the project inside its repository
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_LOCATION_PREFIX, value_name = "PREFIX")]
    pub location_prefix: Option<String>,
    /// The same, by the collectors' variable; not an option to type
    #[arg(long = "collector-location-prefix", env = env_vars::BUILDKITE_ANALYTICS_LOCATION_PREFIX, hide = true)]
    pub collector_location_prefix: Option<String>,
    /// How often failed tests are retried [default: 0]
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_RETRY_COUNT, value_name = "COUNT")]
    pub test_engine_retry_count: Option<String>,
    /// The command that retries failed tests [default: the runner's]
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_RETRY_CMD, value_name = "COMMAND")]
    pub retry_command: Option<String>,
    /// Do not retry failed muted tests
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_DISABLE_RETRY_FOR_MUTED_TEST,
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub disable_retry_muted: Option<String>,
}

/// What `run` and `plan` share.
#[derive(Args, Clone, Debug, Default)]
pub struct CommonArgs {
    /// The build.
    #[command(flatten)]
    pub build: BuildArgs,
    /// The server.
    #[command(flatten)]
    pub engine: EngineArgs,
    /// The runner.
    #[command(flatten)]
    pub runner: RunnerArgs,
    /// What names the plan [default: BUILD_ID/STEP_ID]
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_PLAN_IDENTIFIER, value_name = "IDENTIFIER", help_heading = "Plan")]
    pub plan_identifier: Option<String>,
}

/// `bktec run`.
#[derive(Args, Clone, Debug, Default)]
pub struct RunArgs {
    /// What it shares with `plan`.
    #[command(flatten)]
    pub common: CommonArgs,
    /// Fail when this node has no tests
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_FAIL_ON_NO_TESTS, help_heading = "Test runner",
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub fail_on_no_tests: Option<String>,
    /// Fail when a file or test that this node was to run left no results
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_FAIL_ON_MISSING_RESULTS, help_heading = "Test runner",
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub fail_on_missing_results: Option<String>,
    /// Tell the CI early that the job will fail
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_PROMISE_FAILURE, help_heading = "Test Engine",
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub promise_failure: Option<String>,
    /// Write events beside the log: text (none) or json (a line each, to stderr) [default: text]
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_OUTPUT, value_name = "FORMAT", help_heading = "Output")]
    pub output: Option<String>,
    /// Write the events to this file instead
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_OUTPUT_FILE, value_name = "PATH", help_heading = "Output")]
    pub output_file: Option<String>,
}

/// `bktec plan`.
#[derive(Args, Clone, Debug, Default)]
pub struct PlanArgs {
    /// What it shares with `run`.
    #[command(flatten)]
    pub common: CommonArgs,
    /// The most nodes that the server may choose; 0 is off
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_MAX_PARALLELISM, value_name = "COUNT", help_heading = "Plan")]
    pub max_parallelism: Option<String>,
    /// How long each node should take, such as 2m30s; 0 is off
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_TARGET_TIME, value_name = "DURATION", help_heading = "Plan")]
    pub target_time: Option<String>,
    /// Print the plan's identifier and parallelism as one line of JSON
    #[arg(long, help_heading = "Output",
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub json: Option<String>,
    /// Write the whole plan to a file, or to stdout for -
    #[arg(long, value_name = "PATH", help_heading = "Output")]
    pub plan_out: Option<String>,
    /// Upload this pipeline template with the plan's identifier and parallelism in its environment
    #[arg(long, value_name = "TEMPLATE", help_heading = "Output")]
    pub pipeline_upload: Option<String>,
    /// Tell the plan's size to a CI: github (outputs of the step), gitlab (a child pipeline) or circleci
    /// (parameters of the continued pipeline)
    #[arg(long, value_name = "CI", help_heading = "Output")]
    pub output: Option<String>,
    /// Where --output writes to [default: $GITHUB_OUTPUT for github, else stdout]
    #[arg(long, value_name = "PATH", help_heading = "Output")]
    pub output_file: Option<String>,
    /// A file of YAML with the job .bktec, for --output gitlab
    #[arg(long, value_name = "PATH", help_heading = "Output")]
    pub job_template: Option<String>,
}

/// Options that exist only where `BKTEC_PREVIEW_SELECTION` is on.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Preview")]
pub struct PreviewArgs {
    /// Which part of the tests to choose
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_SELECTION_STRATEGY, value_name = "NAME")]
    pub selection_strategy: Option<String>,
    /// A parameter of the strategy (can be repeated)
    #[arg(long, value_name = "KEY=VALUE")]
    pub selection_param: Vec<String>,
    /// Something to tell the server about the commit (can be repeated)
    #[arg(long, value_name = "KEY=VALUE")]
    pub metadata: Vec<String>,
    /// The git remote to compare with [default: origin]
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_REMOTE, value_name = "REMOTE")]
    pub remote: Option<String>,
    /// The pipeline's slug
    #[arg(long, env = env_vars::BUILDKITE_PIPELINE_SLUG, value_name = "SLUG", hide = true)]
    pub pipeline_slug: Option<String>,
    /// Send what git knows of the commit
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_COLLECT_GIT_METADATA,
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub collect_git_metadata: Option<String>,
}
