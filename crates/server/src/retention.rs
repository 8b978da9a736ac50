//! Removing what has expired, suite by suite, and leaving most of the time to others.
//!
//! The server does it in the background (`jobs`), the command line by hand. The store's steps are
//! small; the pauses between them are what keeps uploads quick however much there is to remove.

use std::time::{Duration, Instant};

use test_engine_store::{Expired, KeptSince, Store, StoreError};

/// A pause is so many times as long as the step before it: a third of the writer's time at most.
const PAUSE_PER_STEP: u32 = 2;
/// The shortest pause.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);

/// Remove everything that has expired; how much that was.
pub async fn remove_expired(store: &Store, kept: KeptSince) -> Result<Expired, StoreError> {
    let mut removed = Expired::default();
    for suite in store.suite_ids().await? {
        loop {
            let began = Instant::now();
            let step = store.remove_some_expired(suite, kept).await?;
            if step == Expired::default() {
                break;
            }
            removed += step;
            let pause = began.elapsed() * PAUSE_PER_STEP;
            tokio::time::sleep(pause.max(SHORTEST_PAUSE)).await;
        }
    }
    Ok(removed)
}

/// How much [`remove_expired`] would remove.
pub async fn count_expired(store: &Store, kept: KeptSince) -> Result<Expired, StoreError> {
    let mut expired = Expired::default();
    for suite in store.suite_ids().await? {
        expired += store.count_expired(suite, kept).await?;
    }
    Ok(expired)
}
