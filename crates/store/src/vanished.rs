//! Tests that ran in earlier builds and have no result in a build.
//!
//! Daily sums know no runs, so this reads the segments of a few runs.

use std::collections::{HashMap, HashSet};

use test_engine_results::Outcome;

use crate::build_runs;
use crate::error::StoreError;
use crate::records::{RunCommit, RunId, Suite, SuiteId, Test, TestState, Vanished};
use crate::segment;
use crate::sql::{Session, Value, positions, values};
use crate::store::Store;
use crate::test_rows::{SELECT_TEST, TEST_COLUMNS, test};

type Result<T> = std::result::Result<T, StoreError>;

/// A test that ran in each of these builds is expected to run again.
const EARLIER_BUILDS: usize = 3;
/// Runs among which complete ones are searched.
const SEARCHED_RUNS: i64 = 100;
/// Further tests are not read.
const MAX_VANISHED: usize = 5_000;

impl Store {
    /// The tests that passed or failed in the last three complete builds before this one, on its
    /// branch or else on the default branch, and have no result in it, although other tests of
    /// their selector have. Skipped tests and tests without selector are left out. A build is
    /// complete if no plan of it is incomplete and one is complete. The build is the one that the
    /// runs with these keys belong to.
    pub async fn vanished_tests(&self, suite: &Suite, run_keys: &[&str]) -> Result<Vanished> {
        let mut session = self.read().await?;
        let keys = run_keys.iter().map(|key| (*key).to_owned());
        let build = build_runs::of_keys(&mut session, suite.id, keys).await?;
        let Some(first) = build.ids.iter().min().copied() else {
            return Ok(Vanished::default());
        };
        let run = first_on_branch(&mut session, &build.ids).await?;
        let branch = run.as_ref().map(|run| run.branch.as_str());
        let earlier = earlier_builds(&mut session, suite, branch, first).await?;
        if earlier.newest.is_none() {
            return Ok(Vanished::default());
        }
        let present: HashSet<i64> = outcomes(&mut session, &build.ids)
            .await?
            .into_keys()
            .collect();
        let mut times: HashMap<i64, usize> = HashMap::new();
        for runs in &earlier.builds {
            for (test, has_run) in outcomes(&mut session, runs).await? {
                if has_run && !present.contains(&test) {
                    *times.entry(test).or_default() += 1;
                }
            }
        }
        let always = times
            .into_iter()
            .filter(|(_, times)| *times == earlier.builds.len())
            .map(|(test, _)| test);
        let ids = beside_present(&mut session, suite.id, always.collect(), &present).await?;
        let mut tests = read_tests(&mut session, suite.id, ids).await?;
        tests.retain(|test| test.state != TestState::Skipped);
        tests.sort_by(|a, b| {
            (&a.selector, &a.scope, &a.name).cmp(&(&b.selector, &b.scope, &b.name))
        });
        Ok(Vanished {
            tests,
            run,
            newest: earlier.newest,
        })
    }
}

/// The complete builds before a build, newest first.
#[derive(Default)]
struct EarlierBuilds {
    /// The runs of each.
    builds: Vec<Vec<RunId>>,
    newest: Option<RunCommit>,
}

/// The first of these runs that has a branch.
async fn first_on_branch(session: &mut Session, runs: &[RunId]) -> Result<Option<RunCommit>> {
    let rows = session
        .look_up(
            "SELECT runs.id, branches.name, runs.commit_sha FROM runs \
             JOIN branches ON branches.id = runs.branch_id WHERE runs.id",
            &[],
            runs.iter().map(|run| Value::from(run.get())).collect(),
            "",
        )
        .await?;
    let mut first: Option<(i64, RunCommit)> = None;
    for row in rows {
        let id = row.integer("id")?;
        if first.as_ref().is_none_or(|(other, _)| id < *other) {
            let run = RunCommit {
                branch: row.text("name")?,
                commit_sha: row.text_or_null("commit_sha")?,
            };
            first = Some((id, run));
        }
    }
    Ok(first.map(|(_, run)| run))
}

