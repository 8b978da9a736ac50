//! Searches for tests, runs, commits and messages of failures, in several suites at once.
//!
//! A search for a part of a text reads every text it may be in: those of all tests, of runs until
//! enough are found, and of the newest failures.

use std::collections::{BTreeMap, HashMap};

use crate::error::StoreError;
use crate::filters::{NAME_CONTAINS, like_pattern};
use crate::records::{FoundCommit, FoundMessage, Run, RunId, SuiteId, Test};
use crate::runs::{SELECT_RUN, run};
use crate::sql::{Session, Value, values};
use crate::store::Store;
use crate::test_rows::{SELECT_TEST, TEST_COLUMNS, by_ids, test};

type Result<T> = std::result::Result<T, StoreError>;

/// Newest failures of a suite whose messages are searched.
const FAILURES: i64 = 5_000;
/// The same, if there are so many suites that each gets only this many.
const MIN_FAILURES: i64 = 500;
/// Characters of a message that are searched, and shown.
const MESSAGE: i64 = 300;
/// A hash needs this many digits, because nearly everything begins with fewer.
const MIN_DIGITS: usize = 4;

impl Store {
    /// The tests with this text in their scope and name, ASCII case ignored: one whose name is the
    /// text comes first, then the shortest names.
    pub async fn search_tests(
        &self,
        suites: &[SuiteId],
        text: &str,
        limit: u32,
    ) -> Result<Vec<Test>> {
        let mut session = self.read().await?;
        let select =
            format!("SELECT {TEST_COLUMNS} {SELECT_TEST} WHERE {NAME_CONTAINS} AND tests.suite_id");
        let after = format!("ORDER BY LENGTH(tests.name), tests.id LIMIT {limit}");
        let pattern = values![like_pattern(text)];
        let mut found = Vec::new();
        for row in of_suites(&mut session, &select, &pattern, suites, &after).await? {
            found.push(test(&row)?);
        }
        found.sort_by_key(|test| (test.name != text, test.name.chars().count(), test.id));
        found.truncate(limit as usize);
        Ok(found)
    }

    /// The runs with this number or key, or with the text in their message or branch, newest first.
    pub async fn search_runs(
        &self,
        suites: &[SuiteId],
        text: &str,
        limit: u32,
    ) -> Result<Vec<Run>> {
        let mut session = self.read().await?;
        let number = text.trim_start_matches('#');
        let pattern = like_pattern(text);
        let bound = values![number, text, pattern.as_str(), pattern.as_str()];
        let select = format!(
            "{SELECT_RUN} WHERE (runs.number = ? OR runs.key = ? \
             OR LOWER(runs.message) LIKE ? ESCAPE '!' OR LOWER(branches.name) LIKE ? ESCAPE '!') \
             AND runs.suite_id"
        );
        let after = format!("ORDER BY runs.id DESC LIMIT {limit}");
        let mut found = Vec::new();
        for row in of_suites(&mut session, &select, &bound, suites, &after).await? {
            found.push(run(&row)?);
        }
        found.sort_by_key(|run| std::cmp::Reverse(run.id));
        found.truncate(limit as usize);
        Ok(found)
    }

    /// The commits whose hash begins with the text, or whose message or author contains it. Those
    /// with results come first, newest first.
    pub async fn search_commits(
        &self,
        suites: &[SuiteId],
        text: &str,
        limit: u32,
    ) -> Result<Vec<FoundCommit>> {
        let mut session = self.read().await?;
        let mut found: BTreeMap<(SuiteId, String), FoundCommit> = BTreeMap::new();
        let prefix = text.to_ascii_lowercase();
        let is_hash = prefix.len() >= MIN_DIGITS && prefix.chars().all(|c| c.is_ascii_hexdigit());
        let pattern = like_pattern(text);
        let starts = format!("{prefix}%");
        // Without digits no hash matches, and the condition is false for all rows.
        let starts = if is_hash { starts.as_str() } else { "-" };
        let described = "SELECT suite_id, sha, message, author_name FROM commits WHERE \
             (LOWER(sha) LIKE ? OR LOWER(message) LIKE ? ESCAPE '!' \
             OR LOWER(author_name) LIKE ? ESCAPE '!') AND suite_id";
        let bound = values![starts, pattern.as_str(), pattern.as_str()];
        let after = format!("ORDER BY id DESC LIMIT {limit}");
        for row in of_suites(&mut session, described, &bound, suites, &after).await? {
            let commit = FoundCommit {
                suite: SuiteId::new(row.integer("suite_id")?),
                sha: row.text("sha")?.to_ascii_lowercase(),
                message: row.text("message")?,
                author: row.text("author_name")?,
                first_at: None,
            };
            found.insert((commit.suite, commit.sha.clone()), commit);
        }
        let tested = "SELECT suite_id, sha, first_at FROM tested_commits \
             WHERE sha LIKE ? AND suite_id";
        let after = format!("ORDER BY number DESC LIMIT {limit}");
        for row in of_suites(&mut session, tested, &values![starts], suites, &after).await? {
            let suite = SuiteId::new(row.integer("suite_id")?);
            let sha = row.text("sha")?;
            let commit = found
                .entry((suite, sha.clone()))
                .or_insert_with(|| FoundCommit {
                    suite,
                    sha,
                    message: String::new(),
                    author: String::new(),
                    first_at: None,
                });
            commit.first_at = Some(row.time("first_at")?);
        }
        let mut found: Vec<FoundCommit> = found.into_values().collect();
        found.sort_by_key(|commit| std::cmp::Reverse(commit.first_at));
        found.truncate(limit as usize);
        Ok(found)
    }

