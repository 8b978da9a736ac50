//! What is known of the tests of a plan request besides their durations.

use std::collections::HashMap;

use test_engine_selection::{MAX_DAYS, MAX_DEFAULT_BRANCH_RUNS};
use uuid::Uuid;

use super::Result;
use super::runs::is_finished;
use crate::identity::test_uuid;
use crate::records::{BranchId, FailingTest, RunId, SelectionFacts, Suite, SuiteId, Timestamp};
use crate::sql::{Row, Session, Value, positions, values};
use crate::store::Store;

/// Runs of a branch in which tests may have failed last.
const RUNS_OF_BRANCH: i64 = 10;
/// Tests that fail now; with more, a run is broken anyway.
const MAX_FAILING: i64 = 10_000;

impl Store {
    /// `branch` is that of the plan, without `refs/heads/`.
    pub async fn selection_facts(
        &self,
        suite: &Suite,
        branch: &str,
        now: Timestamp,
    ) -> Result<SelectionFacts> {
        let mut session = self.read().await?;
        let id = suite.id.get();
        let oldest = now.plus_days(-i64::from(MAX_DAYS));
        let by_time = session
            .optional(
                "SELECT id FROM runs WHERE suite_id = $1 AND created_at < $2 \
                 ORDER BY created_at DESC LIMIT 1",
                values![id, oldest],
            )
            .await?;
        let default_branch = branch_id(&mut session, suite.id, &suite.default_branch).await?;
        let by_runs = session
            .optional(
                "SELECT id, created_at FROM runs WHERE branch_id = $1 \
                 ORDER BY id DESC LIMIT 1 OFFSET $2",
                values![default_branch, i64::from(MAX_DEFAULT_BRANCH_RUNS) - 1],
            )
            .await?;
        let mut facts = SelectionFacts {
            stale_before: oldest,
            ..SelectionFacts::default()
        };
        if let Some(row) = by_time {
            facts.stale_run = RunId::new(row.integer("id")?);
        }
        if let Some(row) = by_runs {
            // Executions in that run are younger than the limit.
            let run = RunId::new(row.integer("id")? - 1);
            facts.stale_run = facts.stale_run.max(run);
            facts.stale_before = facts.stale_before.max(row.time("created_at")?);
        }
        facts.failing_on_default_branch =
            failing_on_default_branch(&mut session, id, oldest).await?;
        if !branch.is_empty() && branch != suite.default_branch {
            let branch = branch_id(&mut session, suite.id, branch).await?;
            if let Some(branch) = branch {
                facts.branch = Some(BranchId::new(branch));
                facts.failing_on_branch = failing_on_branch(&mut session, branch).await?;
                facts.last_run_failed =
                    last_run_failed(&mut session, suite.id, branch, now).await?;
            }
        }
        Ok(facts)
    }

    /// When each of these tests, by scope and name, was executed last; `None` for unknown ones.
    pub async fn last_executions(
        &self,
        suite: &Suite,
        keys: &[(&str, &str)],
    ) -> Result<Vec<Option<Timestamp>>> {
        let uuids = keys
            .iter()
            .map(|(scope, name)| test_uuid(suite.uuid, scope, name));
        let uuids: Vec<Uuid> = uuids.collect();
        let mut unique = uuids.clone();
        unique.sort_unstable();
        unique.dedup();
        let mut session = self.read().await?;
        let unique = unique.into_iter().map(Value::from).collect();
        let rows = session
            .look_up(
                "SELECT uuid, last_seen_at FROM tests WHERE uuid",
                &[],
                unique,
                "",
            )
            .await?;
        let [uuid, last_seen_at] = positions(&rows, ["uuid", "last_seen_at"])?;
        let mut found = HashMap::with_capacity(rows.len());
        for row in rows {
            found.insert(row.uuid(uuid)?, row.time(last_seen_at)?);
        }
        Ok(uuids.iter().map(|uuid| found.get(uuid).copied()).collect())
    }

