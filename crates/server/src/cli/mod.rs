//! The command line of `test-engine`.
//!
//! Only this module reads arguments and `TEST_ENGINE_*` variables. `serve` turns them into a
//! [`crate::config::Config`]; the other commands work on the database directly, whether or not a
//! server is running.

mod audit;
mod backup;
mod doctor;
mod health;
mod import;
mod init;
mod organization;
mod output;
mod retention;
mod serve;
mod session;
mod settings;
mod sign_in_rule;
mod suite;
mod token;
mod user;
mod webhook;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::builder::{OsStr, Resettable};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use settings::settings_table;
use test_engine_store::{Actor, ActorKind, Change};

use crate::clock::Clock;
use crate::config::Storage;
use crate::error_chain::ErrorChain;
use crate::private_files;

/// Plans test runs, stores their results and learns from them.
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
    /// Create and list organizations.
    #[command(subcommand)]
    Organization(organization::Command),
    /// Create, list, change and delete test suites.
    #[command(subcommand)]
    Suite(suite::Command),
    /// Create, list and revoke access tokens.
    #[command(subcommand)]
    Token(token::Command),
    /// Create, list and delete webhooks, and send dead deliveries again.
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// Create, list, change and remove users.
    #[command(subcommand)]
    User(user::Command),
    /// Say who may sign in with the OpenID Connect provider, and with which role.
    #[command(subcommand)]
    SignInRule(sign_in_rule::Command),
    /// List and end sessions of browsers.
    #[command(subcommand)]
    Session(session::Command),
    /// Create an organization, a suite and tokens for a pipeline, and print them as shell exports.
    Init(init::Arguments),
    /// List who changed what, newest first.
    Audit(audit::Arguments),
    /// Store results that were recorded elsewhere, each at its own time, while no server runs.
    Import(import::Arguments),
    /// Copy the data directory while the server runs.
    Backup(backup::Arguments),
    /// Ask the running server whether it is ready; for health checks of containers.
    Health(health::Arguments),
    /// Check what the server depends on, and say how to fix what is wrong.
    Doctor(doctor::Arguments),
    /// Remove expired data now instead of waiting for the server's background job.
    Retention(retention::Arguments),
}

/// Treats empty variables as unset, because that is how scripts and CI settings clear them.
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

/// Runs the program.
pub fn main() -> ExitCode {
    private_files::restrict_new_files();
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
            Command::Organization(command) => organization::run(command).await,
            Command::Suite(command) => suite::run(command).await,
            Command::Token(command) => token::run(command).await,
            Command::Webhook(command) => webhook::run(command).await,
            Command::User(command) => user::run(command).await,
            Command::SignInRule(command) => sign_in_rule::run(command).await,
            Command::Session(command) => session::run(command).await,
            Command::Init(arguments) => init::run(arguments).await,
            Command::Audit(arguments) => audit::run(arguments).await,
            Command::Import(arguments) => import::run(arguments).await,
            Command::Backup(arguments) => backup::run(arguments).await,
            Command::Health(arguments) => health::run(arguments).await,
            Command::Doctor(arguments) => doctor::run(arguments).await,
            Command::Retention(arguments) => retention::run(arguments).await,
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    output::print_error(&format!("test-engine: {}", ErrorChain(error.as_ref())));
    ExitCode::FAILURE
}

/// A change by the user of this command.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line is where the environment is read"
)]
fn change() -> Change {
    let user = ["SUDO_USER", "USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|name| !name.is_empty());
    let actor = Actor {
        name: user,
        ..Actor::of_kind(ActorKind::CommandLine)
    };
    Change::new(actor, Clock::System.now())
}

/// Opens the database of every command but `serve` and `init`.
async fn open(storage: &Storage) -> anyhow::Result<test_engine_store::Store> {
    crate::open_existing_store(storage)
        .await
        .context("failed to open the database")
}

async fn open_or_create(storage: &Storage) -> anyhow::Result<test_engine_store::Store> {
    crate::open_store(storage)
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
