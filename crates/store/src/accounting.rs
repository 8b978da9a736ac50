//! A summary per plan that a job has reported on.
//!
//! The row in `accountings` counts the changes of what its summary is computed from, so that a
//! summary never replaces a later one, and none is forgotten after a crash.

use std::collections::BTreeSet;

use test_engine_duration::Micros;

use crate::error::StoreError;
use crate::records::{
    AccountingSummary, AccountingVerdict, Pace, PendingAccounting, SuiteId, Timestamp,
};
use crate::selection;
use crate::sql::{Row, Value, values};
use crate::store::{Store, check_key};
use crate::together::Write;

type Result<T> = std::result::Result<T, StoreError>;

/// Codes of verdicts in the database; 0 stands for a plan without summary. Queries contain them.
const COMPLETE: i64 = 1;
const INCOMPLETE: i64 = 2;
const UNKNOWN: i64 = 3;

const SELECT_SUMMARY: &str = "SELECT accountings.identifier, build_id, accounting_runs.run_key, \
     verdict, targets, complete_targets, nodes, pending_nodes, fallback_nodes, \
     pace_node, pace_time, pace_planned, fastest_time, updated_at \
     FROM accounting_runs JOIN accountings \
     ON accountings.suite_id = accounting_runs.suite_id \
     AND accountings.identifier = accounting_runs.identifier ";

impl Store {
    /// The identifiers of plans of a build, in order: those on which a job of the build has
    /// reported, and those with the build's id as their first or second part. Parts end with `/`.
    pub async fn identifiers_of_build(
        &self,
        suite: SuiteId,
        build_id: &str,
    ) -> Result<Vec<String>> {
        check_key("build id", build_id)?;
        let mut session = self.read().await?;
        let reported = session
            .rows(
                "SELECT identifier FROM accountings WHERE suite_id = $1 AND build_id = $2",
                values![suite.get(), build_id],
            )
            .await?;
        let mut identifiers = reported
            .iter()
            .map(|row| row.text("identifier"))
            .collect::<Result<BTreeSet<String>>>()?;
        let part = format!("{build_id}/");
        let planned = session
            .rows(
                "SELECT identifier FROM plans WHERE suite_id = $1 \
                 AND (identifier LIKE $2 ESCAPE '!' OR identifier LIKE $3 ESCAPE '!')",
                values![
                    suite.get(),
                    like(&[&part]),
                    like(&["", &format!("/{part}")])
                ],
            )
            .await?;
        for row in planned {
            let identifier = row.text("identifier")?;
            // LIKE ignores case on SQLite, and finds later parts.
            let rest = identifier.split_once('/').map(|(_, rest)| rest);
            let starts = |text: &str| text.starts_with(&part);
            if starts(&identifier) || rest.is_some_and(starts) {
                identifiers.insert(identifier);
            }
        }
        Ok(identifiers.into_iter().collect())
    }

    /// Plans whose summaries are outdated, longest unchanged first; at most `limit`.
    pub async fn pending_accountings(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<PendingAccounting>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT suite_id, identifier, changes FROM accountings \
                 JOIN suites ON suites.id = suite_id \
                 WHERE summarized < changes AND retry_at <= $1 AND NOT suites.deleted \
                 ORDER BY updated_at, suite_id, identifier LIMIT $2",
                values![now, i64::from(limit)],
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
                "UPDATE accountings SET summarized = $3, verdict = $4, targets = $5, \
                 complete_targets = $6, nodes = $7, pending_nodes = $8, fallback_nodes = $9, \
                 pace_node = $10, pace_time = $11, pace_planned = $12, fastest_time = $13 \
                 WHERE suite_id = $1 AND identifier = $2 AND summarized < $3",
                values![
                    pending.suite.get(),
                    &pending.identifier,
                    pending.changes,
                    code_of(summary.verdict),
                    whole(summary.targets),
                    whole(summary.complete_targets),
                    whole(summary.nodes),
                    whole(summary.pending_nodes),
                    whole(summary.fallback_nodes),
                    summary.pace.map(|pace| i64::from(pace.node)),
                    summary.pace.map(|pace| whole(pace.took.get())),
                    summary
                        .pace
                        .and_then(|pace| pace.planned)
                        .map(|planned| whole(planned.get())),
                    summary.pace.map(|pace| whole(pace.fastest.get())),
                ],
            )
            .await?;
        // While nodes are running, the run of its selection has not ended.
        if summary.pending_nodes == 0 {
            let (suite, identifier) = (pending.suite, &pending.identifier);
            selection::close_with_accounting(&mut session, suite, identifier).await?;
        }
        session.commit().await
    }

    /// Leaves a plan without a new summary until then.
    pub async fn defer_accounting(
        &self,
        pending: &PendingAccounting,
        retry_at: Timestamp,
    ) -> Result<()> {
        let mut session = self.write().await?;
        session
            .execute(
                "UPDATE accountings SET retry_at = $3 WHERE suite_id = $1 AND identifier = $2",
                values![pending.suite.get(), &pending.identifier, retry_at],
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
                "SELECT COUNT(*) FROM accountings JOIN suites ON suites.id = suite_id \
                 WHERE verdict = 2 AND NOT suites.deleted \
                 AND (pending_nodes = 0 OR updated_at < $1)",
                values![lost_before],
            )
            .await
    }

    /// The summary of a plan for each run that its nodes upload their results to, by the keys of
    /// the runs; none before its first summary.
    pub async fn accounting_of_plan(
        &self,
        suite: SuiteId,
        identifier: &str,
    ) -> Result<Vec<AccountingSummary>> {
        let mut session = self.read().await?;
        let select = format!(
            "{SELECT_SUMMARY} WHERE summarized > 0 AND accountings.suite_id = ? \
             AND accountings.identifier = ? ORDER BY accounting_runs.run_key"
        );
        let rows = session
            .rows(select, values![suite.get(), identifier])
            .await?;
        rows.iter().map(summary).collect()
    }

    /// The summaries of the plans that these runs executed, by the keys of the runs; one per run
    /// and plan. A plan whose first summary is pending is left out.
    pub async fn accountings_of_runs(
        &self,
        suite: SuiteId,
        run_keys: &[&str],
    ) -> Result<Vec<AccountingSummary>> {
        let mut session = self.read().await?;
        let select = format!(
            "{SELECT_SUMMARY} WHERE summarized > 0 AND accounting_runs.suite_id = ? \
             AND accounting_runs.run_key"
        );
        let keys = run_keys.iter().map(|key| Value::from(*key)).collect();
        let rows = session
            .look_up(&select, &values![suite.get()], keys, "")
            .await?;
        let mut found = rows.iter().map(summary).collect::<Result<Vec<_>>>()?;
        found.sort_by(|a, b| a.identifier.cmp(&b.identifier));
        Ok(found)
    }
}

