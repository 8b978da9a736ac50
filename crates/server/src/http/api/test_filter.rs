//! Selects the tests of a list: the database evaluates most filters, this module those by owner,
//! result and tag.

use std::collections::BTreeMap;

use test_engine_results::Outcome;
use test_engine_store::{
    Listed, Metrics, OrganizationId, Page, Suite, Test, TestPredicates, TestQuery, TestWithMetrics,
    Timestamp,
};

use super::test_query::{PeriodQuery, TestsQuery, present};
use super::test_terms::{self, ResultTerm, TagTerm, Term};
use crate::App;
use crate::http::error::ApiError;
use crate::http::paging::paginate;
use crate::http::test_owners::{self, file_of, file_of_test};
use crate::owners::Owners;

#[derive(Debug)]
pub(super) struct TestFilter {
    pub(super) query: TestQuery,
    tags: Vec<TagTerm>,
    results: Vec<ResultTerm>,
    owners: Vec<Term>,
}

impl TestFilter {
    /// A 400 names the invalid parameter.
    pub(super) fn new(
        tests: &TestsQuery,
        period: &PeriodQuery,
        page: Page,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let parse = || {
            let (tags, results) = test_terms::tag_terms(present(tests.tags.as_ref()))?;
            Ok(Self {
                query: tests.to_store(period, page, now)?,
                tags,
                results,
                owners: test_terms::terms("owners", present(tests.owners.as_ref()))?,
            })
        };
        parse().map_err(|problem: String| ApiError::bad_request(problem))
    }

    /// Adds a condition on the results of a test, as in `tags=result:…`.
    pub(super) fn require_result(&mut self, value: &str) -> Result<(), ApiError> {
        let term = ResultTerm::parse(value, true).map_err(ApiError::bad_request)?;
        self.results.push(term);
        Ok(())
    }

    /// Whether single executions of a matching test match, too.
    pub(super) fn includes(&self, outcome: Outcome) -> bool {
        self.results.iter().all(|term| term.includes(outcome))
    }

    /// The requested page of the matching tests of a suite.
    pub(super) async fn of_suite(
        &self,
        app: &App,
        suite: &Suite,
    ) -> Result<Listed<TestWithMetrics>, ApiError> {
        let owners = if self.owners.is_empty() {
            Owners::default()
        } else {
            test_owners::owners(app, suite).await?
        };
        let metrics = |metrics: &Metrics| self.matches_results(metrics);
        let file = |file_name: Option<&str>, location: Option<&str>| {
            self.matches_owners(&owners, file_of(file_name, location))
        };
        let tags = |tags: &BTreeMap<String, String>| self.matches_tags(tags);
        let wants = TestPredicates {
            metrics: (!self.results.is_empty()).then_some(&metrics),
            file: (!self.owners.is_empty()).then_some(&file),
            tags: (!self.tags.is_empty()).then_some(&tags),
        };
        let listed = app.store.tests_matching(suite.id, &self.query, &wants);
        Ok(listed.await?)
    }

    /// The requested page of the matching tests of a build; `None` if the build has no runs.
    pub(super) async fn of_build(
        &self,
        app: &App,
        organization: OrganizationId,
        build_id: &str,
    ) -> Result<Option<Listed<TestWithMetrics>>, ApiError> {
        let tags = |tags: &BTreeMap<String, String>| self.matches_tags(tags);
        let found = app
            .store
            .tests_of_build(organization, build_id, &self.query, &tags)
            .await?;
        let Some(tests) = found else { return Ok(None) };
        let mut owners: BTreeMap<i64, Owners> = BTreeMap::new();
        if !self.owners.is_empty() {
            for item in &tests {
                let id = item.test.suite.get();
                if !owners.contains_key(&id)
                    && let Some(suite) = app.store.suite_by_id(item.test.suite).await?
                {
                    owners.insert(id, test_owners::owners(app, &suite).await?);
                }
            }
        }
        let none = Owners::default();
        let page = self.page_of(tests, |test| owners.get(&test.suite.get()).unwrap_or(&none));
        Ok(Some(page))
    }

    fn page_of<'a>(
        &self,
        mut tests: Vec<TestWithMetrics>,
        owners: impl Fn(&Test) -> &'a Owners,
    ) -> Listed<TestWithMetrics> {
        tests.retain(|item| {
            let file = file_of_test(&item.test);
            self.matches_results(&item.metrics) && self.matches_owners(owners(&item.test), file)
        });
        paginate(tests, self.query.page)
    }

    pub(super) fn matches_tags(&self, tags: &BTreeMap<String, String>) -> bool {
        self.tags.iter().all(|term| term.matches(tags))
    }

    fn matches_results(&self, metrics: &Metrics) -> bool {
        self.results.iter().all(|term| term.matches(metrics))
    }

    fn matches_owners(&self, owners: &Owners, file: &str) -> bool {
        let teams = owners.of(file);
        self.owners
            .iter()
            .all(|term| teams.contains(&term.word) == term.is_wanted)
    }
}
