//! Runs from before a suite used selection, whose commits an archive has described.

use uuid::Uuid;

use super::Result;
use crate::records::{History, HistoryRun, RunId, SuiteId};
use crate::sql::{Session, values};
use crate::store::Store;

impl Store {
    /// The suites with history to read.
    pub async fn suites_with_history(&self) -> Result<Vec<SuiteId>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT suite_id FROM selection_suites \
                 JOIN suites ON suites.id = selection_suites.suite_id AND NOT suites.deleted \
                 WHERE history_run < history_end ORDER BY suite_id",
                [],
            )
            .await?;
        let suite = |row: &crate::sql::Row| Ok(SuiteId::new(row.integer("suite_id")?));
        rows.iter().map(suite).collect()
    }

    /// The next runs to read as history: of `limit` runs of the suite, those on other branches
    /// than `default_branch` that failed, whose commit is known, and that no decision or holdout
    /// is about.
    pub async fn selection_history(
        &self,
        suite: SuiteId,
        default_branch: &str,
        limit: u32,
    ) -> Result<History> {
        let mut session = self.read().await?;
        let place = session
            .one(
                "SELECT history_end, (SELECT MAX(id) FROM (SELECT runs.id FROM runs \
                 WHERE runs.suite_id = $1 AND runs.id > history_run AND runs.id <= history_end \
                 ORDER BY runs.id LIMIT $2) AS next) AS until, history_run \
                 FROM selection_suites WHERE suite_id = $1",
                values![suite.get(), i64::from(limit)],
            )
            .await?;
        let (from, end) = (place.integer("history_run")?, place.integer("history_end")?);
        let until = place.integer_or_null("until")?.unwrap_or(end);
        let rows = session
            .rows(
                "SELECT runs.id, branches.name, commits.sha, commits.files_changed, \
                 commits.diff_stat FROM runs JOIN branches ON branches.id = runs.branch_id \
                 JOIN commits ON commits.suite_id = runs.suite_id \
                 AND commits.sha = LOWER(runs.commit_sha) \
                 WHERE runs.suite_id = $1 AND runs.id > $2 AND runs.id <= $3 \
                 AND branches.name <> $4 AND runs.failed > 0 \
                 AND NOT EXISTS (SELECT 1 FROM selection_decisions \
                 WHERE selection_decisions.suite_id = $1 AND selection_decisions.run_id = runs.id) \
                 AND NOT EXISTS (SELECT 1 FROM selection_holdouts \
                 WHERE selection_holdouts.suite_id = $1 AND selection_holdouts.run_id = runs.id) \
                 ORDER BY runs.id",
                values![suite.get(), from, until, default_branch],
            )
            .await?;
        let runs = rows.iter().map(|row| {
            Ok(HistoryRun {
                run: RunId::new(row.integer("id")?),
                branch: row.text("name")?,
                commit_sha: row.text("sha")?,
                files_changed: row.text("files_changed")?,
                diff_stat: row.text("diff_stat")?,
            })
        });
        Ok(History {
            runs: runs.collect::<Result<_>>()?,
            until: RunId::new(until),
            is_complete: until >= end,
        })
    }

    /// Runs up to this one have been read as history.
    pub async fn history_read(&self, suite: SuiteId, until: RunId) -> Result<()> {
        let mut session = self.write().await?;
        session
            .execute(
                "UPDATE selection_suites SET history_run = $2 \
                 WHERE suite_id = $1 AND history_run < $2",
                values![suite.get(), until.get()],
            )
            .await?;
        session.commit().await
    }
}

/// An archive was read: the runs so far become history, also those that lacked a commit before.
pub(crate) async fn archive_read(session: &mut Session, archive: Uuid) -> Result<()> {
    session
        .execute(
            "INSERT INTO selection_suites (suite_id, seen_run, history_end) \
             SELECT suite_id, newest, newest FROM (SELECT suite_id, \
             (SELECT COALESCE(MAX(runs.id), 0) FROM runs \
             WHERE runs.suite_id = backfills.suite_id) AS newest \
             FROM backfills WHERE uuid = $1) AS suite WHERE TRUE \
             ON CONFLICT (suite_id) DO UPDATE SET \
             history_run = 0, history_end = excluded.history_end",
            values![archive],
        )
        .await?;
    Ok(())
}
