//! The guard against outages: which executions of a run count in scores.
//!
//! A run is judged by all its results so far, so an upload may change how earlier ones count. Their
//! executions are then read once more. Executions of outages are summed up in `guarded_blocks`, and
//! are counted apart in commit groups.

use std::collections::BTreeMap;

use foldhash::{HashSet, HashSetExt as _};
use test_engine_insights::{MIN_SHARED_CAUSE, UploadCounts};
use test_engine_results::Outcome;

use super::groups::Changes;
use super::{Ingest, Result, RunRow};
use crate::day_sums::{self, Sums};
use crate::identity::codes_of_message;
use crate::records::{Metrics, OutcomeCounts};
use crate::run_memory::RunMemory;
use crate::segment::{self, StoredExecution};
use crate::sql::values;

/// Messages of the default branch are known for this long.
const MESSAGES_KEPT_DAYS: i64 = 7;

/// What an upload changes about the guard.
#[derive(Default)]
pub(super) struct Guarding {
    /// Whether the run was guarded before the upload.
    was_run: bool,
    pub(super) run: bool,
    pub(super) upload: bool,
    /// Somebody has the run counted all the same. What the guard says of it is still stored.
    is_counted: bool,
    /// Tests that the upload has shown to share a new cause.
    new_tests: HashSet<i64>,
}

impl Guarding {
    /// Whether an execution of a test in this upload is part of an outage.
    pub(super) fn covers(&self, run: &RunMemory, test: i64) -> bool {
        !self.is_counted && (self.run || self.upload || run.outcomes.is_guarded(test))
    }

    /// Whether it may cover an execution.
    fn covers_any(&self, run: &RunMemory) -> bool {
        !self.is_counted && (self.run || self.upload || run.outcomes.has_guarded())
    }

    /// The same for earlier uploads of the run that are no outage of their own.
    pub(super) fn covers_earlier(&self, run: &RunMemory, test: i64) -> bool {
        !self.is_counted && (self.run || run.outcomes.is_guarded(test))
    }

    /// How an execution in an earlier upload counted before this one, and how it counts now.
    fn before_and_after(&self, run: &RunMemory, in_outage: bool, test: i64) -> (bool, bool) {
        if self.is_counted {
            return (false, false);
        }
        let is_guarded = run.outcomes.is_guarded(test);
        let was_guarded = is_guarded && !self.new_tests.contains(&test);
        (
            self.was_run || in_outage || was_guarded,
            self.run || in_outage || is_guarded,
        )
    }
}

/// The executions of tests on one day.
pub(super) type DaySums = BTreeMap<i64, BTreeMap<i64, Metrics>>;

/// Counts no durations: nobody reads those of outages.
pub(super) fn count(sums: &mut DaySums, day: i64, test: i64, outcome: Outcome) {
    let metrics = sums.entry(day).or_default().entry(test).or_default();
    add(&mut metrics.counts, outcome);
}

fn add(counts: &mut OutcomeCounts, outcome: Outcome) {
    match outcome {
        Outcome::Passed => counts.passed += 1,
        Outcome::Failed => counts.failed += 1,
        Outcome::Skipped => counts.skipped += 1,
        Outcome::Unknown => counts.unknown += 1,
    }
}

