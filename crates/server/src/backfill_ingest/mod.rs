//! Writes the commits of archives in object storage to the database, one archive at a time.
//!
//! Of several servers, one claims an archive and renews its claim while it works. When a server
//! dies, its claim expires and the archive is read again from the start, which is idempotent.
//! `archive` and `records` parse archives, without network and database.

mod archive;
mod records;

use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::time::Duration;

use test_engine_store::{BackfillOutcome, CommitRecord, PendingBackfill, Store, StoreError};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::archive::{Owner, ReadError};
use crate::App;
use crate::blobs::{BlobError, Blobs, Key};

/// Milliseconds until a claim expires that is not renewed.
const CLAIM: i64 = 60_000;
const RENEW_EVERY: Duration = Duration::from_secs(15);
/// Milliseconds until a failed attempt is repeated.
const RETRY_AFTER: i64 = 30_000;
/// Claims that expire because the server died or did not find the archive, until it is rejected.
const MAX_CLAIMS: u64 = 5;
/// Milliseconds until an expired form is deleted: an upload that started in time may still finish.
const DELETE_FORMS_AFTER: i64 = 60 * 60 * 1000;
const BATCH: usize = 100;
/// Approximate maximum bytes per transaction.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// A temporary failure. Reads after "failed to …: ".
#[derive(Debug, thiserror::Error)]
pub(crate) enum IngestError {
    #[error("the database is unavailable")]
    Store(#[from] StoreError),
    #[error("the object storage is unavailable")]
    Blob(#[from] BlobError),
    #[error("the archive could not be read")]
    Read(#[source] ReadError),
    #[error("the archive is not in the object storage of this server")]
    NotFound,
    #[error("the thread that read the archive panicked")]
    Thread,
    #[error("another server has claimed the archive")]
    Claimed,
}

/// Registers archives that were uploaded directly to the object storage.
pub(crate) async fn find_arrived(app: &App) -> Result<(), IngestError> {
    if matches!(app.blobs, Blobs::Files(_)) {
        return Ok(());
    }
    for awaited in app.store.awaited_backfills().await? {
        let key = Key::incoming_backfill(awaited.suite_uuid, awaited.uuid);
        if let Some(size) = app.blobs.arrived(&key).await? {
            app.store
                .backfill_received(awaited.uuid, size, app.clock.now())
                .await?;
        }
    }
    Ok(())
}

/// Deletes expired forms and archives that were uploaded with them too late.
pub(crate) async fn delete_unused(app: &App) -> Result<(), IngestError> {
    let before = app.clock.now().plus_millis(-DELETE_FORMS_AFTER);
    for unused in app.store.unused_backfills(before).await? {
        let key = Key::incoming_backfill(unused.suite_uuid, unused.uuid);
        app.blobs.delete(&key).await?;
        app.store.delete_unused_backfill(unused.uuid).await?;
    }
    Ok(())
}

/// Ingests the next pending archive. Returns whether there was one.
pub(crate) async fn ingest_next(app: &App) -> Result<bool, IngestError> {
    let now = app.clock.now();
    let claimed = app
        .store
        .claim_backfill(now, now.plus_millis(CLAIM))
        .await?;
    let Some(backfill) = claimed else {
        return Ok(false);
    };
    app.backfills.set_current(Some(backfill.uuid));
    let result = tokio::select! {
        result = ingest(app, &backfill) => result,
        lost = renew_claim(app, &backfill) => Err(lost),
    };
    app.backfills.set_current(None);
    match result {
        Ok(()) | Err(IngestError::Claimed) => Ok(true),
        // The claim expires and counts: servers with directories of their own get a chance, and
        // an archive that no longer exists is rejected in the end.
        Err(IngestError::NotFound) => Err(IngestError::NotFound),
        Err(error) => {
            let later = app.clock.now().plus_millis(RETRY_AFTER);
            app.store.postpone_backfill(backfill.uuid, later).await?;
            Err(error)
        }
    }
}

/// Releases the claim of an archive that this server will not finish.
pub(crate) async fn release(app: &App) -> Result<(), IngestError> {
    if let Some(archive) = app.backfills.set_current(None) {
        app.store
            .postpone_backfill(archive, app.clock.now())
            .await?;
    }
    Ok(())
}

/// Returns when the claim is lost.
async fn renew_claim(app: &App, backfill: &PendingBackfill) -> IngestError {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        let until = app.clock.now().plus_millis(CLAIM);
        match app.store.renew_backfill(backfill.uuid, until).await {
            Ok(true) => {}
            Ok(false) => return IngestError::Claimed,
            Err(error) => return error.into(),
        }
    }
}

async fn ingest(app: &App, backfill: &PendingBackfill) -> Result<(), IngestError> {
    let (suite, uuid) = (backfill.suite_uuid, backfill.uuid);
    let incoming = Key::incoming_backfill(suite, uuid);
    let outcome = if backfill.claims > MAX_CLAIMS {
        BackfillOutcome::Rejected {
            reason: format!(
                "The server stopped while it was reading this archive, or did not find it, \
                 {MAX_CLAIMS} times."
            ),
        }
    } else {
        read(app, backfill, &incoming).await?
    };
    let (key, state) = match &outcome {
        BackfillOutcome::Ingested { .. } => (Key::ingested_backfill(suite, uuid), "ingested"),
        BackfillOutcome::Rejected { .. } => (Key::rejected_backfill(suite, uuid), "rejected"),
    };
    // The database first, so that a renamed archive is never looked for under its old key.
    let now = app.clock.now();
    app.store.finish_backfill(uuid, &outcome, now).await?;
    if let Err(error) = app.blobs.rename(&incoming, &key).await {
        let cause = crate::error_chain::ErrorChain(&error);
        tracing::warn!(%cause, archive = %uuid, "failed to move a commit archive");
    }
    tracing::info!(archive = %uuid, %suite, "commit archive {state}");
    Ok(())
}

async fn read(
    app: &App,
    backfill: &PendingBackfill,
    key: &Key,
) -> Result<BackfillOutcome, IngestError> {
    let limit = app.config.limits.backfill_bytes;
    let owner = Owner {
        organization: backfill.organization_uuid,
        suite: backfill.suite_uuid,
    };
    let file = app.blobs.open_locally(key).await?;
    let file = file.ok_or(IngestError::NotFound)?;
    // Blocking threads do not stop when this future is dropped.
    let token = CancellationToken::new();
    let _cancel_on_drop = token.clone().drop_guard();
    let cancellation = token.clone();
    let validation = tokio::task::spawn_blocking(move || {
        let summary = archive::validate(&file, owner, limit, &cancellation);
        (file, summary)
    });
    let (file, summary) = validation.await.map_err(|_panic| IngestError::Thread)?;
    let summary = match summary {
        Ok(summary) => summary,
        Err(ReadError::Rejected(reason)) => {
            return Ok(BackfillOutcome::Rejected {
                reason: reason.to_string(),
            });
        }
        Err(error) => return Err(IngestError::Read(error)),
    };
    write(&app.store, backfill, file, limit, token.clone()).await?;
    Ok(BackfillOutcome::Ingested {
        commits: summary.commits,
        skipped_records: summary.skipped,
        problems: summary.problems,
    })
}

/// Reads the archive again and writes its commits in batches.
async fn write(
    store: &Store,
    backfill: &PendingBackfill,
    mut file: File,
    limit: u64,
    cancellation: CancellationToken,
) -> Result<(), IngestError> {
    let (sender, mut batches) = mpsc::channel::<Vec<CommitRecord>>(1);
    let reader = tokio::task::spawn_blocking(move || {
        file.seek(SeekFrom::Start(0)).map_err(ReadError::Source)?;
        let mut batch = Vec::new();
        let mut bytes = 0;
        archive::commits(&file, limit, &cancellation, &mut |commit, size| {
            batch.push(commit);
            bytes += size;
            if batch.len() < BATCH && bytes < BATCH_BYTES {
                return Ok(());
            }
            bytes = 0;
            let full = std::mem::take(&mut batch);
            sender
                .blocking_send(full)
                .map_err(|_closed| ReadError::Cancelled)
        })?;
        sender
            .blocking_send(batch)
            .map_err(|_closed| ReadError::Cancelled)
    });
    while let Some(batch) = batches.recv().await {
        store.record_commits(backfill.suite, &batch).await?;
    }
    let read = reader.await.map_err(|_panic| IngestError::Thread)?;
    read.map_err(IngestError::Read)
}
