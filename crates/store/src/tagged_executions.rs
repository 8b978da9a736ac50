//! The executions whose tags match.
//!
//! The daily sums have no tags, so the segments of all uploads in question are read, a few
//! megabytes at a time.

use std::collections::{BTreeMap, HashMap};

use crate::error::StoreError;
use crate::execution_tags::later_tags;
use crate::filters::branch_condition;
use crate::records::{BranchFilter, Metrics, SuiteId, TestQuery};
use crate::runs::merged_tags;
use crate::segment::{self, StoredExecution};
use crate::sql::{Row, Session, Value, values};
use crate::sums;

type Result<T> = std::result::Result<T, StoreError>;

/// Segments per query; a few megabytes at most.
const SEGMENTS_AT_ONCE: i64 = 64;

/// A predicate on an execution's tags.
pub type TagsPredicate<'a> = dyn Fn(&BTreeMap<String, String>) -> bool + Send + Sync + 'a;

const SELECT_SEGMENT: &str = "SELECT segments.upload_id, segments.body, uploads.tags, \
     uploads.uuid, uploads.received_at FROM segments \
     JOIN uploads ON uploads.id = segments.upload_id JOIN runs ON runs.id = segments.run_id ";

/// Sums of executions, by test.
pub(crate) type SumsByTest = foldhash::HashMap<i64, Metrics>;

/// Adds an execution to the sums of its test.
pub(crate) fn add(tests: &mut SumsByTest, execution: &StoredExecution) {
    sums::add(tests.entry(execution.test_id).or_default(), execution);
}

/// The sums of the matching executions of a suite, in the period and on the branches of a query.
pub(crate) async fn sums_of_suite(
    session: &mut Session,
    suite: SuiteId,
    query: &TestQuery,
    predicate: &TagsPredicate<'_>,
) -> Result<SumsByTest> {
    let mut tests = SumsByTest::default();
    let kept = session
        .one(
            "SELECT MIN(day) AS oldest, MAX(day) AS newest FROM segments WHERE suite_id = $1",
            values![suite.get()],
        )
        .await?;
    let (Some(oldest), Some(newest)) = (
        kept.integer_or_null("oldest")?,
        kept.integer_or_null("newest")?,
    ) else {
        return Ok(tests);
    };
    let (on_branch, branch) =
        branch_condition(suite, query.branch.as_ref(), "COALESCE(runs.branch_id, 0)");
    for day in oldest.max(query.period.first_day)..=newest.min(query.period.last_day) {
        let condition = format!("segments.suite_id = ? AND segments.day = ? {on_branch}");
        let mut bound = values![suite.get(), day].to_vec();
        bound.extend(branch.clone());
        let mut visit = |_row: &Row, _position: u32, execution: &StoredExecution| {
            add(&mut tests, execution);
            Ok(())
        };
        each_matching(session, &condition, &bound, predicate, &mut visit).await?;
    }
    Ok(tests)
}

/// Called with the row of a segment, and the position and the value of an execution in it.
type Visit<'a> = dyn FnMut(&Row, u32, &StoredExecution) -> Result<()> + Send + 'a;

/// The executions of a run, if it is on the branch.
pub(crate) struct OfRun<'a> {
    pub(crate) suite: SuiteId,
    pub(crate) run: i64,
    pub(crate) branch: Option<&'a BranchFilter>,
}

impl OfRun<'_> {
    /// Visits matching executions, oldest first.
    pub(crate) async fn each(
        &self,
        session: &mut Session,
        predicate: &TagsPredicate<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<()> {
        let (on_branch, branch) =
            branch_condition(self.suite, self.branch, "COALESCE(runs.branch_id, 0)");
        let condition = format!("segments.run_id = ? {on_branch}");
        let mut bound = values![self.run].to_vec();
        bound.extend(branch);
        each_matching(session, &condition, &bound, predicate, visit).await
    }
}

/// Visits matching executions of all segments that match an SQL condition, oldest first.
async fn each_matching(
    session: &mut Session,
    condition: &str,
    bound: &[Value<'_>],
    predicate: &TagsPredicate<'_>,
    visit: &mut Visit<'_>,
) -> Result<()> {
    let mut after = 0;
    loop {
        let mut values = bound.to_vec();
        values.extend(values![after, SEGMENTS_AT_ONCE]);
        let rows = session
            .rows(
                format!(
                    "{SELECT_SEGMENT} WHERE {condition} AND segments.upload_id > ? \
                     ORDER BY segments.upload_id LIMIT ?"
                ),
                values,
            )
            .await?;
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            return Ok(());
        };
        after = last.integer("upload_id")?;
        let later = later_tags(session, first.integer("upload_id")?, after).await?;
        for row in &rows {
            matching_of(row, &later, predicate, visit)?;
        }
    }
}

fn matching_of(
    row: &Row,
    later: &HashMap<(i64, u32), BTreeMap<String, String>>,
    predicate: &TagsPredicate<'_>,
    visit: &mut Visit<'_>,
) -> Result<()> {
    let upload_id = row.integer("upload_id")?;
    let upload_tags = row.text("tags")?;
    // Executions of an upload share few sets of tags, so the predicate runs once per set.
    let mut known: HashMap<Option<String>, bool> = HashMap::new();
    for (position, execution) in (0_u32..).zip(segment::decode(&row.bytes("body")?)?) {
        let matches = if let Some(later) = later.get(&(upload_id, position)) {
            let mut tags = merged_tags(&upload_tags, execution.tags.as_deref())?;
            tags.extend(later.clone());
            predicate(&tags)
        } else if let Some(known) = known.get(&execution.tags) {
            *known
        } else {
            let tags = merged_tags(&upload_tags, execution.tags.as_deref())?;
            let matches = predicate(&tags);
            known.insert(execution.tags.clone(), matches);
            matches
        };
        if matches {
            visit(row, position, &execution)?;
        }
    }
    Ok(())
}
