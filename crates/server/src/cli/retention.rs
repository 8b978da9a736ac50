//! `test-engine retention`

use anyhow::{Context as _, bail};
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
    /// Remove expired data even if the clock seems to have jumped
    #[arg(long, conflicts_with = "dry_run")]
    force: bool,
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
    let now = Clock::System.now();
    let kept = arguments.retention.kept_since(now);
    let refusal = retention::check_clock(&store, kept, now).await;
    let refusal = refusal.context("failed to remove expired data")?;
    let done = match refusal {
        _ if arguments.dry_run => {
            if let Some(refusal) = refusal {
                output::print_error(&format!(
                    "without --force nothing would be removed: {refusal}"
                ));
            }
            retention::count_expired(&store, kept).await
        }
        Some(refusal) if !arguments.force => {
            bail!("failed to remove expired data: {refusal}; to remove it all the same: --force")
        }
        _ => match retention::remove_expired(&store, kept).await {
            Ok(removed) => retention::record_run(&store, now).await.map(|()| removed),
            failed => failed,
        },
    };
    store.close().await;
    let expired = done.context("failed to remove expired data")?;
    if arguments.json {
        return output::print_json(&json!({
            "dry_run": arguments.dry_run,
            "executions": expired.executions,
            "uploads": expired.segments,
            "failures": expired.failures,
            "spans": expired.spans,
            "runs": expired.runs,
            "daily_sums": expired.sums,
            "events": expired.events,
        }));
    }
    let verb = if arguments.dry_run {
        "would remove"
    } else {
        "removed"
    };
    output::print(&format!(
        "{verb} {} executions of {} uploads, {} failure messages, spans of {} executions, \
         {} runs, {} daily sums, {} events",
        expired.executions,
        expired.segments,
        expired.failures,
        expired.spans,
        expired.runs,
        expired.sums,
        expired.events
    ))
}
