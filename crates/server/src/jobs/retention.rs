//! Executions, and later their sums, are removed when they are old enough.

use std::time::Duration;

use test_engine_store::Expired;

use crate::App;
use crate::error_chain::ErrorChain;
use crate::retention;

/// How often to look. What expires does so by the day.
const EVERY: Duration = Duration::from_hours(1);

pub(super) async fn run(app: App) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if super::is_ours(&app, "retention", EVERY).await {
            remove_expired(&app).await;
        }
    }
}

async fn remove_expired(app: &App) {
    let kept = app.config.retention.kept_since(app.clock.now());
    let done = retention::remove_expired(&app.store, kept).await;
    app.metrics.job_run("retention", done.is_ok());
    if let Ok(removed) = &done {
        app.metrics.expired(removed);
    }
    match done {
        Ok(removed) if removed == Expired::default() => {}
        Ok(removed) => tracing::info!(
            executions = removed.executions,
            failures = removed.failures,
            runs = removed.runs,
            sums = removed.sums,
            "removed what was older than it is kept"
        ),
        Err(error) => {
            tracing::error!(cause = %ErrorChain(&error), "failed to remove what is too old");
        }
    }
}
