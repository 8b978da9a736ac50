//! Labels, quarantines and owners of tests, and tests as response bodies with them.

use std::collections::BTreeMap;

use test_engine_store::{Quarantine, Suite, Test, TestId, TestState, TestWithMetrics};

use crate::App;
use crate::http::error::ApiError;
use crate::http::resources::{self, LabelledTest, MeasuredTest, TestBody, TestMetrics};
use crate::http::test_owners::{file_of_test, owners};
use crate::links::Links;
use crate::owners::Owners;
use crate::quarantine::QuarantineBody;

pub(super) struct Details {
    labels: BTreeMap<TestId, Vec<String>>,
    quarantines: BTreeMap<TestId, Quarantine>,
    owners: Owners,
}

impl Details {
    /// Loads the details of some tests of a suite.
    pub(super) async fn of<'a>(
        app: &App,
        suite: &Suite,
        tests: impl Iterator<Item = &'a Test>,
    ) -> Result<Self, ApiError> {
        let (mut ids, mut quarantined) = (Vec::new(), Vec::new());
        for test in tests {
            ids.push(test.id);
            if test.state != TestState::Enabled {
                quarantined.push(test.id);
            }
        }
        Ok(Self {
            labels: app.store.labels(&ids).await?,
            quarantines: app.store.quarantines(&quarantined).await?,
            owners: owners(app, suite).await?,
        })
    }

    pub(super) fn labelled(&self, test: &Test, suite: &Suite, links: &Links) -> LabelledTest {
        LabelledTest {
            test: resources::test(test, suite, links),
            labels: self.labels.get(&test.id).cloned().unwrap_or_default(),
            quarantine: self.quarantines.get(&test.id).map(QuarantineBody::from),
        }
    }

    pub(super) fn measured(
        &self,
        item: &TestWithMetrics,
        suite: &Suite,
        links: &Links,
    ) -> MeasuredTest {
        let owners = self.owners(&item.test);
        MeasuredTest {
            test: self.labelled(&item.test, suite, links),
            metrics: TestMetrics::new(item.test.state, owners, &item.metrics),
        }
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
