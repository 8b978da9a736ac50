//! The judgement on tests, and the evidence that it is made from. `judging` makes it: after each
//! upload that changes the evidence, and by a job for tests that are not sound.

mod judging;

use std::collections::{BTreeMap, HashSet};

use test_engine_insights::{Evidence, KEPT_DAYS, Level, Score};

use crate::changed_tests;
use crate::error::StoreError;
use crate::evidence::{self, small};
use crate::filters::{level_code, level_of};
use crate::records::{
    Broken, Listed, Page, SuiteId, Test, TestHealth, TestId, TestedCommit, Timestamp, UnhealthyTest,
};
use crate::sql::{Row, Value, values};
use crate::store::Store;
use crate::test_rows::{SELECT_TEST, TEST_COLUMNS, test};

type Result<T> = std::result::Result<T, StoreError>;

/// Tests whose evidence is read by one query.
const TESTS_AT_ONCE: usize = 2_000;

const HEALTH_COLUMNS: &str = "test_health.test_id AS health_of, test_health.level, \
     test_health.alarm_at, test_health.score, test_health.rate, test_health.rate_low, \
     test_health.rate_high, test_health.mixed_groups, test_health.short_breaks, \
     test_health.broken_since, test_health.last_passed, test_health.updated_at, \
     since.sha AS since_sha, since.first_at AS since_at, \
     passed.sha AS passed_sha, passed.first_at AS passed_at";
const JOIN_COMMITS: &str = "LEFT JOIN tested_commits AS since \
     ON since.suite_id = test_health.suite_id AND since.number = test_health.broken_since \
     LEFT JOIN tested_commits AS passed \
     ON passed.suite_id = test_health.suite_id AND passed.number = test_health.last_passed";

impl Store {
    /// The levels of these tests; sound ones are left out.
    pub async fn levels(&self, tests: &[TestId]) -> Result<BTreeMap<TestId, Level>> {
        let mut session = self.read().await?;
        let keys = tests.iter().map(|id| Value::from(id.get())).collect();
        let select = "SELECT test_id, level FROM test_health WHERE level > 0 AND test_id";
        let rows = session.look_up(select, &[], keys, "").await?;
        let levels = rows.iter().map(|row| {
            let test = TestId::new(row.integer("test_id")?);
            Ok((test, level_of(row.integer("level")?)?))
        });
        levels.collect()
    }

    /// Whether the test failed every execution on the latest commit with a failure, which only
    /// branches other than the default branch had.
    pub async fn has_new_failure(&self, id: TestId) -> Result<bool> {
        let mut session = self.read().await?;
        let latest = session
            .optional(
                "SELECT tested_commits.main_number, \
                 commit_groups.passed + commit_groups.guarded_passed AS passed \
                 FROM commit_groups JOIN tested_commits \
                 ON tested_commits.suite_id = commit_groups.suite_id \
                 AND tested_commits.number = commit_groups.commit_number \
                 WHERE commit_groups.test_id = $1 \
                 ORDER BY commit_groups.commit_number DESC LIMIT 1",
                values![id.get()],
            )
            .await?;
        let Some(row) = latest else {
            return Ok(false);
        };
        let is_on_main = row.integer_or_null("main_number")?.is_some();
        Ok(!is_on_main && row.integer("passed")? == 0)
    }

