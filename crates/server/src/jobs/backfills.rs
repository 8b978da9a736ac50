//! Ingests commit archives as soon as they arrive, one at a time.

use std::time::Duration;

use crate::App;
use crate::backfill_ingest;
use crate::error_chain::ErrorChain;

/// For archives that were uploaded to a bucket directly or to another server, and for retries;
/// others wake the job.
const PERIOD: Duration = Duration::from_secs(5);

pub(super) async fn run(app: App) {
    let mut interval = super::interval(PERIOD);
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = app.backfills.wake.notified() => {}
        }
        if let Err(error) = backfill_ingest::find_arrived(&app).await {
            tracing::error!(cause = %ErrorChain(&error), "failed to look for commit archives");
        }
        loop {
            match backfill_ingest::ingest_next(&app).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    let cause = ErrorChain(&error);
                    tracing::error!(%cause, "failed to ingest a commit archive");
                    break;
                }
            }
        }
        if let Err(error) = backfill_ingest::delete_unused(&app).await {
            tracing::error!(cause = %ErrorChain(&error), "failed to delete unused upload forms");
        }
    }
}
