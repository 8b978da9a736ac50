//! Counts the queries that a piece of work sends to the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

tokio::task_local! {
    static SENT: Arc<AtomicU64>;
}

/// Does the work, and returns the number of queries that it sent. A query with many rows or keys is
/// one, although an engine may get it in several statements. Queries of tasks that the work spawns
/// are among them if it spawned them with [`counted_by_spawner`].
pub async fn count_queries<F: Future>(work: F) -> (F::Output, u64) {
    let sent = Arc::new(AtomicU64::new(0));
    let output = SENT.scope(Arc::clone(&sent), work).await;
    (output, sent.load(Ordering::Relaxed))
}

/// The same work for another task. Its queries count as those of the task that calls this.
pub fn counted_by_spawner<F: Future>(work: F) -> impl Future<Output = F::Output> {
    // A counter that nobody reads, if nobody counts.
    let sent = SENT.try_get().unwrap_or_default();
    SENT.scope(sent, work)
}

/// Counts a query, if somebody wants to know.
pub(crate) fn sent() {
    // Outside of `count_queries` there is no counter.
    let _nobody_counts = SENT.try_with(|sent| sent.fetch_add(1, Ordering::Relaxed));
}
