//! What failed in a build, and what is known of those tests from other runs.
//!
//! A build is all runs that plans connect. A lane is a job of it with its tags, such as a leg of a
//! matrix: a retry repairs only failures of its own lane.

use std::collections::{BTreeMap, HashMap, HashSet};

use test_engine_results::Outcome;

use crate::build_runs;
use crate::error::StoreError;
use crate::failure_history::{self, FirstFailure};
use crate::records::{BuildFailures, FailedTest, Run, Test};
use crate::segment;
use crate::sql::{Row, Session, values};
use crate::store::Store;
use crate::test_rows::{SELECT_TEST, TEST_COLUMNS, test};

type Result<T> = std::result::Result<T, StoreError>;

/// Segments per query; a few megabytes at most.
const SEGMENTS_AT_ONCE: i64 = 64;
/// Characters of a reason.
const MAX_REASON: i64 = 300;

impl Store {
    /// What failed in the build of a run, in the order of the first failures.
    pub async fn build_failures(&self, run: &Run) -> Result<BuildFailures> {
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
        let mut histories =
            failure_history::of_failures(&mut session, run.suite, &runs, &failed).await?;
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
                history: histories.remove(&id).unwrap_or_default(),
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

async fn first_failures(session: &mut Session, runs: &[i64]) -> Result<Vec<FirstFailure>> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for run in runs {
        let rows = session
            .rows(
                "SELECT test_id, fingerprint, frame, \
                 SUBSTR(reason, 1, CAST($2 AS INTEGER)) AS reason FROM failures \
                 WHERE run_id = $1 ORDER BY upload_id, position",
                values![*run, MAX_REASON],
            )
            .await?;
        for row in rows {
            let test = row.integer("test_id")?;
            if seen.insert(test) {
                found.push(FirstFailure {
                    test,
                    reason: row.text_or_null("reason")?,
                    fingerprint: row.integer_or_null("fingerprint")?,
                    frame: row.text_or_null("frame")?,
                });
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

/// Calls `each` with the segments of a run, in upload order, and with the job and the tags of their
/// uploads.
pub(crate) async fn each_segment(
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
