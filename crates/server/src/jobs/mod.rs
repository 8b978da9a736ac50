//! Work that no request asks for, done beside them in small steps. One file a job.
//!
//! Of several servers on one database one does a job: the one that has its lease. A job has to be
//! harmless when two servers do it at once all the same, because their clocks may differ.

mod backfills;
mod deleted_suites;
mod expired_plans;
mod retention;

use std::sync::Arc;
use std::time::Duration;

use crate::App;
use crate::error_chain::ErrorChain;

/// Run every job until the task is dropped.
pub(crate) async fn run(app: App) {
    tokio::join!(
        backfills::run(Arc::clone(&app)),
        deleted_suites::run(Arc::clone(&app)),
        expired_plans::run(Arc::clone(&app)),
        retention::run(app),
    );
}

/// Give back what this server had to itself, so that its successor need not wait until that runs
/// out. The jobs have ended by then.
pub(crate) async fn hand_over(app: &App) {
    if let Err(error) = crate::backfills::put_back(app).await {
        tracing::warn!(cause = %ErrorChain(&error), "failed to put a half-read commit archive back");
    }
    if let Err(error) = app.store.release_leases(app.instance).await {
        tracing::warn!(cause = %ErrorChain(&error), "failed to give the work in the background back");
    }
}

/// Whether this server is the one to do the job of this name, which is asked for every so often.
/// The server that does it keeps it; when it dies, another takes over after two more turns.
async fn is_ours(app: &App, job: &str, every: Duration) -> bool {
    let now = app.clock.now();
    let turn = i64::try_from(every.as_millis()).unwrap_or(i64::MAX / 4);
    let until = now.plus_millis(turn.saturating_mul(2));
    match app.store.try_lease(job, app.instance, now, until).await {
        Ok(ours) => ours,
        Err(error) => {
            tracing::error!(cause = %ErrorChain(&error), job, "failed to ask whose job it is");
            false
        }
    }
}
