//! `test-engine retention`: removes what has expired, now and by hand.

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use test_engine_store::Expired;

use super::output;
use super::settings::{DatabaseArguments, RetentionSettings};
use crate::clock::Clock;
use crate::retention;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    retention: RetentionSettings,
    #[command(flatten)]
    database: DatabaseArguments,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let store = super::open(&arguments.database).await?;
    let kept = arguments.retention.values().kept_since(Clock::System.now());
    let done = if arguments.dry_run {
        retention::count_expired(&store, kept).await
    } else {
        retention::remove_expired(&store, kept).await
    };
    store.close().await;
    let expired = done.context("failed to remove what has expired")?;
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
    output::print(&format!("{verb} {}", told(expired)))
}

fn told(expired: Expired) -> String {
    format!(
        "{} executions of {} uploads, the text of {} failures, {} runs, {} daily sums",
        expired.executions, expired.segments, expired.failures, expired.runs, expired.sums
    )
}
