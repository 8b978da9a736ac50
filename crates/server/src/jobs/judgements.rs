//! Judges tests whose evidence has changed, and daily those that are not sound. Then follows the
//! rules of suites, which rely on the judgement. Deletes evidence that no judgement needs.
//!
//! Every server does this for the uploads that it received, and all look for what others left
//! behind. A judgement that two servers make is the same, and is stored once; and of two servers
//! that follow a rule, one acts. No lease is needed.

use std::time::{Duration, Instant};

use super::interval;
use crate::App;
use crate::error_chain::ErrorChain;
use crate::rules;

const JOB: &str = "judgements";
/// How often to look for tests that are due, and for what another server left behind.
const PERIOD: Duration = Duration::from_mins(1);
/// Uploads of a build arrive together; one judgement covers all that arrived meanwhile.
const MIN_PAUSE: Duration = Duration::from_millis(500);
/// Tests per step.
const STEP: u32 = 100;

pub(super) async fn run(app: App) {
    let mut interval = interval(PERIOD);
    loop {
        let is_periodic = tokio::select! {
            _ = interval.tick() => true,
            () = app.judgements.news() => false,
        };
        let mut succeeded = judge_all(&app).await && follow_rules(&app).await;
        if is_periodic {
            succeeded &= forget_all(&app).await;
            app.metrics.job_run(JOB, succeeded);
        }
    }
}

/// Whether it succeeded.
async fn judge_all(app: &App) -> bool {
    loop {
        let began = Instant::now();
        match app.store.judge_some(app.clock.now(), STEP).await {
            Ok(judged) if judged.tests == 0 => return true,
            Ok(judged) => {
                if judged.alarms + judged.recoveries > 0 {
                    tracing::info!(
                        flaky = judged.alarms,
                        recovered = judged.recoveries,
                        "judged tests"
                    );
                }
            }
            Err(error) => {
                tracing::error!(cause = %ErrorChain(&error), "failed to judge tests");
                return false;
            }
        }
        // At most every other moment, however many uploads arrive.
        tokio::time::sleep(began.elapsed().max(MIN_PAUSE)).await;
    }
}

/// Whether it succeeded.
async fn follow_rules(app: &App) -> bool {
    loop {
        let began = Instant::now();
        match rules::follow_some(&app.store, app.clock.now()).await {
            Ok(followed) if followed.evaluations == 0 => return true,
            Ok(followed) => {
                if followed.alarms + followed.recoveries > 0 {
                    tracing::info!(
                        alarms = followed.alarms,
                        recoveries = followed.recoveries,
                        "followed rules"
                    );
                }
                if followed.waits && !judge_all(app).await {
                    return false;
                }
            }
            Err(error) => {
                tracing::error!(cause = %ErrorChain(&error), "failed to follow rules");
                return false;
            }
        }
        // At most every other moment, however many uploads arrive.
        tokio::time::sleep(began.elapsed().max(MIN_PAUSE)).await;
    }
}

/// Whether it succeeded.
async fn forget_all(app: &App) -> bool {
    loop {
        let began = Instant::now();
        match app.store.forget_some_evidence(app.clock.now()).await {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => {
                let cause = ErrorChain(&error);
                tracing::error!(%cause, "failed to delete old evidence on tests");
                return false;
            }
        }
        tokio::time::sleep(began.elapsed() * 2).await;
    }
}
