//! Stores an upload in one transaction.
//!
//! The order matters: the first statement updates the suite's row, and that lock serializes uploads
//! to a suite, on every engine and across processes. The cache is written back only after the
//! commit.

mod known;
mod muted;
mod rows;

use std::collections::{HashMap, HashSet};

use serde_json::json;
use test_engine_duration::Micros;
use test_engine_results::Outcome;
use uuid::Uuid;

use self::known::Selectors;
use crate::accounting;
use crate::day_sums;
use crate::error::StoreError;
use crate::identity::{result_key, test_uuid};
use crate::memory::{RunMemory, SuiteMemory};
use crate::records::{BranchId, NewExecution, NewUpload, Recorded, RunId, RunTiming, SuiteId};
use crate::segment::{self, MAX_EXECUTIONS, StoredExecution};
use crate::sql::{Session, values};
use crate::store::{Store, check_key};
use crate::sums;

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Stores an upload durably: it survives a power cut once this returns.
    ///
    /// An upload with a digest that its run already has is a repetition: nothing is added, and the
    /// first receipt is returned. A result is a duplicate if the run has one with the same id,
    /// test, outcome and duration; with another outcome or duration it is a further attempt.
    /// Results without an id are always stored.
    pub async fn record_upload(&self, upload: NewUpload) -> Result<Recorded> {
        check_key("run key", &upload.run.key)?;
        check_key(
            "build id",
            upload.run.build_id.as_deref().unwrap_or_default(),
        )?;
        check_key(
            "branch name",
            upload.run.branch.as_deref().unwrap_or_default(),
        )?;
        if upload.executions.len() > MAX_EXECUTIONS {
            return Err(StoreError::TooLarge {
                what: "number of results",
                size: upload.executions.len() as u64,
                limit: MAX_EXECUTIONS as u64,
            });
        }
        let shared = self.caches().suite(upload.suite);
        let suite_uuid = shared
            .uuid
            .get_or_try_init(|| self.suite_uuid(upload.suite))
            .await?;
        // Outside the lock, so that it runs in parallel with other uploads.
        let prepared = Prepared::new(&upload, *suite_uuid);
        let mut place = shared.memory.lock().await;
        // Taken out while it may be ahead of the database: an error or a dropped request leaves an
        // empty cache, never a wrong one.
        let mut memory = std::mem::take(&mut *place);

        let mut session = self.write().await?;
        let mut ingest = Ingest {
            session: &mut session,
            upload: &upload,
            memory: &mut memory,
        };
        let (recorded, added) = ingest.run(&prepared).await?;
        if added {
            session.commit().await?;
        } else {
            drop(session);
        }
        let (tests, executions) = (memory.tests.len(), memory.executions());
        *place = memory;
        drop(place);
        self.caches().resized(upload.suite, tests, executions);
        Ok(recorded)
    }

    async fn suite_uuid(&self, suite: SuiteId) -> Result<Uuid> {
        let mut session = self.read().await?;
        let row = session
            .optional(
                "SELECT uuid FROM suites WHERE id = $1 AND NOT deleted",
                values![suite.get()],
            )
            .await?;
        row.ok_or(StoreError::Gone("the suite"))?.uuid("uuid")
    }
}

/// Computed for each execution before the database is locked.
struct Prepared {
    test_uuids: Vec<Uuid>,
    result_keys: Vec<Option<u64>>,
    /// Its own tags as JSON.
    tags: Vec<Option<String>>,
}

impl Prepared {
    fn new(upload: &NewUpload, suite_uuid: Uuid) -> Self {
        let executions = &upload.executions;
        let uuid = |execution: &NewExecution| {
            test_uuid(suite_uuid, &execution.result.scope, &execution.result.name)
        };
        let key = |execution: &NewExecution| execution.result.id.as_deref().map(result_key);
        let tags = |execution: &NewExecution| {
            (!execution.tags.is_empty()).then(|| json!(execution.tags).to_string())
        };
        Self {
            test_uuids: executions.iter().map(uuid).collect(),
            result_keys: executions.iter().map(key).collect(),
            tags: executions.iter().map(tags).collect(),
        }
    }
}

struct Ingest<'a> {
    session: &'a mut Session,
    upload: &'a NewUpload,
    memory: &'a mut SuiteMemory,
}

