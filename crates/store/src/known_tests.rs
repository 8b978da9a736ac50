//! The tests that suites have: finding them, their state, and lists with what they come to.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::error::StoreError;
use crate::identity::{file_key, test_uuid};
use crate::records::{
    BranchFilter, Listed, Metrics, OutcomeCounts, Period, Suite, SuiteId, Test, TestId, TestOrder,
    TestQuery, TestState, TestWithMetrics, Timestamp,
};
use crate::sql::{Row, Value, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

/// What [`test`] reads, from `tests` and, left joined, `selectors`.
pub(crate) const TEST_COLUMNS: &str = "tests.id, tests.uuid, tests.suite_id, tests.scope, \
     tests.name, tests.location, tests.file_name, tests.identifier, selectors.value, \
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
        let (on_branch, branch) = branch_condition(suite, query.branch.as_ref(), "branch_id");
        let (filters, filter_values) = conditions(query);
        let mut bound: Vec<Value<'_>> =
            values![suite.get(), query.period.first_day, query.period.last_day].to_vec();
        bound.extend(branch);
        bound.extend(filter_values);
        let order = order_by(query.order, query.descending);
        let text = format!(
            "SELECT {TEST_COLUMNS}, sums.passed, sums.failed, sums.skipped, sums.unknown, \
             sums.timed, sums.duration_sum_us, sums.duration_min_us, sums.duration_max_us, \
             COUNT(*) OVER () FROM ({SUM_DAYS} FROM test_days \
             WHERE suite_id = ? AND day >= ? AND day <= ? {on_branch}GROUP BY test_id) AS sums \
             JOIN tests ON tests.id = sums.test_id \
             LEFT JOIN selectors ON selectors.id = tests.selector_id \
             WHERE 1 = 1 {filters}ORDER BY {order}, tests.id LIMIT ? OFFSET ?"
        );
        let mut session = self.read().await?;
        let mut paged = bound.clone();
        paged.extend(values![query.page.limit(), query.page.offset()]);
        let rows = session.rows(text.as_str().to_owned(), paged).await?;
        let mut total = rows.first().map(|row| row.count(21)).transpose()?;
        if total.is_none() && query.page.number > 1 {
            // A page past the end has no row that could tell the total.
            bound.extend(values![1, 0]);
            let first = session.optional(text, bound).await?;
            total = first.map(|row| row.count(21)).transpose()?;
        }
        let with_metrics = |row: &Row| {
            Ok(TestWithMetrics {
                test: test(row)?,
                metrics: metrics(row, 13)?,
            })
        };
        Ok(Listed {
            items: rows.iter().map(with_metrics).collect::<Result<_>>()?,
            total: total.unwrap_or(0),
        })
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
        let rows = session
            .look_up(
                "SELECT test_id, MAX(day) FROM test_days WHERE suite_id = ? AND day >= ? \
                 AND day <= ? AND failed > 0 AND test_id",
                &values![suite.get(), period.first_day, period.last_day],
                tests.iter().map(|id| Value::from(id.get())).collect(),
                "GROUP BY test_id",
            )
            .await?;
        for row in rows {
            days.insert(TestId::new(row.integer(0)?), row.integer(1)?);
        }
        Ok(days)
    }

    /// How many tests the suite has ever seen.
    pub async fn count_tests(&self, suite: SuiteId) -> Result<u64> {
        let mut session = self.read().await?;
        let row = session
            .one(
                "SELECT COUNT(*) FROM tests WHERE suite_id = $1",
                values![suite.get()],
            )
            .await?;
        row.count(0)
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

/// Sums over days, ready for `FROM`. The casts are for Postgres, whose sums of whole numbers
/// are of another type.
pub(crate) const SUM_DAYS: &str = "SELECT test_id, CAST(SUM(passed) AS BIGINT) AS passed, \
     CAST(SUM(failed) AS BIGINT) AS failed, CAST(SUM(skipped) AS BIGINT) AS skipped, \
     CAST(SUM(unknown) AS BIGINT) AS unknown, CAST(SUM(timed) AS BIGINT) AS timed, \
     CAST(SUM(duration_sum_us) AS BIGINT) AS duration_sum_us, \
     MIN(duration_min_us) AS duration_min_us, MAX(duration_max_us) AS duration_max_us";

/// Reads the sums of [`SUM_DAYS`], from this column on.
pub(crate) fn metrics(row: &Row, first: usize) -> Result<Metrics> {
    Ok(Metrics {
        counts: OutcomeCounts {
            passed: row.count(first)?,
            failed: row.count(first + 1)?,
            skipped: row.count(first + 2)?,
            unknown: row.count(first + 3)?,
        },
        timed: row.count(first + 4)?,
        duration_sum_us: row.count(first + 5)?,
        duration_min_us: row.count_or_null(first + 6)?,
        duration_max_us: row.count_or_null(first + 7)?,
    })
}

/// Reads [`TEST_COLUMNS`], which come first.
pub(crate) fn test(row: &Row) -> Result<Test> {
    Ok(Test {
        id: TestId::new(row.integer(0)?),
        uuid: row.uuid(1)?,
        suite: SuiteId::new(row.integer(2)?),
        scope: row.text(3)?,
        name: row.text(4)?,
        location: row.text_or_null(5)?,
        file_name: row.text_or_null(6)?,
        identifier: row.text_or_null(7)?,
        selector: row.text_or_null(8)?,
        state: match row.integer(9)? {
            0 => TestState::Enabled,
            1 => TestState::Muted,
            2 => TestState::Skipped,
            _ => return Err(StoreError::Damaged { what: "test state" }),
        },
        state_changed_at: row.time_or_null(10)?,
        first_seen_at: row.time(11)?,
        last_seen_at: row.time(12)?,
    })
}

/// A condition on the branch id in a column (0: none), with what it binds; nothing without one.
pub(crate) fn branch_condition(
    suite: SuiteId,
    branch: Option<&BranchFilter>,
    column: &str,
) -> (String, Vec<Value<'static>>) {
    let ids = |condition| format!("(SELECT id FROM branches WHERE suite_id = ? AND {condition})");
    match branch {
        None => (String::new(), Vec::new()),
        Some(BranchFilter::Is(name)) => (
            format!("AND {column} IN {} ", ids("name = ?")),
            values![suite.get(), name.clone()].to_vec(),
        ),
        Some(BranchFilter::IsNot(name)) => (
            format!("AND {column} NOT IN {} ", ids("name = ?")),
            values![suite.get(), name.clone()].to_vec(),
        ),
        Some(BranchFilter::StartsWith(prefix)) => {
            let length = i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX);
            (
                format!(
                    "AND {column} IN {} ",
                    ids("SUBSTR(name, 1, CAST(? AS INTEGER)) = ?")
                ),
                values![suite.get(), length, prefix.clone()].to_vec(),
            )
        }
    }
}

