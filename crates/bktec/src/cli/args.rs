//! The options of each subcommand, grouped as in the help.
//!
//! A field is an option: its doc comment is the help, its type says how the value is read. What
//! holds for all options of a type (such as `--flag[=BOOL]`) is added by `cli::finished`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use secrecy::SecretString;

use super::choices::{Fallback, UnplannedTargets};
use super::option::Opt;
use super::selection_args::SelectionArgs;
use super::values::BaseUrl;
use crate::env_vars as var;
use crate::result_format::ResultFormat;

#[derive(Args, Clone, Debug)]
pub struct GlobalArgs {
    /// Print debug output
    #[arg(long, global = true, env = var::BUILDKITE_TEST_ENGINE_DEBUG_ENABLED)]
    pub debug: Opt<bool>,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = super::BUILD_HEADING)]
pub struct BuildArgs {
    /// Build ID; uploads with the same one belong to the same run
    #[arg(long, env = var::BUILDKITE_BUILD_ID, value_name = "ID", hide = true)]
    pub build_id: Opt<String>,
    /// Job ID
    #[arg(long, env = var::BUILDKITE_JOB_ID, value_name = "ID", hide = true)]
    pub job_id: Opt<String>,
    /// Branch
    #[arg(long, env = var::BUILDKITE_BRANCH, hide = true)]
    pub branch: Opt<String>,
    /// Commit
    #[arg(long, env = var::BUILDKITE_COMMIT, value_name = "SHA", hide = true)]
    pub commit: Opt<String>,
    /// Commit or build message
    #[arg(long, env = var::BUILDKITE_MESSAGE, value_name = "TEXT", hide = true)]
    pub message: Opt<String>,
    /// Build number
    #[arg(long, env = var::BUILDKITE_BUILD_NUMBER, value_name = "NUMBER", hide = true)]
    pub build_number: Opt<String>,
    /// Build URL
    #[arg(long, env = var::BUILDKITE_BUILD_URL, value_name = "URL", hide = true)]
    pub build_url: Opt<String>,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = super::BUILD_HEADING)]
pub struct NodeArgs {
    /// Step ID
    #[arg(long, env = var::BUILDKITE_STEP_ID, value_name = "ID", hide = true)]
    pub step_id: Opt<String>,
    /// How many times the CI job was retried [default: 0]
    #[arg(long, env = var::BUILDKITE_RETRY_COUNT, value_name = "COUNT", hide = true)]
    pub retry_count: Opt<i64>,
    /// Index of this job among the parallel jobs, from 0 [default: 0]
    #[arg(long, env = var::BUILDKITE_PARALLEL_JOB, value_name = "INDEX", hide = true)]
    pub parallel_job: Opt<i64>,
    /// Number of parallel jobs [default: 1]
    #[arg(long, env = var::BUILDKITE_PARALLEL_JOB_COUNT, value_name = "COUNT")]
    pub parallelism: Opt<i64>,
}

/// The suite, and how to fetch a token for it that is not set.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Test Engine")]
pub struct TokenArgs {
    /// Organization slug
    #[arg(long, env = var::BUILDKITE_ORGANIZATION_SLUG, value_name = "SLUG", hide = true)]
    pub organization_slug: Opt<String>,
    /// Suite slug
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_SUITE_SLUG, value_name = "SLUG")]
    pub suite_slug: Opt<String>,
    /// URL of the API [default: https://api.buildkite.com]
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_BASE_URL, value_name = "URL", hide = true)]
    pub base_url: Opt<BaseUrl>,
    /// Fetch tokens that are not set from the Buildkite agent (OIDC) [default: true]
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_OIDC)]
    pub oidc: Opt<bool>,
    /// Never fetch tokens from the Buildkite agent
    #[arg(long)]
    pub no_oidc: Opt<bool>,
    /// Lifetime of fetched tokens [default: 2h]
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_OIDC_LIFETIME, value_name = "DURATION")]
    pub oidc_lifetime: Opt<Duration>,
    /// Path of the Buildkite agent [default: buildkite-agent]
    #[arg(long, value_name = "PROGRAM", hide = true)]
    pub buildkite_agent_command: Opt<String>,
}