    /// The messages of recent failures that contain the text, ASCII case ignored: those of the
    /// newest runs first.
    pub async fn search_messages(
        &self,
        suites: &[SuiteId],
        text: &str,
        limit: u32,
    ) -> Result<Vec<FoundMessage>> {
        let mut session = self.read().await?;
        let select = format!(
            "SELECT recent.run_id, recent.test_id, recent.reason FROM (SELECT failures.run_id, \
             failures.test_id, SUBSTR(failures.reason, 1, {MESSAGE}) AS reason, \
             LOWER(SUBSTR(failures.reason, 1, {MESSAGE})) LIKE ? ESCAPE '!' AS matches \
             FROM failures JOIN runs ON runs.id = failures.run_id WHERE runs.suite_id"
        );
        // Of many suites fewer failures each, so that a search stays small.
        let suite_count = i64::try_from(suites.len().max(1)).unwrap_or(i64::MAX);
        let each = (FAILURES / suite_count).max(MIN_FAILURES);
        let after = format!("ORDER BY runs.id DESC LIMIT {each}) AS recent WHERE matches");
        let pattern = values![like_pattern(text)];
        let mut messages: HashMap<String, Newest> = HashMap::new();
        for row in of_suites(&mut session, &select, &pattern, suites, &after).await? {
            let (run, test) = (row.integer("run_id")?, row.integer("test_id")?);
            let newest = messages.entry(row.text("reason")?).or_default();
            newest.failures += 1;
            if run > newest.run {
                (newest.run, newest.test) = (run, test);
            }
        }
        let mut messages: Vec<(String, Newest)> = messages.into_iter().collect();
        messages.sort_by(|(reason, one), (other_reason, other)| {
            other.run.cmp(&one.run).then(reason.cmp(other_reason))
        });
        messages.truncate(limit as usize);
        with_places(&mut session, messages).await
    }
}

/// The newest failure with a message.
#[derive(Default)]
struct Newest {
    run: i64,
    test: i64,
    failures: u64,
}

/// Messages with the tests and runs of their newest failures, unless these were deleted.
async fn with_places(
    session: &mut Session,
    messages: Vec<(String, Newest)>,
) -> Result<Vec<FoundMessage>> {
    let distinct = |ids: Vec<i64>| {
        let mut ids = ids;
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let tests = distinct(messages.iter().map(|(_, newest)| newest.test).collect());
    let tests = by_ids(session, tests.into_iter()).await?;
    let runs = distinct(messages.iter().map(|(_, newest)| newest.run).collect());
    let select = format!("{SELECT_RUN} WHERE runs.id");
    let keys = runs.into_iter().map(Value::from).collect();
    let mut found_runs: BTreeMap<RunId, Run> = BTreeMap::new();
    for row in session.look_up(&select, &[], keys, "").await? {
        let found = run(&row)?;
        found_runs.insert(found.id, found);
    }
    let found = messages.into_iter().filter_map(|(reason, newest)| {
        Some(FoundMessage {
            reason,
            test: tests.get(&newest.test)?.clone(),
            run: found_runs.get(&RunId::new(newest.run))?.clone(),
            failures: newest.failures,
        })
    });
    Ok(found.collect())
}

/// The rows of the suites. `select` ends with the column of the suite. A suite has its own
/// statement, so that `after` limits the rows of each: one of them may be large.
async fn of_suites(
    session: &mut Session,
    select: &str,
    bound: &[Value<'_>],
    suites: &[SuiteId],
    after: &str,
) -> Result<Vec<crate::sql::Row>> {
    let mut rows = Vec::new();
    for suite in suites {
        let text = format!("{select} = ? {after}");
        let bound = bound.iter().cloned().chain(values![suite.get()]);
        rows.extend(session.rows(text, bound.collect::<Vec<_>>()).await?);
    }
    Ok(rows)
}
