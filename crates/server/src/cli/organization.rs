//! `test-engine organization create|list`.

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::output;
use super::settings::DatabaseArguments;
use crate::admin;
use crate::clock::Clock;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an organization. Nothing is shared between two of them.
    Create {
        /// Its slug: lower-case letters, digits, - and _
        slug: String,
        #[command(flatten)]
        database: DatabaseArguments,
    },
    /// List the organizations.
    List {
        #[command(flatten)]
        database: DatabaseArguments,
    },
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Create { slug, database } => {
            let store = super::open(&database).await?;
            let made = admin::create_organization(&store, &slug, Clock::System.now())
                .await
                .context("failed to create the organization")?;
            store.close().await;
            output::print(&made.slug)
        }
        Command::List { database } => {
            let store = super::open(&database).await?;
            let all = store
                .organizations()
                .await
                .context("failed to list organizations")?;
            store.close().await;
            all.iter()
                .try_for_each(|organization| output::print(&organization.slug))
        }
    }
}