/// How uploaded results are described, and where they are sent.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Test Engine")]
pub struct ResultArgs {
    /// Tag for uploaded results (repeatable; the variable takes a comma-separated list)
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_TAGS, value_name = "KEY=VALUE")]
    pub tag: Vec<Opt<String>>,
    /// Path from the repository root to the project
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_LOCATION_PREFIX, value_name = "PREFIX")]
    pub location_prefix: Opt<String>,
    /// Fallback for --location-prefix; set by variable only
    #[arg(long, env = var::BUILDKITE_ANALYTICS_LOCATION_PREFIX, hide = true)]
    pub collector_location_prefix: Opt<String>,
    /// URL of the upload API [default: https://analytics-api.buildkite.com]
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_UPLOAD_BASE_URL, value_name = "URL", hide = true)]
    pub upload_base_url: Opt<BaseUrl>,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Test Engine")]
pub struct EngineArgs {
    /// Token for the plan API [default: fetched from the Buildkite agent]
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN, value_name = "TOKEN")]
    pub access_token: Opt<SecretString>,
    /// Token for uploads [default: fetched from the Buildkite agent]
    #[arg(long, env = var::BUILDKITE_ANALYTICS_TOKEN, value_name = "TOKEN", hide = true)]
    pub upload_token: Opt<SecretString>,
    /// Upload the result file after every attempt
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_UPLOAD_RESULTS)]
    pub upload_results: Opt<bool>,
    #[command(flatten)]
    pub tokens: TokenArgs,
    #[command(flatten)]
    pub results: ResultArgs,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Test runner")]
pub struct RunnerArgs {
    /// Test runner
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_TEST_RUNNER, value_name = "NAME")]
    pub test_runner: Opt<String>,
    /// Command that runs tests [default: depends on the runner]
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_TEST_CMD, value_name = "COMMAND")]
    pub test_command: Opt<String>,
    /// Glob pattern of test files [default: depends on the runner]
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_TEST_FILE_PATTERN, value_name = "GLOB")]
    pub test_file_pattern: Opt<String>,
    /// Glob pattern of files and directories to exclude
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_TEST_FILE_EXCLUDE_PATTERN, value_name = "GLOB")]
    pub test_file_exclude_pattern: Opt<String>,
    /// Fail before any test if the file pattern misses files that the runner takes tests from
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_STRICT_DISCOVERY)]
    pub strict_discovery: Opt<bool>,
    /// File that the runner writes its results to
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_RESULT_PATH, value_name = "PATH")]
    pub result_path: Opt<String>,
    /// Text file with one test file per line; replaces discovery
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_FILES, value_name = "PATH")]
    pub files: Opt<PathBuf>,
    /// Text file with one selector per line; overrides --files
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_SELECTOR_FILE, value_name = "PATH")]
    pub selector_file: Opt<PathBuf>,
    /// Split slow files into their examples
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_SPLIT_BY_EXAMPLE)]
    pub split_by_example: Opt<bool>,
    /// Send targets as selectors in plan requests; false sends files [default: true]
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_SELECTOR_SPLITTING, hide = true)]
    pub selector_splitting: Opt<bool>,
    /// Run only tests with these tags (pytest only)
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_TAG_FILTERS, value_name = "FILTERS")]
    pub tag_filters: Opt<String>,
    /// Maximum number of retries of failed tests [default: 0]
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_RETRY_COUNT, value_name = "COUNT")]
    pub test_engine_retry_count: Opt<i64>,
    /// Command that retries failed tests [default: depends on the runner]
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_RETRY_CMD, value_name = "COMMAND")]
    pub retry_command: Opt<String>,
    /// Do not retry failed muted tests
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_DISABLE_RETRY_FOR_MUTED_TEST)]
    pub disable_retry_muted: Opt<bool>,
}

