//! The accounting of builds: did every test run? Stores the reports of nodes and computes verdicts.

mod compute;
mod plan_and_reports;
mod running;
mod summary;
mod validate;

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use test_engine_store::{NewJobReport, Store, StoreError, Suite, Timestamp};
use test_engine_wire::{ExcuseReason, NodeReport, NodeState, PlanSource};
use tokio::sync::Notify;

use crate::metrics::NodeCounts;
use plan_and_reports::run_key;

pub(crate) use running::{is_recent, pending_nodes};

/// Bytes of one report after decompression: about 200,000 targets.
pub(crate) const MAX_REPORT_BYTES: usize = 32 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountingError {
    #[error("Invalid node report: {}.", .0.join("; "))]
    Invalid(Vec<String>),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("failed to encode or decode a node report")]
    Encoding(#[from] std::io::Error),
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
    retention_days: i64,
    counts: NodeCounts,
    /// Notified after each stored report or upload.
    wake: Notify,
}

impl Accountant {
    pub(crate) fn new(store: Store, retention_days: u32, counts: NodeCounts) -> Self {
        Self {
            store,
            retention_days: i64::from(retention_days),
            counts,
            wake: Notify::new(),
        }
    }

    /// Stores a report. False if a later one of the same job is stored already.
    pub(crate) async fn record(
        &self,
        suite: &Suite,
        mut report: NodeReport,
        now: Timestamp,
    ) -> Result<bool, AccountingError> {
        validate::report(&report).map_err(AccountingError::Invalid)?;
        if report.plan_source == PlanSource::Server {
            // The plan has them, and every node reports all of them.
            let tests = &mut report.excused_tests;
            tests.retain(|test| test.reason != ExcuseReason::Skipped);
        }
        let (report, body, size) = tokio::task::spawn_blocking(move || {
            let json = serde_json::to_vec(&report)?;
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&json)?;
            Ok::<_, std::io::Error>((report, encoder.finish()?, json.len() as u64))
        })
        .await??;
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
            received_at: now,
            expires_at: now.plus_days(self.retention_days),
        };
        let stored = self.store.insert_job_report(report).await?;
        if stored {
            if has_ended && used_fallback {
                self.counts.fallback();
            }
            self.wake.notify_one();
        }
        Ok(stored)
    }

    /// Tells that results were stored: they may complete the accounting of their run.
    pub(crate) fn results_stored(&self) {
        self.wake.notify_one();
    }
}

/// The start of a job that runs what the nodes of the step have missed. It may be retried, or do so
/// more than once, and each time it runs other targets.
fn start_of_extra_job(report: &NodeReport) -> Option<Timestamp> {
    let time: jiff::Timestamp = report.started_at.parse().ok()?;
    let is_extra = report.node >= report.parallelism;
    is_extra.then(|| Timestamp::from_millis(time.as_millisecond()))
}

/// An end report replaces the start report of the same run of a job.
fn progress(state: NodeState) -> u8 {
    match state {
        NodeState::Started => 0,
        NodeState::Failed => 1,
        NodeState::Finished => 2,
    }
}
