//! Runs by what their pages say of them: passed, passed on retry, or failed.

use std::collections::HashSet;

use crate::error::StoreError;
use crate::filters::like_pattern;
use crate::identity::fingerprint_code;
use crate::records::{
    BranchCounts, Listed, OrganizationId, Page, Run, RunFilter, RunId, RunOutcome, SuiteId,
    Timestamp,
};
use crate::runs::{FAILED, PASSED, SELECT_RUN, run};
use crate::sql::{Value, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

/// Every failed test passed on retry, and nothing else failed. Not of runs that an earlier version
/// stored, whose number of broken tests is not known.
const IS_RECOVERED: &str = "(COALESCE(runs.broken, 1) = 0 AND COALESCE(runs.recovered, 0) > 0 \
     AND NOT EXISTS (SELECT 1 FROM uploads WHERE uploads.run_id = runs.id \
     AND uploads.errors_outside_tests <> '[]'))";

/// An SQL condition: the run failed, and not only at first.
pub(crate) fn is_red() -> String {
    format!("runs.result = {FAILED} AND NOT {IS_RECOVERED}")
}

impl Store {
    /// The runs of a suite that match, newest first.
    pub async fn filtered_runs(
        &self,
        suite: SuiteId,
        filter: &RunFilter,
        page: Page,
    ) -> Result<Listed<Run>> {
        let mut session = self.read().await?;
        let (conditions, mut bound) = conditions(suite, filter);
        let count = format!(
            "SELECT COUNT(*) FROM runs LEFT JOIN branches ON branches.id = runs.branch_id \
             WHERE {conditions}"
        );
        let total = session.count(count, bound.clone()).await?;
        bound.extend(values![page.limit(), page.offset()]);
        let select =
            format!("{SELECT_RUN} WHERE {conditions} ORDER BY runs.id DESC LIMIT ? OFFSET ?");
        let rows = session.rows(select, bound).await?;
        Ok(Listed {
            items: rows.iter().map(run).collect::<Result<_>>()?,
            total,
        })
    }

    /// The newest runs of each of these suites, on a branch or on all, at most `limit` of each,
    /// newest first.
    pub async fn newest_runs(
        &self,
        wanted: &[(SuiteId, Option<&str>)],
        limit: u32,
    ) -> Result<Vec<Vec<Run>>> {
        let mut newest = vec![Vec::new(); wanted.len()];
        if wanted.is_empty() {
            return Ok(newest);
        }
        let mut parts = Vec::with_capacity(wanted.len());
        let mut bound = Vec::new();
        for (place, (suite, branch)) in wanted.iter().enumerate() {
            let on_branch = if branch.is_some() {
                "AND branches.name = ? "
            } else {
                ""
            };
            parts.push(format!(
                "SELECT CAST({place} AS BIGINT) AS place, part.* FROM ({SELECT_RUN} \
                 WHERE runs.suite_id = ? {on_branch}ORDER BY runs.id DESC LIMIT ?) AS part"
            ));
            bound.extend(values![suite.get()]);
            bound.extend(branch.map(Value::from));
            bound.extend(values![i64::from(limit)]);
        }
        let mut session = self.read().await?;
        for row in session.rows(parts.join(" UNION ALL "), bound).await? {
            let place = usize::try_from(row.count("place")?).unwrap_or(usize::MAX);
            if let Some(runs) = newest.get_mut(place) {
                runs.push(run(&row)?);
            }
        }
        for runs in &mut newest {
            runs.sort_unstable_by_key(|run: &Run| std::cmp::Reverse(run.id));
        }
        Ok(newest)
    }

    /// The runs of a build in all suites of an organization, by suite and oldest first, at most
    /// `limit`.
    pub async fn runs_of_build(
        &self,
        organization: OrganizationId,
        build_id: &str,
        limit: u32,
    ) -> Result<Vec<Run>> {
        let mut session = self.read().await?;
        let select = format!(
            "{SELECT_RUN} JOIN suites ON suites.id = runs.suite_id \
             WHERE suites.organization_id = ? AND NOT suites.deleted AND runs.build_id = ? \
             ORDER BY suites.slug, runs.id LIMIT ?"
        );
        let bound = values![organization.get(), build_id, i64::from(limit)];
        let rows = session.rows(select, bound).await?;
        rows.iter().map(run).collect()
    }

    /// Those of the runs that had errors outside of tests.
    pub async fn runs_with_errors_outside_tests(&self, runs: &[RunId]) -> Result<HashSet<RunId>> {
        if runs.is_empty() {
            return Ok(HashSet::new());
        }
        let mut session = self.read().await?;
        let keys = runs.iter().map(|id| Value::from(id.get())).collect();
        let select = "SELECT run_id FROM uploads WHERE errors_outside_tests <> '[]' AND run_id";
        let rows = session.look_up(select, &[], keys, "").await?;
        let found = rows
            .iter()
            .map(|row| Ok(RunId::new(row.integer("run_id")?)));
        found.collect()
    }

    /// The branches with runs since then.
    pub async fn branch_counts(&self, suite: SuiteId, since: Timestamp) -> Result<BranchCounts> {
        let mut session = self.read().await?;
        let row = session
            .one(
                format!(
                    "SELECT COUNT(*) AS branches, CAST(COALESCE(SUM(CASE WHEN {} THEN 1 ELSE 0 \
                     END), 0) AS BIGINT) AS failed FROM runs WHERE runs.id IN (SELECT MAX(id) \
                     FROM runs WHERE suite_id = ? AND created_at >= ? AND branch_id IS NOT NULL \
                     GROUP BY branch_id)",
                    is_red()
                ),
                values![suite.get(), since],
            )
            .await?;
        Ok(BranchCounts {
            branches: row.count("branches")?,
            failed: row.count("failed")?,
        })
    }
}

/// SQL conditions on `runs` and `branches`, and the values they bind.
pub(crate) fn conditions(suite: SuiteId, filter: &RunFilter) -> (String, Vec<Value<'_>>) {
    let mut text = "runs.suite_id = ?".to_owned();
    let mut bound = values![suite.get()].to_vec();
    let outcome = filter.outcome.map(|outcome| match outcome {
        RunOutcome::Passed => format!(" AND runs.result = {PASSED}"),
        RunOutcome::Recovered => format!(" AND runs.result = {FAILED} AND {IS_RECOVERED}"),
        RunOutcome::Failed => format!(" AND {}", is_red()),
    });
    text.push_str(&outcome.unwrap_or_default());
    if let Some(branch) = &filter.branch {
        text.push_str(" AND branches.name = ?");
        bound.push(branch.into());
    }
    if let Some(commit) = &filter.commit {
        text.push_str(" AND LOWER(SUBSTR(runs.commit_sha, 1, CAST(? AS INTEGER))) = ?");
        let length = i64::try_from(commit.chars().count()).unwrap_or(i64::MAX);
        bound.extend(values![length.min(100), commit.to_lowercase()]);
    }
    add_facts(suite, filter, &mut text, &mut bound);
    add_failures(suite, filter, &mut text, &mut bound);
    if filter.newest_of_branch {
        text.push_str(
            " AND runs.id IN (SELECT MAX(id) FROM runs WHERE suite_id = ? GROUP BY branch_id)",
        );
        bound.extend(values![suite.get()]);
    }
    if let Some(since) = filter.since {
        text.push_str(" AND runs.created_at >= ?");
        bound.extend(values![since]);
    }
    if let Some(before) = filter.before {
        text.push_str(" AND runs.id < ?");
        bound.extend(values![before.get()]);
    }
    (text, bound)
}

/// Whose change it tests, and on which CI.
fn add_facts(suite: SuiteId, filter: &RunFilter, text: &mut String, bound: &mut Vec<Value<'_>>) {
    if let Some(author) = &filter.author {
        text.push_str(
            " AND LOWER(runs.commit_sha) IN (SELECT sha FROM commits WHERE suite_id = ? AND \
             LOWER(author_name || ' ' || author_email) LIKE ? ESCAPE '!')",
        );
        bound.extend(values![suite.get(), like_pattern(author)]);
    }
    if let Some(ci) = &filter.ci {
        // An object of texts without spaces, whose keys are in lower case.
        let member = format!("\"ci\":{}", serde_json::Value::from(ci.as_str()));
        text.push_str(" AND LOWER(runs.run_env) LIKE ? ESCAPE '!'");
        bound.push(like_pattern(&member).into());
    }
}

/// What failed in it.
fn add_failures(suite: SuiteId, filter: &RunFilter, text: &mut String, bound: &mut Vec<Value<'_>>) {
    if let Some(test) = &filter.failed_test {
        // The commits with a failure of such a test are found by its index; failures have none.
        text.push_str(
            " AND runs.commit_number IN (SELECT commit_number FROM commit_groups WHERE test_id \
             IN (SELECT id FROM tests WHERE suite_id = ? AND \
             LOWER(scope || ' ' || name) LIKE ? ESCAPE '!') AND failed + guarded_failed > 0) \
             AND EXISTS (SELECT 1 FROM failures WHERE failures.run_id = runs.id \
             AND failures.test_id IN (SELECT id FROM tests WHERE suite_id = ? AND \
             LOWER(scope || ' ' || name) LIKE ? ESCAPE '!'))",
        );
        let pattern = like_pattern(test);
        bound.extend(values![suite.get(), pattern.clone(), suite.get(), pattern]);
    }
    if let Some(cause) = filter.cause {
        text.push_str(
            " AND EXISTS (SELECT 1 FROM failure_groups WHERE failure_groups.suite_id = \
             runs.suite_id AND failure_groups.fingerprint = ? AND failure_groups.run_id = runs.id)",
        );
        bound.extend(values![fingerprint_code(cause)]);
    }
}
