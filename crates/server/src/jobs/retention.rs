//! Removes executions, and later their aggregates, when they have expired.

use std::time::Duration;

use test_engine_store::Expired;

use super::Schedule;
use crate::App;
use crate::error_chain::ErrorChain;
use crate::retention::{self, Refusal};

const JOB: &str = "retention";
/// Data expires by the day, so this is often enough.
const PERIOD: Duration = Duration::from_hours(1);

/// How often to look whether a clock that has probably jumped is right again.
const RECHECK_PERIOD: Duration = Duration::from_secs(5);

pub(super) async fn run(app: App) {
    let mut schedule = Schedule::new(&app, JOB, PERIOD);
    loop {
        schedule.next().await;
        let mut reported = None;
        while let Some(refusal) = refusal(&app).await {
            if reported != Some(refusal) {
                tracing::error!(cause = %refusal, "failed to remove expired data");
                app.metrics.job_run(JOB, false);
                reported = Some(refusal);
            }
            tokio::time::sleep(RECHECK_PERIOD).await;
            if !schedule.acquire().await {
                break;
            }
        }
        if refusal(&app).await.is_none() {
            remove_expired(&app).await;
        }
    }
}

/// Why nothing is removed now. If it cannot be found out, the removal fails for the same reason.
async fn refusal(app: &App) -> Option<Refusal> {
    let now = app.clock.now();
    let kept = app.config.retention.kept_since(now);
    retention::check_clock(&app.store, kept, now)
        .await
        .ok()
        .flatten()
}

async fn remove_expired(app: &App) {
    let now = app.clock.now();
    let kept = app.config.retention.kept_since(now);
    let result = match retention::remove_expired(&app.store, kept).await {
        Ok(removed) => retention::record_run(&app.store, now)
            .await
            .map(|()| removed),
        failed => failed,
    };
    app.metrics.job_run(JOB, result.is_ok());
    match result {
        Ok(removed) => {
            app.metrics.expired(&removed);
            if removed != Expired::default() {
                tracing::info!(
                    executions = removed.executions,
                    failures = removed.failures,
                    runs = removed.runs,
                    sums = removed.sums,
                    "removed expired data"
                );
            }
        }
        Err(error) => {
            tracing::error!(cause = %ErrorChain(&error), "failed to remove expired data");
        }
    }
}
