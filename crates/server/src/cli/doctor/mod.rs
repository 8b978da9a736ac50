//! `test-engine doctor`: checks everything that the server depends on, and says how to fix what is
//! wrong.

mod checks;
mod machine;
mod service;

use std::time::Duration;

use anyhow::bail;
use clap::Args;

use self::checks::Check;
use super::output;
use crate::clock::Clock;
use crate::config::{Network, Retention, Storage};
use crate::server::file_of;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Days after which a backup is too old
    #[arg(long, value_name = "DAYS", default_value = "7")]
    max_backup_age_days: u32,
    /// Base URL of links; by default that of the server that runs on this database
    #[arg(long, value_name = "URL", env = "TEST_ENGINE_PUBLIC_URL")]
    public_url: Option<String>,
    #[command(flatten)]
    retention: Retention,
    #[command(flatten)]
    storage: Storage,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments {
        json,
        max_backup_age_days,
        public_url,
        retention,
        storage,
    } = arguments;
    let now = Clock::System.now();
    // Before the database is opened, which tightens its permissions.
    let mut checks = machine::checks(&storage);
    match crate::open_existing_store(&storage).await {
        Ok(store) => {
            checks.extend(service::of_database(&store, retention.kept_since(now), now).await);
            let max_age = i64::from(max_backup_age_days);
            checks.push(service::backup(&store, &storage, max_age, now).await);
            store.close().await;
        }
        Err(error) => checks.push(Check::failed(
            "database",
            crate::error_chain::ErrorChain(&error).to_string(),
            "check --data-dir and --database-url",
        )),
    }
    checks.extend(public(public_url.as_deref(), &storage).await);
    if json {
        output::print_json(&checks::report(&checks))?;
    } else {
        output::print(checks::text(&checks).trim_end())?;
    }
    match checks::failed(&checks) {
        0 => Ok(()),
        count => bail!("{count} of {} checks failed", checks.len()),
    }
}

/// Of the server, at its public URL.
async fn public(given: Option<&str>, storage: &Storage) -> Vec<Check> {
    const NAME: &str = "public URL";
    let url = match Network::parse_public_url(given.unwrap_or_default()) {
        Ok(Some(url)) => url,
        Ok(None) => match service::running(storage) {
            Some(url) => url,
            None if file_of(storage).is_none() => {
                let message = "unknown, because the database is not a file; set --public-url";
                return vec![Check::skipped(NAME, message)];
            }
            None => return vec![Check::skipped(NAME, "no server runs on this database")],
        },
        Err(error) => {
            return vec![Check::failed(
                NAME,
                error.to_string(),
                "correct --public-url",
            )];
        }
    };
    let limit = Duration::from_secs(10);
    let asked = url.clone();
    let response = tokio::task::spawn_blocking(move || service::readiness(&asked, limit)).await;
    let reachable = match response {
        Ok(Ok(200)) => Check::ok(NAME, format!("{url} is ready")),
        Ok(Ok(status)) => Check::failed(
            NAME,
            format!("{url}/readyz responds with {status}"),
            "look into the server's log; 503 means that the database is unavailable, and 404 that \
             another program listens there",
        ),
        Ok(Err(cause)) => Check::failed(
            NAME,
            format!("{url} cannot be reached: {cause}"),
            "start the server, or correct --public-url, DNS or the proxy in front of it",
        ),
        Err(error) => Check::failed(NAME, error.to_string(), "try again"),
    };
    vec![reachable, service::tls(&url)]
}
