//! The tests that ran in a build.

use crate::error::StoreError;
use crate::filters::conditions;
use crate::ordering::sort;
use crate::records::{OrganizationId, SuiteId, TestQuery, TestWithMetrics};
use crate::sql::{Session, Value, values};
use crate::store::Store;
use crate::tagged_executions::{OfRun, SumsByTest, TagsPredicate, add};
use crate::test_rows::{SELECT_TEST, TEST_COLUMNS, test};

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
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
            let mut tests = SumsByTest::default();
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
                            add(&mut tests, execution);
                            Ok(())
                        },
                    )
                    .await?;
            }
            found.extend(matching(&mut session, suite, query, tests).await?);
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

/// The tests of these sums that match a query, in its order.
async fn matching(
    session: &mut Session,
    suite: SuiteId,
    query: &TestQuery,
    tests: SumsByTest,
) -> Result<Vec<TestWithMetrics>> {
    let mut ids: Vec<i64> = tests.keys().copied().collect();
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
        let metrics = tests.get(&test.id.get()).copied().unwrap_or_default();
        found.push(TestWithMetrics { test, metrics });
    }
    sort(&mut found, query.order, query.descending);
    Ok(found)
}
