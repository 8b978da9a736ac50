//! Runs, their uploads and their failures, as they are read.

use std::collections::BTreeMap;

use serde::Deserialize;
use test_engine_duration::Micros;
use test_engine_results::{FailureDetail, Format};

use crate::error::StoreError;
use crate::identity::execution_uuid;
use crate::known_tests::{TEST_COLUMNS, test};
use crate::records::{
    FailedExecution, Listed, OutcomeCounts, Page, Run, RunId, RunResult, RunState, SuiteId,
    Timestamp, Upload,
};
use crate::sql::{Row, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

/// Results as the column has them: the worse is the larger.
pub(crate) const PENDING: i64 = 0;
const STALE: i64 = 1;
pub(crate) const PASSED: i64 = 2;
pub(crate) const FAILED: i64 = 3;

/// The columns that [`run`] reads, and where from. Ends ready for `WHERE`.
macro_rules! select_run {
    ($rest:literal) => {
        concat!(
            "SELECT runs.id, runs.uuid, runs.suite_id, runs.key, branches.name, runs.commit_sha, ",
            "runs.build_id, runs.number, runs.url, runs.message, runs.run_env, runs.result, ",
            "runs.passed, runs.failed, runs.skipped, runs.unknown, runs.failed_muted, ",
            "runs.duration_us, runs.uploads, runs.created_at, runs.updated_at FROM runs ",
            "LEFT JOIN branches ON branches.id = runs.branch_id ",
            $rest
        )
    };
}

/// The columns that [`upload`] reads, and where from. Ends ready for `WHERE`.
macro_rules! select_upload {
    ($rest:literal) => {
        concat!(
            "SELECT uploads.uuid, runs.uuid, uploads.format, uploads.job_id, uploads.tags, ",
            "uploads.kept, uploads.duplicates, uploads.skipped, uploads.errors, ",
            "uploads.errors_outside_tests, uploads.received_at FROM uploads ",
            "JOIN runs ON runs.id = uploads.run_id ",
            $rest
        )
    };
}

impl Store {
    /// The runs of a suite, newest first; of one build only, when it is named.
    pub async fn runs(
        &self,
        suite: SuiteId,
        build_id: Option<&str>,
        page: Page,
    ) -> Result<Listed<Run>> {
        let mut session = self.read().await?;
        let (total, rows) = if let Some(build_id) = build_id {
            let total = session
                .one(
                    "SELECT COUNT(*) FROM runs WHERE suite_id = $1 AND build_id = $2",
                    values![suite.get(), build_id],
                )
                .await?;
            let rows = session
                .rows(
                    select_run!(
                        "WHERE runs.suite_id = $1 AND runs.build_id = $2 \
                         ORDER BY runs.id DESC LIMIT $3 OFFSET $4"
                    ),
                    values![suite.get(), build_id, page.limit(), page.offset()],
                )
                .await?;
            (total, rows)
        } else {
            let total = session
                .one(
                    "SELECT COUNT(*) FROM runs WHERE suite_id = $1",
                    values![suite.get()],
                )
                .await?;
            let rows = session
                .rows(
                    select_run!(
                        "WHERE runs.suite_id = $1 ORDER BY runs.id DESC LIMIT $2 OFFSET $3"
                    ),
                    values![suite.get(), page.limit(), page.offset()],
                )
                .await?;
            (total, rows)
        };
        Ok(Listed {
            items: rows.iter().map(run).collect::<Result<_>>()?,
            total: total.count(0)?,
        })
    }

    /// The run with this public id, when it is the suite's.
    pub async fn run(&self, suite: SuiteId, uuid: uuid::Uuid) -> Result<Option<Run>> {
        let mut session = self.read().await?;
        let row = session
            .optional(
                select_run!("WHERE runs.suite_id = $1 AND runs.uuid = $2"),
                values![suite.get(), uuid],
            )
            .await?;
        row.as_ref().map(run).transpose()
    }

    /// The failed executions of a run, muted ones too, in the order they came in.
    pub async fn failed_executions(
        &self,
        run: &Run,
        page: Page,
    ) -> Result<Listed<FailedExecution>> {
        let mut session = self.read().await?;
        let total = session
            .one(
                "SELECT COUNT(*) FROM failures WHERE run_id = $1",
                values![run.id.get()],
            )
            .await?
            .count(0)?;
        let text = format!(
            "SELECT {TEST_COLUMNS}, failures.upload_id, uploads.uuid, failures.position, \
             failures.muted, failures.duration_us, failures.reason, failures.expanded, \
             uploads.tags, failures.tags, uploads.received_at, execution_tags.tags FROM failures \
             JOIN uploads ON uploads.id = failures.upload_id \
             JOIN tests ON tests.id = failures.test_id \
             LEFT JOIN selectors ON selectors.id = tests.selector_id \
             LEFT JOIN execution_tags ON execution_tags.upload_id = failures.upload_id \
             AND execution_tags.position = failures.position \
             WHERE failures.run_id = ? \
             ORDER BY failures.upload_id, failures.position LIMIT ? OFFSET ?"
        );
        let rows = session
            .rows(text, values![run.id.get(), page.limit(), page.offset()])
            .await?;
        let items = rows
            .iter()
            .map(|row| failed_execution(row, run))
            .collect::<Result<_>>()?;
        Ok(Listed { items, total })
    }

    /// The uploads of a suite, newest first.
    pub async fn uploads(&self, suite: SuiteId, page: Page) -> Result<Listed<Upload>> {
        let mut session = self.read().await?;
        let total = session
            .one(
                "SELECT COUNT(*) FROM uploads WHERE suite_id = $1",
                values![suite.get()],
            )
            .await?
            .count(0)?;
        let rows = session
            .rows(
                select_upload!(
                    "WHERE uploads.suite_id = $1 ORDER BY uploads.id DESC LIMIT $2 OFFSET $3"
                ),
                values![suite.get(), page.limit(), page.offset()],
            )
            .await?;
        Ok(Listed {
            items: rows.iter().map(upload).collect::<Result<_>>()?,
            total,
        })
    }

    /// The uploads of a run, oldest first.
    pub async fn run_uploads(&self, run: &Run) -> Result<Vec<Upload>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                select_upload!("WHERE uploads.run_id = $1 ORDER BY uploads.id"),
                values![run.id.get()],
            )
            .await?;
        rows.iter().map(upload).collect()
    }

    /// Commits of the runs that began since then, each once, the latest first.
    pub async fn commits_since(&self, suite: SuiteId, since: Timestamp) -> Result<Vec<String>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT commit_sha FROM runs WHERE suite_id = $1 AND created_at >= $2 \
                 AND commit_sha IS NOT NULL AND commit_sha <> '' \
                 GROUP BY commit_sha ORDER BY MAX(id) DESC",
                values![suite.get(), since],
            )
            .await?;
        rows.iter().map(|row| row.text(0)).collect()
    }
}

