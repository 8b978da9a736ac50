//! `bktec upload …`: what was typed, and what the CI said in its variables.
//!
//! Only clap structs, like `args`.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::{CiEnvironment, GlobalArgs, Stop, ci_environment, finished, stop, test_budget_scale};
use crate::env_vars;

/// `bktec upload`.
#[derive(Args, Clone, Debug, Default)]
pub struct UploadArgs {
    /// Result files: JUnit XML, Test Engine JSON, go test -json, or another with --format
    #[arg(value_name = "FILE", required = true, num_args = 1.., value_parser = clap::value_parser!(PathBuf))]
    pub files: Vec<PathBuf>,
    /// The files' format: json, junit, rspec-json, jest-json, playwright-json, cucumber-json or
    /// go-jsonl [default: by the name: .xml junit, .json json, .jsonl go-jsonl]
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_UPLOAD_FORMAT, value_name = "FORMAT")]
    pub format: Option<String>,
    /// How long everything may take [default: 5m]
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_UPLOAD_TIMEOUT, value_name = "DURATION")]
    pub timeout: Option<String>,

    /// The suite's token; asked of the CI agent when there is none
    #[arg(long, aliases = ["token", "upload-token"], env = env_vars::BUILDKITE_ANALYTICS_TOKEN, value_name = "TOKEN",
          help_heading = "Test Engine")]
    pub suite_token: Option<String>,
    /// A tag for the results (can be repeated; the variable holds several, separated by commas)
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_TAGS, value_name = "KEY=VALUE", help_heading = "Test Engine")]
    pub tag: Vec<String>,
    /// The folder of the project inside its repository
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_LOCATION_PREFIX, value_name = "PREFIX", help_heading = "Test Engine")]
    pub location_prefix: Option<String>,
    /// The same, by the collectors' variable; not an option to type
    #[arg(long = "collector-location-prefix", env = env_vars::BUILDKITE_ANALYTICS_LOCATION_PREFIX, hide = true)]
    pub collector_location_prefix: Option<String>,
    /// Where the upload API is
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_UPLOAD_BASE_URL, value_name = "URL", hide = true)]
    pub upload_base_url: Option<String>,
    /// The address to send to, path included
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_UPLOAD_URL, value_name = "URL", hide = true)]
    pub upload_url: Option<String>,

    /// The organization's slug, to ask the CI agent for a token
    #[arg(long, env = env_vars::BUILDKITE_ORGANIZATION_SLUG, hide = true)]
    pub organization_slug: Option<String>,
    /// The suite's slug, to ask the CI agent for a token
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_SUITE_SLUG, value_name = "SLUG", help_heading = "Test Engine")]
    pub suite_slug: Option<String>,
    /// Where the plan API is, to ask the CI agent for a token
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_BASE_URL, value_name = "URL", hide = true)]
    pub base_url: Option<String>,
    /// Ask the CI agent for a token that is not set [default: true]
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_OIDC, help_heading = "Test Engine",
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub oidc: Option<String>,
    /// Never ask the CI agent for a token
    #[arg(long, help_heading = "Test Engine",
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub no_oidc: Option<String>,
    /// How long such a token is good for [default: 2h]
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_OIDC_LIFETIME, value_name = "DURATION", help_heading = "Test Engine")]
    pub oidc_lifetime: Option<String>,
    /// The CI agent's program
    #[arg(long, value_name = "PROGRAM", hide = true)]
    pub buildkite_agent_command: Option<String>,

    /// The build's UUID: uploads with the same one are one run
    #[arg(long, env = env_vars::BUILDKITE_BUILD_ID, value_name = "ID", help_heading = "Build [default: what the CI says]")]
    pub build_id: Option<String>,
    /// The build's number
    #[arg(long, env = env_vars::BUILDKITE_BUILD_NUMBER, value_name = "NUMBER", help_heading = "Build [default: what the CI says]")]
    pub build_number: Option<String>,
    /// The build's page
    #[arg(long, env = env_vars::BUILDKITE_BUILD_URL, value_name = "URL", help_heading = "Build [default: what the CI says]")]
    pub build_url: Option<String>,
    /// The job's UUID
    #[arg(long, env = env_vars::BUILDKITE_JOB_ID, value_name = "ID", help_heading = "Build [default: what the CI says]")]
    pub job_id: Option<String>,
    /// The branch
    #[arg(long, env = env_vars::BUILDKITE_BRANCH, value_name = "BRANCH", help_heading = "Build [default: what the CI says]")]
    pub branch: Option<String>,
    /// The commit
    #[arg(long, env = env_vars::BUILDKITE_COMMIT, value_name = "SHA", help_heading = "Build [default: what the CI says]")]
    pub commit: Option<String>,
    /// The commit's or the build's message
    #[arg(long, env = env_vars::BUILDKITE_MESSAGE, value_name = "TEXT", help_heading = "Build [default: what the CI says]")]
    pub message: Option<String>,
}

/// An upload as it was typed.
#[derive(Debug, Default)]
pub struct TypedUpload {
    /// Options of the program.
    pub global: GlobalArgs,
    /// Its own.
    pub own: UploadArgs,
    /// The tags are one text from their variable, separated by commas.
    pub tags_from_variable: bool,
    /// What the CI says.
    pub ci_environment: CiEnvironment,
}

pub(super) fn command() -> Command {
    // The description comes last: the options would put their own in its place.
    let upload = UploadArgs::augment_args(Command::new("upload"))
        .about("Uploads result files of tests that ran already")
        .override_usage("bktec upload [OPTIONS] <FILE>...");
    // A path is taken as it is, and what begins with a hyphen is an option.
    finished(upload).mut_arg("files", |files| {
        files
            .value_parser(clap::value_parser!(PathBuf))
            .allow_hyphen_values(false)
    })
}

pub(super) fn parse(matches: &ArgMatches) -> Result<TypedUpload, Stop> {
    let read = || -> Result<TypedUpload, clap::Error> {
        Ok(TypedUpload {
            global: GlobalArgs {
                time_scale: Some(test_budget_scale()),
                ..GlobalArgs::from_arg_matches(matches)?
            },
            own: UploadArgs::from_arg_matches(matches)?,
            tags_from_variable: matches.value_source("tag") == Some(ValueSource::EnvVariable),
            ci_environment: ci_environment::ci_environment(),
        })
    };
    read().map_err(|error| stop(&error))
}
