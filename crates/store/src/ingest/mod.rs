//! Stores an upload in one transaction.
//!
//! The order matters: the first statement updates the suite's row, and that lock serializes uploads
//! to a suite, on every engine and across processes. The cache is written back only after the
//! commit.

mod commit;
mod groups;
mod guard;
mod known;
mod muted;
mod recall;
mod recount;
mod rows;
mod run;

use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};
use serde_json::json;
use test_engine_duration::Micros;
use test_engine_results::Outcome;
use uuid::Uuid;

use self::commit::RunCommit;
use self::groups::Changes;
use self::guard::Guarding;
use self::known::Selectors;
use self::run::RunRow;
use crate::accounting;
use crate::day_sums::{self, Sums};
use crate::error::StoreError;
use crate::identity::{result_key, test_uuid};
use crate::memory::SuiteMemory;
use crate::quarantines::count_streaks;
use crate::records::{BranchId, NewExecution, NewUpload, Recorded, RunId, RunTiming, SuiteId};
use crate::run_memory::RunMemory;
use crate::run_outcomes::Lane;
use crate::segment::{MAX_EXECUTIONS, SelectorRef, StoredExecution};
use crate::sql::{Session, values};
use crate::store::{Store, check_key};
use crate::sums;
use crate::together::Write;

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
            keeps_evidence: self.keeps_evidence(),
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
    keeps_evidence: bool,
}

