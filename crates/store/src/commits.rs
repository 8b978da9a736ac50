//! Metadata of commits, from backfills and plan requests.

use crate::error::StoreError;
use crate::records::{CommitRecord, SuiteId};
use crate::sql::{Row, Value, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

const INSERT: &str = "INSERT INTO commits (suite_id, sha, parents, author_name, author_email, \
     author_date, committer_name, committer_email, committer_date, message, files_changed, \
     diff_stat)";

impl Store {
    /// Inserts or replaces commits. A call must not contain a SHA twice.
    pub async fn record_commits(&self, suite: SuiteId, commits: &[CommitRecord]) -> Result<()> {
        let mut session = self.write().await?;
        session
            .write_many(
                INSERT,
                12,
                commits
                    .iter()
                    .flat_map(|commit| row(suite, commit))
                    .collect(),
                "ON CONFLICT (suite_id, sha) DO UPDATE SET parents = excluded.parents, \
                 author_name = excluded.author_name, author_email = excluded.author_email, \
                 author_date = excluded.author_date, \
                 committer_name = excluded.committer_name, \
                 committer_email = excluded.committer_email, \
                 committer_date = excluded.committer_date, message = excluded.message, \
                 files_changed = excluded.files_changed, diff_stat = excluded.diff_stat",
            )
            .await
            .map_err(|error| error.or_gone("the suite"))?;
        session.commit().await
    }

    /// Inserts a commit unless it is known: what a plan request says never replaces what a backfill
    /// read from the repository.
    pub async fn record_new_commit(&self, suite: SuiteId, commit: &CommitRecord) -> Result<()> {
        let mut session = self.write().await?;
        session
            .write_many(
                INSERT,
                12,
                row(suite, commit).into(),
                "ON CONFLICT (suite_id, sha) DO NOTHING",
            )
            .await
            .map_err(|error| error.or_gone("the suite"))?;
        session.commit().await
    }

    /// `None` for commits that neither a backfill nor a plan request described.
    pub async fn commit(&self, suite: SuiteId, sha: &str) -> Result<Option<CommitRecord>> {
        let mut session = self.read().await?;
        let row = session
            .optional(
                "SELECT sha, parents, author_name, author_email, author_date, committer_name, \
                 committer_email, committer_date, message, files_changed, diff_stat \
                 FROM commits WHERE suite_id = $1 AND sha = $2",
                values![suite.get(), sha],
            )
            .await?;
        row.as_ref().map(commit).transpose()
    }

    /// The number of known commits.
    pub async fn count_commits(&self, suite: SuiteId) -> Result<u64> {
        let mut session = self.read().await?;
        session
            .count(
                "SELECT COUNT(*) FROM commits WHERE suite_id = $1",
                values![suite.get()],
            )
            .await
    }
}

fn row(suite: SuiteId, commit: &CommitRecord) -> [Value<'_>; 12] {
    values![
        suite.get(),
        &commit.sha,
        commit.parents.join(" "),
        &commit.author_name,
        &commit.author_email,
        &commit.author_date,
        &commit.committer_name,
        &commit.committer_email,
        &commit.committer_date,
        &commit.message,
        &commit.files_changed,
        &commit.diff_stat,
    ]
}

fn commit(row: &Row) -> Result<CommitRecord> {
    Ok(CommitRecord {
        sha: row.text("sha")?,
        parents: row
            .text("parents")?
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
        author_name: row.text("author_name")?,
        author_email: row.text("author_email")?,
        author_date: row.text("author_date")?,
        committer_name: row.text("committer_name")?,
        committer_email: row.text("committer_email")?,
        committer_date: row.text("committer_date")?,
        message: row.text("message")?,
        files_changed: row.text("files_changed")?,
        diff_stat: row.text("diff_stat")?,
    })
}
