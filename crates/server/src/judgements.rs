//! Wakes the job that judges tests.

use tokio::sync::Notify;

/// Shared by the handlers of uploads and the job.
#[derive(Default)]
pub(crate) struct Judgements {
    wake: Notify,
}

impl Judgements {
    /// Tells that results were stored, which may change the judgement on their tests.
    pub(crate) fn results_stored(&self) {
        self.wake.notify_one();
    }

    /// Waits until results were stored.
    pub(crate) async fn news(&self) {
        self.wake.notified().await;
    }
}
