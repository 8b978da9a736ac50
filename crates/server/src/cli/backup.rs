//! `test-engine backup`: a copy of the data directory while the server runs.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::output;
use super::settings::DatabaseArguments;
use crate::backup::back_up;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Directory to make; afterwards a data directory like any other
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabaseArguments,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = arguments.database.to_config();
    let backup = back_up(&config.storage, &arguments.to)
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
        "{}: a database of {} bytes and {} other files of {} bytes",
        arguments.to.display(),
        backup.database_bytes,
        backup.files,
        backup.file_bytes
    ))
}
