//! The reports of jobs about the targets they ran, and a summary per plan.
//!
//! The row in `accountings` serializes the reports of one plan. It counts their changes, so that a
//! summary never replaces a later one, and none is forgotten after a crash.

use std::collections::BTreeSet;

use crate::error::StoreError;
use crate::records::{AccountingSummary, NewJobReport, PendingAccounting, SuiteId, Timestamp};
use crate::sql::{Row, Session, Value, values};
use crate::store::{Store, check_key};

type Result<T> = std::result::Result<T, StoreError>;

/// Jobs per plan: 1,000 nodes in ten matrix legs.
const MAX_REPORTS: u64 = 10_000;
/// Bytes of the reports of one plan before compression. Accounting reads them together.
const MAX_SIZE: u64 = 128 * 1024 * 1024;
/// Groups, nodes and jobs are in one index entry with the identifier.
const MAX_GROUP_BYTES: u64 = 256;

const SELECT_SUMMARY: &str = "SELECT identifier, build_id, run_key, complete, targets, \
     complete_targets, nodes, pending_nodes, fallback_nodes, updated_at FROM accountings ";

impl Store {
    /// Stores the report of a job, with or without a plan. False if a later report of the job is
    /// stored already: one of a later retry, or one with more progress.
    pub async fn insert_job_report(&self, report: NewJobReport) -> Result<bool> {
        check_key("plan identifier", &report.identifier)?;
        check_key("build id", &report.build_id)?;
        check_key("run key", &report.run_key)?;
        check_key("job id", &report.job_id)?;
        check_limit("group", report.group.len() as u64, MAX_GROUP_BYTES)?;
        let mut session = self.write().await?;
        let total = lock(&mut session, &report).await?;
        let key = values![
            report.suite.get(),
            &report.identifier,
            &report.group,
            i64::from(report.node),
            &report.job_id,
        ];
        let previous = session
            .optional(
                "SELECT retry_count, progress, size FROM job_reports \
                 WHERE suite_id = $1 AND identifier = $2 AND group_name = $3 AND node = $4 \
                 AND job_id = $5",
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
        }
        check_limit("number of node reports of this plan", reports, MAX_REPORTS)?;
        check_limit("size of the node reports of this plan", size, MAX_SIZE)?;
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
                 retry_count, progress, size, body) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
                 ON CONFLICT (suite_id, identifier, group_name, node, job_id) DO UPDATE SET \
                 retry_count = excluded.retry_count, progress = excluded.progress, \
                 size = excluded.size, body = excluded.body",
                row,
            )
            .await?;
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
        session.commit().await?;
        Ok(true)
    }

    /// The bodies of all reports on a plan.
    pub async fn job_reports(&self, suite: SuiteId, identifier: &str) -> Result<Vec<Vec<u8>>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT body FROM job_reports WHERE suite_id = $1 AND identifier = $2 \
                 ORDER BY group_name, node, job_id",
                values![suite.get(), identifier],
            )
            .await?;
        rows.iter().map(|row| row.bytes("body")).collect()
    }

    /// The identifiers of plans of a build, in order: those on which a job of the build has
    /// reported, and those that begin with one of these texts.
    pub async fn identifiers_of_build(
        &self,
        suite: SuiteId,
        build_id: &str,
        beginnings: &[String],
    ) -> Result<Vec<String>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT identifier FROM accountings WHERE suite_id = $1 AND build_id = $2",
                values![suite.get(), build_id],
            )
            .await?;
        let mut identifiers = rows
            .iter()
            .map(|row| row.text("identifier"))
            .collect::<Result<BTreeSet<String>>>()?;
        if beginnings.is_empty() {
            return Ok(identifiers.into_iter().collect());
        }
        let any = vec!["identifier LIKE ? ESCAPE '!'"; beginnings.len()].join(" OR ");
        let mut bound = values![suite.get()].to_vec();
        bound.extend(beginnings.iter().map(|text| Value::from(like(text))));
        let rows = session
            .rows(
                format!("SELECT identifier FROM plans WHERE suite_id = ? AND ({any})"),
                bound,
            )
            .await?;
        for row in rows {
            let identifier = row.text("identifier")?;
            // LIKE ignores case on SQLite.
            if beginnings.iter().any(|text| identifier.starts_with(text)) {
                identifiers.insert(identifier);
            }
        }
        Ok(identifiers.into_iter().collect())
    }

    /// Plans whose summaries are outdated; at most `limit`.
    pub async fn pending_accountings(&self, limit: u32) -> Result<Vec<PendingAccounting>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT suite_id, identifier, changes FROM accountings \
                 JOIN suites ON suites.id = suite_id \
                 WHERE summarized < changes AND NOT suites.deleted LIMIT $1",
                values![i64::from(limit)],
            )
            .await?;
        let pending = |row: &Row| {
            Ok(PendingAccounting {
                suite: SuiteId::new(row.integer("suite_id")?),
                identifier: row.text("identifier")?,
                changes: row.integer("changes")?,
            })
        };
        rows.iter().map(pending).collect()
    }

    /// Stores the summary of these reports, unless one of later reports is stored. Only its numbers
    /// are used.
    pub async fn set_accounting_summary(
        &self,
        pending: &PendingAccounting,
        summary: &AccountingSummary,
    ) -> Result<()> {
        let mut session = self.write().await?;
        session
            .execute(
                "UPDATE accountings SET summarized = $3, complete = $4, targets = $5, \
                 complete_targets = $6, nodes = $7, pending_nodes = $8, fallback_nodes = $9 \
                 WHERE suite_id = $1 AND identifier = $2 AND summarized < $3",
                values![
                    pending.suite.get(),
                    &pending.identifier,
                    pending.changes,
                    summary.complete,
                    whole(summary.targets),
                    whole(summary.complete_targets),
                    whole(summary.nodes),
                    whole(summary.pending_nodes),
                    whole(summary.fallback_nodes),
                ],
            )
            .await?;
        session.commit().await
    }

    /// The number of incomplete plans whose nodes have all ended, or have sent no report since
    /// `lost_before`.
    pub async fn count_incomplete_accountings(&self, lost_before: Timestamp) -> Result<u64> {
        let mut session = self.read().await?;
        session
            .count(
                "SELECT COUNT(*) FROM accountings WHERE summarized > 0 AND NOT complete \
                 AND (pending_nodes = 0 OR updated_at < $1)",
                values![lost_before],
            )
            .await
    }

    /// The summaries of the plans that these runs executed, by the keys of the runs. A plan whose
    /// first summary is pending is left out.
    pub async fn accountings_of_runs(
        &self,
        suite: SuiteId,
        run_keys: &[&str],
    ) -> Result<Vec<AccountingSummary>> {
        let mut session = self.read().await?;
        let select = format!("{SELECT_SUMMARY} WHERE summarized > 0 AND suite_id = ? AND run_key");
        let keys = run_keys.iter().map(|key| Value::from(*key)).collect();
        let rows = session
            .look_up(&select, &values![suite.get()], keys, "")
            .await?;
        let mut found = rows.iter().map(summary).collect::<Result<Vec<_>>>()?;
        found.sort_by(|a, b| a.identifier.cmp(&b.identifier));
        Ok(found)
    }
}

