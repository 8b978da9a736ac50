//! The tests that suites have: finding them, their state, and lists with what they come to.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use crate::day_sums;
use crate::error::StoreError;
use crate::filters::{IN_STATE, conditions, state_code, state_of};
use crate::identity::{file_key, test_uuid};
use crate::ordering;
use crate::records::{
    Listed, Metrics, Period, Suite, SuiteId, Test, TestId, TestQuery, TestState, TestWithMetrics,
    Timestamp,
};
use crate::sql::{Row, Session, Value, positions, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

/// What [`test`] reads, from `tests` and, left joined, `selectors`.
pub(crate) const TEST_COLUMNS: &str = "tests.id, tests.uuid, tests.suite_id, tests.scope, \
     tests.name, tests.location, tests.file_name, tests.identifier, \
     selectors.value AS selector, \
     tests.state, tests.state_changed_at, tests.first_seen_at, tests.last_seen_at";

/// Everything before `WHERE` in a query for tests.
pub(crate) const SELECT_TEST: &str =
    "FROM tests LEFT JOIN selectors ON selectors.id = tests.selector_id ";

impl Store {
    /// The test with this public id, when it is the suite's.
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

    /// The test with exactly this scope and name.
    pub async fn find_test(&self, suite: &Suite, scope: &str, name: &str) -> Result<Option<Test>> {
        self.test(suite.id, test_uuid(suite.uuid, scope, name))
            .await
    }

    /// Sets what is done with a test; the test as it is then, `None` when there is no such test.
    /// Setting the state it has changes nothing, not even the time.
    pub async fn set_test_state(
        &self,
        suite: SuiteId,
        uuid: Uuid,
        state: TestState,
        now: Timestamp,
    ) -> Result<Option<Test>> {
        let mut session = self.write().await?;
        session
            .execute(
                "UPDATE tests SET state = $3, state_changed_at = $4 \
                 WHERE suite_id = $1 AND uuid = $2 AND state <> $3",
                values![suite.get(), uuid, state_code(state), now],
            )
            .await?;
        session.commit().await?;
        self.test(suite, uuid).await
    }

    /// All tests in a state, by scope and name.
    pub async fn tests_in_state(&self, suite: SuiteId, state: TestState) -> Result<Vec<Test>> {
        let mut session = self.read().await?;
        let only_changed = match state {
            TestState::Enabled => "",
            // Said as the partial index says it, so that it is used.
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

    /// Tests with executions in the period, and what these come to.
    pub async fn tests(
        &self,
        suite: SuiteId,
        query: &TestQuery,
    ) -> Result<Listed<TestWithMetrics>> {
        self.tests_wanted(suite, query, &TestWants::default()).await
    }

    /// The same, of those only that are wanted.
    pub async fn tests_wanted(
        &self,
        suite: SuiteId,
        query: &TestQuery,
        wants: &TestWants<'_>,
    ) -> Result<Listed<TestWithMetrics>> {
        // Numbers alone are added up, counted and put in order; what is text is fetched for the
        // tests of the page.
        let mut session = self.read().await?;
        let branch = query.branch.as_ref();
        let totals = day_sums::of_suite(&mut session, suite, query.period, branch).await?;
        let chosen = Chosen::find(&mut session, suite, query, wants).await?;
        let matching: Vec<(i64, &Metrics)> = totals
            .iter()
            .filter(|(id, metrics)| {
                chosen.has(*id) && wants.metrics.is_none_or(|wants| wants(metrics))
            })
            .collect();
        let total = matching.len() as u64;
        let page = ordering::page(&matching, query.order, query.descending, query.page);
        let items = with_tests(&mut session, &page).await?;
        Ok(Listed { items, total })
    }

    /// The last day in the period on which each of these tests failed, for those that did.
    pub async fn last_failure_days(
        &self,
        suite: SuiteId,
        tests: &[TestId],
        period: Period,
    ) -> Result<BTreeMap<TestId, i64>> {
        let mut session = self.read().await?;
        let mut days = BTreeMap::new();
        let ids = tests.iter().map(|id| id.get());
        day_sums::each_day(&mut session, suite, ids, period, |day, test_id, sums| {
            if sums.counts.failed > 0 {
                let latest = days.entry(TestId::new(test_id)).or_insert(day);
                *latest = day.max(*latest);
            }
        })
        .await?;
        Ok(days)
    }

    /// How many tests the suite has ever seen.
    pub async fn count_tests(&self, suite: SuiteId) -> Result<u64> {
        let mut session = self.read().await?;
        session
            .count(
                "SELECT COUNT(*) FROM tests WHERE suite_id = $1",
                values![suite.get()],
            )
            .await
    }

    /// The tests that stand in these files, by file, scope and name.
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
            // Two names may share a key.
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

    /// Files that hold a skipped test, each once, sorted.
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

/// Says whether a test is wanted by what it comes to.
pub type WantsMetrics<'a> = dyn Fn(&Metrics) -> bool + Send + Sync + 'a;
/// Says whether a test is wanted by its file name and location.
pub type WantsFile<'a> = dyn Fn(Option<&str>, Option<&str>) -> bool + Send + Sync + 'a;

/// Conditions on tests that the database cannot decide; without any, every test is wanted.
#[derive(Clone, Copy, Default)]
pub struct TestWants<'a> {
    /// On what a test comes to.
    pub metrics: Option<&'a WantsMetrics<'a>>,
    /// On where it stands.
    pub file: Option<&'a WantsFile<'a>>,
}

/// Which tests of a suite meet the conditions on the tests themselves: ids, sorted.
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
        wants: &TestWants<'_>,
    ) -> Result<Self> {
        let (conditions, condition_values) = conditions(query);
        if conditions.is_empty() && wants.file.is_none() {
            return Ok(Self::All);
        }
        if wants.file.is_none() && conditions == IN_STATE && query.state == Some(TestState::Enabled)
        {
            // Nearly all are, so the others are fetched.
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
            let is_wanted = match wants.file {
                None => true,
                Some(wants) => wants(
                    row.text_or_null("file_name")?.as_deref(),
                    row.text_or_null("location")?.as_deref(),
                ),
            };
            if is_wanted {
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

/// The tests themselves, in the order of their ids and sums.
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

/// Reads [`TEST_COLUMNS`], which come first.
pub(crate) fn test(row: &Row) -> Result<Test> {
    Ok(Test {
        id: TestId::new(row.integer("id")?),
        uuid: row.uuid("uuid")?,
        suite: SuiteId::new(row.integer("suite_id")?),
        scope: row.text("scope")?,
        name: row.text("name")?,
        location: row.text_or_null("location")?,
        file_name: row.text_or_null("file_name")?,
        identifier: row.text_or_null("identifier")?,
        selector: row.text_or_null("selector")?,
        state: state_of(row.integer("state")?)?,
        state_changed_at: row.time_or_null("state_changed_at")?,
        first_seen_at: row.time("first_seen_at")?,
        last_seen_at: row.time("last_seen_at")?,
    })
}
