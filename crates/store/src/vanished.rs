//! Tests that ran in earlier runs and have no result in a run.
//!
//! Daily sums know no runs, so this reads the segments of a few runs.

use std::collections::{HashMap, HashSet};

use test_engine_results::Outcome;

use crate::error::StoreError;
use crate::known_tests::{SELECT_TEST, TEST_COLUMNS, test};
use crate::records::{Run, RunId, Suite, SuiteId, Test, TestState};
use crate::segment;
use crate::sql::{Session, Value, positions, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

/// A test that ran in each of these runs is expected to run again.
const EARLIER_RUNS: i64 = 3;
/// Runs among which complete ones are searched.
const SEARCHED_RUNS: i64 = 100;
/// Further tests are not read.
const MAX_VANISHED: usize = 5_000;

impl Store {
    /// The tests that passed or failed in the last three complete runs before this one, on its
    /// branch or else on the default branch, and have no result in it, although other tests of
    /// their selector have. Skipped tests and tests without selector are left out. A run is
    /// complete if the summary of each of its plans is.
    pub async fn vanished_tests(&self, suite: &Suite, run: &Run) -> Result<Vec<Test>> {
        let mut session = self.read().await?;
        let earlier = earlier_runs(&mut session, suite, run).await?;
        if earlier.is_empty() {
            return Ok(Vec::new());
        }
        let present: HashSet<i64> = outcomes(&mut session, run.id).await?.into_keys().collect();
        let mut times: HashMap<i64, usize> = HashMap::new();
        for earlier in &earlier {
            for (test, has_run) in outcomes(&mut session, *earlier).await? {
                if has_run && !present.contains(&test) {
                    *times.entry(test).or_default() += 1;
                }
            }
        }
        let mut ids: Vec<i64> = times
            .into_iter()
            .filter(|(_, times)| *times == earlier.len())
            .map(|(test, _)| test)
            .collect();
        ids.sort_unstable();
        ids.truncate(MAX_VANISHED);
        let mut tests = read_tests(&mut session, suite.id, ids).await?;
        let selectors = selectors_with(&mut session, suite.id, &tests, &present).await?;
        tests.retain(|test| {
            let selector = test.selector.as_ref();
            test.state != TestState::Skipped && selector.is_some_and(|it| selectors.contains(it))
        });
        tests.sort_by(|a, b| {
            (&a.selector, &a.scope, &a.name).cmp(&(&b.selector, &b.scope, &b.name))
        });
        Ok(tests)
    }
}

/// The latest complete runs before a run, on its branch if there is any, else on the default
/// branch.
async fn earlier_runs(session: &mut Session, suite: &Suite, run: &Run) -> Result<Vec<RunId>> {
    let mut branches: Vec<&str> = run.branch.as_deref().into_iter().collect();
    branches.push(&suite.default_branch);
    branches.dedup();
    for branch in branches {
        let rows = session
            .rows(
                "SELECT id FROM (SELECT runs.id, runs.suite_id, runs.key FROM runs \
                 JOIN branches ON branches.id = runs.branch_id \
                 WHERE branches.suite_id = $1 AND branches.name = $2 AND runs.id < $3 \
                 ORDER BY runs.id DESC LIMIT $4) AS recent \
                 WHERE EXISTS (SELECT 1 FROM accountings \
                 WHERE accountings.suite_id = recent.suite_id \
                 AND accountings.run_key = recent.key AND accountings.complete) \
                 AND NOT EXISTS (SELECT 1 FROM accountings \
                 WHERE accountings.suite_id = recent.suite_id \
                 AND accountings.run_key = recent.key AND NOT accountings.complete) \
                 ORDER BY id DESC LIMIT $5",
                values![
                    suite.id.get(),
                    branch,
                    run.id.get(),
                    SEARCHED_RUNS,
                    EARLIER_RUNS
                ],
            )
            .await?;
        if !rows.is_empty() {
            let ids = rows.iter().map(|row| row.integer("id").map(RunId::new));
            return ids.collect();
        }
    }
    Ok(Vec::new())
}

/// The tests with results in a run, and whether they passed or failed.
async fn outcomes(session: &mut Session, run: RunId) -> Result<HashMap<i64, bool>> {
    let rows = session
        .rows(
            "SELECT body FROM segments WHERE run_id = $1 ORDER BY upload_id",
            values![run.get()],
        )
        .await?;
    let mut tests = HashMap::new();
    for row in rows {
        for execution in segment::decode(&row.bytes("body")?)? {
            let has_run = matches!(execution.outcome, Outcome::Passed | Outcome::Failed);
            *tests.entry(execution.test_id).or_default() |= has_run;
        }
    }
    Ok(tests)
}

async fn read_tests(session: &mut Session, suite: SuiteId, ids: Vec<i64>) -> Result<Vec<Test>> {
    let select =
        format!("SELECT {TEST_COLUMNS} {SELECT_TEST} WHERE tests.suite_id = ? AND tests.id");
    let ids = ids.into_iter().map(Value::from).collect();
    let rows = session
        .look_up(&select, &values![suite.get()], ids, "")
        .await?;
    rows.iter().map(test).collect()
}

/// Those selectors of these tests that have a test with a result.
async fn selectors_with(
    session: &mut Session,
    suite: SuiteId,
    tests: &[Test],
    present: &HashSet<i64>,
) -> Result<HashSet<String>> {
    let mut selectors: Vec<&str> = tests
        .iter()
        .filter_map(|test| test.selector.as_deref())
        .collect();
    selectors.sort_unstable();
    selectors.dedup();
    let hashes: Vec<[u8; 16]> = selectors
        .iter()
        .map(|value| crate::identity::selector_hash(value))
        .collect();
    let rows = session
        .look_up(
            "SELECT selectors.value, tests.id FROM selectors \
             JOIN tests ON tests.selector_id = selectors.id \
             WHERE selectors.suite_id = ? AND selectors.value_hash",
            &values![suite.get()],
            hashes.iter().map(Value::from).collect(),
            "",
        )
        .await?;
    let [value, id] = positions(&rows, ["value", "id"])?;
    let mut found = HashSet::new();
    for row in rows {
        if present.contains(&row.integer(id)?) {
            found.insert(row.text(value)?);
        }
    }
    Ok(found)
}
