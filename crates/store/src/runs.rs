//! Reads runs, their uploads and their failures.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use test_engine_duration::Micros;
use test_engine_results::{FailureDetail, Format};
use uuid::Uuid;

use crate::error::StoreError;
use crate::identity::{execution_uuid, fingerprint};
use crate::records::{
    FailedExecution, Listed, OutcomeCounts, Page, Run, RunId, RunResult, RunState, SuiteId,
    TestCounts, TestId, Timestamp, Upload,
};
use crate::sql::{Row, Session, values};
use crate::store::Store;
use crate::test_rows::{TEST_COLUMNS, test};

type Result<T> = std::result::Result<T, StoreError>;

/// Codes of results in the database: a worse result is larger.
pub(crate) const PENDING: i64 = 0;
const STALE: i64 = 1;
pub(crate) const PASSED: i64 = 2;
pub(crate) const FAILED: i64 = 3;

/// Of the long texts of one failure, as they are stored.
pub(crate) const MAX_TEXT_BYTES: u32 = 1 << 20;
/// Characters of a short reason.
pub(crate) const MAX_REASON: u32 = 20_000;

pub(crate) const SELECT_RUN: &str = "\
    SELECT runs.id, runs.uuid, runs.suite_id, runs.key, branches.name AS branch, \
    runs.commit_sha, runs.build_id, runs.number, runs.url, runs.message, \
    runs.result, runs.passed, runs.failed, runs.skipped, runs.unknown, runs.failed_muted, \
    runs.first_failed, runs.broken, runs.recovered, runs.muted_failed, runs.guarded, \
    runs.counted, runs.duration_us, runs.uploads, runs.created_at, runs.updated_at FROM runs \
    LEFT JOIN branches ON branches.id = runs.branch_id";

const SELECT_UPLOAD: &str = "\
    SELECT uploads.uuid, runs.uuid AS run_uuid, uploads.format, uploads.job_id, uploads.tags, \
    uploads.kept, uploads.duplicates, uploads.skipped, uploads.errors, \
    uploads.errors_outside_tests, uploads.received_at FROM uploads JOIN runs ON runs.id = \
    uploads.run_id";

impl Store {
    /// The runs of a suite, or only those of a build, newest first. A build has the runs that were
    /// uploaded with its id, and those of jobs that reported on its plans with it.
    pub async fn runs(
        &self,
        suite: SuiteId,
        build_id: Option<&str>,
        page: Page,
    ) -> Result<Listed<Run>> {
        let mut session = self.read().await?;
        let of_build = if build_id.is_some() {
            "AND runs.id IN (SELECT id FROM runs WHERE suite_id = ? AND build_id = ? \
             UNION SELECT runs.id FROM accountings JOIN accounting_runs \
             ON accounting_runs.suite_id = accountings.suite_id \
             AND accounting_runs.identifier = accountings.identifier \
             JOIN runs ON runs.suite_id = accountings.suite_id \
             AND runs.key = accounting_runs.run_key \
             WHERE accountings.suite_id = ? AND accountings.build_id = ?) "
        } else {
            ""
        };
        let mut bound = values![suite.get()].to_vec();
        if let Some(build_id) = build_id {
            bound.extend(values![suite.get(), build_id, suite.get(), build_id]);
        }
        let total = session
            .count(
                format!("SELECT COUNT(*) FROM runs WHERE runs.suite_id = ? {of_build}"),
                bound.clone(),
            )
            .await?;
        bound.extend(values![page.limit(), page.offset()]);
        let rows = session
            .rows(
                format!(
                    "{SELECT_RUN} WHERE runs.suite_id = ? {of_build}\
                     ORDER BY runs.id DESC LIMIT ? OFFSET ?"
                ),
                bound,
            )
            .await?;
        Ok(Listed {
            items: rows.iter().map(run).collect::<Result<_>>()?,
            total,
        })
    }

    /// `None` also if the run belongs to another suite.
    pub async fn run(&self, suite: SuiteId, uuid: Uuid) -> Result<Option<Run>> {
        by_uuid(&mut self.read().await?, suite, uuid).await
    }

    /// The run with this `run_env[key]`.
    pub async fn run_with_key(&self, suite: SuiteId, key: &str) -> Result<Option<Run>> {
        let mut session = self.read().await?;
        let row = session
            .optional(
                format!("{SELECT_RUN} WHERE runs.suite_id = ? AND runs.key = ?"),
                values![suite.get(), key],
            )
            .await?;
        row.as_ref().map(run).transpose()
    }

