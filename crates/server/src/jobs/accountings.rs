//! Keeps the summaries of accountings up to date.
//!
//! Every server does this for the reports that it received; a summary that two servers compute is
//! the same. No lease is needed.

use std::time::{Duration, Instant};

use super::interval;
use crate::App;
use crate::error_chain::ErrorChain;

/// How often to count incomplete plans, and to look for what another server left behind.
const PERIOD: Duration = Duration::from_mins(1);
/// Reports of a build arrive together; one summary covers all that arrived meanwhile.
const MIN_PAUSE: Duration = Duration::from_millis(200);

pub(super) async fn run(app: App) {
    let mut interval = interval(PERIOD);
    loop {
        let is_periodic = tokio::select! {
            _ = interval.tick() => true,
            () = app.accountant.news() => false,
        };
        update(&app).await;
        if is_periodic {
            count(&app).await;
        }
    }
}

async fn update(app: &App) {
    loop {
        let began = Instant::now();
        let more = match app.accountant.summarize_some(app.clock.now()).await {
            Ok(more) => more,
            Err(error) => {
                let cause = ErrorChain(&error);
                tracing::error!(%cause, "failed to summarize the accountings of builds");
                false
            }
        };
        // At most every other moment, however many reports arrive.
        tokio::time::sleep(began.elapsed().max(MIN_PAUSE)).await;
        if !more {
            return;
        }
    }
}

async fn count(app: &App) {
    match app.accountant.count_incomplete(app.clock.now()).await {
        Ok(count) => app.metrics.incomplete_plans(count),
        Err(error) => {
            tracing::error!(cause = %ErrorChain(&error), "failed to count incomplete plans");
        }
    }
}
