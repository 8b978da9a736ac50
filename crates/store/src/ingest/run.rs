//! The row of the run that an upload belongs to.

use uuid::Uuid;

use super::{Ingest, Result};
use crate::records::{Recorded, Timestamp};
use crate::sql::values;

/// A run before the upload.
pub(super) struct KnownRun {
    pub(super) uuid: Uuid,
    /// `None` for a run of an earlier version.
    pub(super) commit_number: Option<i64>,
    /// Of an identical earlier upload.
    pub(super) receipt: Option<Recorded>,
}

pub(super) struct RunRow {
    pub(super) id: i64,
    pub(super) uuid: Uuid,
    pub(super) branch_id: Option<i64>,
    /// Whether it was part of an outage before this upload.
    pub(super) guarded: bool,
    /// Whether it has uploads.
    pub(super) has_uploads: bool,
    /// Whether its executions count even so.
    pub(super) counted: bool,
    pub(super) created_at: Timestamp,
}

impl Ingest<'_> {
    async fn branch_id(&mut self, name: &str) -> Result<i64> {
        if let Some(id) = self.memory.branches.get(name) {
            return Ok(*id);
        }
        // The no-op update makes RETURNING work for existing rows.
        let row = self
            .session
            .one(
                "INSERT INTO branches (suite_id, name) VALUES ($1, $2) \
                 ON CONFLICT (suite_id, name) DO UPDATE SET name = excluded.name RETURNING id",
                values![self.upload.suite.get(), name],
            )
            .await?;
        let id = row.integer("id")?;
        self.memory.branches.insert(name.to_owned(), id);
        Ok(id)
    }

    /// Inserts the run, or fills in columns that earlier uploads have left empty.
    pub(super) async fn upsert_run(&mut self, commit_number: Option<i64>) -> Result<RunRow> {
        let run = &self.upload.run;
        let branch_id = match run.branch.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => Some(self.branch_id(name).await?),
            None => None,
        };
        let row = self
            .session
            .one(
                "INSERT INTO runs (suite_id, uuid, key, branch_id, commit_sha, build_id, number, \
                 url, message, run_env, commit_number, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) \
                 ON CONFLICT (suite_id, key) DO UPDATE SET \
                 branch_id = COALESCE(runs.branch_id, excluded.branch_id), \
                 commit_sha = COALESCE(runs.commit_sha, excluded.commit_sha), \
                 build_id = COALESCE(runs.build_id, excluded.build_id), \
                 number = COALESCE(runs.number, excluded.number), \
                 url = COALESCE(runs.url, excluded.url), \
                 message = COALESCE(runs.message, excluded.message), \
                 commit_number = COALESCE(runs.commit_number, excluded.commit_number), \
                 updated_at = excluded.updated_at \
                 RETURNING id, uuid, branch_id, guarded, counted, uploads, created_at",
                values![
                    self.upload.suite.get(),
                    run.uuid,
                    &run.key,
                    branch_id,
                    &run.commit_sha,
                    &run.build_id,
                    &run.number,
                    &run.url,
                    &run.message,
                    &run.run_env,
                    commit_number,
                    self.upload.received_at,
                ],
            )
            .await?;
        Ok(RunRow {
            id: row.integer("id")?,
            uuid: row.uuid("uuid")?,
            branch_id: row.integer_or_null("branch_id")?,
            guarded: row.boolean("guarded")?,
            has_uploads: row.integer("uploads")? > 0,
            counted: row.boolean("counted")?,
            created_at: row.time("created_at")?,
        })
    }

    /// The run as it was before, with the receipt of an identical earlier upload.
    pub(super) async fn known_run(&mut self) -> Result<Option<KnownRun>> {
        let row = self
            .session
            .optional(
                "SELECT runs.uuid AS run_uuid, runs.commit_number, uploads.uuid, uploads.kept, \
                 uploads.duplicates, uploads.skipped, uploads.errors FROM runs \
                 LEFT JOIN uploads ON uploads.run_id = runs.id AND uploads.digest = $3 \
                 WHERE runs.suite_id = $1 AND runs.key = $2",
                values![
                    self.upload.suite.get(),
                    &self.upload.run.key,
                    &self.upload.digest
                ],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let run_uuid = row.uuid("run_uuid")?;
        let receipt = match row.uuid_or_null("uuid")? {
            Some(upload_uuid) => Some(Recorded {
                run_uuid,
                upload_uuid,
                kept: row.count("kept")?,
                duplicates: row.count("duplicates")?,
                skipped: row.count("skipped")?,
                errors: row.json("errors", "list of errors")?,
                repeated: true,
            }),
            None => None,
        };
        Ok(Some(KnownRun {
            uuid: run_uuid,
            commit_number: row.integer_or_null("commit_number")?,
            receipt,
        }))
    }
}
