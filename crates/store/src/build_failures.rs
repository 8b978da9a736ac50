//! What failed in a build, and whether it also fails on the default branch.
//!
//! A build is all runs that plans connect. A lane is a job of it with its tags, such as a leg of a
//! matrix: a retry repairs only failures of its own lane.

use std::collections::{BTreeMap, HashMap, HashSet};

use test_engine_results::Outcome;

use crate::build_runs;
use crate::error::StoreError;
use crate::known_tests::{SELECT_TEST, TEST_COLUMNS, test};
use crate::records::{BuildFailures, FailedTest, Run, Suite, Test, Timestamp};
use crate::segment;
use crate::sql::{Row, Session, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

/// Segments per query; a few megabytes at most.
const SEGMENTS_AT_ONCE: i64 = 64;
/// Runs of the default branch to look at. Tests that ran in none of them are not known there.
const MAX_RUNS: i64 = 10;
/// Older runs of the default branch say nothing about a build.
const MAX_AGE_DAYS: i64 = 14;
/// The number of latest runs with a test that must have failed: one may be a flaky failure.
const FAILED_RUNS: u32 = 2;
/// Characters of a reason.
const MAX_REASON: i64 = 300;

impl Store {
    /// What failed in the build of a run, in the order of the first failures.
    pub async fn build_failures(&self, suite: &Suite, run: &Run) -> Result<BuildFailures> {
        let mut session = self.read().await?;
        let build = build_runs::of_keys(&mut session, run.suite, [run.key.clone()]).await?;
        let mut runs: Vec<i64> = build.ids.iter().map(|id| id.get()).collect();
        runs.sort_unstable();
        let failed = first_failures(&mut session, &runs).await?;
        let mut lanes = Lanes::new(failed.iter().map(|failure| failure.test));
        for run in &runs {
            lanes.add_run(&mut session, *run).await?;
        }
        let mut tests = known(&mut session, &failed).await?;
        let on_default_branch = failing_on_default_branch(
            &mut session,
            suite,
            run.created_at,
            &runs,
            failed.iter().map(|failure| failure.test).collect(),
        )
        .await?;
        let mut found = BuildFailures {
            plans: build.identifiers.into_iter().collect(),
            ..BuildFailures::default()
        };
        for failure in failed {
            let id = failure.test;
            let Some(test) = tests.remove(&id) else {
                return Err(StoreError::Damaged { what: "failure" });
            };
            found.tests.push(FailedTest {
                test,
                reason: failure.reason,
                failed_lanes: lanes.count(id, LaneEnd::Failed),
                muted_lanes: lanes.count(id, LaneEnd::MutedFailure),
                passed_lanes: lanes.count(id, LaneEnd::Passed),
                fails_on_default_branch: on_default_branch.contains(&id),
            });
        }
        for run in runs {
            found
                .errors_outside_tests
                .extend(errors_outside_tests(&mut session, run).await?);
        }
        Ok(found)
    }
}

struct FirstFailure {
    test: i64,
    reason: Option<String>,
}

async fn first_failures(session: &mut Session, runs: &[i64]) -> Result<Vec<FirstFailure>> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for run in runs {
        let rows = session
            .rows(
                "SELECT test_id, SUBSTR(reason, 1, CAST($2 AS INTEGER)) AS reason FROM failures \
                 WHERE run_id = $1 ORDER BY upload_id, position",
                values![*run, MAX_REASON],
            )
            .await?;
        for row in rows {
            let test = row.integer("test_id")?;
            if seen.insert(test) {
                let reason = row.text_or_null("reason")?;
                found.push(FirstFailure { test, reason });
            }
        }
    }
    Ok(found)
}

async fn known(session: &mut Session, failed: &[FirstFailure]) -> Result<HashMap<i64, Test>> {
    let select = format!("SELECT {TEST_COLUMNS} {SELECT_TEST} WHERE tests.id");
    let keys = failed.iter().map(|failure| failure.test.into()).collect();
    let rows = session.look_up(&select, &[], keys, "").await?;
    let tests = rows.iter().map(|row| Ok((row.integer("id")?, test(row)?)));
    tests.collect()
}

async fn errors_outside_tests(session: &mut Session, run: i64) -> Result<Vec<String>> {
    let rows = session
        .rows(
            "SELECT errors_outside_tests FROM uploads WHERE run_id = $1 \
             AND errors_outside_tests <> '[]' ORDER BY id",
            values![run],
        )
        .await?;
    let mut errors = Vec::new();
    for row in rows {
        errors.extend(row.json::<Vec<String>>("errors_outside_tests", "list of errors")?);
    }
    Ok(errors)
}

