//! The sums of tests by day and branch.
//!
//! `body` encodes the sums of a block of tests, `adding` updates them, `moving` migrates the rows
//! of earlier releases.

mod adding;
mod body;
mod moving;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use self::adding::{Sums, add, subtract};
use self::body::{BLOCK, place_of, test_at};
use crate::error::StoreError;
use crate::filters::branch_condition;
use crate::records::{BranchFilter, Metrics, Period, SuiteId};
use crate::sql::{Session, Value, positions, values};
use crate::sums::{self, Cost};

type Result<T> = std::result::Result<T, StoreError>;

/// Blocks per query; a megabyte or two.
const BLOCKS_AT_ONCE: usize = 1_000;

/// What is summed up for each test.
pub(crate) trait Summed: Copy + Default {
    /// Adds a block of tests; its body may be damaged.
    fn add(tests: &mut [Self], body: &[u8]) -> Result<()>;
}

impl Summed for Metrics {
    fn add(tests: &mut [Self], body: &[u8]) -> Result<()> {
        body::read(body, |place, metrics| {
            sums::merge(&mut tests[usize::from(place)], &metrics);
        })
    }
}

impl Summed for Cost {
    fn add(tests: &mut [Self], body: &[u8]) -> Result<()> {
        body::read_without_histograms(body, |place, metrics| {
            tests[usize::from(place)].add(&metrics);
        })
    }
}

/// Sums over a period, by test.
#[derive(Debug)]
pub(crate) struct Totals<T = Metrics> {
    blocks: BTreeMap<i64, Vec<T>>,
}

impl<T: Summed> Totals<T> {
    fn add(&mut self, block: i64, body: &[u8]) -> Result<()> {
        let tests = self
            .blocks
            .entry(block)
            .or_insert_with(|| vec![T::default(); BLOCK]);
        T::add(tests, body)
    }

    /// Zeros for a test without executions.
    pub(crate) fn of(&self, test_id: i64) -> T {
        let (block, place) = place_of(test_id);
        self.blocks
            .get(&block)
            .map_or_else(T::default, |tests| tests[usize::from(place)])
    }
}

impl Totals {
    /// The tests with executions, ordered by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &Metrics)> {
        self.blocks.iter().flat_map(|(block, tests)| {
            tests
                .iter()
                .enumerate()
                .filter(|(_, metrics)| metrics.counts.executions() > 0)
                .map(|(place, metrics)| (test_at(*block, place), metrics))
        })
    }
}

/// The sums of all tests of a suite.
pub(crate) async fn of_suite<T: Summed>(
    session: &mut Session,
    suite: SuiteId,
    period: Period,
    branch: Option<&BranchFilter>,
) -> Result<Totals<T>> {
    let (on_branch, branch_values) = branch_condition(suite, branch, "branch_id");
    let text = format!(
        "SELECT day, block, branch_id, body FROM day_blocks WHERE suite_id = ? AND day <= ? \
         AND (day, block, branch_id) > (?, ?, ?) {on_branch}\
         ORDER BY day, block, branch_id LIMIT ?"
    );
    let mut totals = Totals {
        blocks: BTreeMap::new(),
    };
    // Before all blocks of the first day.
    let mut after = (period.first_day, i64::MIN, i64::MIN);
    loop {
        let mut bound = values![suite.get(), period.last_day, after.0, after.1, after.2].to_vec();
        bound.extend(branch_values.iter().cloned());
        bound.push(Value::from(
            i64::try_from(BLOCKS_AT_ONCE).unwrap_or(i64::MAX),
        ));
        let rows = session.rows(text.clone(), bound).await?;
        let [block, body] = positions(&rows, ["block", "body"])?;
        for row in &rows {
            totals.add(row.integer(block)?, &row.bytes(body)?)?;
        }
        match rows.last() {
            Some(last) if rows.len() == BLOCKS_AT_ONCE => {
                after = (
                    last.integer("day")?,
                    last.integer("block")?,
                    last.integer("branch_id")?,
                );
            }
            _ => return Ok(totals),
        }
    }
}

/// The sums of some tests of a suite. The result may contain other tests as well.
pub(crate) async fn of_tests<T: Summed>(
    session: &mut Session,
    suite: SuiteId,
    test_ids: impl IntoIterator<Item = i64>,
    period: Period,
    branch: Option<&BranchFilter>,
) -> Result<Totals<T>> {
    let mut totals = Totals {
        blocks: BTreeMap::new(),
    };
    each_block(
        session,
        (Sums::All, suite),
        test_ids,
        period,
        branch,
        |_, block, body| totals.add(block, body),
    )
    .await?;
    Ok(totals)
}

/// Calls `each` with day, test and sums, unordered. A test that ran on several branches on a day
/// has several sums.
pub(crate) async fn each_day(
    session: &mut Session,
    suite: SuiteId,
    test_ids: impl IntoIterator<Item = i64>,
    period: Period,
    branch: Option<&BranchFilter>,
    each: impl FnMut(i64, i64, &Metrics),
) -> Result<()> {
    each_day_of(session, (Sums::All, suite), test_ids, period, branch, each).await
}

