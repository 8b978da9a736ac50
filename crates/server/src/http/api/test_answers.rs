//! Tests as lists answer them: with their labels, their owners, and what executions come to.

use std::collections::BTreeMap;

use test_engine_store::{Suite, Test, TestId, TestWithMetrics};
use test_engine_wire as wire;

use crate::App;
use crate::http::error::ApiError;
use crate::http::shapes;
use crate::links::Links;
use crate::owners::Owners;

/// What is told of tests besides what their rows say.
pub(super) struct Details {
    labels: BTreeMap<TestId, Vec<String>>,
    owners: Owners,
}

impl Details {
    /// Of some tests of a suite.
    pub(super) async fn of<'a>(
        app: &App,
        suite: &Suite,
        tests: impl Iterator<Item = &'a Test>,
    ) -> Result<Self, ApiError> {
        let ids: Vec<TestId> = tests.map(|test| test.id).collect();
        Ok(Self {
            labels: app.store.labels(&ids).await?,
            owners: owners(app, suite).await?,
        })
    }

    /// With its labels.
    pub(super) fn test(&self, test: &Test, suite: &Suite, links: &Links) -> wire::Test {
        let mut shape = shapes::test(test, suite, links);
        shape.labels = Some(self.labels.get(&test.id).cloned().unwrap_or_default());
        shape
    }

    /// With everything.
    pub(super) fn with_metrics(
        &self,
        item: &TestWithMetrics,
        suite: &Suite,
        links: &Links,
    ) -> shapes::TestWithMetrics {
        shapes::TestWithMetrics::new(
            self.test(&item.test, suite, links),
            item.test.state,
            self.owners(&item.test),
            &item.metrics,
        )
    }

    /// The teams that own a test, the default owner first.
    pub(super) fn owners(&self, test: &Test) -> Vec<String> {
        self.owners.of(file_of_test(test)).to_vec()
    }
}

/// The suite's owners; nobody until a file was sent.
pub(super) async fn owners(app: &App, suite: &Suite) -> Result<Owners, ApiError> {
    let file = app.store.ownership(suite.id).await?;
    Ok(file.map_or_else(Owners::default, |file| Owners::parse(&file.body)))
}

/// The file a test stands in, as far as it is known.
pub(super) fn file_of_test(test: &Test) -> &str {
    file_of(test.file_name.as_deref(), test.location.as_deref())
}

/// The same, by what is known of the test: the name of its file, or else its location.
pub(super) fn file_of<'a>(file_name: Option<&'a str>, location: Option<&'a str>) -> &'a str {
    let before_the_line = |location: &'a str| location.split(':').next().unwrap_or(location);
    file_name
        .or_else(|| location.map(before_the_line))
        .unwrap_or_default()
}
