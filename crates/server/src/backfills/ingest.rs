//! From an archive in object storage to commits in the database, one archive after the other.
//!
//! Of several servers one takes an archive, and keeps it by renewing its claim while it works. A
//! server that dies stops renewing, and the archive is read again from its beginning: commits are
//! replaced by themselves, so that does no harm.

use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::time::Duration;

use test_engine_store::{BackfillOutcome, CommitRecord, PendingBackfill, Store, StoreError};
use tokio::sync::mpsc;

use super::archive::{self, Owner, ReadError, Stop, Survey};
use crate::App;
use crate::blobs::{BlobError, Blobs, Key};

/// Milliseconds that an archive is kept for a server that gives no sign of life.
const CLAIM: i64 = 60_000;
/// How often a server gives one.
const RENEW_EVERY: Duration = Duration::from_secs(15);
/// Milliseconds until an archive is tried again that could not be got at.
const POSTPONE: i64 = 30_000;
/// How often the reading of one archive may take a server down, or the archive not be found,
/// before it is rejected.
const MOST_CLAIMS: u64 = 5;
/// Milliseconds a form is remembered after it ran out: uploads that began in time may still end.
const REMEMBER_FORMS: i64 = 60 * 60 * 1000;
/// Commits written in one transaction.
const BATCH: usize = 100;
/// Bytes of them, about.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Why an archive could not be brought in just now. Reads after "failed to …: ".
#[derive(Debug, thiserror::Error)]
pub(crate) enum IngestError {
    #[error("the database could not be used")]
    Store(#[from] StoreError),
    #[error("the object storage could not be used")]
    Blob(#[from] BlobError),
    #[error("the archive could not be read")]
    Read(#[source] ReadError),
    #[error("the archive is not in the object storage of this server")]
    Lost,
    #[error("the thread that read the archive ended early")]
    Thread,
    #[error("another server has the archive now")]
    Taken,
}

/// Notice archives that came in without this server's doing.
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

/// Forget forms that nobody used, and what was sent with them too late.
pub(crate) async fn delete_unused(app: &App) -> Result<(), IngestError> {
    let before = app.clock.now().plus_millis(-REMEMBER_FORMS);
    for unused in app.store.unused_backfills(before).await? {
        let key = Key::incoming_backfill(unused.suite_uuid, unused.uuid);
        app.blobs.delete(&key).await?;
        app.store.delete_unused_backfill(unused.uuid).await?;
    }
    Ok(())
}

/// Read the next archive that waits, if there is one: whether there was.
pub(crate) async fn ingest_next(app: &App) -> Result<bool, IngestError> {
    let now = app.clock.now();
    let claimed = app
        .store
        .claim_backfill(now, now.plus_millis(CLAIM))
        .await?;
    let Some(backfill) = claimed else {
        return Ok(false);
    };
    app.backfills.set_reading(Some(backfill.uuid));
    let done = tokio::select! {
        done = ingest(app, &backfill) => done,
        lost = keep_claim(app, &backfill) => Err(lost),
    };
    app.backfills.set_reading(None);
    match done {
        Ok(()) => Ok(true),
        Err(IngestError::Taken) => Ok(true),
        // The claim runs out and counts: servers with folders of their own get their turns, and
        // what is really gone is given up.
        Err(IngestError::Lost) => Err(IngestError::Lost),
        Err(error) => {
            let later = app.clock.now().plus_millis(POSTPONE);
            app.store.postpone_backfill(backfill.uuid, later).await?;
            Err(error)
        }
    }
}

/// Put an archive back that this server has begun to read and will not finish.
pub(crate) async fn release(app: &App) -> Result<(), IngestError> {
    if let Some(archive) = app.backfills.set_reading(None) {
        app.store
            .postpone_backfill(archive, app.clock.now())
            .await?;
    }
    Ok(())
}

async fn keep_claim(app: &App, backfill: &PendingBackfill) -> IngestError {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        let until = app.clock.now().plus_millis(CLAIM);
        match app.store.renew_backfill(backfill.uuid, until).await {
            Ok(true) => {}
            Ok(false) => return IngestError::Taken,
            Err(error) => return error.into(),
        }
    }
}

async fn ingest(app: &App, backfill: &PendingBackfill) -> Result<(), IngestError> {
    let incoming = Key::incoming_backfill(backfill.suite_uuid, backfill.uuid);
    let ingested = Key::ingested_backfill(backfill.suite_uuid, backfill.uuid);
    let outcome = if backfill.claims > MOST_CLAIMS {
        BackfillOutcome::Rejected {
            reason: format!(
                "The server stopped while it read this archive, or did not find it, {MOST_CLAIMS} \
                 times."
            ),
        }
    } else {
        read(app, backfill, &incoming).await?
    };
    let (key, what) = match &outcome {
        BackfillOutcome::Ingested { .. } => (ingested, "ingested"),
        BackfillOutcome::Rejected { .. } => (
            Key::rejected_backfill(backfill.suite_uuid, backfill.uuid),
            "rejected",
        ),
    };
    // The book first: what is under the new name is never looked for under the old one.
    let now = app.clock.now();
    app.store
        .finish_backfill(backfill.uuid, &outcome, now)
        .await?;
    if let Err(error) = app.blobs.rename(&incoming, &key).await {
        let cause = crate::error_chain::ErrorChain(&error);
        tracing::warn!(cause = %cause, archive = %backfill.uuid, "failed to move a commit archive");
    }
    tracing::info!(archive = %backfill.uuid, suite = %backfill.suite_uuid, "commit archive {what}");
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
    let file = file.ok_or(IngestError::Lost)?;
    // The threads that read go on when this future is dropped, unless they are told.
    let stop = StopWhenDropped(Stop::default());
    let flag = stop.0.clone();
    let surveyed = tokio::task::spawn_blocking(move || {
        let survey = archive::survey(&file, owner, limit, &flag);
        (file, survey)
    });
    let (file, survey) = surveyed.await.map_err(|_panic| IngestError::Thread)?;
    let survey = match survey {
        Ok(survey) => survey,
        Err(ReadError::Rejected(reason)) => {
            return Ok(BackfillOutcome::Rejected {
                reason: reason.to_string(),
            });
        }
        Err(error) => return Err(IngestError::Read(error)),
    };
    write(&app.store, backfill, file, limit, stop.0.clone()).await?;
    let Survey {
        commits,
        passed_over,
        problems,
    } = survey;
    Ok(BackfillOutcome::Ingested {
        commits,
        passed_over,
        problems,
    })
}

/// Read the archive again and write its commits, a batch at a time.
async fn write(
    store: &Store,
    backfill: &PendingBackfill,
    mut file: File,
    limit: u64,
    stop: Stop,
) -> Result<(), IngestError> {
    let (sender, mut batches) = mpsc::channel::<Vec<CommitRecord>>(1);
    let reader = tokio::task::spawn_blocking(move || {
        file.seek(SeekFrom::Start(0)).map_err(ReadError::Source)?;
        let mut batch = Vec::new();
        let mut bytes = 0;
        archive::commits(&file, limit, &stop, &mut |commit, size| {
            batch.push(commit);
            bytes += size;
            if batch.len() < BATCH && bytes < BATCH_BYTES {
                return Ok(());
            }
            bytes = 0;
            let full = std::mem::take(&mut batch);
            sender
                .blocking_send(full)
                .map_err(|_nobody_waits| ReadError::Stopped)
        })?;
        sender
            .blocking_send(batch)
            .map_err(|_nobody_waits| ReadError::Stopped)
    });
    while let Some(batch) = batches.recv().await {
        store.record_commits(backfill.suite, &batch).await?;
    }
    let read = reader.await.map_err(|_panic| IngestError::Thread)?;
    read.map_err(IngestError::Read)
}

struct StopWhenDropped(Stop);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.now();
    }
}
