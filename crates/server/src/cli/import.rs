//! `test-engine import`

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use test_engine_store::{Store, Suite, Timestamp};

use super::output;
use super::suite::split_path;
use crate::admin;
use crate::clock::{Clock, rfc3339};
use crate::config::{Retention, Storage};
use crate::import::{Imported, Plan, Settings, Sources, parse_time, refuse_server_at, store_plan};
use crate::server::file_of;

const PROGRESS_PERIOD: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Organization and suite, such as acme/web
    #[arg(value_name = "ORGANIZATION/SUITE")]
    suite: String,
    /// Files with uploads in JSON or JUnit results, or directories with such files
    #[arg(value_name = "PATH", required_unless_present = "rest_export")]
    paths: Vec<PathBuf>,
    /// Directory with responses of the REST API of the hosted product or of another server; can be
    /// repeated
    #[arg(long, value_name = "DIR")]
    rest_export: Vec<PathBuf>,
    /// When results were received, for files without a time, such as 2026-11-22T10:00:00Z
    #[arg(long, value_name = "TIME")]
    received_at: Option<String>,
    /// Variable of the run, for files without it, such as branch=main; can be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_variable)]
    run_env: Vec<(String, String)>,
    /// Only check all files and print what would be imported
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

fn parse_variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() && !value.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err("expected KEY=VALUE, such as branch=main".to_owned()),
    }
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let now = Clock::System.now();
    let received_at = arguments
        .received_at
        .as_deref()
        .map(|text| parse_time(text, now).map_err(anyhow::Error::msg))
        .transpose()
        .context("failed to read --received-at")?;
    let settings = Settings {
        now,
        received_at,
        run_env: BTreeMap::from_iter(arguments.run_env.clone()),
    };
    let (organization, slug) = split_path(&arguments.suite).context("failed to read the suite")?;
    let store = super::open(&arguments.storage).await?;
    let suite = admin::suite(&store, &organization, &slug)
        .await
        .context("failed to import")?;
    let done = import(&store, &suite, &arguments, &settings).await;
    store.close().await;
    let (plan, imported) = done.context("failed to import")?;
    print(&arguments, &plan, imported)
}

async fn import(
    store: &Store,
    suite: &Suite,
    arguments: &Arguments,
    settings: &Settings,
) -> anyhow::Result<(Plan, Option<Imported>)> {
    let sources = Sources {
        paths: arguments.paths.clone(),
        rest_exports: arguments.rest_export.clone(),
    };
    let database = file_of(&arguments.storage);
    if !arguments.dry_run {
        // Before all files are read, which may take minutes.
        refuse_server_at(database.as_deref())?;
    }
    let plan = Plan::new(store, suite.id, &sources, settings).await?;
    warn_of_retention(&plan, arguments.retention, settings.now);
    if arguments.dry_run {
        return Ok((plan, None));
    }
    let total = plan.uploads();
    let mut reported = Instant::now();
    let progress = |number: u64, at: Timestamp| {
        if reported.elapsed() >= PROGRESS_PERIOD {
            reported = Instant::now();
            output::print_error(&format!(
                "stored {number} of {total} uploads, up to {}",
                rfc3339(at)
            ));
        }
    };
    let place = (database.as_deref(), &Clock::System);
    let imported = store_plan(store, suite.id, &plan, settings, place, progress).await?;
    Ok((plan, Some(imported)))
}

/// Servers remove what is older than their settings say, so that it may be gone an hour later.
fn warn_of_retention(plan: &Plan, retention: Retention, now: Timestamp) {
    let (executions, everything) = plan.expiring(retention.kept_since(now));
    if executions.uploads > 0 {
        output::print_error(&format!(
            "warning: {} uploads with {} results are older than {} days: a server removes their \
             executions and failure messages, and keeps their daily sums\n\
             hint: to keep them, start the server with a longer --execution-retention-days",
            executions.uploads, executions.results, retention.execution_days
        ));
    }
    if everything.uploads > 0 {
        output::print_error(&format!(
            "warning: {} uploads with {} results are older than {} days: a server removes all of \
             them, also their runs and daily sums\n\
             hint: to keep them, start the server with a longer --aggregate-retention-days",
            everything.uploads,
            everything.results,
            retention.aggregate_days.max(retention.execution_days)
        ));
    }
}

fn print(arguments: &Arguments, plan: &Plan, imported: Option<Imported>) -> anyhow::Result<()> {
    if arguments.json {
        return output::print_json(&as_json(plan, imported, arguments));
    }
    let period = plan.period().map_or_else(String::new, |(first, last)| {
        format!(",\nfrom {} to {}", rfc3339(first), rfc3339(last))
    });
    let mut lines = vec![match imported {
        None => format!(
            "would import {} uploads with {} results into {}{period}",
            plan.uploads(),
            plan.results(),
            arguments.suite
        ),
        Some(imported) => format!(
            "imported {} uploads into {}: {} new runs, {} executions{period}",
            imported.uploads, arguments.suite, imported.runs, imported.executions
        ),
    }];
    let imported = imported.unwrap_or_default();
    if imported.repeated > 0 {
        lines.push(format!(
            "already there: {} uploads of an earlier import",
            imported.repeated
        ));
    }
    if imported.duplicates > 0 {
        lines.push(format!(
            "already there: {} executions with the same id in their run",
            imported.duplicates
        ));
    }
    for (reason, skipped) in plan.skipped.iter() {
        lines.push(format!("skipped: {} {reason}", skipped.count));
        lines.extend(
            skipped
                .examples
                .iter()
                .map(|example| format!("  {example}")),
        );
    }
    output::print(&lines.join("\n"))
}

fn as_json(plan: &Plan, imported: Option<Imported>, arguments: &Arguments) -> serde_json::Value {
    let skipped: Vec<_> = plan
        .skipped
        .iter()
        .map(|(reason, skipped)| {
            json!({"reason": reason, "count": skipped.count, "examples": skipped.examples})
        })
        .collect();
    let expiring = plan.expiring(arguments.retention.kept_since(Clock::System.now()));
    json!({
        "dry_run": imported.is_none(),
        "files": {"uploads": plan.uploads(), "results": plan.results()},
        "oldest": plan.period().map(|(first, _)| rfc3339(first)),
        "newest": plan.period().map(|(_, last)| rfc3339(last)),
        "imported": imported.map(|imported| json!({
            "uploads": imported.uploads,
            "runs": imported.runs,
            "executions": imported.executions,
        })),
        "already_there": imported.map(|imported| json!({
            "uploads": imported.repeated,
            "executions": imported.duplicates,
        })),
        "skipped": skipped,
        "older_than_executions_are_kept": expiring.0.results,
        "older_than_anything_is_kept": expiring.1.results,
    })
}
