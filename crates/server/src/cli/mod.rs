//! The command line: what was typed, and the one command it names.
//!
//! Flags and `TEST_ENGINE_*` variables are read here and nowhere else. `serve` turns them into a
//! [`crate::config::Config`]; the other commands work on the data directory directly, also while a
//! server runs on it.

mod backup;
mod init;
mod organization;
mod output;
mod retention;
mod serve;
mod settings;
mod suite;
mod token;

use std::process::ExitCode;

use clap::builder::{OsStr, Resettable};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use settings::settings_table;

use crate::error_chain::ErrorChain;
use settings::DatabaseArguments;

/// Plans test runs, takes in their results, learns from them.
#[derive(Debug, Parser)]
#[command(name = "test-engine", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(Box<settings::ServeSettings>),
    /// Make and list organizations.
    Organization(organization::Arguments),
    /// Make and list test suites.
    Suite(suite::Arguments),
    /// Make, list and revoke access tokens.
    Token(token::Arguments),
    /// Make what a pipeline needs and print it as shell exports.
    Init(init::Arguments),
    /// Copy everything to a new data directory, while the server runs.
    Backup(backup::Arguments),
    /// Remove what is older than it is kept; the server does so by itself.
    Retention(retention::Arguments),
}

/// Scripts and CI settings clear a variable by setting it to nothing, so that means not set.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line is where the environment is read"
)]
fn without_empty_variables(command: clap::Command) -> clap::Command {
    command
        .mut_args(|argument| {
            let is_empty = argument
                .get_env()
                .and_then(std::env::var_os)
                .is_some_and(|value| value.is_empty());
            if is_empty {
                argument.env(Resettable::<OsStr>::Reset)
            } else {
                argument
            }
        })
        .mut_subcommands(without_empty_variables)
}

/// Parse the command line, run its command, and say how it went.
pub fn main() -> ExitCode {
    let matches = without_empty_variables(Cli::command()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::new(error).context("failed to start threads")),
    };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Serve(settings) => serve::run(*settings).await,
            Command::Organization(arguments) => organization::run(arguments).await,
            Command::Suite(arguments) => suite::run(arguments).await,
            Command::Token(arguments) => token::run(arguments).await,
            Command::Init(arguments) => init::run(arguments).await,
            Command::Backup(arguments) => backup::run(arguments).await,
            Command::Retention(arguments) => retention::run(arguments).await,
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    output::complain(&format!("test-engine: {}", ErrorChain(error.as_ref())));
    ExitCode::FAILURE
}

/// The database, for commands that need no server.
async fn open(database: &DatabaseArguments) -> anyhow::Result<test_engine_store::Store> {
    use anyhow::Context as _;
    let config = database.to_config();
    crate::open_store(&config)
        .await
        .context("failed to open the database")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
