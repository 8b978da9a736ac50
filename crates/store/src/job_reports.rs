//! The reports of jobs about the targets they ran, with or without a plan.
//!
//! The row in `accountings` serializes the reports of one plan.

use crate::error::StoreError;
use crate::plans::write_metadata;
use crate::records::{NewJobReport, StoredJobReport, SuiteId, Timestamp};
use crate::sql::{Row, Session, Value, values};
use crate::store::{Store, check_key};

type Result<T> = std::result::Result<T, StoreError>;

/// Jobs per plan: 1,000 nodes in ten matrix legs.
const MAX_REPORTS: u64 = 10_000;
/// Matrix legs per plan. Each accounts for all targets of the plan.
const MAX_GROUPS: u64 = 100;
/// Bytes of the reports of one plan before compression. Accounting reads them together.
const MAX_SIZE: u64 = 128 * 1024 * 1024;
/// Groups, nodes and jobs are in one index entry with the identifier.
const MAX_GROUP_BYTES: u64 = 256;

impl Store {
    /// Stores the report of a job, with or without a plan, and the metadata of the node's run, if
    /// the report has it, in one transaction.
    pub async fn insert_job_report(&self, report: NewJobReport) -> Result<StoredJobReport> {
        check_key("plan identifier", &report.identifier)?;
        check_key("build id", &report.build_id)?;
        check_key("run key", &report.run_key)?;
        check_key("job id", &report.job_id)?;
        check_limit("group", report.group.len() as u64, MAX_GROUP_BYTES)?;
        let mut session = self.write().await?;
        let is_stored = store(&mut session, &report).await?;
        let has_plan = match &report.metadata {
            Some(metadata) => {
                let (suite, identifier) = (report.suite, &report.identifier);
                Some(write_metadata(&mut session, suite, identifier, metadata).await?)
            }
            None => None,
        };
        if is_stored || has_plan == Some(true) {
            session.commit().await?;
        }
        Ok(StoredJobReport {
            is_stored,
            has_plan,
        })
    }

    /// The bodies of all reports on a plan.
    pub async fn job_reports(&self, suite: SuiteId, identifier: &str) -> Result<Vec<Vec<u8>>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT body FROM job_reports WHERE suite_id = $1 AND identifier = $2 \
                 ORDER BY group_name, node, job_id, started_at",
                values![suite.get(), identifier],
            )
            .await?;
        rows.iter().map(|row| row.bytes("body")).collect()
    }
}

/// False if a later report of the job is stored already: one of a later retry, or one with more
/// progress.
async fn store(session: &mut Session, report: &NewJobReport) -> Result<bool> {
    let total = lock(session, report).await?;
    let key = key(report);
    let previous = session
        .optional(
            "SELECT retry_count, progress, size FROM job_reports \
             WHERE suite_id = $1 AND identifier = $2 AND group_name = $3 AND node = $4 \
             AND job_id = $5 AND started_at = $6",
            key.clone(),
        )
        .await?;
    let mut reports = total.count("reports")?;
    let mut size = total.count("size")? + report.size;
    if let Some(previous) = previous {
        let rank = (
            previous.integer("retry_count")?,
            previous.integer("progress")?,
        );
        if rank > (i64::from(report.retry_count), i64::from(report.progress)) {
            return Ok(false);
        }
        size = size.saturating_sub(previous.count("size")?);
    } else {
        reports += 1;
        check_groups(session, report).await?;
    }
    check_limit("number of node reports of this plan", reports, MAX_REPORTS)?;
    check_limit("size of the node reports of this plan", size, MAX_SIZE)?;
    write(session, report, key).await?;
    session
        .execute(
            "UPDATE accountings SET reports = $3, size = $4, changes = changes + 1 \
             WHERE suite_id = $1 AND identifier = $2",
            values![
                report.suite.get(),
                &report.identifier,
                whole(reports),
                whole(size),
            ],
        )
        .await?;
    Ok(true)
}

/// The values of the primary key.
fn key(report: &NewJobReport) -> [Value<'_>; 6] {
    values![
        report.suite.get(),
        &report.identifier,
        &report.group,
        i64::from(report.node),
        &report.job_id,
        report.started_at.map_or(0, Timestamp::millis),
    ]
}

/// Inserts or updates the row of the plan, which locks it. Returns its `reports` and `size`.
async fn lock(session: &mut Session, report: &NewJobReport) -> Result<Row> {
    session
        .one(
            "INSERT INTO accountings (suite_id, identifier, build_id, reports, size, \
             changes, updated_at, expires_at) VALUES ($1, $2, $3, 0, 0, 0, $4, $5) \
             ON CONFLICT (suite_id, identifier) DO UPDATE SET \
             build_id = CASE WHEN excluded.build_id = '' THEN accountings.build_id \
             ELSE excluded.build_id END, \
             updated_at = excluded.updated_at, expires_at = excluded.expires_at \
             RETURNING reports, size",
            values![
                report.suite.get(),
                &report.identifier,
                &report.build_id,
                report.received_at,
                report.expires_at,
            ],
        )
        .await
        .map_err(|error| error.or_gone("the suite"))
}

/// Rejects a report of one group too many.
async fn check_groups(session: &mut Session, report: &NewJobReport) -> Result<()> {
    let groups = session
        .rows(
            "SELECT DISTINCT group_name FROM job_reports WHERE suite_id = $1 AND identifier = $2",
            values![report.suite.get(), &report.identifier],
        )
        .await?;
    for row in &groups {
        if row.text("group_name")? == report.group {
            return Ok(());
        }
    }
    let groups = groups.len() as u64 + 1;
    check_limit("number of groups of this plan", groups, MAX_GROUPS)
}

/// Inserts or replaces the report, and notes the run of its job.
async fn write(session: &mut Session, report: &NewJobReport, key: [Value<'_>; 6]) -> Result<()> {
    let mut row = key.to_vec();
    row.extend(values![
        i64::from(report.retry_count),
        i64::from(report.progress),
        whole(report.size),
        report.body.as_slice(),
    ]);
    session
        .execute(
            "INSERT INTO job_reports (suite_id, identifier, group_name, node, job_id, \
             started_at, retry_count, progress, size, body) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
             ON CONFLICT (suite_id, identifier, group_name, node, job_id, started_at) \
             DO UPDATE SET retry_count = excluded.retry_count, progress = excluded.progress, \
             size = excluded.size, body = excluded.body",
            row,
        )
        .await?;
    if !report.run_key.is_empty() {
        session
            .execute(
                "INSERT INTO accounting_runs (suite_id, identifier, run_key) VALUES ($1, $2, $3) \
                 ON CONFLICT (suite_id, identifier, run_key) DO NOTHING",
                values![report.suite.get(), &report.identifier, &report.run_key],
            )
            .await?;
    }
    Ok(())
}

fn check_limit(what: &'static str, size: u64, limit: u64) -> Result<()> {
    if size > limit {
        return Err(StoreError::TooLarge { what, size, limit });
    }
    Ok(())
}

/// Saturates at the largest value of a column.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
