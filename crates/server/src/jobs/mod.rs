//! Background jobs, one per file. They work in small steps, so that requests are not delayed.
//!
//! Of several servers on one database, the one that holds a job's lease runs it. Jobs must tolerate
//! that two servers run them concurrently all the same, because their clocks may differ.

mod accountings;
mod backfills;
mod deleted_suites;
mod expired_plans;
mod expired_sessions;
mod judgements;
mod quarantines;
mod retention;
mod selections;
mod webhooks;
mod write_check;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};

use crate::App;
use crate::error_chain::ErrorChain;

/// Leaves the trace by which an import recognizes a running server, before the first response.
pub(crate) async fn announce(app: &App) {
    // The first run of the job writes again, and logs a failure.
    let _written = write_check::write(app).await;
}

/// Runs every job until the task is dropped.
pub(crate) async fn run(app: App) {
    tokio::join!(
        accountings::run(Arc::clone(&app)),
        backfills::run(Arc::clone(&app)),
        deleted_suites::run(Arc::clone(&app)),
        expired_plans::run(Arc::clone(&app)),
        expired_sessions::run(Arc::clone(&app)),
        judgements::run(Arc::clone(&app)),
        quarantines::run(Arc::clone(&app)),
        retention::run(Arc::clone(&app)),
        selections::run(Arc::clone(&app)),
        webhooks::run(Arc::clone(&app)),
        write_check::run(app),
    );
}

/// Releases this server's leases, so that another server can take over immediately. Call it after
/// the jobs have ended.
pub(crate) async fn release(app: &App) {
    if let Err(error) = crate::backfill_ingest::release(app).await {
        tracing::warn!(cause = %ErrorChain(&error), "failed to release a commit archive");
    }
    if let Err(error) = app.store.release_leases(app.instance).await {
        let cause = ErrorChain(&error);
        tracing::warn!(%cause, "failed to release the leases of background jobs");
    }
}

/// How often to try again to acquire a lease while the database does not respond.
const LEASE_RETRY_PERIOD: Duration = Duration::from_secs(5);

fn interval(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

struct Schedule<'a> {
    app: &'a App,
    job: &'static str,
    period: Duration,
    interval: Interval,
}

impl<'a> Schedule<'a> {
    fn new(app: &'a App, job: &'static str, period: Duration) -> Self {
        Self {
            app,
            job,
            period,
            interval: interval(period),
        }
    }

    /// Waits for the next time at which this server holds the lease.
    async fn next(&mut self) {
        loop {
            self.interval.tick().await;
            if self.acquire().await {
                return;
            }
        }
    }

    /// Acquires or renews the lease; false if another server has it. It expires after two periods,
    /// so that another server takes over when this one dies. If the database does not respond, it
    /// tries again until it does: a job with a long period would be late by all of it.
    async fn acquire(&self) -> bool {
        let period = i64::try_from(self.period.as_millis()).unwrap_or(i64::MAX / 4);
        let mut is_reported = false;
        loop {
            let now = self.app.clock.now();
            let until = now.plus_millis(period.saturating_mul(2));
            let holder = self.app.instance;
            let lease = self.app.store.try_lease(self.job, holder, now, until);
            let error = match lease.await {
                Ok(is_ours) => return is_ours,
                Err(error) => error,
            };
            if !is_reported {
                let (cause, job) = (ErrorChain(&error), self.job);
                tracing::error!(%cause, job, "failed to acquire the lease of a background job");
                self.app.metrics.job_run(self.job, false);
                is_reported = true;
            }
            tokio::time::sleep(LEASE_RETRY_PERIOD).await;
        }
    }
}
