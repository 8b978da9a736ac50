//! `test-engine backup`

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::output;
use crate::backup::back_up;
use crate::config::Storage;

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
