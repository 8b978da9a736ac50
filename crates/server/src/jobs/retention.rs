//! Removes executions, and later their aggregates, when they have expired.

use std::time::Duration;

use test_engine_store::{Expired, StoreError};

use super::Schedule;
use crate::App;
use crate::error_chain::ErrorChain;
use crate::retention;

const JOB: &str = "retention";
/// Data expires by the day, so this is often enough.
const PERIOD: Duration = Duration::from_hours(1);

/// How often to try again after a failure: a clock that has probably jumped may be right again, or
/// the database available.
const RETRY_PERIOD: Duration = Duration::from_secs(5);

pub(super) async fn run(app: App) {
    let mut schedule = Schedule::new(&app, JOB, PERIOD);
    loop {
        schedule.next().await;
        let mut reported = None;
        while let Err(cause) = remove_expired(&app).await {
            if reported.as_ref() != Some(&cause) {
                tracing::error!(%cause, "failed to remove expired data");
                app.metrics.job_run(JOB, false);
                reported = Some(cause);
            }
            tokio::time::sleep(RETRY_PERIOD).await;
            if !schedule.acquire().await {
                break;
            }
        }
    }
}

/// Fails with a text for the log. Nothing is removed if the clock cannot be checked.
async fn remove_expired(app: &App) -> Result<(), String> {
    let text = |error: StoreError| ErrorChain(&error).to_string();
    let now = app.clock.now();
    let kept = app.config.retention.kept_since(now);
    let refusal = retention::check_clock(&app.store, kept, now).await;
    if let Some(refusal) = refusal.map_err(text)? {
        return Err(refusal.to_string());
    }
    let removed = retention::remove_expired(&app.store, kept).await;
    let removed = removed.map_err(text)?;
    let recorded = retention::record_run(&app.store, now).await;
    recorded.map_err(text)?;
    app.metrics.job_run(JOB, true);
    app.metrics.expired(&removed);
    if removed != Expired::default() {
        tracing::info!(
            executions = removed.executions,
            failures = removed.failures,
            spans = removed.spans,
            runs = removed.runs,
            sums = removed.sums,
            events = removed.events,
            "removed expired data"
        );
    }
    Ok(())
}
