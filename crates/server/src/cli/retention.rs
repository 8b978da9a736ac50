//! `test-engine retention`

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::output;
use crate::clock::Clock;
use crate::config::{Retention, Storage};
use crate::retention;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only print what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    retention: Retention,
    #[command(flatten)]
    storage: Storage,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let store = super::open(&arguments.storage).await?;
    let kept = arguments.retention.kept_since(Clock::System.now());
    let done = if arguments.dry_run {
        retention::count_expired(&store, kept).await
    } else {
        retention::remove_expired(&store, kept).await
    };
    store.close().await;
    let expired = done.context("failed to remove expired data")?;
    if arguments.json {
        return output::print_json(&json!({
            "dry_run": arguments.dry_run,
            "executions": expired.executions,
            "uploads": expired.segments,
            "failures": expired.failures,
            "runs": expired.runs,
            "daily_sums": expired.sums,
        }));
    }
    let verb = if arguments.dry_run {
        "would remove"
    } else {
        "removed"
    };
    output::print(&format!(
        "{verb} {} executions of {} uploads, {} failure messages, {} runs, {} daily sums",
        expired.executions, expired.segments, expired.failures, expired.runs, expired.sums
    ))
}
