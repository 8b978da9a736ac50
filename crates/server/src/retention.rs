//! Removing expired data, suite by suite.
//!
//! Used by a background job (`jobs`) and by `test-engine retention`. The steps of the store are
//! small, and the pauses between them keep uploads fast.

use std::time::{Duration, Instant};

use test_engine_store::{Expired, RetentionStart, Store, StoreError};

/// A pause is twice as long as the step before it, so this takes at most a third of the writer's
/// time.
const PAUSE_PER_STEP: u32 = 2;
const MIN_PAUSE: Duration = Duration::from_millis(5);

/// Removes everything that has expired and returns how much that was.
pub async fn remove_expired(store: &Store, kept: RetentionStart) -> Result<Expired, StoreError> {
    let mut removed = Expired::default();
    for suite in store.suite_ids().await? {
        loop {
            let began = Instant::now();
            let step = store.delete_some_expired(suite, kept).await?;
            if step == Expired::default() {
                break;
            }
            removed += step;
            let pause = began.elapsed() * PAUSE_PER_STEP;
            tokio::time::sleep(pause.max(MIN_PAUSE)).await;
        }
    }
    Ok(removed)
}

/// Counts what [`remove_expired`] would remove.
pub async fn count_expired(store: &Store, kept: RetentionStart) -> Result<Expired, StoreError> {
    let mut expired = Expired::default();
    for suite in store.suite_ids().await? {
        expired += store.count_expired(suite, kept).await?;
    }
    Ok(expired)
}