struct RunRow {
    id: i64,
    uuid: Uuid,
    branch_id: Option<i64>,
}

impl Ingest<'_> {
    /// Returns the receipt, and whether anything was added.
    async fn run(&mut self, prepared: &Prepared) -> Result<(Recorded, bool)> {
        let upload = self.upload;
        let timings_seq = self.lock_suite().await?;
        // Before any write: what is rolled back must not be cached.
        if let Some(first) = self.first_receipt().await? {
            return Ok((first, false));
        }
        self.memory.begin(timings_seq);
        let run = self.upsert_run().await?;
        let mut run_memory = self.run_memory(run.id).await?;

        let mut selectors = Selectors::load(
            self.session,
            upload.suite.get(),
            timings_seq,
            upload
                .executions
                .iter()
                .filter_map(|execution| execution.selector.as_deref()),
        )
        .await?;
        self.memory.forget_stale(prepared.test_uuids.iter());
        let test_ids = known::test_ids(
            self.session,
            upload,
            &prepared.test_uuids,
            &mut self.memory.tests,
            &selectors,
        )
        .await?;
        let muted = muted::of_upload(self.session, upload).await?;

        let (kept, sources) = drop_duplicates(
            upload,
            prepared,
            (&test_ids, &selectors),
            &muted,
            &run_memory,
        );
        let duplicates = upload.executions.len() - kept.len();
        let upload_id = self.insert_upload(&run, kept.len(), duplicates).await?;
        if !kept.is_empty() {
            self.insert_segment(upload_id, run.id, &kept).await?;
            self.insert_failures(upload_id, run.id, &kept, &sources)
                .await?;
            let day = upload.received_at.day();
            let branch_id = run.branch_id.unwrap_or(0);
            day_sums::add(
                self.session,
                upload.suite.get(),
                day,
                branch_id,
                sums::by_test(&kept),
            )
            .await?;
            let durations = first_durations(&kept, &sources, &run_memory);
            let branch = run.branch_id.map(BranchId::new);
            for (selector, duration) in durations {
                let timing = RunTiming {
                    run: RunId::new(run.id),
                    branch,
                    duration,
                };
                selectors.add(selector, timing)?;
            }
            selectors.save(self.session).await?;
        }
        self.update_run(run.id, &kept).await?;
        accounting::results_stored(self.session, upload.suite, &upload.run.key).await?;

        run_memory.add(upload_id, &kept);
        self.memory.put_run(run.id, run_memory);
        self.memory.end(timings_seq);
        let recorded = Recorded {
            run_uuid: run.uuid,
            upload_uuid: upload.uuid,
            kept: kept.len() as u64,
            duplicates: duplicates as u64,
            skipped: upload.skipped,
            errors: upload.errors.clone(),
            repeated: false,
        };
        Ok((recorded, true))
    }

    /// Locks the suite for this transaction; returns the sequence number of its changes.
    async fn lock_suite(&mut self) -> Result<i64> {
        let row = self
            .session
            .optional(
                "UPDATE suites SET timings_seq = timings_seq + 1 \
                 WHERE id = $1 AND NOT deleted \
                 RETURNING timings_seq",
                values![self.upload.suite.get()],
            )
            .await?;
        row.ok_or(StoreError::Gone("the suite"))?
            .integer("timings_seq")
    }

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
    async fn upsert_run(&mut self) -> Result<RunRow> {
        let run = &self.upload.run;
        let branch_id = match run.branch.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => Some(self.branch_id(name).await?),
            None => None,
        };
        let row = self
            .session
            .one(
                "INSERT INTO runs (suite_id, uuid, key, branch_id, commit_sha, build_id, number, \
                 url, message, run_env, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) \
                 ON CONFLICT (suite_id, key) DO UPDATE SET \
                 branch_id = COALESCE(runs.branch_id, excluded.branch_id), \
                 commit_sha = COALESCE(runs.commit_sha, excluded.commit_sha), \
                 build_id = COALESCE(runs.build_id, excluded.build_id), \
                 number = COALESCE(runs.number, excluded.number), \
                 url = COALESCE(runs.url, excluded.url), \
                 message = COALESCE(runs.message, excluded.message), \
                 updated_at = excluded.updated_at \
                 RETURNING id, uuid, branch_id",
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
                    self.upload.received_at,
                ],
            )
            .await?;
        Ok(RunRow {
            id: row.integer("id")?,
            uuid: row.uuid("uuid")?,
            branch_id: row.integer_or_null("branch_id")?,
        })
    }

    /// The receipt of an identical earlier upload.
    async fn first_receipt(&mut self) -> Result<Option<Recorded>> {
        let row = self
            .session
            .optional(
                "SELECT runs.uuid AS run_uuid, uploads.uuid, uploads.kept, uploads.duplicates, \
                 uploads.skipped, uploads.errors FROM uploads \
                 JOIN runs ON runs.id = uploads.run_id \
                 WHERE runs.suite_id = $1 AND runs.key = $2 AND uploads.digest = $3",
                values![
                    self.upload.suite.get(),
                    &self.upload.run.key,
                    &self.upload.digest
                ],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Recorded {
            run_uuid: row.uuid("run_uuid")?,
            upload_uuid: row.uuid("uuid")?,
            kept: row.count("kept")?,
            duplicates: row.count("duplicates")?,
            skipped: row.count("skipped")?,
            errors: row.json("errors", "list of errors")?,
            repeated: true,
        }))
    }

    /// The run's cache, completed with what other processes have added.
    async fn run_memory(&mut self, run_id: i64) -> Result<RunMemory> {
        let mut memory = self.memory.take_run(run_id);
        let rows = self
            .session
            .rows(
                "SELECT upload_id, body FROM segments \
                 WHERE run_id = $1 AND upload_id > $2 ORDER BY upload_id",
                values![run_id, memory.last_upload],
            )
            .await?;
        for row in rows {
            memory.add(
                row.integer("upload_id")?,
                &segment::decode(&row.bytes("body")?)?,
            );
        }
        Ok(memory)
    }
}