    /// The failed executions of a run, including those of muted tests, in upload order.
    pub async fn failed_executions(
        &self,
        run: &Run,
        page: Page,
    ) -> Result<Listed<FailedExecution>> {
        // Databases of older versions have texts of any size, which are not read.
        let expanded = format!(
            "CASE WHEN octet_length(failures.expanded) > {MAX_TEXT_BYTES} THEN NULL \
             ELSE failures.expanded END"
        );
        self.failures(run, page, &expanded).await
    }

    /// Like [`Store::failed_executions`], without the long texts.
    pub async fn failed_executions_in_brief(
        &self,
        run: &Run,
        page: Page,
    ) -> Result<Listed<FailedExecution>> {
        self.failures(run, page, "CAST(NULL AS TEXT)").await
    }

    /// The failed executions of some tests in a run, in upload order, at most `limit`.
    pub async fn failures_of_tests(
        &self,
        run: &Run,
        tests: &[TestId],
        limit: u32,
        with_texts: bool,
    ) -> Result<Vec<FailedExecution>> {
        let expanded = if with_texts {
            format!(
                "CASE WHEN octet_length(failures.expanded) > {MAX_TEXT_BYTES} THEN NULL \
                 ELSE failures.expanded END"
            )
        } else {
            "CAST(NULL AS TEXT)".to_owned()
        };
        let select = format!(
            "{} WHERE failures.run_id = ? AND failures.test_id",
            select_failures(&expanded)
        );
        let keys = tests.iter().map(|id| id.get().into()).collect();
        let end = format!("ORDER BY failures.upload_id, failures.position LIMIT {limit}");
        let mut session = self.read().await?;
        let rows = session
            .look_up(&select, &values![run.id.get()], keys, &end)
            .await?;
        rows.iter().map(|row| failed_execution(row, run)).collect()
    }

    /// The tests that failed at least once in a run.
    pub async fn failed_tests(&self, run: &Run) -> Result<BTreeSet<TestId>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT DISTINCT test_id FROM failures WHERE run_id = $1",
                values![run.id.get()],
            )
            .await?;
        let ids = rows.iter().map(|row| row.integer("test_id"));
        ids.map(|id| id.map(TestId::new)).collect()
    }

    async fn failures(
        &self,
        run: &Run,
        page: Page,
        expanded: &str,
    ) -> Result<Listed<FailedExecution>> {
        let mut session = self.read().await?;
        let total = session
            .count(
                "SELECT COUNT(*) FROM failures WHERE run_id = $1",
                values![run.id.get()],
            )
            .await?;
        let text = format!(
            "{} WHERE failures.run_id = ? \
             ORDER BY failures.upload_id, failures.position LIMIT ? OFFSET ?",
            select_failures(expanded)
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

    /// Newest first.
    pub async fn uploads(&self, suite: SuiteId, page: Page) -> Result<Listed<Upload>> {
        let mut session = self.read().await?;
        let total = session
            .count(
                "SELECT COUNT(*) FROM uploads WHERE suite_id = $1",
                values![suite.get()],
            )
            .await?;
        let rows = session
            .rows(
                format!(
                    "{SELECT_UPLOAD} WHERE uploads.suite_id = ? ORDER BY uploads.id DESC \
                     LIMIT ? OFFSET ?"
                ),
                values![suite.get(), page.limit(), page.offset()],
            )
            .await?;
        Ok(Listed {
            items: rows.iter().map(upload).collect::<Result<_>>()?,
            total,
        })
    }

    /// Oldest first.
    pub async fn run_uploads(&self, run: &Run) -> Result<Vec<Upload>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                format!("{SELECT_UPLOAD} WHERE uploads.run_id = ? ORDER BY uploads.id"),
                values![run.id.get()],
            )
            .await?;
        rows.iter().map(upload).collect()
    }

    /// The commits of runs created since then, without duplicates, latest first.
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
        rows.iter().map(|row| row.text("commit_sha")).collect()
    }
}

/// The columns of [`failed_execution`]; `expanded` selects the long texts.
fn select_failures(expanded: &str) -> String {
    format!(
        "SELECT {TEST_COLUMNS}, failures.upload_id, uploads.uuid AS upload_uuid, \
         failures.position, \
         failures.muted, failures.duration_us, failures.fingerprint, \
         SUBSTR(failures.reason, 1, {MAX_REASON}) AS reason, {expanded} AS expanded, \
         uploads.tags AS upload_tags, failures.tags AS own_tags, uploads.received_at, \
         execution_tags.tags AS later_tags FROM failures \
         JOIN uploads ON uploads.id = failures.upload_id \
         JOIN tests ON tests.id = failures.test_id \
         LEFT JOIN selectors ON selectors.id = tests.selector_id \
         LEFT JOIN execution_tags ON execution_tags.upload_id = failures.upload_id \
         AND execution_tags.position = failures.position"
    )
}

