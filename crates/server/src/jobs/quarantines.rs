//! Ends mutes whose time has come, announces ends, and proposes to release tests that have proven
//! to be fixed.

use std::time::Duration;

use test_engine_store::QuarantineEvents;

use super::Schedule;
use crate::App;
use crate::error_chain::ErrorChain;

const JOB: &str = "quarantines";
const PERIOD: Duration = Duration::from_mins(1);
/// Tests per step; each is a small transaction.
const STEP: u32 = 100;

pub(super) async fn run(app: App) {
    let mut schedule = Schedule::new(&app, JOB, PERIOD);
    loop {
        schedule.next().await;
        let succeeded = advance_all(&app).await & propose_all(&app).await;
        app.metrics.job_run(JOB, succeeded);
    }
}

/// Whether it succeeded.
async fn advance_all(app: &App) -> bool {
    loop {
        match app.store.advance_quarantines(app.clock.now(), STEP).await {
            Ok(events) if events == QuarantineEvents::default() => return true,
            Ok(events) => {
                tracing::info!(
                    expired = events.expired,
                    due = events.due,
                    announced = events.announced,
                    "handled ends of mutes and skips"
                );
            }
            Err(error) => {
                tracing::error!(cause = %ErrorChain(&error), "failed to end mutes");
                return false;
            }
        }
    }
}

/// Whether it succeeded.
async fn propose_all(app: &App) -> bool {
    loop {
        match app.store.propose_releases(app.clock.now(), STEP).await {
            Ok(0) => return true,
            Ok(proposed) => tracing::info!(proposed, "proposed to release muted tests"),
            Err(error) => {
                tracing::error!(cause = %ErrorChain(&error), "failed to propose releases");
                return false;
            }
        }
    }
}
