//! Removes executions, and later their aggregates, when they have expired.

use std::time::Duration;

use test_engine_store::Expired;

use super::Schedule;
use crate::App;
use crate::error_chain::ErrorChain;
use crate::retention;

const JOB: &str = "retention";
/// Data expires by the day, so this is often enough.
const PERIOD: Duration = Duration::from_hours(1);

pub(super) async fn run(app: App) {
    let mut schedule = Schedule::new(&app, JOB, PERIOD);
    loop {
        schedule.next().await;
        remove_expired(&app).await;
    }
}

async fn remove_expired(app: &App) {
    let kept = app.config.retention.kept_since(app.clock.now());
    let result = retention::remove_expired(&app.store, kept).await;
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
