//! `test-engine backup`

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::output;
use crate::backup::{JOB, back_up};
use crate::clock::Clock;
use crate::config::Storage;
use crate::error_chain::ErrorChain;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Directory to create; the copy is a complete data directory
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    storage: Storage,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let backup = back_up(&arguments.storage, &arguments.to)
        .await
        .context("failed to back up")?;
    record(&arguments.storage).await;
    if arguments.json {
        return output::print_json(&json!({
            "directory": arguments.to.display().to_string(),
            "database_bytes": backup.database_bytes,
            "files": backup.files,
            "file_bytes": backup.file_bytes,
        }));
    }
    output::print(&format!(
        "{}: database of {} bytes, {} other files of {} bytes",
        arguments.to.display(),
        backup.database_bytes,
        backup.files,
        backup.file_bytes
    ))
}

/// For `doctor`. The backup is complete, whether or not its time can be recorded.
async fn record(storage: &Storage) {
    let recorded = async {
        let store = super::open(storage).await?;
        store.record_run(JOB, Clock::System.now()).await?;
        store.close().await;
        anyhow::Ok(())
    };
    if let Err(error) = recorded.await {
        let cause = ErrorChain(error.as_ref());
        output::print_error(&format!(
            "warning: the time of the backup was not recorded: {cause}"
        ));
    }
}
