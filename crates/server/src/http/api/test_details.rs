//! Labels and owners of tests, and tests as response bodies with them.

use std::collections::BTreeMap;

use test_engine_store::{Suite, Test, TestId, TestWithMetrics};

use crate::App;
use crate::http::error::ApiError;
use crate::http::resources::{self, LabelledTest, MeasuredTest, TestBody};
use crate::links::Links;
use crate::owners::Owners;

pub(super) struct Details {
    labels: BTreeMap<TestId, Vec<String>>,
    owners: Owners,
}

impl Details {
    /// Loads the details of some tests of a suite.
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

    pub(super) fn labelled(&self, test: &Test, suite: &Suite, links: &Links) -> LabelledTest {
        LabelledTest {
            test: resources::test(test, suite, links),
            labels: self.labels.get(&test.id).cloned().unwrap_or_default(),
        }
    }

    pub(super) fn measured(
        &self,
        item: &TestWithMetrics,
        suite: &Suite,
        links: &Links,
    ) -> MeasuredTest {
        let test = self.labelled(&item.test, suite, links);
        let owners = self.owners(&item.test);
        MeasuredTest::new(test, item.test.state, owners, &item.metrics)
    }

    pub(super) fn body(
        &self,
        item: &TestWithMetrics,
        suite: &Suite,
        links: &Links,
        with_metrics: bool,
    ) -> TestBody {
        if with_metrics {
            TestBody::Measured(self.measured(item, suite, links))
        } else {
            TestBody::Labelled(self.labelled(&item.test, suite, links))
        }
    }

    /// The teams that own a test, the default owner first.
    pub(super) fn owners(&self, test: &Test) -> Vec<String> {
        self.owners.of(file_of_test(test)).to_vec()
    }
}

/// The suite's owners; none until a TESTOWNERS file is sent.
pub(super) async fn owners(app: &App, suite: &Suite) -> Result<Owners, ApiError> {
    let file = app.store.ownership(suite.id).await?;
    Ok(file.map_or_else(Owners::default, |file| Owners::parse(&file.body)))
}

pub(super) fn file_of_test(test: &Test) -> &str {
    file_of(test.file_name.as_deref(), test.location.as_deref())
}

/// The file of a test: its file name or else its location without the line; empty if unknown.
pub(super) fn file_of<'a>(file_name: Option<&'a str>, location: Option<&'a str>) -> &'a str {
    let without_line = |location: &'a str| location.split(':').next().unwrap_or(location);
    file_name
        .or_else(|| location.map(without_line))
        .unwrap_or_default()
}