impl Ingest<'_> {
    /// Returns the receipt, and whether anything was added.
    async fn run(&mut self, prepared: &Prepared) -> Result<(Recorded, bool)> {
        let upload = self.upload;
        let (timings_seq, default_branch) = self.lock_suite().await?;
        // Before any write: what is rolled back must not be cached.
        let mut known = self.known_run().await?;
        if let Some(first) = known.as_mut().and_then(|run| run.receipt.take()) {
            return Ok((first, false));
        }
        self.memory.begin(timings_seq);
        let mut commit = if self.keeps_evidence {
            let commit = self.run_commit(known.as_ref(), &default_branch);
            Some(commit.await?)
        } else {
            None
        };
        let number = commit.as_ref().map(|commit| commit.number);
        let run = self.upsert_run(number).await?;
        if let Some(commit) = &mut commit {
            commit.tested_by(run.id);
        }
        let mut run_memory = self.run_memory(&run).await?;

        let selectors = upload
            .executions
            .iter()
            .filter_map(|execution| execution.selector.as_deref());
        let mut selectors =
            Selectors::load(self.session, upload.suite.get(), timings_seq, selectors).await?;
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

        let (mut kept, sources) = drop_duplicates(
            upload,
            prepared,
            (&test_ids, &selectors),
            &muted,
            &run_memory,
        );
        let duplicates = upload.executions.len() - kept.len();
        observe(upload, &mut kept, &sources, &mut run_memory);
        let guarding = if self.keeps_evidence {
            self.guard(&run, &mut run_memory, &kept).await?
        } else {
            Guarding::default()
        };
        let upload_id = self
            .insert_upload(&run, (kept.len(), duplicates), guarding.upload)
            .await?;
        let results = (kept.as_slice(), sources.as_slice());
        // What concerns other rows than the results, in one message.
        let mut writes = Vec::new();
        if !kept.is_empty() {
            self.insert_results(upload_id, &run, results).await?;
            self.add_timings(&run, results, &run_memory, &mut selectors)
                .await?;
            if let Some(commit) = &mut commit {
                let evidence = self.evidence((&run, commit), (&run_memory, &guarding), results);
                writes = evidence.await?;
            }
        }
        let tests = run_memory.outcomes.counts();
        writes.push(self.updated_run(run.id, &kept, (tests, guarding.run)));
        let run_key = &upload.run.key;
        writes.push(accounting::results_stored(upload.suite, run_key));
        self.session.write_together(writes).await?;
        if self.keeps_evidence && !kept.is_empty() {
            count_streaks(
                self.session,
                muted::streaks(&kept, (&run_memory, &guarding)),
            )
            .await?;
            self.mark_shared_causes(run.id, &run_memory, &guarding)
                .await?;
        }

        run_memory.add(upload_id, &kept);
        self.memory.put_run(run.id, run_memory);
        if let Some(commit) = commit {
            self.memory.put_commit(commit.number, commit.memory);
        }
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

    /// Stores the executions, the texts of failures, and the daily sums.
    async fn insert_results(
        &mut self,
        upload_id: i64,
        run: &RunRow,
        (kept, sources): Results<'_>,
    ) -> Result<()> {
        self.insert_segment(upload_id, run.id, kept).await?;
        self.insert_failures(upload_id, run.id, kept, sources)
            .await?;
        self.insert_spans(upload_id, sources).await?;
        let upload = self.upload;
        let branch_id = run.branch_id.unwrap_or(0);
        let place = (upload.suite.get(), upload.received_at.day(), branch_id);
        day_sums::add(self.session, Sums::All, place, sums::by_test(kept)).await
    }

    /// Adds to the recent durations of selectors.
    async fn add_timings(
        &mut self,
        run: &RunRow,
        (kept, sources): Results<'_>,
        run_memory: &RunMemory,
        selectors: &mut Selectors<'_>,
    ) -> Result<()> {
        let durations = first_durations(kept, sources, run_memory);
        let branch = run.branch_id.map(BranchId::new);
        for (selector, duration) in durations.into_values() {
            let timing = RunTiming {
                run: RunId::new(run.id),
                branch,
                duration,
            };
            selectors.add(selector, timing)?;
        }
        selectors.save(self.session).await
    }

    /// What judges tests. The writes must be executed.
    async fn evidence(
        &mut self,
        (run, commit): (&RunRow, &mut RunCommit),
        (run_memory, guarding): (&RunMemory, &Guarding),
        (kept, sources): Results<'_>,
    ) -> Result<Vec<Write<'static>>> {
        let mut changes = Changes::new(self.upload.received_at, commit);
        self.apply_guard(run, run_memory, guarding, kept, &mut changes)
            .await?;
        let memory = (run_memory, guarding);
        let with_sources = kept.iter().zip(sources.iter().copied());
        let failed: Vec<_> = with_sources
            .filter(|(execution, _)| execution.outcome == Outcome::Failed)
            .collect();
        let mut writes = self
            .record_groups((run, commit), memory, (kept, &failed), changes)
            .await?;
        writes.push(self.failure_groups(run.id, &failed));
        Ok(writes)
    }

    /// Locks the suite for this transaction; returns the sequence number of its changes, and its
    /// default branch.
    async fn lock_suite(&mut self) -> Result<(i64, String)> {
        let row = self
            .session
            .optional(
                "UPDATE suites SET timings_seq = timings_seq + 1 \
                 WHERE id = $1 AND NOT deleted \
                 RETURNING timings_seq, default_branch",
                values![self.upload.suite.get()],
            )
            .await?
            .ok_or(StoreError::Gone("the suite"))?;
        Ok((row.integer("timings_seq")?, row.text("default_branch")?))
    }
}

/// The executions to store, each with its source.
type Results<'a> = (&'a [StoredExecution], &'a [&'a NewExecution]);

/// Adds executions to the outcomes of the run, which tell whether each is the first of its test.
fn observe(
    upload: &NewUpload,
    kept: &mut [StoredExecution],
    sources: &[&NewExecution],
    run: &mut RunMemory,
) {
    let lane = Lane::new(upload.job_id.as_deref(), &json!(upload.tags).to_string());
    for (execution, source) in kept.iter_mut().zip(sources) {
        let cause = source.cause.as_ref();
        let message = cause.map(|cause| cause.fingerprint.message());
        execution.is_first = Some(run.observe(lane, execution, message));
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
            is_first: None,
            duration: source.result.duration,
            result_key: prepared.result_keys[index],
            tags: prepared.tags[index].clone(),
        };
        let key = execution.repetition_key();
        if key.is_none_or(|key| !run.has_result(key) && seen.insert(key)) {
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
) -> HashMap<SelectorRef, (&'a str, Micros)> {
    let mut failed = HashSet::new();
    let mut durations: HashMap<SelectorRef, (&str, Micros)> = HashMap::new();
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
            let first = || (selector.as_str(), Micros::default());
            let (_, sum) = durations.entry(place).or_insert_with(first);
            *sum = sum.saturating_add(duration);
        }
    }
    durations
}
