//! What a server has kept, read from its database and not from its answers.
//!
//! A server that says it has everything is one witness; what lies in its database after it died is
//! the better one.

use std::collections::BTreeMap;
use std::path::Path;

use test_engine_duration::Micros;
use test_engine_results::Outcome;
use test_engine_store::{
    CommitRecord, OutcomeCounts, Page, Period, Store, StoreError, Suite, TestOrder, TestQuery,
    TestWithMetrics, Timestamp,
};

/// More than any test uploads.
const ALL: u32 = 100_000;

/// The database of one server.
#[derive(Debug)]
pub struct KeptResults {
    runtime: tokio::runtime::Runtime,
    store: Store,
}

/// A run as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRun {
    /// `run_env[key]`.
    pub key: String,
    /// How it ended: `passed`, `failed`, `pending` or `stale`.
    pub result: &'static str,
    /// Executions, every attempt.
    pub executions: u64,
    /// Of these, the failed ones, muted ones included.
    pub failed: u64,
    /// Of the failed ones, those of muted tests.
    pub failed_muted: u64,
    /// Uploads in it.
    pub uploads: u64,
}

/// An execution as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptExecution {
    /// `run_env[key]` of its run.
    pub run_key: String,
    /// Of its test.
    pub scope: String,
    /// Of its test.
    pub name: String,
    /// How it ended: `passed`, `failed`, `skipped` or `unknown`.
    pub outcome: &'static str,
    /// Microseconds.
    pub duration: Option<Micros>,
    /// What it failed with.
    pub failure_reason: Option<String>,
}

impl KeptResults {
    #[track_caller]
    pub(crate) fn in_database(database: &Path) -> Self {
        assert!(database.is_file(), "{} is no database", database.display());
        Self::opened(Store::open_file(database))
    }

    /// In the PostgreSQL database at this address.
    #[track_caller]
    pub(crate) fn at_address(url: &str) -> Self {
        Self::opened(Store::open(url))
    }

    #[track_caller]
    fn opened(opening: impl Future<Output = Result<Store, StoreError>>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let store = runtime
            .block_on(opening)
            .expect("the database can be opened");
        Self { runtime, store }
    }

    fn suite(&self, organization: &str, suite: &str) -> Suite {
        self.runtime
            .block_on(self.store.suite(organization, suite))
            .expect("the database can be read")
            .unwrap_or_else(|| panic!("no suite {suite}"))
    }

    /// The run with this key; `None` when nothing was kept of it.
    pub fn run(&self, organization: &str, suite: &str, key: &str) -> Option<KeptRun> {
        self.runs(organization, suite)
            .into_iter()
            .find(|run| run.key == key)
    }

    /// Every run of a suite.
    pub fn runs(&self, organization: &str, suite: &str) -> Vec<KeptRun> {
        let suite = self.suite(organization, suite);
        let runs = self
            .runtime
            .block_on(self.store.runs(suite.id, None, Page::new(1, ALL)))
            .expect("the database can be read");
        runs.items
            .into_iter()
            .map(|run| KeptRun {
                key: run.key,
                result: run.result.name(),
                executions: run.counts.executions(),
                failed: run.counts.failed,
                failed_muted: run.failed_muted,
                uploads: run.uploads,
            })
            .collect()
    }

    /// Every execution of a suite.
    pub fn executions(&self, organization: &str, suite: &str) -> Vec<KeptExecution> {
        let suite = self.suite(organization, suite);
        let everything = Page::new(1, ALL);
        let runs = self
            .runtime
            .block_on(self.store.runs(suite.id, None, everything));
        let runs: BTreeMap<_, _> = runs
            .expect("the database can be read")
            .items
            .into_iter()
            .map(|run| (run.uuid, run.key))
            .collect();
        let mut executions = Vec::new();
        for test in self.tests(&suite) {
            let kept = self
                .runtime
                .block_on(self.store.test_executions(&test.test, everything))
                .expect("the database can be read");
            executions.extend(kept.items.into_iter().map(|execution| KeptExecution {
                run_key: runs[&execution.run_uuid].clone(),
                scope: test.test.scope.clone(),
                name: test.test.name.clone(),
                outcome: match execution.outcome {
                    Outcome::Passed => "passed",
                    Outcome::Failed => "failed",
                    Outcome::Skipped => "skipped",
                    Outcome::Unknown => "unknown",
                },
                duration: execution.duration,
                failure_reason: execution.failure_reason,
            }));
        }
        executions
    }

    /// How the executions of each test ended, over all runs, by scope and name.
    pub fn outcomes(
        &self,
        organization: &str,
        suite: &str,
    ) -> BTreeMap<(String, String), OutcomeCounts> {
        let suite = self.suite(organization, suite);
        self.tests(&suite)
            .into_iter()
            .map(|test| ((test.test.scope, test.test.name), test.metrics.counts))
            .collect()
    }

    /// Every test of a suite, with what its executions come to.
    fn tests(&self, suite: &Suite) -> Vec<TestWithMetrics> {
        let query = TestQuery {
            period: Period::between(Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX)),
            branch: None,
            state: None,
            search: None,
            labels: Vec::new(),
            order: TestOrder::Executions,
            descending: true,
            page: Page::new(1, ALL),
        };
        let tests = self
            .runtime
            .block_on(self.store.tests(suite.id, &query))
            .expect("the database can be read");
        tests.items
    }

    /// What is kept of a commit.
    pub fn commit(&self, organization: &str, suite: &str, sha: &str) -> Option<CommitRecord> {
        let suite = self.suite(organization, suite);
        self.runtime
            .block_on(self.store.commit(suite.id, sha))
            .expect("the database can be read")
    }

    /// Forgets every form for an archive of commits that was given out and not used; how many.
    pub fn forget_forms(&self) -> usize {
        self.runtime.block_on(async {
            let end_of_time = Timestamp::from_millis(i64::MAX);
            let unused = self
                .store
                .unused_backfills(end_of_time)
                .await
                .expect("the database can be read");
            for form in &unused {
                self.store
                    .delete_unused_backfill(form.uuid)
                    .await
                    .expect("the database can be written to");
            }
            unused.len()
        })
    }

    /// How many plans a suite has.
    pub fn plans(&self, organization: &str, suite: &str) -> u64 {
        let suite = self.suite(organization, suite);
        self.runtime
            .block_on(self.store.plans(suite.id, Page::new(1, 1)))
            .expect("the database can be read")
            .total
    }
}
