//! Plans past their time are deleted. They are no longer served by then, so nothing waits for this.

use std::time::Duration;

use crate::App;
use crate::error_chain::ErrorChain;

/// How often to look.
const EVERY: Duration = Duration::from_mins(10);
/// Plans deleted in one step; large plans make long transactions.
const STEP: u32 = 20;

pub(super) async fn run(app: App) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if super::is_ours(&app, "expired_plans", EVERY).await {
            let done = delete_all(&app).await;
            app.metrics.job_run("expired_plans", done);
        }
    }
}

/// Whether all that had expired is gone.
async fn delete_all(app: &App) -> bool {
    loop {
        match app.store.delete_expired_plans(app.clock.now(), STEP).await {
            Ok(deleted) if deleted < u64::from(STEP) => return true,
            // Let the requests in between the steps.
            Ok(_more) => tokio::task::yield_now().await,
            Err(error) => {
                tracing::error!(cause = %ErrorChain(&error), "failed to delete expired plans");
                return false;
            }
        }
    }
}
