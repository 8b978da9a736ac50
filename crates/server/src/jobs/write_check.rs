//! Writes to the database regularly, so that `/readyz` notices that it cannot be written even while
//! nobody uploads anything. Every server does this for itself.

use std::time::Instant;

use test_engine_store::StoreError;

use super::interval;
use crate::App;
use crate::error_chain::ErrorChain;

pub(super) async fn run(app: App) {
    let mut interval = interval(app.write_health.period());
    let mut was_written = true;
    loop {
        interval.tick().await;
        let written = write(&app).await;
        if let Err(error) = &written
            && was_written
        {
            tracing::error!(cause = %ErrorChain(error), "the database cannot be written");
        }
        if written.is_ok() && !was_written {
            tracing::info!("the database can be written again");
        }
        was_written = written.is_ok();
    }
}

pub(super) async fn write(app: &App) -> Result<(), StoreError> {
    let began = Instant::now();
    let written = app
        .store
        .check_writable(app.instance, app.clock.now())
        .await;
    app.write_health.record(began, written.is_ok());
    written
}
