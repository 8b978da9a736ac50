//! The accounting of builds: did every test run? Stores the reports of nodes and computes verdicts.

mod compute;
mod pace;
mod plan_and_reports;
mod running;
mod summary;
mod validate;

use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use test_engine_duration::Micros;
use test_engine_store::{NewJobReport, Store, StoreError, StoredJobReport, Suite, Timestamp};
use test_engine_wire::{ExcuseReason, NodeReport, NodeState, PlanSource};
use tokio::sync::Notify;

use crate::error_chain::ErrorChain;
use crate::metrics::NodeCounts;
use crate::plan_metadata;
use crate::selection::{SelectionError, Selections};
use plan_and_reports::run_key;

pub(crate) use pace::{pace, took};
pub(crate) use running::{is_recent, pending_nodes};

/// Bytes of one report after decompression: about 200,000 targets.
pub(crate) const MAX_REPORT_BYTES: usize = 32 * 1024 * 1024;

/// Larger reports are encoded outside the threads that serve connections.
const MAX_INLINE_TARGETS: usize = 500;

#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountingError {
    #[error("Invalid node report: {}.", .0.join("; "))]
    Invalid(Vec<String>),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("failed to encode or decode a node report")]
    Encoding(#[from] std::io::Error),
    #[error(transparent)]
    Selection(#[from] SelectionError),
    #[error("accounting was aborted")]
    Task(#[from] tokio::task::JoinError),
}

impl From<serde_json::Error> for AccountingError {
    fn from(error: serde_json::Error) -> Self {
        Self::Encoding(error.into())
    }
}

pub(crate) struct Accountant {
    store: Store,
    selections: Arc<Selections>,
    retention_days: i64,
    counts: NodeCounts,
    /// Notified after each stored report or upload.
    wake: Notify,
    /// Held while a verdict is computed: each may take tens of megabytes.
    computing: tokio::sync::Mutex<()>,
}

impl Accountant {
    pub(crate) fn new(
        store: Store,
        selections: Arc<Selections>,
        retention_days: u32,
        counts: NodeCounts,
    ) -> Self {
        Self {
            store,
            selections,
            retention_days: i64::from(retention_days),
            counts,
            wake: Notify::new(),
            computing: tokio::sync::Mutex::default(),
        }
    }

    /// Stores a report, and the metadata that it may have.
    pub(crate) async fn record(
        &self,
        suite: &Suite,
        mut report: NodeReport,
        now: Timestamp,
    ) -> Result<StoredJobReport, AccountingError> {
        validate::report(&report).map_err(AccountingError::Invalid)?;
        let metadata = report.metadata.take();
        let metadata = metadata.map(|request| plan_metadata::received(&request, now));
        if report.plan_source == PlanSource::Server {
            // The plan has them, and every node reports all of them.
            let tests = &mut report.excused_tests;
            tests.retain(|test| test.reason != ExcuseReason::Skipped);
        }
        let (report, (body, size)) = if report.targets.len() <= MAX_INLINE_TARGETS {
            let encoded = encode(&report)?;
            (report, encoded)
        } else {
            tokio::task::spawn_blocking(move || {
                let encoded = encode(&report)?;
                Ok::<_, std::io::Error>((report, encoded))
            })
            .await??
        };
        let loading = file_load(&report).map(|load| (report.runner.clone(), load));
        let run_key = run_key(&report).to_owned();
        let started_at = start_of_extra_job(&report);
        let has_ended = report.state != NodeState::Started;
        let used_fallback = report.plan_source == PlanSource::Fallback;
        let report = NewJobReport {
            suite: suite.id,
            identifier: report.identifier,
            build_id: report.build_id,
            run_key,
            group: report.group,
            node: report.node,
            job_id: report.job_id,
            started_at,
            retry_count: report.job_retry_count,
            progress: progress(report.state),
            body,
            size,
            metadata: metadata.transpose()?,
            received_at: now,
            expires_at: now.plus_days(self.retention_days),
        };
        let stored = self.store.insert_job_report(report).await?;
        if stored.is_stored {
            if has_ended && used_fallback {
                self.counts.fallback();
            }
            if let Some((runner, load)) = loading {
                self.learn_file_load(suite, &runner, load).await;
            }
            self.wake.notify_one();
        }
        Ok(stored)
    }

    /// The report is stored already, and plans do not depend on it, so an error is only logged.
    async fn learn_file_load(&self, suite: &Suite, runner: &str, load: Micros) {
        if let Err(error) = self.store.add_file_load(suite.id, runner, load).await {
            let (cause, suite) = (ErrorChain(&error), &suite.slug);
            tracing::warn!(%cause, suite, "failed to store what loading a test file took");
        }
    }

    /// Tells that results were stored: they may complete the accounting of their run.
    pub(crate) fn results_stored(&self) {
        self.wake.notify_one();
    }
}

/// The report as it is stored, and its size before compression.
fn encode(report: &NodeReport) -> std::io::Result<(Vec<u8>, u64)> {
    let json = serde_json::to_vec(report)?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&json)?;
    Ok((encoder.finish()?, json.len() as u64))
}

/// The start of a job that runs what the nodes of the step have missed. It may be retried, or do so
/// more than once, and each time it runs other targets.
fn start_of_extra_job(report: &NodeReport) -> Option<Timestamp> {
    let time: jiff::Timestamp = report.started_at.parse().ok()?;
    let is_extra = report.node >= report.parallelism;
    is_extra.then(|| Timestamp::from_millis(time.as_millisecond()))
}

/// The time to load one file. Only the first run of a job says so: a retry may load few files, and
/// a job that failed may have stopped while it loaded them.
fn file_load(report: &NodeReport) -> Option<Micros> {
    let is_complete = report.state == NodeState::Finished && report.job_retry_count == 0;
    let loading = report
        .loading
        .filter(|_| is_complete && !report.runner.is_empty())?;
    Micros::new(loading.duration_us).mean_of(u64::from(loading.files))
}

/// An end report replaces the start report of the same run of a job.
fn progress(state: NodeState) -> u8 {
    match state {
        NodeState::Started => 0,
        NodeState::Failed => 1,
        NodeState::Finished => 2,
    }
}