/// The options of both `run` and `plan`.
#[derive(Args, Clone, Debug)]
pub struct CommonArgs {
    #[command(flatten)]
    pub build: BuildArgs,
    #[command(flatten)]
    pub node: NodeArgs,
    #[command(flatten)]
    pub engine: EngineArgs,
    #[command(flatten)]
    pub runner: RunnerArgs,
    /// Name of the plan, the same on every node [default: BUILD_ID/STEP_ID]
    #[arg(
        long,
        env = var::BUILDKITE_TEST_ENGINE_PLAN_IDENTIFIER,
        value_name = "IDENTIFIER",
        help_heading = "Plan"
    )]
    pub plan_identifier: Opt<String>,
}

/// Where a node's share comes from, and what happens to tests that are in no share.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Plan")]
pub struct ShareArgs {
    /// Plan that `bktec plan --plan-out` wrote; no plan is requested from the server
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_PLAN_FILE, value_name = "PATH")]
    pub plan_file: Opt<PathBuf>,
    /// Without a plan: split (this node's share of a split by number), all (every test) or fail
    /// [default: split]
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_FALLBACK, value_name = "MODE")]
    pub fallback: Opt<Fallback>,
    /// Tests that this node finds and the plan lacks: run, warn or fail [default: warn]
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_ON_UNPLANNED_TARGETS, value_name = "ACTION")]
    pub on_unplanned_targets: Opt<UnplannedTargets>,
}

/// The report of this node that `bktec verify` reads.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Node report")]
pub struct ReportArgs {
    /// Directory for this node's report, which bktec verify reads
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_REPORT_DIR, value_name = "PATH")]
    pub report_dir: Opt<PathBuf>,
    /// Name of this leg of a build matrix, if several legs share a plan; each must run all of it
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_GROUP, value_name = "NAME")]
    pub group: Opt<String>,
}

#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    #[command(flatten)]
    pub common: CommonArgs,
    #[command(flatten)]
    pub share: ShareArgs,
    #[command(flatten)]
    pub report: ReportArgs,
    /// Fail if this node has no tests
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_FAIL_ON_NO_TESTS, help_heading = "Test runner")]
    pub fail_on_no_tests: Opt<bool>,
    /// Fail if a file or test assigned to this node has no results
    #[arg(
        long,
        env = var::BUILDKITE_TEST_ENGINE_FAIL_ON_MISSING_RESULTS,
        help_heading = "Test runner"
    )]
    pub fail_on_missing_results: Opt<bool>,
    /// Accept missing or incomplete results after exit code 0, and mutes without proof that all
    /// tests ran
    #[arg(
        long,
        env = var::BUILDKITE_TEST_ENGINE_ALLOW_MISSING_RESULTS,
        help_heading = "Test runner"
    )]
    pub allow_missing_results: Opt<bool>,
    /// Pass if the runner exits with code 0, whatever its results say
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_TRUST_EXIT_CODE, help_heading = "Test runner")]
    pub trust_exit_code: Opt<bool>,
    /// Report the job's failure to Buildkite before the job ends
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_PROMISE_FAILURE, help_heading = "Test Engine")]
    pub promise_failure: Opt<bool>,
    /// Event format: text (no events) or json (one event per line, on stderr) [default: text]
    #[arg(
        long,
        env = var::BUILDKITE_TEST_ENGINE_OUTPUT,
        value_name = "FORMAT",
        help_heading = "Output"
    )]
    pub output: Opt<String>,
    /// Write events to this file instead of stderr
    #[arg(
        long,
        env = var::BUILDKITE_TEST_ENGINE_OUTPUT_FILE,
        value_name = "PATH",
        help_heading = "Output"
    )]
    pub output_file: Opt<PathBuf>,
    #[command(flatten)]
    pub selection: SelectionArgs,
}

