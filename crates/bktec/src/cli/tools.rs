//! `bktec tools …`: commands for setting up, hidden from help unless the preview is on.
//!
//! Only clap structs, like `args`.

use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::{GlobalArgs, Stop, finished, stop, test_budget_scale};
use crate::env_vars;

/// The name of the one tool.
const BACKFILL: &str = "backfill-commit-metadata";

/// `bktec tools backfill-commit-metadata`.
#[derive(Args, Clone, Debug, Default)]
pub struct BackfillArgs {
    /// The organization's slug
    #[arg(long, env = env_vars::BUILDKITE_ORGANIZATION_SLUG, value_name = "SLUG", help_heading = "Test Engine")]
    pub organization_slug: Option<String>,
    /// The suite's slug
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_SUITE_SLUG, value_name = "SLUG", help_heading = "Test Engine")]
    pub suite_slug: Option<String>,
    /// The API token: read_suites, and write_suites to upload; asked of the CI agent when there is none
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN, value_name = "TOKEN", help_heading = "Test Engine")]
    pub access_token: Option<String>,
    /// Where the API is
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_BASE_URL, value_name = "URL", help_heading = "Test Engine")]
    pub base_url: Option<String>,
    /// Ask the CI agent for tokens that are not set [default: true]
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_OIDC, help_heading = "Test Engine",
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub oidc: Option<String>,
    /// Never ask the CI agent for tokens
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL",
          help_heading = "Test Engine")]
    pub no_oidc: Option<String>,
    /// How long such a token is good for [default: 2h]
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_OIDC_LIFETIME, value_name = "DURATION", help_heading = "Test Engine")]
    pub oidc_lifetime: Option<String>,
    /// The CI agent's program
    #[arg(long, value_name = "PROGRAM", hide = true)]
    pub buildkite_agent_command: Option<String>,
    /// How many days of history, 1 to 90 [default: 90]
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_BACKFILL_DAYS, value_name = "DAYS", help_heading = "Collection")]
    pub days: Option<String>,
    /// The git remote to fetch from and compare with [default: origin]
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_REMOTE, value_name = "REMOTE", help_heading = "Collection")]
    pub remote: Option<String>,
    /// The same, by its older variable; not an option to type
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_BACKFILL_REMOTE, hide = true)]
    pub backfill_remote: Option<String>,
    /// How many git processes may make diffs at once [default: 10]
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_BACKFILL_CONCURRENCY, value_name = "COUNT", help_heading = "Collection")]
    pub concurrency: Option<String>,
    /// Leave the patches out
    #[arg(long, env = env_vars::BUILDKITE_TEST_ENGINE_SKIP_DIFFS, help_heading = "Collection",
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub skip_diffs: Option<String>,
    /// Write the archive to this file and send nothing
    #[arg(long, value_name = "FILE", help_heading = "Archive")]
    pub output: Option<String>,
    /// Send this archive and collect nothing
    #[arg(long, value_name = "FILE", help_heading = "Archive")]
    pub upload: Option<String>,
}

/// A backfill as it was typed.
#[derive(Debug)]
pub struct TypedBackfill {
    /// Options of the program.
    pub global: GlobalArgs,
    /// Its own.
    pub own: BackfillArgs,
}

pub(super) fn command(preview: bool) -> Command {
    // The description comes last: the options would put their own in its place.
    let backfill = BackfillArgs::augment_args(Command::new(BACKFILL))
        .about("Collects the history of the commits a suite has seen, and uploads it");
    Command::new("tools")
        .about("Commands for setting up")
        .hide(!preview)
        .allow_external_subcommands(true)
        .subcommand(finished(backfill))
}

/// `whole` is the program's command, `matches` what was typed after `tools`.
pub(super) fn parse(whole: &mut Command, matches: &ArgMatches) -> Result<TypedBackfill, Stop> {
    let help = |whole: &mut Command| {
        whole
            .find_subcommand_mut("tools")
            .map(|tools| tools.render_help().to_string())
            .unwrap_or_default()
    };
    match matches.subcommand() {
        Some((BACKFILL, own)) => {
            let read = || -> Result<TypedBackfill, clap::Error> {
                let time_scale = Some(test_budget_scale());
                let global = GlobalArgs {
                    time_scale,
                    ..GlobalArgs::from_arg_matches(own)?
                };
                Ok(TypedBackfill {
                    global,
                    own: BackfillArgs::from_arg_matches(own)?,
                })
            };
            read().map_err(|error| stop(&error))
        }
        Some((name, _)) => Err(Stop::UnknownCommand {
            name: format!("tools {name}"),
            help: help(whole),
        }),
        None => Err(Stop::NoCommand { help: help(whole) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_unless_the_preview_is_on() {
        assert!(command(false).is_hide_set());
        assert!(!command(true).is_hide_set());
    }

    #[test]
    fn every_variable_of_an_option_is_in_the_table() {
        let tools = command(true);
        let mut seen = 0;
        for argument in tools.get_subcommands().flat_map(Command::get_arguments) {
            if let Some(variable) = argument.get_env().and_then(|name| name.to_str()) {
                let known = env_vars::ALL.iter().any(|(name, _)| *name == variable);
                assert!(known, "{variable}");
                seen += 1;
            }
        }
        assert!(seen > 5, "{seen}");
    }
}
