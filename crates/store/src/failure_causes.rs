//! The causes of the failures of many runs: which of them fails most runs?
//!
//! `failure_groups` has a row for each run and fingerprint, so the cost grows with the failed runs,
//! not with their failures.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use test_engine_insights::Fingerprint;

use crate::error::StoreError;
use crate::identity::{fingerprint, fingerprint_code};
use crate::records::{
    CauseInRuns, FailureCauses, Page, RunFilter, RunOutcome, SuiteId, Test, Timestamp,
};
use crate::run_lists::{conditions, is_red};
use crate::sql::{Row, Session, Value, values};
use crate::store::Store;
use crate::test_rows::by_ids;

type Result<T> = std::result::Result<T, StoreError>;

/// Runs with a cause that are counted, newest first. A suite with more of them has enough to do.
const MAX_ROWS: i64 = 50_000;
/// Causes whose common share of the red runs is computed.
const MAX_COVERING: usize = 3;
/// Tests that are listed with a cause.
const MAX_TESTS: usize = 3;
/// Characters of a reason.
const MAX_REASON: i64 = 300;

impl Store {
    /// The causes of the failures of a suite since a time, on one branch or on all: those of most
    /// red runs first, then those of most runs.
    pub async fn failure_causes(
        &self,
        suite: SuiteId,
        since: Timestamp,
        branch: Option<&str>,
        page: Page,
    ) -> Result<FailureCauses> {
        let filter = filter(since, branch);
        let mut session = self.read().await?;
        let (counted, is_complete) = counted(&mut session, suite, &filter).await?;
        let covered = counted.covered();
        let causes = counted.in_order();
        let start = usize::try_from(page.offset()).unwrap_or(usize::MAX);
        let total = causes.len() as u64;
        let shown = causes.into_iter().skip(start).take(page.size as usize);
        Ok(FailureCauses {
            red_runs: red_runs(&mut session, suite, filter).await?,
            covered,
            total,
            is_complete,
            causes: described(&mut session, suite, since, shown.collect()).await?,
        })
    }

    /// All causes in the order of [`Self::failure_causes`], for [`Self::describe_causes`], and
    /// whether every run was counted.
    pub async fn causes_in_order(
        &self,
        suite: SuiteId,
        since: Timestamp,
        branch: Option<&str>,
    ) -> Result<(Vec<CountedCause>, bool)> {
        let filter = filter(since, branch);
        let mut session = self.read().await?;
        let (counted, is_complete) = counted(&mut session, suite, &filter).await?;
        Ok((counted.in_order(), is_complete))
    }

    /// The messages and tests of some causes, in their order. `since` is that of their count.
    pub async fn describe_causes(
        &self,
        suite: SuiteId,
        since: Timestamp,
        causes: Vec<CountedCause>,
    ) -> Result<Vec<CauseInRuns>> {
        let mut session = self.read().await?;
        described(&mut session, suite, since, causes).await
    }

    /// The message of the latest failure of a suite with this fingerprint; `None` if there is no
    /// such failure, or if it has no message.
    pub async fn reason_of_cause(
        &self,
        suite: SuiteId,
        fingerprint: Fingerprint,
    ) -> Result<Option<String>> {
        let code = fingerprint_code(fingerprint);
        let mut session = self.read().await?;
        let mut texts = texts(&mut session, suite, &[code]).await?;
        Ok(texts.remove(&code).and_then(|text| text.reason))
    }
}

/// A cause of failures, counted but not described.
pub struct CountedCause {
    code: i64,
    cause: Cause,
}

/// What the runs with a fingerprint have in common.
#[derive(Default)]
struct Cause {
    executions: u64,
    /// Newest first.
    runs_at: Vec<Timestamp>,
    red: BTreeSet<i64>,
    branches: BTreeSet<i64>,
    /// Runs in which it is not part of an outage.
    counted_runs: u64,
}

impl Cause {
    fn oldest(&self) -> Timestamp {
        let zero = Timestamp::from_millis(0);
        self.runs_at.iter().min().copied().unwrap_or(zero)
    }
}

#[derive(Default)]
struct Counted {
    causes: HashMap<i64, Cause>,
}

impl Counted {
    fn add(&mut self, row: &Row) -> Result<()> {
        let cause = self.causes.entry(row.integer("fingerprint")?).or_default();
        cause.executions += row.count("executions")?;
        cause.runs_at.push(row.time("last_at")?);
        if row.integer("red")? != 0 {
            cause.red.insert(row.integer("run_id")?);
        }
        cause.branches.extend(row.integer_or_null("branch_id")?);
        cause.counted_runs += u64::from(row.integer("outage")? == 0);
        Ok(())
    }

