//! The results that a server has stored, read from its database.
//!
//! Independent of the server's responses, and available after it has crashed.

use std::collections::BTreeMap;
use std::path::Path;

use test_engine_duration::Micros;
use test_engine_results::Outcome;
use test_engine_store::{
    CommitRecord, OutcomeCounts, Page, Period, Store, StoreError, Suite, TestOrder, TestQuery,
    TestWithMetrics, Timestamp,
};

/// Page size that covers everything a test uploads.
const ALL: u32 = 100_000;

/// The database of one server.
#[derive(Debug)]
pub struct StoredResults {
    runtime: tokio::runtime::Runtime,
    store: Store,
}

/// A stored run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRun {
    /// `run_env[key]`.
    pub key: String,
    /// `passed`, `failed`, `pending` or `stale`.
    pub result: &'static str,
    /// Executions of all attempts.
    pub executions: u64,
    /// Failed executions, including those of muted tests.
    pub failed: u64,
    /// Failed executions of muted tests.
    pub failed_muted: u64,
    /// Number of uploads.
    pub uploads: u64,
}

/// A stored execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredExecution {
    /// `run_env[key]` of its run.
    pub run_key: String,
    /// The scope of its test.
    pub scope: String,
    /// The name of its test.
    pub name: String,
    /// `passed`, `failed`, `skipped` or `unknown`.
    pub outcome: &'static str,
    /// Unknown when the upload has none.
    pub duration: Option<Micros>,
    /// Only of failed executions.
    pub failure_reason: Option<String>,
}

impl StoredResults {
    #[track_caller]
    pub(crate) fn in_database(database: &Path) -> Self {
        assert!(
            database.is_file(),
            "{} is not a database",
            database.display()
        );
        Self::opened(Store::open_file(database))
    }

    #[track_caller]
    pub(crate) fn at_url(url: &str) -> Self {
        Self::opened(Store::open(url))
    }

    /// Whether the server has not summarized all reports of nodes yet.
    #[track_caller]
    pub(crate) fn has_outdated_accountings(&self) -> bool {
        let now = Timestamp::from_millis(i64::MAX / 2);
        let outdated = self
            .runtime
            .block_on(self.store.pending_accountings(now, 1));
        !outdated.expect("the database can be read").is_empty()
    }

    #[track_caller]
    fn opened(opening: impl Future<Output = Result<Store, StoreError>>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be created");
        let store = runtime
            .block_on(opening)
            .expect("the database can be opened");
        Self { runtime, store }
    }

    #[track_caller]
    fn read<T>(&self, query: impl Future<Output = Result<T, StoreError>>) -> T {
        let result = self.runtime.block_on(query);
        result.expect("the database can be read")
    }

    fn suite(&self, organization: &str, suite: &str) -> Suite {
        self.read(self.store.suite(organization, suite))
            .unwrap_or_else(|| panic!("no suite {suite}"))
    }

    /// The run with this key; `None` when it is not stored.
    pub fn run(&self, organization: &str, suite: &str, key: &str) -> Option<StoredRun> {
        self.runs(organization, suite)
            .into_iter()
            .find(|run| run.key == key)
    }

    /// All runs of a suite.
    pub fn runs(&self, organization: &str, suite: &str) -> Vec<StoredRun> {
        let suite = self.suite(organization, suite);
        self.read(self.store.runs(suite.id, None, Page::new(1, ALL)))
            .items
            .into_iter()
            .map(|run| StoredRun {
                key: run.key,
                result: run.result.name(),
                executions: run.counts.executions(),
                failed: run.counts.failed,
                failed_muted: run.failed_muted,
                uploads: run.uploads,
            })
            .collect()
    }

    /// All executions of a suite.
    pub fn executions(&self, organization: &str, suite: &str) -> Vec<StoredExecution> {
        let suite = self.suite(organization, suite);
        let everything = Page::new(1, ALL);
        let runs: BTreeMap<_, _> = self
            .read(self.store.runs(suite.id, None, everything))
            .items
            .into_iter()
            .map(|run| (run.uuid, run.key))
            .collect();
        let mut executions = Vec::new();
        for test in self.tests(&suite) {
            let stored = self.read(self.store.test_executions(&test.test, everything));
            executions.extend(stored.items.into_iter().map(|execution| StoredExecution {
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

    /// Outcomes of each test over all runs, by scope and name.
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

    /// All tests of a suite with their metrics.
    fn tests(&self, suite: &Suite) -> Vec<TestWithMetrics> {
        let query = TestQuery {
            period: Period::between(Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX)),
            branch: None,
            state: None,
            search: None,
            labels: Vec::new(),
            terms: Vec::new(),
            order: TestOrder::Executions,
            descending: true,
            page: Page::new(1, ALL),
        };
        self.read(self.store.tests(suite.id, &query)).items
    }

    /// The stored metadata of a commit.
    pub fn commit(&self, organization: &str, suite: &str, sha: &str) -> Option<CommitRecord> {
        let suite = self.suite(organization, suite);
        self.read(self.store.commit(suite.id, sha))
    }

    /// Deletes all unused upload forms for commit archives. Returns their number.
    pub fn delete_unused_forms(&self) -> usize {
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

    /// Number of plans of a suite.
    pub fn plans(&self, organization: &str, suite: &str) -> u64 {
        let suite = self.suite(organization, suite);
        self.read(self.store.plans(suite.id, Page::new(1, 1))).total
    }
}
