//! Finds and lists tests.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use crate::day_sums;
use crate::error::StoreError;
use crate::filters::{IN_STATE, conditions, state_code};
use crate::identity::{file_key, test_uuid};
use crate::ordering;
use crate::records::{
    Listed, Metrics, Period, Suite, SuiteId, Test, TestId, TestQuery, TestState, TestWithMetrics,
};
use crate::sql::{Session, Value, positions, values};
use crate::store::Store;
use crate::tagged_executions::{self, TagsPredicate};
use crate::test_rows::{SELECT_TEST, TEST_COLUMNS, by_ids, test};

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// `None` also if the test belongs to another suite.
    pub async fn test(&self, suite: SuiteId, uuid: Uuid) -> Result<Option<Test>> {
        let mut session = self.read().await?;
        let row = session
            .optional(
                format!(
                    "SELECT {TEST_COLUMNS} {SELECT_TEST} \
                     WHERE tests.suite_id = ? AND tests.uuid = ?"
                ),
                values![suite.get(), uuid],
            )
            .await?;
        row.as_ref().map(test).transpose()
    }

    /// Finds a test by its exact scope and name.
    pub async fn find_test(&self, suite: &Suite, scope: &str, name: &str) -> Result<Option<Test>> {
        self.test(suite.id, test_uuid(suite.uuid, scope, name))
            .await
    }

    /// All tests in a state, ordered by scope and name.
    pub async fn tests_in_state(&self, suite: SuiteId, state: TestState) -> Result<Vec<Test>> {
        let mut session = self.read().await?;
        let only_changed = match state {
            TestState::Enabled => "",
            // Worded like the partial index's condition, so that it is used.
            TestState::Muted | TestState::Skipped => "AND tests.state <> 0 ",
        };
        let rows = session
            .rows(
                format!(
                    "SELECT {TEST_COLUMNS} {SELECT_TEST} \
                     WHERE tests.suite_id = ? AND tests.state = ? {only_changed}\
                     ORDER BY tests.scope, tests.name, tests.id"
                ),
                values![suite.get(), state_code(state)],
            )
            .await?;
        rows.iter().map(test).collect()
    }

    /// Tests with executions in the period, with their metrics.
    pub async fn tests(
        &self,
        suite: SuiteId,
        query: &TestQuery,
    ) -> Result<Listed<TestWithMetrics>> {
        self.tests_matching(suite, query, &TestPredicates::default())
            .await
    }

    /// [`Store::tests`], limited to tests that satisfy the predicates.
    pub async fn tests_matching(
        &self,
        suite: SuiteId,
        query: &TestQuery,
        wants: &TestPredicates<'_>,
    ) -> Result<Listed<TestWithMetrics>> {
        // Count and order numbers only; read texts for the tests of the page.
        let mut session = self.read().await?;
        let (page, total) = ordered(&mut session, suite, query, wants).await?;
        let items = with_tests(&mut session, &page).await?;
        Ok(Listed { items, total })
    }

    /// The same without the texts of the tests.
    pub async fn tests_in_order(
        &self,
        suite: SuiteId,
        query: &TestQuery,
        wants: &TestPredicates<'_>,
    ) -> Result<Listed<(TestId, Metrics)>> {
        let mut session = self.read().await?;
        let (tests, total) = ordered(&mut session, suite, query, wants).await?;
        let tests = tests.into_iter();
        Ok(Listed {
            items: tests.map(|(id, sums)| (TestId::new(id), sums)).collect(),
            total,
        })
    }

    /// These tests, which must exist, with their metrics, in this order.
    pub async fn with_metrics(&self, tests: &[(TestId, Metrics)]) -> Result<Vec<TestWithMetrics>> {
        let tests = tests.iter().map(|(id, metrics)| (id.get(), *metrics));
        let tests: Vec<(i64, Metrics)> = tests.collect();
        with_tests(&mut self.read().await?, &tests).await
    }

    /// For each of these tests that failed in the period, the last day it did.
    pub async fn last_failure_days(
        &self,
        suite: SuiteId,
        tests: &[TestId],
        period: Period,
    ) -> Result<BTreeMap<TestId, i64>> {
        let mut session = self.read().await?;
        let mut days = BTreeMap::new();
        let ids = tests.iter().map(|id| id.get());
        day_sums::each_day(
            &mut session,
            suite,
            ids,
            period,
            None,
            |day, test_id, sums| {
                if sums.counts.failed > 0 {
                    let latest = days.entry(TestId::new(test_id)).or_insert(day);
                    *latest = day.max(*latest);
                }
            },
        )
        .await?;
        Ok(days)
    }

    /// Tests that do not exist are left out.
    pub async fn tests_with_ids(&self, ids: &[TestId]) -> Result<BTreeMap<TestId, Test>> {
        let mut session = self.read().await?;
        let ids = ids.iter().map(|id| id.get());
        let found = by_ids(&mut session, ids).await?;
        Ok(found.into_values().map(|test| (test.id, test)).collect())
    }

    /// Including tests without stored executions.
    pub async fn count_tests(&self, suite: SuiteId) -> Result<u64> {
        let mut session = self.read().await?;
        session
            .count(
                "SELECT COUNT(*) FROM tests WHERE suite_id = $1",
                values![suite.get()],
            )
            .await
    }

    /// The tests in these files, ordered by file, scope and name.
    pub async fn tests_in_files(&self, suite: SuiteId, files: &[String]) -> Result<Vec<Test>> {
        let mut names: Vec<&str> = files.iter().map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        let mut session = self.read().await?;
        let mut found = Vec::new();
        let select = format!(
            "SELECT {TEST_COLUMNS} {SELECT_TEST} WHERE tests.suite_id = ? AND tests.file_key"
        );
        let keys = names.iter().map(|name| Value::from(file_key(name)));
        let bound = values![suite.get()];
        for row in session.look_up(&select, &bound, keys.collect(), "").await? {
            let test = test(&row)?;
            // Keys may collide.
            if test
                .file_name
                .as_deref()
                .is_some_and(|name| names.binary_search(&name).is_ok())
            {
                found.push(test);
            }
        }
        found.sort_by(|a, b| {
            (&a.file_name, &a.scope, &a.name).cmp(&(&b.file_name, &b.scope, &b.name))
        });
        Ok(found)
    }

    /// Files that contain skipped tests, sorted, without duplicates.
    pub async fn files_with_skipped_tests(&self, suite: SuiteId) -> Result<Vec<String>> {
        let skipped = self.tests_in_state(suite, TestState::Skipped).await?;
        let mut files: Vec<String> = skipped
            .into_iter()
            .filter_map(|test| test.file_name)
            .collect();
        files.sort_unstable();
        files.dedup();
        Ok(files)
    }
}