#[derive(Args, Clone, Debug)]
pub struct PlanArgs {
    #[command(flatten)]
    pub common: CommonArgs,
    /// Let the server choose up to this many nodes; 0 turns this off [default: 0]
    #[arg(
        long,
        env = var::BUILDKITE_TEST_ENGINE_MAX_PARALLELISM,
        value_name = "COUNT",
        help_heading = "Plan"
    )]
    pub max_parallelism: Opt<i64>,
    /// Target duration of each node, such as 2m30s; 0 turns this off [default: 0]
    #[arg(
        long,
        env = var::BUILDKITE_TEST_ENGINE_TARGET_TIME,
        value_name = "DURATION",
        help_heading = "Plan"
    )]
    pub target_time: Opt<Duration>,
    /// Print the plan's identifier and parallelism as one line of JSON
    #[arg(long, help_heading = "Output")]
    pub json: Opt<bool>,
    /// Write the whole plan to a file, or to stdout if PATH is -
    #[arg(long, value_name = "PATH", help_heading = "Output")]
    pub plan_out: Opt<PathBuf>,
    /// Upload this pipeline template with the plan's identifier and parallelism set as variables
    #[arg(long, value_name = "TEMPLATE", help_heading = "Output")]
    pub pipeline_upload: Opt<String>,
    /// Pass the plan to a CI: github (step outputs), gitlab (child pipeline) or circleci (pipeline
    /// parameters)
    #[arg(long, value_name = "CI", help_heading = "Output")]
    pub output: Opt<String>,
    /// File for --output [default: $GITHUB_OUTPUT for github, otherwise stdout]
    #[arg(long, value_name = "PATH", help_heading = "Output")]
    pub output_file: Opt<PathBuf>,
    /// YAML file that defines the job .bktec, for --output gitlab
    #[arg(long, value_name = "PATH", help_heading = "Output")]
    pub job_template: Opt<PathBuf>,
    #[command(flatten)]
    pub selection: SelectionArgs,
}

#[derive(Args, Clone, Debug)]
pub struct UploadArgs {
    /// Result files, directories, globs, or - for stdin; gzip-compressed files end in .gz
    #[arg(value_name = "FILE", required = true, num_args = 1..)]
    pub files: Vec<PathBuf>,
    #[arg(
        long,
        env = var::BUILDKITE_TEST_ENGINE_UPLOAD_FORMAT,
        value_name = "FORMAT",
        help = ResultFormat::help()
    )]
    pub format: Opt<ResultFormat>,
    /// Directory that paths in the files are relative to [default: the working directory]
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_UPLOAD_ROOT, value_name = "DIR")]
    pub root: Opt<PathBuf>,
    /// Time limit for all uploads together [default: 5m]
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_UPLOAD_TIMEOUT, value_name = "DURATION")]
    pub timeout: Opt<Duration>,
    /// Suite token [default: fetched from the Buildkite agent]
    #[arg(
        long,
        aliases = ["token", "upload-token"],
        env = var::BUILDKITE_ANALYTICS_TOKEN,
        value_name = "TOKEN",
        help_heading = "Test Engine"
    )]
    pub suite_token: Opt<SecretString>,
    #[command(flatten)]
    pub tokens: TokenArgs,
    #[command(flatten)]
    pub results: ResultArgs,
    /// URL to upload to, including the path
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_UPLOAD_URL, value_name = "URL", hide = true)]
    pub upload_url: Opt<BaseUrl>,
    #[command(flatten)]
    pub build: BuildArgs,
}

