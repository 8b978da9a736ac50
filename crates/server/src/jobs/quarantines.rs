//! Ends mutes whose time has come, and announces ends.

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
        app.metrics.job_run(JOB, advance_all(&app).await);
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