    /// How many red runs have one of the causes that together occur in most: of one cause, of two,
    /// and so on, each time with the cause that adds most.
    fn covered(&self) -> Vec<u64> {
        let mut seen: BTreeSet<i64> = BTreeSet::new();
        let mut covered = Vec::new();
        for _ in 0..MAX_COVERING {
            let adds = |cause: &Cause| cause.red.difference(&seen).count();
            let best = self
                .causes
                .iter()
                .max_by_key(|(code, cause)| (adds(cause), **code));
            let Some((_, best)) = best.filter(|(_, cause)| adds(cause) > 0) else {
                break;
            };
            seen.extend(&best.red);
            covered.push(seen.len() as u64);
        }
        covered
    }

    fn in_order(self) -> Vec<CountedCause> {
        let all = self.causes.into_iter();
        let mut all: Vec<CountedCause> = all
            .map(|(code, cause)| CountedCause { code, cause })
            .collect();
        all.sort_by_key(|CountedCause { code, cause }| {
            let newest = cause.runs_at.first().copied();
            let order = (cause.red.len(), cause.runs_at.len(), newest, *code);
            std::cmp::Reverse(order)
        });
        all
    }
}

fn filter(since: Timestamp, branch: Option<&str>) -> RunFilter {
    RunFilter {
        branch: branch.map(str::to_owned),
        since: Some(since),
        ..RunFilter::default()
    }
}

/// And whether all runs were read.
async fn counted(
    session: &mut Session,
    suite: SuiteId,
    filter: &RunFilter,
) -> Result<(Counted, bool)> {
    let rows = rows(session, suite, filter).await?;
    let mut counted = Counted::default();
    for row in &rows {
        counted.add(row)?;
    }
    let is_complete = i64::try_from(rows.len()).is_ok_and(|rows| rows < MAX_ROWS);
    Ok((counted, is_complete))
}

async fn described(
    session: &mut Session,
    suite: SuiteId,
    since: Timestamp,
    causes: Vec<CountedCause>,
) -> Result<Vec<CauseInRuns>> {
    let codes: Vec<i64> = causes.iter().map(|cause| cause.code).collect();
    let mut texts = texts(session, suite, &codes).await?;
    let mut tests = tests(session, suite, since, &codes).await?;
    let described = causes.into_iter().map(|CountedCause { code, cause }| {
        let text = texts.remove(&code).unwrap_or_default();
        let tests = tests.remove(&code).unwrap_or_default();
        CauseInRuns {
            fingerprint: fingerprint(code),
            reason: text.reason,
            frame: text.frame,
            // One commit may have several causes, of which only the first one is known.
            tests_count: tests.count.max(1),
            tests: tests.first,
            executions: cause.executions,
            red_runs: cause.red.len() as u64,
            branches: cause.branches.len() as u64,
            is_outage: cause.counted_runs == 0,
            first_at: text.first_at.unwrap_or_else(|| cause.oldest()),
            runs_at: cause.runs_at,
        }
    });
    Ok(described.collect())
}

/// A row for each run and fingerprint, newest run first.
async fn rows(session: &mut Session, suite: SuiteId, filter: &RunFilter) -> Result<Vec<Row>> {
    let (conditions, mut bound) = conditions(suite, filter);
    let text = format!(
        "SELECT failure_groups.fingerprint, failure_groups.run_id, failure_groups.executions, \
         failure_groups.last_at, runs.branch_id, CASE WHEN {} THEN 1 ELSE 0 END AS red, \
         CASE WHEN (runs.guarded OR failure_groups.guarded) AND NOT runs.counted THEN 1 \
         ELSE 0 END AS outage FROM runs LEFT JOIN branches ON branches.id = runs.branch_id \
         JOIN failure_groups ON failure_groups.run_id = runs.id \
         WHERE {conditions} ORDER BY runs.id DESC LIMIT ?",
        is_red()
    );
    bound.extend(values![MAX_ROWS]);
    session.rows(text, bound).await
}

async fn red_runs(session: &mut Session, suite: SuiteId, filter: RunFilter) -> Result<u64> {
    let filter = RunFilter {
        outcome: Some(RunOutcome::Failed),
        ..filter
    };
    let (conditions, bound) = conditions(suite, &filter);
    let text = format!(
        "SELECT COUNT(*) FROM runs LEFT JOIN branches ON branches.id = runs.branch_id \
         WHERE {conditions}"
    );
    session.count(text, bound).await
}

