//! Closes the decisions of selections whose runs have ended, finds what they missed on the default
//! branch, and reads history from archives.

use std::time::{Duration, Instant};

use super::Schedule;
use crate::App;
use crate::error_chain::ErrorChain;
use crate::selection::SelectionError;

const JOB: &str = "selections";
/// How often to look for runs that ended without a last word.
const PERIOD: Duration = Duration::from_secs(15);
/// Between two steps that news caused.
const MIN_PAUSE: Duration = Duration::from_millis(200);
/// Decisions whose details are deleted together; those of large plans are large.
const EXPIRED_STEP: u32 = 50;

pub(super) async fn run(app: App) {
    let mut schedule = Schedule::new(&app, JOB, PERIOD);
    loop {
        let is_periodic = tokio::select! {
            () = schedule.next() => true,
            () = app.selections.news() => false,
        };
        // News reach the server that got them; another one may hold the lease.
        if !is_periodic && !schedule.acquire().await {
            continue;
        }
        let began = Instant::now();
        let done = update(&app, is_periodic).await;
        if let Err(error) = &done {
            tracing::error!(cause = %ErrorChain(error), "failed to update selections");
        }
        if is_periodic {
            app.metrics.job_run(JOB, done.is_ok());
        }
        tokio::time::sleep(began.elapsed().max(MIN_PAUSE)).await;
    }
}

/// What expires does so without news.
async fn update(app: &App, is_periodic: bool) -> Result<(), SelectionError> {
    let now = app.clock.now();
    while app.selections.close_some(now).await? {}
    app.selections.find_misses(now).await?;
    while app.selections.read_history(now).await? {}
    while is_periodic
        && app
            .store
            .delete_expired_selections(now, EXPIRED_STEP)
            .await?
            > 0
    {}
    Ok(())
}
