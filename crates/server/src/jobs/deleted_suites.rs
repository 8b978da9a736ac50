//! What a deleted suite held is removed, step by step. Nobody can see it by then.

use std::time::Duration;

use crate::App;
use crate::error_chain::ErrorChain;

/// How often to look.
const EVERY: Duration = Duration::from_secs(30);
/// Rows deleted in one step: some milliseconds, which uploads can wait.
const STEP: u32 = 1_000;

pub(super) async fn run(app: App) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        while super::is_ours(&app, "deleted_suites", EVERY).await && some_steps(&app).await {}
    }
}

/// A few steps, few enough that the lease lasts; whether there is more to do.
async fn some_steps(app: &App) -> bool {
    for _ in 0..100 {
        match app.store.purge_deleted_suites(STEP).await {
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) => return false,
            Err(error) => {
                tracing::error!(cause = %ErrorChain(&error), "failed to remove a deleted suite");
                return false;
            }
        }
    }
    true
}
