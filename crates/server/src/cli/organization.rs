//! `test-engine organization create|list`.

use anyhow::Context as _;

use super::output;
use crate::admin;
use crate::config::Storage;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Create an organization; organizations share no data.
    Create {
        /// Lower-case letters, digits, - and _
        slug: String,
        #[command(flatten)]
        storage: Storage,
    },
    /// List the organizations.
    List {
        #[command(flatten)]
        storage: Storage,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create { slug, storage } => {
            let store = super::open(&storage).await?;
            let created = admin::create_organization(&store, &slug, &super::change())
                .await
                .context("failed to create the organization")?;
            store.close().await;
            output::print(&created.slug)
        }
        Command::List { storage } => {
            let store = super::open(&storage).await?;
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