    /// The evidence on every test of a suite that failed in the last 88 days.
    pub async fn evidence(
        &self,
        suite: SuiteId,
        now: Timestamp,
    ) -> Result<BTreeMap<TestId, Evidence>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT DISTINCT test_id FROM commit_groups WHERE suite_id = $1 ORDER BY test_id",
                values![suite.get()],
            )
            .await?;
        let ids = rows.iter().map(|row| row.integer("test_id"));
        let ids: Vec<i64> = ids.collect::<Result<_>>()?;
        let mut all = BTreeMap::new();
        for some in ids.chunks(TESTS_AT_ONCE) {
            let found = evidence::of_tests(&mut session, suite, some, now).await?;
            all.extend(found.into_iter().map(|(id, one)| (TestId::new(id), one)));
        }
        Ok(all)
    }

    /// Deletes some evidence that is older than any judgement; returns the number of rows, 0 if
    /// none is left.
    pub async fn forget_some_evidence(&self, now: Timestamp) -> Result<u64> {
        let first_day = now.day() - i64::from(KEPT_DAYS) + 1;
        for suite in self.suite_ids().await? {
            let removed = self.remove_evidence(suite, first_day).await?;
            if removed > 0 {
                return Ok(removed);
            }
        }
        Ok(0)
    }

    /// `None` for a test that never failed.
    pub async fn test_health(&self, id: TestId) -> Result<Option<TestHealth>> {
        Ok(self.health_of_tests(&[id]).await?.into_values().next())
    }

    /// Tests that never failed are left out.
    pub async fn health_of_tests(&self, ids: &[TestId]) -> Result<BTreeMap<TestId, TestHealth>> {
        let mut session = self.read().await?;
        let select = format!(
            "SELECT {HEALTH_COLUMNS} FROM test_health {JOIN_COMMITS} \
             WHERE test_health.test_id"
        );
        let keys = ids.iter().map(|id| Value::from(id.get())).collect();
        // First: a test that is judged between both queries must be found by one of them.
        let all: Vec<i64> = ids.iter().map(|id| id.get()).collect();
        let changed = changed_tests::of_suites_of(&mut session, &all).await?;
        let rows = session.look_up(&select, &[], keys, "").await?;
        let mut found = BTreeMap::new();
        for row in &rows {
            let test = TestId::new(row.integer("health_of")?);
            found.insert(test, health(row, &changed)?);
        }
        for id in ids.iter().filter(|id| changed.contains(&id.get())) {
            found.entry(*id).or_insert_with(unjudged);
        }
        Ok(found)
    }

    /// The tests of a suite at one of these levels: the worst level and the highest score first.
    pub async fn unhealthy_tests(
        &self,
        suite: SuiteId,
        levels: &[Level],
        page: Page,
    ) -> Result<Listed<UnhealthyTest>> {
        let mut session = self.read().await?;
        // Without sound ones, so that the index is used.
        let codes: Vec<String> = levels
            .iter()
            .filter(|level| **level != Level::Sound)
            .map(|level| level_code(*level).to_string())
            .collect();
        if codes.is_empty() {
            return Ok(Listed {
                items: Vec::new(),
                total: 0,
            });
        }
        let wanted = format!(
            "test_health.suite_id = ? AND test_health.level > 0 AND test_health.level IN ({})",
            codes.join(",")
        );
        let total = session
            .count(
                format!("SELECT COUNT(*) FROM test_health WHERE {wanted}"),
                values![suite.get()],
            )
            .await?;
        let text = format!(
            "SELECT {TEST_COLUMNS}, {HEALTH_COLUMNS} {SELECT_TEST} \
             JOIN test_health ON test_health.test_id = tests.id {JOIN_COMMITS} WHERE {wanted} \
             ORDER BY test_health.level DESC, test_health.score DESC, test_health.test_id \
             LIMIT ? OFFSET ?"
        );
        let bound = values![suite.get(), page.limit(), page.offset()];
        let changed = changed_tests::of_suite(&mut session, suite).await?;
        let rows = session.rows(text, bound).await?;
        let items = rows.iter().map(|row| {
            let (test, health): (Test, TestHealth) = (test(row)?, health(row, &changed)?);
            Ok(UnhealthyTest { test, health })
        });
        Ok(Listed {
            items: items.collect::<Result<_>>()?,
            total,
        })
    }
}

/// Of a test whose first failure has not been judged.
fn unjudged() -> TestHealth {
    TestHealth {
        level: Level::Sound,
        alarm_since: None,
        score: Score::default(),
        mixed_groups: 0,
        short_breaks: 0,
        broken: None,
        judged_at: Timestamp::from_millis(0),
        is_current: false,
    }
}

/// Reads [`HEALTH_COLUMNS`] and the id of the test.
fn health(row: &Row, changed: &HashSet<i64>) -> Result<TestHealth> {
    let commit = |number: &str, sha: &str, at: &str| {
        let (Some(_), Some(first_at)) = (row.integer_or_null(number)?, row.time_or_null(at)?)
        else {
            return Ok::<_, StoreError>(None);
        };
        Ok(Some(TestedCommit {
            sha: row.text_or_null(sha)?,
            first_at,
        }))
    };
    let since = commit("broken_since", "since_sha", "since_at")?;
    let last_passed = commit("last_passed", "passed_sha", "passed_at")?;
    Ok(TestHealth {
        level: level_of(row.integer("level")?)?,
        alarm_since: row.time_or_null("alarm_at")?,
        score: Score {
            flaky: small(row.integer("score")?),
            rate: small(row.integer("rate")?),
            low: small(row.integer("rate_low")?),
            high: small(row.integer("rate_high")?),
        },
        mixed_groups: row.count("mixed_groups")?,
        short_breaks: row.count("short_breaks")?,
        broken: since.map(|since| Broken { since, last_passed }),
        judged_at: row.time("updated_at")?,
        is_current: !changed.contains(&row.integer("health_of")?),
    })
}