/// The latest complete builds before a run: on this branch if there is any, else on the default
/// branch.
async fn earlier_builds(
    session: &mut Session,
    suite: &Suite,
    branch: Option<&str>,
    before: RunId,
) -> Result<EarlierBuilds> {
    let mut branches: Vec<&str> = branch.into_iter().collect();
    branches.push(&suite.default_branch);
    branches.dedup();
    for branch in branches {
        let rows = session
            .rows(
                "SELECT id, key, commit_sha FROM (SELECT runs.id, runs.suite_id, runs.key, \
                 runs.commit_sha FROM runs \
                 JOIN branches ON branches.id = runs.branch_id \
                 WHERE branches.suite_id = $1 AND branches.name = $2 AND runs.id < $3 \
                 ORDER BY runs.id DESC LIMIT $4) AS recent \
                 WHERE EXISTS (SELECT 1 FROM accounting_runs JOIN accountings \
                 ON accountings.suite_id = accounting_runs.suite_id \
                 AND accountings.identifier = accounting_runs.identifier \
                 WHERE accounting_runs.suite_id = recent.suite_id \
                 AND accounting_runs.run_key = recent.key AND accountings.verdict = 1) \
                 ORDER BY id DESC",
                values![suite.id.get(), branch, before.get(), SEARCHED_RUNS],
            )
            .await?;
        let mut found = EarlierBuilds::default();
        let mut seen = HashSet::new();
        for row in rows {
            if found.builds.len() == EARLIER_BUILDS {
                break;
            }
            if seen.contains(&RunId::new(row.integer("id")?)) {
                continue;
            }
            let build = build_runs::of_keys(session, suite.id, [row.text("key")?]).await?;
            seen.extend(build.ids.iter().copied());
            // A run of this build is no earlier one, even if it has a smaller number.
            if build.is_complete && build.ids.iter().all(|run| *run < before) {
                found.builds.push(build.ids);
                if found.newest.is_none() {
                    found.newest = Some(RunCommit {
                        branch: branch.to_owned(),
                        commit_sha: row.text_or_null("commit_sha")?,
                    });
                }
            }
        }
        if found.newest.is_some() {
            return Ok(found);
        }
    }
    Ok(EarlierBuilds::default())
}

/// The tests with results in these runs, and whether they passed or failed.
async fn outcomes(session: &mut Session, runs: &[RunId]) -> Result<HashMap<i64, bool>> {
    let mut tests = HashMap::new();
    for run in runs {
        let rows = session
            .rows(
                "SELECT body FROM segments WHERE run_id = $1 ORDER BY upload_id",
                values![run.get()],
            )
            .await?;
        for row in rows {
            for execution in segment::decode(&row.bytes("body")?)? {
                let has_run = matches!(execution.outcome, Outcome::Passed | Outcome::Failed);
                *tests.entry(execution.test_id).or_default() |= has_run;
            }
        }
    }
    Ok(tests)
}

/// Those of these tests whose selector has a present test too; at most [`MAX_VANISHED`].
async fn beside_present(
    session: &mut Session,
    suite: SuiteId,
    tests: Vec<i64>,
    present: &HashSet<i64>,
) -> Result<Vec<i64>> {
    let selectors = selectors_of(session, suite, tests).await?;
    let wanted: HashSet<i64> = selectors.iter().map(|(_, selector)| *selector).collect();
    let present = present.iter().copied().collect();
    let seen: HashSet<i64> = if wanted.is_empty() {
        HashSet::new()
    } else {
        let all = selectors_of(session, suite, present).await?;
        all.into_iter().map(|(_, selector)| selector).collect()
    };
    let beside = selectors
        .into_iter()
        .filter(|(_, selector)| seen.contains(selector));
    let mut beside: Vec<i64> = beside.map(|(test, _)| test).collect();
    beside.sort_unstable();
    beside.truncate(MAX_VANISHED);
    Ok(beside)
}

/// Tests with the ids of their selectors; tests without are left out.
async fn selectors_of(
    session: &mut Session,
    suite: SuiteId,
    tests: Vec<i64>,
) -> Result<Vec<(i64, i64)>> {
    let rows = session
        .look_up(
            "SELECT id, selector_id FROM tests \
             WHERE suite_id = ? AND selector_id IS NOT NULL AND id",
            &values![suite.get()],
            tests.into_iter().map(Value::from).collect(),
            "",
        )
        .await?;
    let [id, selector] = positions(&rows, ["id", "selector_id"])?;
    rows.iter()
        .map(|row| Ok((row.integer(id)?, row.integer(selector)?)))
        .collect()
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