/// What a query asks of the tests themselves, each condition led by `AND`, with what they bind.
pub(crate) fn conditions(query: &TestQuery) -> (String, Vec<Value<'static>>) {
    let mut text = String::new();
    let mut bound = Vec::new();
    if let Some(state) = query.state {
        text.push_str("AND tests.state = ? ");
        bound.push(state_code(state).into());
    }
    if let Some(search) = query.search.as_deref().filter(|search| !search.is_empty()) {
        text.push_str("AND LOWER(tests.scope || ' ' || tests.name) LIKE ? ESCAPE '!' ");
        bound.push(like_pattern(search).into());
    }
    for filter in &query.labels {
        let not = if filter.is_wanted { "" } else { "NOT " };
        text.push_str("AND ");
        text.push_str(not);
        text.push_str(
            "EXISTS (SELECT 1 FROM test_labels WHERE test_labels.suite_id = tests.suite_id \
             AND test_labels.label = ? AND test_labels.test_id = tests.id) ",
        );
        bound.push(filter.label.clone().into());
    }
    (text, bound)
}

const fn state_code(state: TestState) -> i64 {
    match state {
        TestState::Enabled => 0,
        TestState::Muted => 1,
        TestState::Skipped => 2,
    }
}

/// Tests for which the figure does not exist come last in either direction.
fn order_by(order: TestOrder, descending: bool) -> String {
    let figure = match order {
        TestOrder::DurationMean => "sums.duration_sum_us * 1.0 / NULLIF(sums.timed, 0)",
        TestOrder::DurationSum => "sums.duration_sum_us",
        TestOrder::DurationMin => "sums.duration_min_us",
        TestOrder::DurationMax => "sums.duration_max_us",
        TestOrder::Reliability => "sums.passed * 1.0 / NULLIF(sums.passed + sums.failed, 0)",
        TestOrder::Executions => "sums.passed + sums.failed + sums.skipped + sums.unknown",
    };
    let direction = if descending { "DESC" } else { "ASC" };
    format!("(CASE WHEN {figure} IS NULL THEN 1 ELSE 0 END), {figure} {direction}")
}

/// A pattern for `LIKE … ESCAPE '!'` that finds the text itself anywhere.
fn like_pattern(search: &str) -> String {
    let mut pattern = String::from("%");
    for character in search.chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character.to_ascii_lowercase());
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_finds_signs_as_they_are() {
        assert_eq!(like_pattern("50% OFF_a!"), "%50!% off!_a!!%");
    }
}
