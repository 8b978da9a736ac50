//! Work that no request asks for, done beside them in small steps. One file a job.

mod expired_plans;

use crate::App;

/// Run every job until the task is dropped.
pub(crate) async fn run(app: App) {
    expired_plans::run(app).await;
}