/// The ids and metrics of the query's page of the tests that match, and how many tests match.
async fn ordered(
    session: &mut Session,
    suite: SuiteId,
    query: &TestQuery,
    wants: &TestPredicates<'_>,
) -> Result<(Vec<(i64, Metrics)>, u64)> {
    let chosen = Chosen::find(session, suite, query, wants).await?;
    let is_wanted = |id: i64, metrics: &Metrics| {
        chosen.has(id) && wants.metrics.is_none_or(|wants| wants(metrics))
    };
    let page_of = |mut tests: Vec<(i64, &Metrics)>| {
        tests.retain(|(id, metrics)| is_wanted(*id, metrics));
        let page = ordering::page(&tests, query.order, query.descending, query.page);
        (page, tests.len() as u64)
    };
    if let Some(tags) = wants.tags {
        let sums = tagged_executions::sums_of_suite(session, suite, query, tags).await?;
        return Ok(page_of(sums.iter().map(|(id, sums)| (*id, sums)).collect()));
    }
    let branch = query.branch.as_ref();
    let totals = day_sums::of_suite(session, suite, query.period, branch).await?;
    Ok(page_of(totals.iter().collect()))
}

/// A predicate on metrics.
pub type MetricsPredicate<'a> = dyn Fn(&Metrics) -> bool + Send + Sync + 'a;
/// A predicate on file name and location.
pub type FilePredicate<'a> = dyn Fn(Option<&str>, Option<&str>) -> bool + Send + Sync + 'a;

