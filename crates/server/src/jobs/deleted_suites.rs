//! Removes the data of deleted suites, which is inaccessible already.

use std::time::Duration;

use super::Schedule;
use crate::App;
use crate::error_chain::ErrorChain;

const PERIOD: Duration = Duration::from_secs(30);
/// Rows per step: takes a few milliseconds, which uploads can wait.
const STEP: u32 = 1_000;
/// Few enough that they take less time than the lease lasts.
const STEPS_PER_LEASE: u32 = 100;

pub(super) async fn run(app: App) {
    let mut schedule = Schedule::new(&app, "deleted_suites", PERIOD);
    loop {
        schedule.next().await;
        while purge_some(&app).await && schedule.acquire().await {}
    }
}

/// Whether there is more to purge.
async fn purge_some(app: &App) -> bool {
    for _ in 0..STEPS_PER_LEASE {
        match app.store.purge_deleted_suites(STEP).await {
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) => return false,
            Err(error) => {
                tracing::error!(cause = %ErrorChain(&error), "failed to purge a deleted suite");
                return false;
            }
        }
    }
    true
}
