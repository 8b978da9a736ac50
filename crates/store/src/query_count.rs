//! Counts the queries that a piece of work sends to the database.

use std::cell::Cell;

tokio::task_local! {
    static SENT: Cell<u64>;
}

/// Does the work, and returns the number of queries that it sent. A query with many rows or keys is
/// one, although an engine may get it in several statements. Queries of tasks that the work spawns
/// are not among them.
pub async fn count_queries<F: Future>(work: F) -> (F::Output, u64) {
    let counted = async {
        let output = work.await;
        (output, SENT.get().get())
    };
    SENT.scope(Cell::new(0), counted).await
}

/// Counts a query, if somebody wants to know.
pub(crate) fn sent() {
    // Outside of `count_queries` there is no counter.
    let _nobody_counts = SENT.try_with(|sent| sent.set(sent.get() + 1));
}