    /// The names of the tests of a suite with their selectors, unordered. Tests without selector
    /// are left out.
    pub async fn names_by_selector(&self, suite: SuiteId) -> Result<Vec<(String, String)>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT selectors.value, tests.name FROM tests \
                 JOIN selectors ON selectors.id = tests.selector_id WHERE tests.suite_id = $1",
                values![suite.get()],
            )
            .await?;
        let [value, name] = positions(&rows, ["value", "name"])?;
        rows.iter()
            .map(|row| Ok((row.text(value)?, row.text(name)?)))
            .collect()
    }
}

async fn branch_id(session: &mut Session, suite: SuiteId, name: &str) -> Result<Option<i64>> {
    let row = session
        .optional(
            "SELECT id FROM branches WHERE suite_id = $1 AND name = $2",
            values![suite.get(), name],
        )
        .await?;
    row.map(|row| row.integer("id")).transpose()
}

/// Without tests that have not run for long, which may be gone.
async fn failing_on_default_branch(
    session: &mut Session,
    suite: i64,
    oldest: Timestamp,
) -> Result<Vec<FailingTest>> {
    let rows = session
        .rows(
            "SELECT tests.scope, tests.name, selectors.value, CAST(0 AS BIGINT) AS run_id \
             FROM open_breaks JOIN tests \
             ON tests.id = open_breaks.test_id AND tests.last_seen_at >= $2 \
             LEFT JOIN selectors ON selectors.id = tests.selector_id \
             WHERE open_breaks.suite_id = $1 LIMIT $3",
            values![suite, oldest, MAX_FAILING],
        )
        .await?;
    rows.iter().map(failing).collect()
}

/// The tests that failed in the newest runs of a branch and did not pass on the same commit.
async fn failing_on_branch(session: &mut Session, branch: i64) -> Result<Vec<FailingTest>> {
    let rows = session
        .rows(
            "SELECT tests.scope, tests.name, selectors.value, MAX(failures.run_id) AS run_id \
             FROM (SELECT id, suite_id, commit_number FROM runs WHERE branch_id = $1 \
             ORDER BY id DESC LIMIT $2) AS recent \
             JOIN failures ON failures.run_id = recent.id \
             JOIN tests ON tests.id = failures.test_id \
             LEFT JOIN selectors ON selectors.id = tests.selector_id \
             WHERE NOT EXISTS (SELECT 1 FROM commit_groups \
             WHERE commit_groups.suite_id = recent.suite_id \
             AND commit_groups.commit_number = recent.commit_number \
             AND commit_groups.test_id = failures.test_id \
             AND commit_groups.passed + commit_groups.guarded_passed > 0) \
             GROUP BY tests.id, tests.scope, tests.name, selectors.value LIMIT $3",
            values![branch, RUNS_OF_BRANCH, MAX_FAILING],
        )
        .await?;
    rows.iter().map(failing).collect()
}

fn failing(row: &Row) -> Result<FailingTest> {
    Ok(FailingTest {
        scope: row.text("scope")?,
        name: row.text("name")?,
        selector: row.text_or_null("value")?,
        run: RunId::new(row.integer("run_id")?),
    })
}

/// Whether the newest finished run of a branch failed. Failures of muted tests do not count.
async fn last_run_failed(
    session: &mut Session,
    suite: SuiteId,
    branch: i64,
    now: Timestamp,
) -> Result<bool> {
    let rows = session
        .rows(
            "SELECT id, COALESCE(broken, failed) AS broken, EXISTS (SELECT 1 FROM uploads \
             WHERE uploads.run_id = runs.id AND errors_outside_tests <> '[]') AS has_errors \
             FROM runs WHERE branch_id = $1 AND uploads > 0 ORDER BY id DESC LIMIT $2",
            values![branch, RUNS_OF_BRANCH],
        )
        .await?;
    for row in rows {
        // Nearly always the first one.
        if is_finished(session, suite, row.integer("id")?, now).await? {
            return Ok(row.integer("broken")? > 0 || row.boolean("has_errors")?);
        }
    }
    Ok(false)
}
