//! Runs of the default branch, which show what selections have missed.

use std::collections::{HashMap, HashSet};

use super::{Result, decisions, small};
use crate::records::{MainRun, RunId, SuiteId, Timestamp, WaitingDecision};
use crate::selection::runs::{is_finished, latest_finished};
use crate::sql::{Row, values};
use crate::store::Store;

/// Runs that are looked at together.
const RUNS_AT_ONCE: i64 = 20;
/// Waiting decisions that are looked at; of more, the oldest are left to expire.
const MAX_WAITING: i64 = 2_000;
/// The newest known commits, among which those between two runs are searched.
const KNOWN_COMMITS: i64 = 1_000;

/// A commit that a run of the default branch has and the run before did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedCommit {
    /// In lower case.
    pub sha: String,
    /// The changed paths, one per line, if they are known.
    pub files_changed: Option<String>,
}

impl Store {
    /// The suites in which decisions wait for the default branch.
    pub async fn suites_with_waiting_decisions(&self) -> Result<Vec<SuiteId>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT suites.id FROM suites WHERE NOT deleted AND EXISTS \
                 (SELECT 1 FROM selection_decisions \
                 WHERE selection_decisions.suite_id = suites.id AND state = 1) ORDER BY suites.id",
                [],
            )
            .await?;
        let suite = |row: &Row| Ok(SuiteId::new(row.integer("id")?));
        rows.iter().map(suite).collect()
    }

    /// Decisions that wait for the default branch, oldest first. Before, those without a merged
    /// commit are closed that a newer commit of their branch has replaced, and those that have
    /// waited since before `oldest`. A build may have several plans, so decisions about the same
    /// commit do not replace each other.
    pub async fn waiting_decisions(
        &self,
        suite: SuiteId,
        oldest: Timestamp,
    ) -> Result<Vec<WaitingDecision>> {
        let mut session = self.write().await?;
        session
            .execute(
                "UPDATE selection_decisions SET state = 2 WHERE suite_id = $1 AND state = 1 \
                 AND (created_at < $2 OR main_runs = 0 AND EXISTS \
                 (SELECT 1 FROM selection_decisions AS newer \
                 WHERE newer.suite_id = selection_decisions.suite_id \
                 AND newer.branch = selection_decisions.branch \
                 AND newer.id > selection_decisions.id AND newer.state > 0 \
                 AND (newer.commit_sha IS NULL OR selection_decisions.commit_sha IS NULL \
                 OR newer.commit_sha <> selection_decisions.commit_sha)))",
                values![suite.get(), oldest],
            )
            .await?;
        let rows = session
            .rows(
                "SELECT id, created_at, branch, commit_sha, main_runs, files \
                 FROM selection_decisions WHERE suite_id = $1 AND state = 1 \
                 ORDER BY id DESC LIMIT $2",
                values![suite.get(), MAX_WAITING],
            )
            .await?;
        session.commit().await?;
        let waiting = |row: &Row| {
            let files = row.bytes_or_null("files")?;
            Ok(WaitingDecision {
                id: row.integer("id")?,
                created_at: row.time("created_at")?,
                branch: row.text("branch")?,
                commit_sha: row.text_or_null("commit_sha")?,
                main_runs: small(row.integer("main_runs")?),
                files_hash: files.as_deref().map(decisions::hash).transpose()?,
            })
        };
        rows.iter().rev().map(waiting).collect()
    }

    /// The next finished runs of the default branch that were not searched for misses, oldest
    /// first. A run that has not ended holds back those after it.
    pub async fn unseen_main_runs(
        &self,
        suite: SuiteId,
        default_branch: &str,
        now: Timestamp,
    ) -> Result<Vec<MainRun>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT runs.id, runs.commit_sha, runs.created_at FROM runs \
                 JOIN branches ON branches.id = runs.branch_id \
                 JOIN selection_suites ON selection_suites.suite_id = runs.suite_id \
                 WHERE branches.suite_id = $1 AND branches.name = $2 \
                 AND runs.id > selection_suites.seen_run AND runs.uploads > 0 \
                 ORDER BY runs.id LIMIT $3",
                values![suite.get(), default_branch, RUNS_AT_ONCE],
            )
            .await?;
        let mut found = Vec::new();
        for row in rows {
            let run = row.integer("id")?;
            if !is_finished(&mut session, suite, run, now).await? {
                break;
            }
            let commit_sha = row.text_or_null("commit_sha")?;
            found.push(MainRun {
                run: RunId::new(run),
                commit_sha: commit_sha.map(|sha| sha.trim().to_lowercase()),
                created_at: row.time("created_at")?,
            });
        }
        Ok(found)
    }

    /// The commits that a run of the default branch has and the run before it did not: its own
    /// commit, and its known ancestors up to that of the run before.
    pub async fn merged_commits(
        &self,
        suite: SuiteId,
        default_branch: &str,
        run: &MainRun,
        now: Timestamp,
    ) -> Result<Vec<MergedCommit>> {
        let Some(own) = run.commit_sha.as_deref().filter(|sha| !sha.is_empty()) else {
            return Ok(Vec::new());
        };
        let mut session = self.read().await?;
        let before = latest_finished(&mut session, suite, default_branch, run.run, now).await?;
        let before = match before {
            Some(before) => {
                let row = session
                    .optional(
                        "SELECT commit_sha FROM runs WHERE id = $1",
                        values![before.get()],
                    )
                    .await?;
                row.map(|row| row.text_or_null("commit_sha"))
                    .transpose()?
                    .flatten()
            }
            None => None,
        };
        let before = before.map(|sha| sha.trim().to_lowercase());
        let rows = session
            .rows(
                "SELECT sha, parents, files_changed FROM commits \
                 WHERE suite_id = $1 ORDER BY id DESC LIMIT $2",
                values![suite.get(), KNOWN_COMMITS],
            )
            .await?;
        let mut known: HashMap<String, (String, String)> = HashMap::with_capacity(rows.len());
        for row in rows {
            let about = (row.text("parents")?, row.text("files_changed")?);
            known.insert(row.text("sha")?, about);
        }
        Ok(between(own, before.as_deref(), &known))
    }

    /// Runs of the default branch up to this one have been searched for misses. The decisions whose
    /// commits it had are counted; those that have seen `enough` such runs are closed.
    pub async fn main_run_seen(
        &self,
        suite: SuiteId,
        run: RunId,
        merged: &[i64],
        enough: u32,
    ) -> Result<()> {
        let mut session = self.write().await?;
        let ids = || {
            merged
                .iter()
                .copied()
                .map(crate::sql::Value::from)
                .collect()
        };
        session
            .look_up(
                "UPDATE selection_decisions SET main_runs = main_runs + 1 WHERE state = 1 AND id",
                &[],
                ids(),
                "RETURNING id",
            )
            .await?;
        session
            .look_up(
                "UPDATE selection_decisions SET state = 2 \
                 WHERE state = 1 AND main_runs >= ? AND id",
                &values![i64::from(enough)],
                ids(),
                "RETURNING id",
            )
            .await?;
        session
            .execute(
                "UPDATE selection_suites SET seen_run = $2 WHERE suite_id = $1 AND seen_run < $2",
                values![suite.get(), run.get()],
            )
            .await?;
        session.commit().await
    }
}