/// Inserts or updates the row of the plan, which locks it. Returns its `reports` and `size`.
async fn lock(session: &mut Session, report: &NewJobReport) -> Result<Row> {
    session
        .one(
            "INSERT INTO accountings (suite_id, identifier, build_id, run_key, reports, size, \
             changes, updated_at, expires_at) VALUES ($1, $2, $3, $4, 0, 0, 0, $5, $6) \
             ON CONFLICT (suite_id, identifier) DO UPDATE SET \
             build_id = CASE WHEN excluded.build_id = '' THEN accountings.build_id \
             ELSE excluded.build_id END, \
             run_key = CASE WHEN excluded.run_key = '' THEN accountings.run_key \
             ELSE excluded.run_key END, \
             updated_at = excluded.updated_at, expires_at = excluded.expires_at \
             RETURNING reports, size",
            values![
                report.suite.get(),
                &report.identifier,
                &report.build_id,
                &report.run_key,
                report.received_at,
                report.expires_at,
            ],
        )
        .await
        .map_err(|error| error.or_gone("the suite"))
}

fn check_limit(what: &'static str, size: u64, limit: u64) -> Result<()> {
    if size > limit {
        return Err(StoreError::TooLarge { what, size, limit });
    }
    Ok(())
}

fn summary(row: &Row) -> Result<AccountingSummary> {
    Ok(AccountingSummary {
        identifier: row.text("identifier")?,
        build_id: row.text("build_id")?,
        run_key: row.text("run_key")?,
        complete: row.boolean("complete")?,
        targets: row.count("targets")?,
        complete_targets: row.count("complete_targets")?,
        nodes: row.count("nodes")?,
        pending_nodes: row.count("pending_nodes")?,
        fallback_nodes: row.count("fallback_nodes")?,
        updated_at: row.time("updated_at")?,
    })
}

/// A pattern for texts that begin with this one.
fn like(beginning: &str) -> String {
    let mut pattern = String::with_capacity(beginning.len() + 1);
    for character in beginning.chars() {
        if matches!(character, '!' | '%' | '_') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

/// Saturates at the largest value of a column.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