/// Reads the columns of [`SELECT_RUN`].
pub(crate) async fn by_uuid(
    session: &mut Session,
    suite: SuiteId,
    uuid: Uuid,
) -> Result<Option<Run>> {
    let row = session
        .optional(
            format!("{SELECT_RUN} WHERE runs.suite_id = ? AND runs.uuid = ?"),
            values![suite.get(), uuid],
        )
        .await?;
    row.as_ref().map(run).transpose()
}

pub(crate) fn run(row: &Row) -> Result<Run> {
    Ok(Run {
        id: RunId::new(row.integer("id")?),
        uuid: row.uuid("uuid")?,
        suite: SuiteId::new(row.integer("suite_id")?),
        key: row.text("key")?,
        branch: row.text_or_null("branch")?,
        commit_sha: row.text_or_null("commit_sha")?,
        build_id: row.text_or_null("build_id")?,
        number: row.text_or_null("number")?,
        url: row.text_or_null("url")?,
        message: row.text_or_null("message")?,
        // An upload is one transaction, so a visible run is finished.
        state: RunState::Finished,
        result: match row.integer("result")? {
            PENDING => RunResult::Pending,
            STALE => RunResult::Stale,
            PASSED => RunResult::Passed,
            FAILED => RunResult::Failed,
            _ => return Err(StoreError::Damaged { what: "run result" }),
        },
        counts: OutcomeCounts {
            passed: row.count("passed")?,
            failed: row.count("failed")?,
            skipped: row.count("skipped")?,
            unknown: row.count("unknown")?,
        },
        failed_muted: row.count("failed_muted")?,
        tests: test_counts(row)?,
        guarded: row.boolean("guarded")?,
        outage_counted: row.boolean("counted")?,
        duration: Micros::new(row.count("duration_us")?),
        uploads: row.count("uploads")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

fn test_counts(row: &Row) -> Result<Option<TestCounts>> {
    let Some(first_failed) = row.count_or_null("first_failed")? else {
        return Ok(None);
    };
    Ok(Some(TestCounts {
        first_failed,
        broken: row.count("broken")?,
        recovered: row.count("recovered")?,
        muted_failed: row.count("muted_failed")?,
    }))
}

fn upload(row: &Row) -> Result<Upload> {
    Ok(Upload {
        uuid: row.uuid("uuid")?,
        run_uuid: row.uuid("run_uuid")?,
        format: Format::from_name(&row.text("format")?).ok_or(StoreError::Damaged {
            what: "result format",
        })?,
        job_id: row.text_or_null("job_id")?,
        tags: row.json("tags", "set of tags")?,
        kept: row.count("kept")?,
        duplicates: row.count("duplicates")?,
        skipped: row.count("skipped")?,
        errors: row.json("errors", "list of errors")?,
        errors_outside_tests: row.json("errors_outside_tests", "list of errors")?,
        received_at: row.time("received_at")?,
    })
}

fn failed_execution(row: &Row, run: &Run) -> Result<FailedExecution> {
    let mut tags = merged_tags(
        &row.text("upload_tags")?,
        row.text_or_null("own_tags")?.as_deref(),
    )?;
    if row.text_or_null("later_tags")?.is_some() {
        tags.extend(row.json::<BTreeMap<String, String>>("later_tags", "set of tags")?);
    }
    let position = u32::try_from(row.integer("position")?)
        .map_err(|_| StoreError::Damaged { what: "position" })?;
    Ok(FailedExecution {
        uuid: execution_uuid(
            row.integer("upload_id")?,
            row.uuid("upload_uuid")?,
            position,
        ),
        run_uuid: run.uuid,
        test: test(row)?,
        muted: row.boolean("muted")?,
        duration: row.count_or_null("duration_us")?.map(Micros::new),
        fingerprint: row.integer_or_null("fingerprint")?.map(fingerprint),
        failure_reason: row.text_or_null("reason")?,
        failure_expanded: match row.text_or_null("expanded")? {
            Some(text) => expanded(&text)?,
            None => Vec::new(),
        },
        tags,
        created_at: row.time("received_at")?,
    })
}

/// The tags of an upload and of an execution, which take precedence.
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

pub(crate) fn expanded(text: &str) -> Result<Vec<FailureDetail>> {
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