#[derive(Args, Clone, Debug)]
pub struct VerifyArgs {
    #[command(flatten)]
    pub common: CommonArgs,
    /// Node reports of bktec run --report-dir: files, directories or globs (repeatable)
    /// [default: those that the server has]
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub reports: Vec<Opt<String>>,
    /// Plan of the reports, written by bktec plan --plan-out
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_PLAN_FILE, value_name = "PATH")]
    pub plan_file: Opt<PathBuf>,
    /// Also send the --reports to the server, and use its verdict
    #[arg(long)]
    pub server: Opt<bool>,
    /// Run on this machine what is missing, with the settings of bktec run, then verify again
    #[arg(long)]
    pub run_missing: Opt<bool>,
    /// Number of plans that the build must have, at least [default: 1]
    #[arg(long, value_name = "N")]
    pub plans: Opt<i64>,
    /// Leg of the build matrix that must have run (repeatable)
    #[arg(
        long = "group",
        env = var::BUILDKITE_TEST_ENGINE_GROUP,
        value_name = "NAME",
        help_heading = "Node report"
    )]
    pub groups: Vec<Opt<String>>,
    /// Directory for the report of --run-missing, which later calls read
    #[arg(
        long,
        env = var::BUILDKITE_TEST_ENGINE_REPORT_DIR,
        value_name = "PATH",
        help_heading = "Node report"
    )]
    pub report_dir: Opt<PathBuf>,
    /// Wait up to this long for nodes that have not reported their end [default: 0]
    #[arg(long, value_name = "DURATION")]
    pub wait: Opt<Duration>,
    /// Fail if a test has no result that had one in earlier builds
    #[arg(long)]
    pub fail_on_vanished: Opt<bool>,
    /// Output format: text, markdown or json [default: text]
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    pub output: Opt<String>,
    /// Append the verdict to this file, as Markdown
    #[arg(long, value_name = "PATH", help_heading = "Output")]
    pub summary_file: Opt<PathBuf>,
}

#[derive(Args, Clone, Debug)]
pub struct SummaryArgs {
    /// Build ID [default: detected from the CI]
    #[arg(long, env = var::BUILDKITE_BUILD_ID, value_name = "ID")]
    pub build_id: Opt<String>,
    /// API token with the scope read_suites [default: fetched from the Buildkite agent]
    #[arg(
        long,
        env = var::BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN,
        value_name = "TOKEN",
        help_heading = "Test Engine"
    )]
    pub access_token: Opt<SecretString>,
    #[command(flatten)]
    pub tokens: TokenArgs,
    /// Append the summary to this file instead of printing it
    #[arg(long, value_name = "PATH", help_heading = "Output")]
    pub summary_file: Opt<PathBuf>,
}

#[derive(Args, Clone, Debug)]
pub struct BackfillArgs {
    /// API token with the scope read_suites, and write_suites to upload [default: fetched from the
    /// Buildkite agent]
    #[arg(
        long,
        env = var::BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN,
        value_name = "TOKEN",
        help_heading = "Test Engine"
    )]
    pub access_token: Opt<SecretString>,
    #[command(flatten)]
    pub tokens: TokenArgs,
    /// Days of history to collect, 1 to 90 [default: 90]
    #[arg(
        long,
        env = var::BUILDKITE_TEST_ENGINE_BACKFILL_DAYS,
        value_name = "DAYS",
        help_heading = "Collection"
    )]
    pub days: Opt<i64>,
    /// Git remote to fetch from and compare with [default: origin]
    #[arg(
        long,
        env = var::BUILDKITE_TEST_ENGINE_REMOTE,
        value_name = "REMOTE",
        help_heading = "Collection"
    )]
    pub remote: Opt<String>,
    /// Fallback for --remote; set by variable only
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_BACKFILL_REMOTE, hide = true)]
    pub backfill_remote: Opt<String>,
    /// Maximum number of concurrent git processes that compute diffs [default: 10]
    #[arg(
        long,
        env = var::BUILDKITE_TEST_ENGINE_BACKFILL_CONCURRENCY,
        value_name = "COUNT",
        help_heading = "Collection"
    )]
    pub concurrency: Opt<i64>,
    /// Leave out patches
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_SKIP_DIFFS, help_heading = "Collection")]
    pub skip_diffs: Opt<bool>,
    /// Write the archive to this file instead of uploading it
    #[arg(long, value_name = "FILE", help_heading = "Archive")]
    pub output: Opt<PathBuf>,
    /// Upload this archive instead of collecting one
    #[arg(long, value_name = "FILE", help_heading = "Archive")]
    pub upload: Opt<PathBuf>,
}
