//! The commit that a run tests, and its place on the default branch.

use super::run::KnownRun;
use super::{Ingest, Result};
use crate::changed_tests;
use crate::identity::{commit_key, own_commit_key};
use crate::memory::{CommitMemory, LatestCommit};
use crate::sql::values;

/// The commit that a run tests.
pub(super) struct RunCommit {
    pub(super) number: i64,
    /// Whether runs may have tested it before the upload.
    is_known: bool,
    pub(super) memory: CommitMemory,
}

impl RunCommit {
    /// A run tests the commit.
    pub(super) fn tested_by(&mut self, run_id: i64) {
        let is_only = !self.is_known || self.memory.only_run == Some(run_id);
        self.memory.only_run = is_only.then_some(run_id);
    }

    /// Whether other runs may have tested it.
    pub(super) fn has_other_runs(&self) -> bool {
        self.memory.only_run.is_none()
    }
}

impl Ingest<'_> {
    /// Finds or inserts the commit of a run. The first upload of a run decides which it is.
    pub(super) async fn run_commit(
        &mut self,
        known: Option<&KnownRun>,
        default_branch: &str,
    ) -> Result<RunCommit> {
        let branch = self.upload.run.branch.as_deref().unwrap_or_default();
        let is_main = !branch.is_empty() && branch == default_branch;
        let Some(number) = known.and_then(|run| run.commit_number) else {
            return self.find_or_insert_commit(known, is_main).await;
        };
        let mut commit = RunCommit {
            number,
            is_known: true,
            memory: self.commit_memory(number).await?,
        };
        if is_main && commit.memory.main_number.is_none() {
            let main_number = self.latest_commit().await?.main_number + 1;
            self.session
                .execute(
                    "UPDATE tested_commits SET main_number = $3 \
                     WHERE suite_id = $1 AND number = $2",
                    values![self.upload.suite.get(), number, main_number],
                )
                .await?;
            self.reaches_main(&mut commit, main_number).await?;
        }
        Ok(commit)
    }

    async fn find_or_insert_commit(
        &mut self,
        known: Option<&KnownRun>,
        is_main: bool,
    ) -> Result<RunCommit> {
        let suite = self.upload.suite.get();
        let sha = self.upload.run.commit_sha.as_deref();
        let sha = sha.map(str::trim).filter(|sha| !sha.is_empty());
        let run = known.map_or(self.upload.run.uuid, |run| run.uuid);
        let key = sha.map_or_else(|| own_commit_key(run), commit_key);
        let latest = self.latest_commit().await?;
        let next = latest.number + 1;
        let next_main = is_main.then_some(latest.main_number + 1);
        let row = self
            .session
            .one(
                "INSERT INTO tested_commits (suite_id, number, key, sha, main_number, first_at) \
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (suite_id, key) DO UPDATE SET \
                 main_number = COALESCE(tested_commits.main_number, excluded.main_number) \
                 RETURNING number, main_number",
                values![
                    suite,
                    next,
                    key,
                    sha.map(str::to_lowercase),
                    next_main,
                    self.upload.received_at
                ],
            )
            .await?;
        let number = row.integer("number")?;
        let is_known = number != next;
        let mut commit = RunCommit {
            number,
            is_known,
            memory: if is_known {
                self.commit_memory(number).await?
            } else {
                CommitMemory::default()
            },
        };
        if !is_known {
            self.memory.latest_commit = Some(LatestCommit { number, ..latest });
        }
        let main_number = row.integer_or_null("main_number")?;
        match next_main.filter(|_| main_number == next_main) {
            Some(new) => self.reaches_main(&mut commit, new).await?,
            None => commit.memory.main_number = main_number,
        }
        Ok(commit)
    }

    /// The largest numbers of the suite's commits, 0 if there are none.
    async fn latest_commit(&mut self) -> Result<LatestCommit> {
        if let Some(latest) = self.memory.latest_commit {
            return Ok(latest);
        }
        // Two subqueries: for both aggregates in one query, an engine scans all rows in between.
        let row = self
            .session
            .one(
                "SELECT (SELECT COALESCE(MAX(number), 0) FROM tested_commits \
                 WHERE suite_id = $1) AS number, \
                 (SELECT COALESCE(MAX(main_number), 0) FROM tested_commits \
                 WHERE suite_id = $1) AS main_number",
                values![self.upload.suite.get()],
            )
            .await?;
        let latest = LatestCommit {
            number: row.integer("number")?,
            main_number: row.integer("main_number")?,
        };
        self.memory.latest_commit = Some(latest);
        Ok(latest)
    }

    /// What is known of a commit that other uploads have tested.
    async fn commit_memory(&mut self, number: i64) -> Result<CommitMemory> {
        if let Some(memory) = self.memory.take_commit(number) {
            return Ok(memory);
        }
        let suite = self.upload.suite.get();
        let commit = self
            .session
            .optional(
                "SELECT main_number FROM tested_commits WHERE suite_id = $1 AND number = $2",
                values![suite, number],
            )
            .await?;
        let groups = self
            .session
            .rows(
                "SELECT test_id FROM commit_groups WHERE suite_id = $1 AND commit_number = $2",
                values![suite, number],
            )
            .await?;
        let main_number = commit.map(|row| row.integer_or_null("main_number"));
        Ok(CommitMemory {
            main_number: main_number.transpose()?.flatten(),
            tests: groups
                .iter()
                .map(|row| row.integer("test_id"))
                .collect::<Result<_>>()?,
            only_run: None,
        })
    }

    /// A commit has got its place on the default branch. What failed on it when it was on another
    /// branch only gets one among the open breaks.
    async fn reaches_main(&mut self, commit: &mut RunCommit, main_number: i64) -> Result<()> {
        commit.memory.main_number = Some(main_number);
        if let Some(latest) = &mut self.memory.latest_commit {
            latest.main_number = main_number;
        }
        if commit.memory.tests.is_empty() {
            return Ok(());
        }
        let suite = self.upload.suite.get();
        self.session
            .execute(
                "INSERT INTO open_breaks (suite_id, test_id, main_number) \
                 SELECT suite_id, test_id, CAST($3 AS BIGINT) FROM commit_groups \
                 WHERE suite_id = $1 AND commit_number = $2 AND passed + guarded_passed = 0 \
                 ORDER BY test_id \
                 ON CONFLICT (suite_id, test_id) DO UPDATE SET main_number = excluded.main_number",
                values![suite, commit.number, main_number],
            )
            .await?;
        self.memory.open_breaks = None;
        let tests = commit.memory.tests.iter().copied();
        let list = changed_tests::added(suite, tests, self.upload.received_at);
        self.session.write_together(vec![list]).await
    }
}