impl Ingest<'_> {
    /// Judges the run and the upload. `kept` has been added to the outcomes of the run.
    pub(super) async fn guard(
        &mut self,
        run: &RunRow,
        memory: &mut RunMemory,
        kept: &[StoredExecution],
    ) -> Result<Guarding> {
        let new_tests = self.guard_shared_causes(run.id, memory).await?;
        Ok(Guarding {
            was_run: run.guarded,
            run: memory.outcomes.for_guard().is_outage(),
            upload: self.upload_counts(kept).is_outage(),
            is_counted: run.counted,
            new_tests,
        })
    }

    fn upload_counts(&self, kept: &[StoredExecution]) -> UploadCounts {
        let first = kept.iter().filter(|one| one.is_first == Some(true));
        let (mut tests, mut failed) = (0_u32, 0_u32);
        for execution in first {
            tests += u32::from(is_decided(execution.outcome));
            failed += u32::from(execution.outcome == Outcome::Failed);
        }
        UploadCounts {
            tests,
            failed,
            has_errors_outside_tests: !self.upload.errors_outside_tests.is_empty(),
        }
    }

    /// Guards the tests whose failures have one new cause; returns those that were not guarded.
    async fn guard_shared_causes(
        &mut self,
        run_id: i64,
        memory: &mut RunMemory,
    ) -> Result<HashSet<i64>> {
        if memory.outcomes.counts().first_failed == 0 {
            return Ok(HashSet::new());
        }
        for (message, tests) in memory.outcomes.recovered_by_message() {
            let is_guarded = memory.guarded_messages.contains(&message);
            if !is_guarded
                && tests.len() >= MIN_SHARED_CAUSE
                && !self.is_known_on_main(run_id, message).await?
            {
                memory.guarded_messages.insert(message);
            }
        }
        Ok(memory.guard_recovered())
    }

    /// Whether another run of the default branch failed with this message in the last days.
    async fn is_known_on_main(&mut self, run_id: i64, message: u32) -> Result<bool> {
        let (low, high) = codes_of_message(message);
        let since = self.upload.received_at.plus_days(-MESSAGES_KEPT_DAYS);
        let row = self
            .session
            .optional(
                "SELECT failure_groups.run_id FROM failure_groups \
                 JOIN runs ON runs.id = failure_groups.run_id \
                 JOIN branches ON branches.id = runs.branch_id \
                 JOIN suites ON suites.id = runs.suite_id \
                 WHERE failure_groups.suite_id = $1 \
                 AND failure_groups.fingerprint BETWEEN $2 AND $3 \
                 AND failure_groups.run_id <> $4 AND failure_groups.last_at >= $5 \
                 AND branches.name = suites.default_branch LIMIT 1",
                values![self.upload.suite.get(), low, high, run_id, since],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Sums up the executions of this upload that are part of an outage, and moves those of earlier
    /// uploads that count otherwise now.
    pub(super) async fn apply_guard(
        &mut self,
        run: &RunRow,
        memory: &RunMemory,
        guarding: &Guarding,
        kept: &[StoredExecution],
        changes: &mut Changes,
    ) -> Result<()> {
        let (mut more, mut fewer) = (DaySums::new(), DaySums::new());
        let today = self.upload.received_at.day();
        let may_be_covered: &[_] = if guarding.covers_any(memory) {
            kept
        } else {
            &[]
        };
        for execution in may_be_covered {
            if guarding.covers(memory, execution.test_id) {
                count(&mut more, today, execution.test_id, execution.outcome);
            }
        }
        if guarding.was_run != guarding.run || !guarding.new_tests.is_empty() {
            let moved = (&mut more, &mut fewer);
            self.move_earlier(run.id, memory, guarding, moved, changes)
                .await?;
        }
        let (suite, branch) = (self.upload.suite.get(), run.branch_id.unwrap_or(0));
        for (day, tests) in fewer {
            day_sums::subtract(self.session, Sums::Guarded, (suite, day, branch), tests).await?;
        }
        for (day, tests) in more {
            day_sums::add(self.session, Sums::Guarded, (suite, day, branch), tests).await?;
        }
        Ok(())
    }

    async fn move_earlier(
        &mut self,
        run_id: i64,
        memory: &RunMemory,
        guarding: &Guarding,
        (more, fewer): (&mut DaySums, &mut DaySums),
        changes: &mut Changes,
    ) -> Result<()> {
        let earlier = self
            .session
            .rows(
                "SELECT segments.day, segments.body, uploads.guarded FROM segments \
                 JOIN uploads ON uploads.id = segments.upload_id WHERE segments.run_id = $1 \
                 AND segments.upload_id <= $2",
                values![run_id, memory.last_upload],
            )
            .await?;
        for row in earlier {
            let (day, in_outage) = (row.integer("day")?, row.boolean("guarded")?);
            for execution in segment::decode(&row.bytes("body")?)? {
                let test = execution.test_id;
                let moved = guarding.before_and_after(memory, in_outage, test);
                match moved {
                    (false, true) => count(more, day, test, execution.outcome),
                    (true, false) => count(fewer, day, test, execution.outcome),
                    _ => continue,
                }
                changes.moved(test, execution.outcome, moved.1);
            }
        }
        Ok(())
    }

    /// Marks the failures of the run whose tests share a new cause.
    pub(super) async fn mark_shared_causes(
        &mut self,
        run_id: i64,
        memory: &RunMemory,
        guarding: &Guarding,
    ) -> Result<()> {
        if guarding.new_tests.is_empty() {
            return Ok(());
        }
        for message in &memory.guarded_messages {
            let (low, high) = codes_of_message(*message);
            self.session
                .execute(
                    "UPDATE failure_groups SET guarded = TRUE WHERE suite_id = $1 \
                     AND fingerprint BETWEEN $2 AND $3 AND run_id = $4",
                    values![self.upload.suite.get(), low, high, run_id],
                )
                .await?;
        }
        Ok(())
    }
}

/// Whether an execution is evidence.
pub(super) const fn is_decided(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Passed | Outcome::Failed)
}
