//! Archives of commits are read as soon as they come in, one at a time.

use std::time::Duration;

use crate::App;
use crate::backfills;
use crate::error_chain::ErrorChain;

/// How often to look, unless told: for archives that went to a bucket directly or to another
/// server, and for those that wait to be tried again.
const EVERY: Duration = Duration::from_secs(5);

pub(super) async fn run(app: App) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = app.backfills.wake.notified() => {}
        }
        if let Err(error) = backfills::find_arrived(&app).await {
            tracing::error!(cause = %ErrorChain(&error), "failed to look for commit archives");
        }
        loop {
            match backfills::ingest_next(&app).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::error!(cause = %ErrorChain(&error), "failed to read a commit archive");
                    break;
                }
            }
        }
        if let Err(error) = backfills::forget_unused(&app).await {
            tracing::error!(cause = %ErrorChain(&error), "failed to forget unused forms");
        }
    }
}