#[derive(Default)]
struct Text {
    reason: Option<String>,
    frame: Option<String>,
    /// Of the oldest run that is stored.
    first_at: Option<Timestamp>,
}

/// The first failure of the newest run with each fingerprint.
async fn texts(
    session: &mut Session,
    suite: SuiteId,
    codes: &[i64],
) -> Result<BTreeMap<i64, Text>> {
    let first = |column: &str| {
        format!(
            "(SELECT {column} FROM failures WHERE failures.run_id = newest.run_id \
             AND failures.fingerprint = newest.fingerprint \
             ORDER BY failures.upload_id, failures.position LIMIT 1)"
        )
    };
    let select = format!(
        "SELECT newest.fingerprint, {} AS reason, {} AS frame, \
         (SELECT MIN(last_at) FROM failure_groups AS oldest WHERE oldest.suite_id = \
         newest.suite_id AND oldest.fingerprint = newest.fingerprint) AS first_at \
         FROM failure_groups AS newest WHERE newest.suite_id = ? AND newest.run_id = \
         (SELECT MAX(run_id) FROM failure_groups AS every WHERE every.suite_id = newest.suite_id \
         AND every.fingerprint = newest.fingerprint) AND newest.fingerprint",
        first(&format!("SUBSTR(reason, 1, {MAX_REASON})")),
        first("frame"),
    );
    let keys = codes.iter().copied().map(Value::from).collect();
    let rows = session
        .look_up(&select, &values![suite.get()], keys, "")
        .await?;
    let texts = rows.iter().map(|row| {
        let text = Text {
            reason: row.text_or_null("reason")?,
            frame: row.text_or_null("frame")?,
            first_at: row.time_or_null("first_at")?,
        };
        Ok((row.integer("fingerprint")?, text))
    });
    texts.collect()
}

#[derive(Default)]
struct Tests {
    count: u64,
    /// Those that failed on most commits.
    first: Vec<Test>,
}

/// The tests that failed with each fingerprint since a time, on any branch.
async fn tests(
    session: &mut Session,
    suite: SuiteId,
    since: Timestamp,
    codes: &[i64],
) -> Result<BTreeMap<i64, Tests>> {
    let keys = codes.iter().copied().map(Value::from).collect();
    let rows = session
        .look_up(
            "SELECT fingerprint, test_id, COUNT(*) AS commits FROM commit_groups \
             WHERE suite_id = ? AND first_at >= ? AND fingerprint",
            &values![suite.get(), since],
            keys,
            "GROUP BY fingerprint, test_id",
        )
        .await?;
    let mut by_code: BTreeMap<i64, Vec<(u64, i64)>> = BTreeMap::new();
    for row in &rows {
        let test = (row.count("commits")?, row.integer("test_id")?);
        by_code
            .entry(row.integer("fingerprint")?)
            .or_default()
            .push(test);
    }
    for tests in by_code.values_mut() {
        tests.sort_by_key(|(commits, test)| (std::cmp::Reverse(*commits), *test));
    }
    let shown = by_code
        .values()
        .flat_map(|tests| tests.iter().take(MAX_TESTS));
    let ids: BTreeSet<i64> = shown.map(|(_, test)| *test).collect();
    let known = by_ids(session, ids.into_iter()).await?;
    let found = by_code.into_iter().map(|(code, tests)| {
        let first = tests.iter().take(MAX_TESTS);
        let first = first.filter_map(|(_, test)| known.get(test).cloned());
        let tests = Tests {
            count: tests.len() as u64,
            first: first.collect(),
        };
        (code, tests)
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests_of_cover {
    use super::*;

    fn counted(causes: &[(i64, &[i64])]) -> Counted {
        let causes = causes.iter().map(|(code, red)| {
            let cause = Cause {
                red: red.iter().copied().collect(),
                ..Cause::default()
            };
            (*code, cause)
        });
        Counted {
            causes: causes.collect(),
        }
    }

    #[test]
    fn causes_cover_runs_that_no_other_covers() {
        for (causes, expected) in [
            (&[][..], &[][..]),
            (&[(1, &[][..])], &[]),
            (&[(1, &[1, 2, 3]), (2, &[2, 3]), (3, &[4])], &[3, 4]),
            (&[(1, &[1]), (2, &[2]), (3, &[3]), (4, &[4])], &[1, 2, 3]),
        ] {
            assert_eq!(counted(causes).covered(), expected, "{causes:?}");
        }
    }
}