/// The note that results of a run were stored. A plan with running nodes gets a new summary with
/// their next reports anyway.
pub(crate) fn results_stored(suite: SuiteId, run_key: &str) -> Write<'_> {
    Write::Plain {
        text: "UPDATE accountings SET changes = changes + 1 WHERE suite_id = ? AND identifier IN \
             (SELECT identifier FROM accounting_runs WHERE suite_id = ? AND run_key = ?) \
             AND (pending_nodes = 0 OR summarized < changes)",
        bound: values![suite.get(), suite.get(), run_key].to_vec(),
    }
}

fn code_of(verdict: AccountingVerdict) -> i64 {
    match verdict {
        AccountingVerdict::Complete => COMPLETE,
        AccountingVerdict::Incomplete => INCOMPLETE,
        AccountingVerdict::Unknown => UNKNOWN,
    }
}

/// `None` while nodes are running, and for a plan with one node.
pub(crate) fn pace(row: &Row) -> Result<Option<Pace>> {
    let Some(node) = row.integer_or_null("pace_node")? else {
        return Ok(None);
    };
    let damaged = |_not_a_node| StoreError::Damaged { what: "node" };
    let planned = row.count_or_null("pace_planned")?;
    Ok(Some(Pace {
        node: u32::try_from(node).map_err(damaged)?,
        took: Micros::new(row.count("pace_time")?),
        planned: planned.map(Micros::new),
        fastest: Micros::new(row.count("fastest_time")?),
    }))
}

/// Of a code that is not 0.
pub(crate) fn verdict(code: i64) -> Result<AccountingVerdict> {
    Ok(match code {
        COMPLETE => AccountingVerdict::Complete,
        INCOMPLETE => AccountingVerdict::Incomplete,
        UNKNOWN => AccountingVerdict::Unknown,
        _ => return Err(StoreError::Damaged { what: "verdict" }),
    })
}

fn summary(row: &Row) -> Result<AccountingSummary> {
    Ok(AccountingSummary {
        identifier: row.text("identifier")?,
        build_id: row.text("build_id")?,
        run_key: row.text("run_key")?,
        verdict: verdict(row.integer("verdict")?)?,
        targets: row.count("targets")?,
        complete_targets: row.count("complete_targets")?,
        nodes: row.count("nodes")?,
        pending_nodes: row.count("pending_nodes")?,
        fallback_nodes: row.count("fallback_nodes")?,
        pace: pace(row)?,
        updated_at: row.time("updated_at")?,
    })
}

/// A pattern for texts that begin with the first part and contain the others in this order.
fn like(parts: &[&str]) -> String {
    let mut pattern = String::new();
    for part in parts {
        for character in part.chars() {
            if matches!(character, '!' | '%' | '_') {
                pattern.push('!');
            }
            pattern.push(character);
        }
        pattern.push('%');
    }
    pattern
}

/// Saturates at the largest value of a column.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
