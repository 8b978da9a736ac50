//! Which tests failed on which of the latest commits of the default branch.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::StoreError;
use crate::records::{
    FailedOnMain, FailuresOnMain, MainCommit, MainFailure, SuiteId, Test, TestedCommit,
};
use crate::sql::{Row, Session, Value, values};
use crate::store::Store;
use crate::test_rows::by_ids;

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// The latest commits of the default branch, and the tests that failed on most of them, at most
    /// so many. Failures of outages are left out, and their commits are marked.
    pub async fn failures_on_main(
        &self,
        suite: SuiteId,
        commits: u32,
        tests: usize,
    ) -> Result<FailuresOnMain> {
        let mut session = self.read().await?;
        let (numbers, commits) = latest_commits(&mut session, suite, commits).await?;
        let mut found = FailuresOnMain {
            commits,
            ..FailuresOnMain::default()
        };
        let select = format!("{GROUPS} WHERE suite_id = ? AND failed > 0 AND commit_number");
        let keys = numbers.iter().copied().map(Value::from).collect();
        let groups = session
            .look_up(&select, &values![suite.get()], keys, "")
            .await?;
        let by_test = by_test(&groups, &numbers)?;
        found.tests_count = by_test.len() as u64;
        let mut worst: Vec<(i64, Vec<Failed>)> = by_test.into_iter().collect();
        worst.sort_by_key(|(test, failed)| (std::cmp::Reverse(failed.len()), *test));
        worst.truncate(tests);
        let muted = muted(&mut session, worst.iter().flat_map(|(_, failed)| failed)).await?;
        let ids: BTreeSet<i64> = worst.iter().map(|(test, _)| *test).collect();
        let mut known = by_ids(&mut session, ids.into_iter()).await?;
        for (id, failed) in worst {
            // A test that was deleted in between is left out.
            if let Some(test) = known.remove(&id) {
                let failures = failures(id, &failed, &muted);
                found.tests.push(FailedOnMain { test, failures });
            }
        }
        Ok(found)
    }

    /// The same for these tests, in their order, whether they failed or not.
    pub async fn failures_of_tests_on_main(
        &self,
        suite: SuiteId,
        tests: Vec<Test>,
        commits: u32,
    ) -> Result<FailuresOnMain> {
        let mut session = self.read().await?;
        let (numbers, commits) = latest_commits(&mut session, suite, commits).await?;
        let select = format!("{GROUPS} WHERE commit_number >= ? AND failed > 0 AND test_id");
        let first = numbers.iter().min().copied().unwrap_or(i64::MAX);
        let keys = tests
            .iter()
            .map(|test| Value::from(test.id.get()))
            .collect();
        let groups = session.look_up(&select, &values![first], keys, "").await?;
        let by_test = by_test(&groups, &numbers)?;
        let muted = muted(&mut session, by_test.values().flatten()).await?;
        let tests = tests.into_iter().map(|test| {
            let failed = by_test.get(&test.id.get()).map_or(&[][..], Vec::as_slice);
            let failures = failures(test.id.get(), failed, &muted);
            FailedOnMain { test, failures }
        });
        Ok(FailuresOnMain {
            tests_count: tests.len() as u64,
            tests: tests.collect(),
            commits,
        })
    }
}

const GROUPS: &str = "SELECT test_id, commit_number, passed + guarded_passed AS passed, \
     failed_run FROM commit_groups";

/// A commit on which a test failed.
struct Failed {
    /// Its place among the commits.
    commit: usize,
    passed: bool,
    /// The first run of the commit in which it failed.
    run: Option<i64>,
}

/// The numbers of the latest commits, and the commits, oldest first.
async fn latest_commits(
    session: &mut Session,
    suite: SuiteId,
    commits: u32,
) -> Result<(Vec<i64>, Vec<MainCommit>)> {
    let rows = session
        .rows(
            "SELECT number, sha, first_at FROM tested_commits WHERE suite_id = $1 \
             AND main_number IS NOT NULL ORDER BY main_number DESC LIMIT $2",
            values![suite.get(), i64::from(commits)],
        )
        .await?;
    let numbers: Vec<i64> = rows
        .iter()
        .rev()
        .map(|row| row.integer("number"))
        .collect::<Result<_>>()?;
    let select = "SELECT DISTINCT commit_number FROM runs WHERE suite_id = ? AND guarded \
         AND NOT counted AND commit_number";
    let keys = numbers.iter().copied().map(Value::from).collect();
    let outages = session
        .look_up(select, &values![suite.get()], keys, "")
        .await?;
    let outages: BTreeSet<i64> = outages
        .iter()
        .map(|row| row.integer("commit_number"))
        .collect::<Result<_>>()?;
    let mut commits = Vec::with_capacity(rows.len());
    for row in rows.iter().rev() {
        commits.push(MainCommit {
            commit: TestedCommit {
                sha: row.text_or_null("sha")?,
                first_at: row.time("first_at")?,
            },
            is_outage: outages.contains(&row.integer("number")?),
        });
    }
    Ok((numbers, commits))
}

/// The failures of each test in the order of the commits.
fn by_test(groups: &[Row], numbers: &[i64]) -> Result<BTreeMap<i64, Vec<Failed>>> {
    let mut by_test: BTreeMap<i64, Vec<Failed>> = BTreeMap::new();
    for row in groups {
        let number = row.integer("commit_number")?;
        let Some(commit) = numbers.iter().position(|known| *known == number) else {
            continue;
        };
        by_test
            .entry(row.integer("test_id")?)
            .or_default()
            .push(Failed {
                commit,
                passed: row.integer("passed")? > 0,
                run: row.integer_or_null("failed_run")?,
            });
    }
    for failed in by_test.values_mut() {
        failed.sort_by_key(|one| one.commit);
    }
    Ok(by_test)
}

/// The tests that were muted where they failed, with the runs.
async fn muted<'a>(
    session: &mut Session,
    failed: impl Iterator<Item = &'a Failed>,
) -> Result<BTreeSet<(i64, i64)>> {
    let runs: BTreeSet<i64> = failed.filter_map(|one| one.run).collect();
    let select = "SELECT DISTINCT test_id, run_id FROM failures WHERE muted AND run_id";
    let keys = runs.into_iter().map(Value::from).collect();
    let rows = session.look_up(select, &[], keys, "").await?;
    rows.iter()
        .map(|row| Ok((row.integer("test_id")?, row.integer("run_id")?)))
        .collect()
}

fn failures(test: i64, failed: &[Failed], muted: &BTreeSet<(i64, i64)>) -> Vec<MainFailure> {
    let failures = failed.iter().map(|one| MainFailure {
        commit: one.commit,
        passed: one.passed,
        muted: one.run.is_some_and(|run| muted.contains(&(test, run))),
    });
    failures.collect()
}