/// Drops duplicates. Returns each remaining execution with its source.
fn drop_duplicates<'a>(
    upload: &'a NewUpload,
    prepared: &Prepared,
    (test_ids, selectors): (&[i64], &Selectors<'_>),
    muted: &HashSet<i64>,
    run: &RunMemory,
) -> (Vec<StoredExecution>, Vec<&'a NewExecution>) {
    let mut seen = HashSet::new();
    let mut kept = Vec::with_capacity(test_ids.len());
    let mut sources = Vec::with_capacity(test_ids.len());
    for (index, source) in upload.executions.iter().enumerate() {
        let execution = StoredExecution {
            test_id: test_ids[index],
            selector: selectors.id(source.selector.as_deref()).into(),
            outcome: source.result.outcome,
            muted: muted.contains(&test_ids[index]),
            duration: source.result.duration,
            result_key: prepared.result_keys[index],
            tags: prepared.tags[index].clone(),
        };
        let repeated = run.has_result(&execution)
            || execution
                .repetition_key()
                .is_some_and(|key| !seen.insert(key));
        if !repeated {
            kept.push(execution);
            sources.push(source);
        }
    }
    (kept, sources)
}

/// The duration of each selector: the sum over the first executions of its tests, so that retries
/// do not make a file look slower.
///
/// Several tests of a file may have the same name, so each execution counts that is no retry: the
/// test had no duration in an earlier upload of the run, and no failure before in this one.
fn first_durations<'a>(
    kept: &[StoredExecution],
    sources: &[&'a NewExecution],
    run: &RunMemory,
) -> HashMap<&'a str, Micros> {
    let mut failed = HashSet::new();
    let mut durations: HashMap<&str, Micros> = HashMap::new();
    for (execution, source) in kept.iter().zip(sources) {
        let Some(selector) = &source.selector else {
            continue;
        };
        let (test, place) = (execution.test_id, execution.selector);
        let is_retry = failed.contains(&(test, place)) || run.has_timed(test, place);
        if execution.outcome == Outcome::Failed {
            failed.insert((test, place));
        }
        if let Some(duration) = execution.duration.filter(|_| execution.is_timed())
            && !is_retry
        {
            let sum = durations.entry(selector).or_default();
            *sum = sum.saturating_add(duration);
        }
    }
    durations
}