/// The commits reachable from `own` and not from `before`, as far as they are known. Parents of an
/// ancestor of `before` are not looked at, so nothing that was there before is reached through it.
fn between(
    own: &str,
    before: Option<&str>,
    known: &HashMap<String, (String, String)>,
) -> Vec<MergedCommit> {
    let old = before.map(|before| reachable(before, &HashSet::new(), known));
    let old = old.unwrap_or_default();
    if old.contains(own) {
        return Vec::new();
    }
    let mut shas: Vec<String> = match before {
        // Without an earlier run, every commit of the repository would be new.
        None => vec![own.to_owned()],
        Some(_) => reachable(own, &old, known).into_iter().collect(),
    };
    shas.sort_unstable();
    let merged = |sha: String| MergedCommit {
        files_changed: known.get(&sha).map(|(_, files)| files.clone()),
        sha,
    };
    shas.into_iter().map(merged).collect()
}

/// The known commits reachable from one, without those of `except`.
fn reachable(
    from: &str,
    except: &HashSet<String>,
    known: &HashMap<String, (String, String)>,
) -> HashSet<String> {
    let mut found = HashSet::from([from.to_owned()]);
    let mut next = vec![from.to_owned()];
    while let Some(sha) = next.pop() {
        let Some((parents, _)) = known.get(&sha) else {
            continue;
        };
        for parent in parents.split_whitespace() {
            if !except.contains(parent) && found.insert(parent.to_owned()) {
                next.push(parent.to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_commits_are_those_since_the_run_before() {
        let commits = [
            ("d", "c f"),
            ("f", "e"),
            ("e", "b"),
            ("c", "b"),
            ("b", "a"),
            ("a", ""),
        ];
        let known = commits.map(|(sha, parents)| {
            let about = (parents.to_owned(), format!("{sha}.py"));
            (sha.to_owned(), about)
        });
        let known = HashMap::from(known);
        let shas = |own: &str, before: Option<&str>| {
            let merged = between(own, before, &known);
            merged
                .into_iter()
                .map(|commit| commit.sha)
                .collect::<Vec<_>>()
        };
        assert_eq!(shas("d", Some("c")), ["d", "e", "f"]);
        assert_eq!(shas("c", Some("a")), ["b", "c"]);
        assert_eq!(shas("d", None), ["d"]);
        assert_eq!(shas("c", Some("c")), [""; 0]);
        assert_eq!(shas("b", Some("d")), [""; 0], "an older commit ran again");
        assert_eq!(shas("x", Some("d")), ["x"], "nothing is known of it");
        let known = between("c", Some("b"), &known);
        assert_eq!(known[0].files_changed.as_deref(), Some("c.py"));
    }
}