/// The same for sums of either kind.
pub(crate) async fn each_day_of(
    session: &mut Session,
    sums: (Sums, SuiteId),
    test_ids: impl IntoIterator<Item = i64>,
    period: Period,
    branch: Option<&BranchFilter>,
    mut each: impl FnMut(i64, i64, &Metrics),
) -> Result<()> {
    // A bit for each test of a block: sums are many, and most of a block may be of other tests.
    let mut wanted: BTreeMap<i64, u128> = BTreeMap::new();
    for test in test_ids {
        let (block, place) = place_of(test);
        *wanted.entry(block).or_default() |= 1 << place;
    }
    let ids = wanted.keys().map(|block| test_at(*block, 0));
    each_block(session, sums, ids, period, branch, |day, block, body| {
        let tests = wanted.get(&block).copied().unwrap_or_default();
        body::read(body, |place, metrics| {
            if tests >> place & 1 == 1 {
                each(day, test_at(block, usize::from(place)), &metrics);
            }
        })
    })
    .await
}

/// The days from `?` to `?`, to be cross joined with blocks. Blocks are ordered by day, so finding
/// a few blocks takes one short look-up per day. The cross join fixes that order; otherwise an
/// engine may choose to scan all blocks of the suite.
const DAYS_BETWEEN: &str = "WITH RECURSIVE days (day) AS (SELECT CAST(? AS BIGINT) \
     UNION ALL SELECT day + 1 FROM days WHERE day < ?)";

/// The query up to the list of blocks. `on_branch` is a condition on the branch or empty.
fn blocks_by_day(which: Sums, on_branch: &str) -> String {
    format!(
        "{DAYS_BETWEEN} SELECT blocks.day, blocks.block, blocks.body \
         FROM days CROSS JOIN {} AS blocks WHERE blocks.suite_id = ? \
         AND blocks.day = days.day {on_branch}AND blocks.block",
        which.table()
    )
}

/// Calls `each` with day, block and body of the blocks of some tests, unordered.
async fn each_block(
    session: &mut Session,
    (which, suite): (Sums, SuiteId),
    test_ids: impl IntoIterator<Item = i64>,
    period: Period,
    branch: Option<&BranchFilter>,
    mut each: impl FnMut(i64, i64, &[u8]) -> Result<()>,
) -> Result<()> {
    let Some(period) = days_there(session, which, suite, period).await? else {
        return Ok(());
    };
    let (on_branch, branch_values) = branch_condition(suite, branch, "blocks.branch_id");
    let blocks: BTreeSet<i64> = test_ids.into_iter().map(|id| place_of(id).0).collect();
    let mut bound = values![period.first_day, period.last_day, suite.get()].to_vec();
    bound.extend(branch_values);
    let keys = blocks.into_iter().map(Value::from).collect();
    let rows = session
        .look_up(&blocks_by_day(which, &on_branch), &bound, keys, "")
        .await?;
    let [day, block, body] = positions(&rows, ["day", "block", "body"])?;
    for row in rows {
        each(row.integer(day)?, row.integer(block)?, &row.bytes(body)?)?;
    }
    Ok(())
}

/// The part of a period that may have sums; `None` if it has none.
async fn days_there(
    session: &mut Session,
    which: Sums,
    suite: SuiteId,
    period: Period,
) -> Result<Option<Period>> {
    let table = which.table();
    // Two subqueries: for both aggregates in one query, an engine scans all rows in between.
    let row = session
        .one(
            format!(
                "SELECT (SELECT MIN(day) FROM {table} WHERE suite_id = ?) AS oldest, \
                 (SELECT MAX(day) FROM {table} WHERE suite_id = ?) AS newest"
            ),
            values![suite.get(), suite.get()],
        )
        .await?;
    let (Some(oldest), Some(newest)) = (
        row.integer_or_null("oldest")?,
        row.integer_or_null("newest")?,
    ) else {
        return Ok(None);
    };
    let there = Period {
        first_day: period.first_day.max(oldest),
        last_day: period.last_day.min(newest),
    };
    Ok((there.first_day <= there.last_day).then_some(there))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    /// Otherwise the page of one test would scan all tests of the suite.
    #[tokio::test]
    async fn sqlite_looks_blocks_up_by_key() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_file(&folder.path().join("test.db"))
            .await
            .unwrap();
        let text = format!("EXPLAIN QUERY PLAN {} IN (?)", blocks_by_day(Sums::All, ""));
        let mut session = store.read().await.unwrap();
        let steps = session.rows(text, values![1, 2, 3, 4]).await.unwrap();
        let steps: Vec<String> = steps
            .iter()
            .map(|row| row.text("detail").unwrap())
            .collect();
        assert!(
            steps
                .iter()
                .any(|step| step.ends_with("(suite_id=? AND day=? AND block=?)")),
            "{steps:?}"
        );
    }
}