fn run(row: &Row) -> Result<Run> {
    Ok(Run {
        id: RunId::new(row.integer(0)?),
        uuid: row.uuid(1)?,
        suite: SuiteId::new(row.integer(2)?),
        key: row.text(3)?,
        branch: row.text_or_null(4)?,
        commit_sha: row.text_or_null(5)?,
        build_id: row.text_or_null(6)?,
        number: row.text_or_null(7)?,
        url: row.text_or_null(8)?,
        message: row.text_or_null(9)?,
        run_env: row.text(10)?,
        // An upload is worked on in one transaction: what can be seen is finished.
        state: RunState::Finished,
        result: match row.integer(11)? {
            PENDING => RunResult::Pending,
            STALE => RunResult::Stale,
            PASSED => RunResult::Passed,
            FAILED => RunResult::Failed,
            _ => return Err(StoreError::Damaged { what: "run result" }),
        },
        counts: OutcomeCounts {
            passed: row.count(12)?,
            failed: row.count(13)?,
            skipped: row.count(14)?,
            unknown: row.count(15)?,
        },
        failed_muted: row.count(16)?,
        duration: Micros::new(row.count(17)?),
        uploads: row.count(18)?,
        created_at: row.time(19)?,
        updated_at: row.time(20)?,
    })
}

fn upload(row: &Row) -> Result<Upload> {
    Ok(Upload {
        uuid: row.uuid(0)?,
        run_uuid: row.uuid(1)?,
        format: Format::from_name(&row.text(2)?).ok_or(StoreError::Damaged {
            what: "result format",
        })?,
        job_id: row.text_or_null(3)?,
        tags: row.json(4, "set of tags")?,
        kept: row.count(5)?,
        duplicates: row.count(6)?,
        skipped: row.count(7)?,
        errors: row.json(8, "list of errors")?,
        errors_outside_tests: row.json(9, "list of errors")?,
        received_at: row.time(10)?,
    })
}

fn failed_execution(row: &Row, run: &Run) -> Result<FailedExecution> {
    let mut tags = merged_tags(&row.text(20)?, row.text_or_null(21)?.as_deref())?;
    if row.text_or_null(23)?.is_some() {
        tags.extend(row.json::<BTreeMap<String, String>>(23, "set of tags")?);
    }
    let position =
        u32::try_from(row.integer(15)?).map_err(|_| StoreError::Damaged { what: "position" })?;
    Ok(FailedExecution {
        uuid: execution_uuid(row.integer(13)?, row.uuid(14)?, position),
        run_uuid: run.uuid,
        test: test(row)?,
        muted: row.boolean(16)?,
        duration: row.count_or_null(17)?.map(Micros::new),
        failure_reason: row.text_or_null(18)?,
        failure_expanded: match row.text_or_null(19)? {
            Some(text) => expanded(&text)?,
            None => Vec::new(),
        },
        tags,
        created_at: row.time(22)?,
    })
}

/// An upload's tags and an execution's own, which win.
pub(crate) fn merged_tags(upload: &str, own: Option<&str>) -> Result<BTreeMap<String, String>> {
    let read = |text| {
        serde_json::from_str::<BTreeMap<String, String>>(text).map_err(|_| StoreError::Damaged {
            what: "set of tags",
        })
    };
    let mut tags = read(upload)?;
    if let Some(own) = own {
        tags.extend(read(own)?);
    }
    Ok(tags)
}

fn expanded(text: &str) -> Result<Vec<FailureDetail>> {
    #[derive(Deserialize)]
    struct Detail {
        expanded: Vec<String>,
        backtrace: Vec<String>,
    }
    let details: Vec<Detail> =
        serde_json::from_str(text).map_err(|_| StoreError::Damaged { what: "failure" })?;
    Ok(details
        .into_iter()
        .map(|detail| FailureDetail {
            expanded: detail.expanded,
            backtrace: detail.backtrace,
        })
        .collect())
}
