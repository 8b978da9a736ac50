//! How every test of a run ended, and how long it took: what two runs are compared by, and what
//! each job spent its time on.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use test_engine_duration::Micros;
use test_engine_results::Outcome;

use crate::build_failures::each_segment;
use crate::error::StoreError;
use crate::records::{JobPart, Run, TestEnd, TestId, TestInRun};
use crate::run_outcomes::{FailedEnd, InLane, Lane, RunOutcomes};
use crate::segment::{self, SelectorRef, StoredExecution};
use crate::sql::{Row, Value};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// The tests of a run. Those that retention has deleted are left out.
    pub async fn tests_of_run(&self, run: &Run) -> Result<HashMap<TestId, TestInRun>> {
        let mut session = self.read().await?;
        let mut tests = RunTests::default();
        each_segment(&mut session, run.id.get(), |row| tests.add(row)).await?;
        Ok(tests.finish())
    }

    /// What the jobs of a run spent the time of their tests on, by job, longest first. Executions
    /// without a job, a selector or a duration are left out.
    pub async fn job_parts(&self, run: &Run) -> Result<BTreeMap<String, Vec<JobPart>>> {
        let mut session = self.read().await?;
        let mut spent = Spent::default();
        each_segment(&mut session, run.id.get(), |row| spent.add(row)).await?;
        let selectors = spent.parts.keys().map(|(_, selector, _)| *selector);
        let selectors: BTreeSet<i64> = selectors.collect();
        let rows = session
            .look_up(
                "SELECT id, value FROM selectors WHERE id",
                &[],
                selectors.into_iter().map(Value::from).collect(),
                "",
            )
            .await?;
        let names = rows
            .iter()
            .map(|row| Ok((row.integer("id")?, row.text("value")?)));
        let names: HashMap<i64, String> = names.collect::<Result<_>>()?;
        Ok(spent.finish(&names))
    }
}

/// Time of executions by job, selector, and whether they were retries; and whether one failed.
#[derive(Default)]
struct Spent {
    parts: BTreeMap<(String, i64, bool), (u64, bool)>,
}

impl Spent {
    fn add(&mut self, row: &Row) -> Result<()> {
        let Some(job) = row.text_or_null("job_id")? else {
            return Ok(());
        };
        for execution in segment::decode(&row.bytes("body")?)? {
            let (SelectorRef::Id(selector), Some(duration)) =
                (execution.selector, execution.duration)
            else {
                continue;
            };
            let is_retry = execution.is_first == Some(false);
            let key = (job.clone(), selector, is_retry);
            let (sum, has_failed) = self.parts.entry(key).or_default();
            *sum = sum.saturating_add(duration.get());
            *has_failed |= execution.outcome == Outcome::Failed && !execution.muted;
        }
        Ok(())
    }

    fn finish(self, names: &HashMap<i64, String>) -> BTreeMap<String, Vec<JobPart>> {
        let mut jobs: BTreeMap<String, Vec<JobPart>> = BTreeMap::new();
        for ((job, selector, is_retry), (sum, has_failed)) in self.parts {
            // Retention has just deleted it.
            let Some(selector) = names.get(&selector).cloned() else {
                continue;
            };
            jobs.entry(job).or_default().push(JobPart {
                selector,
                duration: Micros::new(sum),
                has_failed,
                is_retry,
            });
        }
        for parts in jobs.values_mut() {
            parts.sort_by_key(|part| (std::cmp::Reverse(part.duration), part.is_retry));
        }
        jobs
    }
}

/// Passed executions with a duration, and their sum.
#[derive(Clone, Copy, Default)]
struct Timed {
    executions: u64,
    sum: u64,
}

impl Timed {
    fn mean(self) -> Option<Micros> {
        self.sum.checked_div(self.executions).map(Micros::new)
    }
}

#[derive(Default)]
struct RunTests {
    outcomes: RunOutcomes,
    timed: HashMap<i64, Timed>,
}

impl RunTests {
    fn add(&mut self, row: &Row) -> Result<()> {
        let job = row.text_or_null("job_id")?;
        let lane = Lane::new(job.as_deref(), &row.text("tags")?);
        for execution in segment::decode(&row.bytes("body")?)? {
            self.add_execution(lane, &execution);
        }
        Ok(())
    }

    fn add_execution(&mut self, lane: Lane, execution: &StoredExecution) {
        let timed = self.timed.entry(execution.test_id).or_default();
        if let (Outcome::Passed, Some(duration)) = (execution.outcome, execution.duration) {
            timed.executions += 1;
            timed.sum = timed.sum.saturating_add(duration.get());
        }
        self.outcomes.add(InLane {
            lane,
            test: execution.test_id,
            outcome: execution.outcome,
            muted: execution.muted,
            message: None,
        });
    }

    fn finish(self) -> HashMap<TestId, TestInRun> {
        let end = |test: i64| match self.outcomes.failed_end(test) {
            Some(FailedEnd::Broken) => TestEnd::Failed,
            Some(FailedEnd::Muted) => TestEnd::Muted,
            Some(FailedEnd::Recovered) => TestEnd::Recovered,
            None if self.outcomes.of(test).passed > 0 => TestEnd::Passed,
            None => TestEnd::NotRun,
        };
        let tests = self.timed.iter().map(|(test, timed)| {
            let found = TestInRun {
                end: end(*test),
                duration: timed.mean(),
            };
            (TestId::new(*test), found)
        });
        tests.collect()
    }
}