/// Calls `each` with the segments of a run, in upload order.
async fn each_segment(
    session: &mut Session,
    run: i64,
    mut each: impl FnMut(&Row) -> Result<()>,
) -> Result<()> {
    let mut after = 0;
    loop {
        let rows = session
            .rows(
                "SELECT segments.upload_id, segments.body, uploads.job_id, uploads.tags \
                 FROM segments JOIN uploads ON uploads.id = segments.upload_id \
                 WHERE segments.run_id = $1 AND segments.upload_id > $2 \
                 ORDER BY segments.upload_id LIMIT $3",
                values![run, after, SEGMENTS_AT_ONCE],
            )
            .await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = last.integer("upload_id")?;
        for row in &rows {
            each(row)?;
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LaneEnd {
    Passed,
    Failed,
    MutedFailure,
}

/// The last outcome of each failed test in each lane.
struct Lanes {
    numbers: HashMap<(Option<String>, String), usize>,
    ends: HashMap<i64, BTreeMap<usize, LaneEnd>>,
}

impl Lanes {
    fn new(tests: impl Iterator<Item = i64>) -> Self {
        Self {
            numbers: HashMap::new(),
            ends: tests.map(|test| (test, BTreeMap::new())).collect(),
        }
    }

    async fn add_run(&mut self, session: &mut Session, run: i64) -> Result<()> {
        if self.ends.is_empty() {
            return Ok(());
        }
        each_segment(session, run, |row| self.add(row)).await
    }

    fn add(&mut self, row: &Row) -> Result<()> {
        let lane = (row.text_or_null("job_id")?, row.text("tags")?);
        let next = self.numbers.len();
        let lane = *self.numbers.entry(lane).or_insert(next);
        for execution in segment::decode(&row.bytes("body")?)? {
            let end = match execution.outcome {
                Outcome::Passed => LaneEnd::Passed,
                Outcome::Failed if execution.muted => LaneEnd::MutedFailure,
                Outcome::Failed => LaneEnd::Failed,
                Outcome::Skipped | Outcome::Unknown => continue,
            };
            if let Some(ends) = self.ends.get_mut(&execution.test_id) {
                ends.insert(lane, end);
            }
        }
        Ok(())
    }

    fn count(&self, test: i64, wanted: LaneEnd) -> usize {
        let ends = self.ends.get(&test).into_iter().flat_map(BTreeMap::values);
        ends.filter(|end| **end == wanted).count()
    }
}

/// Of these tests, those without a pass in the latest [`FAILED_RUNS`] runs of the default branch
/// that they ran in, other than the build's own runs.
async fn failing_on_default_branch(
    session: &mut Session,
    suite: &Suite,
    build: Timestamp,
    own: &[i64],
    mut undecided: HashSet<i64>,
) -> Result<HashSet<i64>> {
    let mut failing = HashSet::new();
    let since = build.plus_days(-MAX_AGE_DAYS);
    let limit = MAX_RUNS + i64::try_from(own.len()).unwrap_or(0);
    let runs = session
        .rows(
            "SELECT runs.id FROM runs JOIN branches ON branches.id = runs.branch_id \
             WHERE runs.suite_id = $1 AND branches.name = $2 AND runs.created_at >= $3 \
             ORDER BY runs.id DESC LIMIT $4",
            values![suite.id.get(), &suite.default_branch, since, limit],
        )
        .await?;
    let mut failed_runs: HashMap<i64, u32> = HashMap::new();
    for row in runs {
        let run = row.integer("id")?;
        if own.contains(&run) {
            continue;
        }
        if undecided.is_empty() {
            break;
        }
        // Whether each of the tests that ran passed.
        let mut ran: HashMap<i64, bool> = HashMap::new();
        each_segment(session, run, |row| {
            for execution in segment::decode(&row.bytes("body")?)? {
                let passed = execution.outcome == Outcome::Passed;
                if undecided.contains(&execution.test_id)
                    && (passed || execution.outcome == Outcome::Failed)
                {
                    *ran.entry(execution.test_id).or_default() |= passed;
                }
            }
            Ok(())
        })
        .await?;
        for (test, passed) in ran {
            let failed = failed_runs.entry(test).or_default();
            *failed += u32::from(!passed);
            if !passed && *failed == FAILED_RUNS {
                failing.insert(test);
            }
            if passed || *failed == FAILED_RUNS {
                undecided.remove(&test);
            }
        }
    }
    Ok(failing)
}
