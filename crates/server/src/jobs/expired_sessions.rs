//! Deletes sessions that have expired, and what is remembered of sign-ins.

use std::time::Duration;

use super::Schedule;
use crate::App;
use crate::error_chain::ErrorChain;

const JOB: &str = "expired_sessions";
const PERIOD: Duration = Duration::from_mins(10);
/// Rows of each kind per step.
const STEP: u32 = 200;

pub(super) async fn run(app: App) {
    let mut schedule = Schedule::new(&app, JOB, PERIOD);
    loop {
        schedule.next().await;
        app.metrics.job_run(JOB, delete_all(&app).await);
    }
}

/// Whether it succeeded.
async fn delete_all(app: &App) -> bool {
    loop {
        let now = app.clock.now();
        match app.store.delete_expired_sessions(now, STEP).await {
            Ok(deleted) if deleted < u64::from(STEP) => return true,
            Ok(_more) => tokio::task::yield_now().await,
            Err(error) => {
                tracing::error!(cause = %ErrorChain(&error), "failed to delete expired sessions");
                return false;
            }
        }
    }
}