/// Conditions that SQL cannot express. The default matches every test.
#[derive(Clone, Copy, Default)]
pub struct TestPredicates<'a> {
    /// Applied to the sums of the period.
    pub metrics: Option<&'a MetricsPredicate<'a>>,
    /// Applied to the latest location.
    pub file: Option<&'a FilePredicate<'a>>,
    /// Applied to single executions: only those that match are summed up. Takes much longer.
    pub tags: Option<&'a TagsPredicate<'a>>,
}

/// The ids of the tests that satisfy a query, sorted.
enum Chosen {
    All,
    Only(Vec<i64>),
    AllBut(Vec<i64>),
}

impl Chosen {
    async fn find(
        session: &mut Session,
        suite: SuiteId,
        query: &TestQuery,
        wants: &TestPredicates<'_>,
    ) -> Result<Self> {
        let (conditions, condition_values) = conditions(suite, query);
        if conditions.is_empty() && wants.file.is_none() {
            return Ok(Self::All);
        }
        if wants.file.is_none() && conditions == IN_STATE && query.state == Some(TestState::Enabled)
        {
            // Nearly all tests are enabled, so read the others.
            let changed = "SELECT id FROM tests WHERE suite_id = $1 AND state <> 0";
            let rows = session.rows(changed, values![suite.get()]).await?;
            let ids = rows.iter().map(|row| row.integer("id"));
            let mut ids = ids.collect::<Result<Vec<i64>>>()?;
            ids.sort_unstable();
            return Ok(Self::AllBut(ids));
        }
        let columns = if wants.file.is_some() {
            "id, file_name, CASE WHEN file_name IS NULL THEN location END AS location"
        } else {
            "id"
        };
        let mut bound = values![suite.get()].to_vec();
        bound.extend(condition_values);
        let text =
            format!("SELECT {columns} FROM tests WHERE suite_id = ? {conditions}ORDER BY id");
        let mut ids = Vec::new();
        let rows = session.rows(text, bound).await?;
        let [id] = positions(&rows, ["id"])?;
        for row in rows {
            let matches = match wants.file {
                None => true,
                Some(wants) => wants(
                    row.text_or_null("file_name")?.as_deref(),
                    row.text_or_null("location")?.as_deref(),
                ),
            };
            if matches {
                ids.push(row.integer(id)?);
            }
        }
        Ok(Self::Only(ids))
    }

    fn has(&self, id: i64) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.binary_search(&id).is_ok(),
            Self::AllBut(ids) => ids.binary_search(&id).is_err(),
        }
    }
}

/// Reads the tests of a page, in its order.
async fn with_tests(
    session: &mut Session,
    metrics: &[(i64, Metrics)],
) -> Result<Vec<TestWithMetrics>> {
    let select = format!("SELECT {TEST_COLUMNS} {SELECT_TEST} WHERE tests.id");
    let ids = metrics.iter().map(|(id, _)| Value::from(*id)).collect();
    let mut tests = HashMap::with_capacity(metrics.len());
    for row in session.look_up(&select, &[], ids, "").await? {
        let test = test(&row)?;
        tests.insert(test.id.get(), test);
    }
    metrics
        .iter()
        .map(|(id, metrics)| {
            let test = tests.remove(id);
            Ok(TestWithMetrics {
                test: test.ok_or(StoreError::Damaged { what: "daily sums" })?,
                metrics: *metrics,
            })
        })
        .collect()
}
