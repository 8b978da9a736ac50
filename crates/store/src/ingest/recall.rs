//! Reads what the cache of a run lacks: what other processes have added to it.

use std::collections::HashMap;

use super::{Ingest, Result, RunRow};
use crate::identity::fingerprint;
use crate::run_memory::RunMemory;
use crate::run_outcomes::Lane;
use crate::segment;
use crate::sql::{Session, values};

/// Completes the cache of a run with what other processes have added.
pub(super) async fn recall_run(
    session: &mut Session,
    run_id: i64,
    memory: &mut RunMemory,
) -> Result<()> {
    let rows = session
        .rows(
            "SELECT segments.upload_id, segments.body, uploads.job_id, uploads.tags \
             FROM segments JOIN uploads ON uploads.id = segments.upload_id \
             WHERE segments.run_id = $1 AND segments.upload_id > $2 \
             ORDER BY segments.upload_id",
            values![run_id, memory.last_upload],
        )
        .await?;
    if rows.is_empty() {
        return Ok(());
    }
    let messages = messages(session, run_id, memory.last_upload).await?;
    for row in rows {
        let upload_id = row.integer("upload_id")?;
        let lane = Lane::new(row.text_or_null("job_id")?.as_deref(), &row.text("tags")?);
        let executions = segment::decode(&row.bytes("body")?)?;
        for (position, execution) in (0_i64..).zip(&executions) {
            let message = messages.get(&(upload_id, position)).copied();
            memory.observe(lane, execution, message);
        }
        memory.add(upload_id, &executions);
    }
    recall_guarded(session, run_id, memory).await
}

/// The messages of failures in later uploads of a run, by upload and position.
async fn messages(
    session: &mut Session,
    run_id: i64,
    after: i64,
) -> Result<HashMap<(i64, i64), u32>> {
    let rows = session
        .rows(
            "SELECT upload_id, position, fingerprint FROM failures \
             WHERE run_id = $1 AND upload_id > $2 AND fingerprint IS NOT NULL",
            values![run_id, after],
        )
        .await?;
    let mut messages = HashMap::with_capacity(rows.len());
    for row in rows {
        let place = (row.integer("upload_id")?, row.integer("position")?);
        let message = fingerprint(row.integer("fingerprint")?).message();
        messages.insert(place, message);
    }
    Ok(messages)
}

async fn recall_guarded(session: &mut Session, run_id: i64, memory: &mut RunMemory) -> Result<()> {
    let rows = session
        .rows(
            "SELECT fingerprint FROM failure_groups WHERE run_id = $1 AND guarded",
            values![run_id],
        )
        .await?;
    for row in rows {
        let message = fingerprint(row.integer("fingerprint")?).message();
        memory.guarded_messages.insert(message);
    }
    memory.guard_recovered();
    Ok(())
}

impl Ingest<'_> {
    /// The run's cache, up to date.
    pub(super) async fn run_memory(&mut self, run: &RunRow) -> Result<RunMemory> {
        let mut memory = self.memory.take_run(run.id);
        if run.has_uploads {
            recall_run(self.session, run.id, &mut memory).await?;
        }
        Ok(memory)
    }
}
