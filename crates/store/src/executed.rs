//! Test lists filtered by properties of single executions: tags and builds.
//!
//! The daily sums have neither, so these queries read the segments of all uploads in question, a
//! few megabytes at a time.

use std::collections::{BTreeMap, HashMap};

use crate::error::StoreError;
use crate::execution_tags::later_tags;
use crate::filters::{branch_condition, conditions};
use crate::known_tests::{SELECT_TEST, TEST_COLUMNS, test};
use crate::ordering::sort;
use crate::records::{BranchFilter, Metrics, OrganizationId, SuiteId, TestQuery, TestWithMetrics};
use crate::runs::merged_tags;
use crate::segment::{self, StoredExecution};
use crate::sql::{Row, Session, Value, values};
use crate::store::Store;
use crate::sums;

type Result<T> = std::result::Result<T, StoreError>;

/// Segments per query; a few megabytes at most.
const SEGMENTS_AT_ONCE: i64 = 64;

/// A predicate on an execution's tags.
pub type TagsPredicate<'a> = dyn Fn(&BTreeMap<String, String>) -> bool + Send + Sync + 'a;

const SELECT_SEGMENT: &str = "SELECT segments.upload_id, segments.body, uploads.tags, \
     uploads.uuid, uploads.received_at FROM segments \
     JOIN uploads ON uploads.id = segments.upload_id JOIN runs ON runs.id = segments.run_id ";

impl Store {
    /// Tests with executions in the period whose tags match, with metrics of only these executions.
    /// In the query's order; ignores its page.
    pub async fn tests_with_tags(
        &self,
        suite: SuiteId,
        query: &TestQuery,
        predicate: &TagsPredicate<'_>,
    ) -> Result<Vec<TestWithMetrics>> {
        let mut session = self.read().await?;
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
            return Ok(Vec::new());
        };
        let mut tally = Tally::default();
        let (on_branch, branch) =
            branch_condition(suite, query.branch.as_ref(), "COALESCE(runs.branch_id, 0)");
        for day in oldest.max(query.period.first_day)..=newest.min(query.period.last_day) {
            let condition = format!("segments.suite_id = ? AND segments.day = ? {on_branch}");
            let mut bound = values![suite.get(), day].to_vec();
            bound.extend(branch.clone());
            let mut add = |_row: &Row, _position: u32, execution: &StoredExecution| {
                tally.add(execution);
                Ok(())
            };
            each_matching(&mut session, &condition, &bound, predicate, &mut add).await?;
        }
        tally.tests(&mut session, suite, query).await
    }

    /// Tests that ran in a build, in any suite of the organization. In the query's order; ignores
    /// its period and page. `None` if the build has no run.
    pub async fn tests_of_build(
        &self,
        organization: OrganizationId,
        build_id: &str,
        query: &TestQuery,
        predicate: &TagsPredicate<'_>,
    ) -> Result<Option<Vec<TestWithMetrics>>> {
        let mut session = self.read().await?;
        let suites = runs_of_build(&mut session, organization, build_id).await?;
        if suites.is_empty() {
            return Ok(None);
        }
        let mut found = Vec::new();
        for (suite, runs) in suites {
            let mut tally = Tally::default();
            for run in runs {
                let of_run = OfRun {
                    suite,
                    run,
                    branch: query.branch.as_ref(),
                };
                of_run
                    .each(
                        &mut session,
                        predicate,
                        &mut |_row, _position, execution| {
                            tally.add(execution);
                            Ok(())
                        },
                    )
                    .await?;
            }
            found.extend(tally.tests(&mut session, suite, query).await?);
        }
        sort(&mut found, query.order, query.descending);
        Ok(Some(found))
    }
}

/// The runs of a build in each suite of the organization, by slug.
pub(crate) async fn runs_of_build(
    session: &mut Session,
    organization: OrganizationId,
    build_id: &str,
) -> Result<Vec<(SuiteId, Vec<i64>)>> {
    let rows = session
        .rows(
            "SELECT suites.id AS suite_id, runs.id AS run_id FROM suites \
             JOIN runs ON runs.suite_id = suites.id \
             WHERE suites.organization_id = $1 AND NOT suites.deleted \
             AND runs.build_id = $2 \
             ORDER BY suites.slug, runs.id",
            values![organization.get(), build_id],
        )
        .await?;
    let mut suites: Vec<(SuiteId, Vec<i64>)> = Vec::new();
    for row in &rows {
        let suite = SuiteId::new(row.integer("suite_id")?);
        match suites.last_mut().filter(|(last, _)| *last == suite) {
            Some((_, runs)) => runs.push(row.integer("run_id")?),
            None => suites.push((suite, vec![row.integer("run_id")?])),
        }
    }
    Ok(suites)
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

/// Metrics of executions, by test id.
#[derive(Default)]
struct Tally {
    tests: HashMap<i64, Metrics>,
}

impl Tally {
    fn add(&mut self, execution: &StoredExecution) {
        sums::add(self.tests.entry(execution.test_id).or_default(), execution);
    }

    async fn tests(
        self,
        session: &mut Session,
        suite: SuiteId,
        query: &TestQuery,
    ) -> Result<Vec<TestWithMetrics>> {
        let mut ids: Vec<i64> = self.tests.keys().copied().collect();
        ids.sort_unstable();
        let (filters, filter_values) = conditions(suite, query);
        let mut found = Vec::with_capacity(ids.len());
        let select = format!(
            "SELECT {TEST_COLUMNS} {SELECT_TEST} WHERE tests.suite_id = ? {filters}AND tests.id"
        );
        let mut bound = values![suite.get()].to_vec();
        bound.extend(filter_values);
        let ids = ids.into_iter().map(Value::from).collect();
        for row in session.look_up(&select, &bound, ids, "").await? {
            let test = test(&row)?;
            let metrics = self.tests.get(&test.id.get()).copied().unwrap_or_default();
            found.push(TestWithMetrics { test, metrics });
        }
        sort(&mut found, query.order, query.descending);
        Ok(found)
    }
}
