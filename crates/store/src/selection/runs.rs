//! When a run has ended, and which of its failures its change may have caused.

use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};
use test_engine_results::Outcome;
use test_engine_selection::FailedItem;

use super::{Result, small};
use crate::records::{
    BuildOfDecision, RunId, SelectionFailure, SelectionFailures, StoredDecision, SuiteId, Timestamp,
};
use crate::segment::{self, SelectorRef};
use crate::sql::{Row, Session, Value, values};
use crate::store::Store;

/// Milliseconds without an upload or report after which a run has ended.
const QUIET_MS: i64 = 30 * 60 * 1_000;
/// Runs of the default branch among which the latest finished one is searched.
const SEARCHED_RUNS: i64 = 20;
/// Days of failures that tell how reliable a test is.
const RELIABILITY_DAYS: i64 = 90;

impl Store {
    /// The runs of the build that a plan was made for. A run belongs to it if a node of the plan
    /// says so, or if its key or build ID is the first or second part of the plan's identifier.
    pub async fn build_of_decision(
        &self,
        decision: &StoredDecision,
        now: Timestamp,
    ) -> Result<BuildOfDecision> {
        let mut session = self.read().await?;
        let (suite, identifier) = (decision.suite, decision.identifier.as_str());
        let reported = session
            .rows(
                "SELECT run_key FROM accounting_runs WHERE suite_id = $1 AND identifier = $2",
                values![suite.get(), identifier],
            )
            .await?;
        let reported = reported.iter().map(|row| row.text("run_key"));
        let mut keys: Vec<String> = reported.collect::<Result<_>>()?;
        if keys.is_empty() {
            keys.push(identifier.to_owned());
            keys.extend(identifier.split('/').take(2).map(str::to_owned));
        }
        keys.sort_unstable();
        keys.dedup();
        let keys: Vec<Value<'_>> = keys.iter().map(Value::from).collect();
        let mut rows = session
            .look_up(
                "SELECT id, updated_at FROM runs WHERE suite_id = ? AND key",
                &values![suite.get()],
                keys.clone(),
                "AND uploads > 0",
            )
            .await?;
        let of_builds = session
            .look_up(
                "SELECT id, updated_at FROM runs WHERE suite_id = ? AND build_id",
                &values![suite.get()],
                keys,
                "AND uploads > 0",
            )
            .await?;
        rows.extend(of_builds);
        let accounting = session
            .optional(
                "SELECT updated_at, pending_nodes, summarized, changes FROM accountings \
                 WHERE suite_id = $1 AND identifier = $2",
                values![suite.get(), identifier],
            )
            .await?;
        let quiet = now.plus_millis(-QUIET_MS);
        let mut is_finished = decision.created_at <= quiet;
        let mut runs = Vec::new();
        for row in &rows {
            is_finished &= row.time("updated_at")? <= quiet;
            runs.push(RunId::new(row.integer("id")?));
        }
        if let Some(row) = accounting {
            is_finished &= row.time("updated_at")? <= quiet;
            is_finished |= has_all_reports(&row)?;
        }
        runs.sort_unstable();
        runs.dedup();
        Ok(BuildOfDecision { runs, is_finished })
    }

    /// The failures in the runs of a build. `default_branch` is that of the suite.
    pub async fn selection_failures(
        &self,
        suite: SuiteId,
        default_branch: &str,
        runs: &[RunId],
        now: Timestamp,
    ) -> Result<SelectionFailures> {
        let mut session = self.read().await?;
        let Some(first) = runs.iter().min().copied() else {
            return Ok(SelectionFailures::default());
        };
        let ids = || -> Vec<Value<'_>> { runs.iter().map(|run| Value::from(run.get())).collect() };
        let outside = session
            .look_up(
                "SELECT id FROM uploads WHERE errors_outside_tests <> '[]' AND run_id",
                &[],
                ids(),
                "LIMIT 1",
            )
            .await?;
        let failed = session
            .look_up(
                "SELECT DISTINCT test_id FROM failures WHERE run_id",
                &[],
                ids(),
                "",
            )
            .await?;
        let mut found = SelectionFailures {
            has_errors_outside_tests: !outside.is_empty(),
            ..SelectionFailures::default()
        };
        if failed.is_empty() {
            return Ok(found);
        }
        let executed = executed(&mut session, runs).await?;
        let selectors = |only_failed: bool| {
            let of = executed.values().filter(|test| !only_failed || test.failed);
            let distinct: HashSet<i64> = of.filter_map(|test| test.selector).collect();
            small(i64::try_from(distinct.len()).unwrap_or(i64::MAX))
        };
        let failed: Vec<i64> = executed
            .iter()
            .filter(|(_, test)| test.failed)
            .map(|(test, _)| *test)
            .collect();
        let number = |tests: usize| small(i64::try_from(tests).unwrap_or(i64::MAX));
        found.executed_selectors = selectors(false);
        found.failed_selectors = selectors(true);
        found.executed_tests = number(executed.len());
        found.failed_tests = number(failed.len());
        let before = latest_finished(&mut session, suite, default_branch, first, now).await?;
        let before = match before {
            Some(run) => passed_in_run(&mut session, run, &failed).await?,
            None => HashMap::new(),
        };
        let passed = passed_on_commits(&mut session, suite, &failed, runs).await?;
        let reliability = reliability(&mut session, &failed, now).await?;
        for (id, failure) in names(&mut session, &failed, &executed).await? {
            let test = &executed[&id];
            let (failures, failures_with_pass) = reliability.get(&id).copied().unwrap_or_default();
            let item = FailedItem {
                is_muted: test.muted,
                passed_on_commit: test.passed || passed.contains(&id),
                passed_on_default_branch: before.get(&id).copied(),
                failures,
                failures_with_pass,
            };
            found.failures.push(SelectionFailure { item, ..failure });
        }
        found.failures.sort_by(|left, right| {
            (&left.selector, &left.scope, &left.name).cmp(&(
                &right.selector,
                &right.scope,
                &right.name,
            ))
        });
        Ok(found)
    }
}

/// How a test ended in some runs.
#[derive(Default)]
struct Executed {
    selector: Option<i64>,
    passed: bool,
    failed: bool,
    /// Every failure was muted.
    muted: bool,
}

/// The tests that passed or failed in some runs.
async fn executed(session: &mut Session, runs: &[RunId]) -> Result<HashMap<i64, Executed>> {
    let mut tests: HashMap<i64, Executed> = HashMap::new();
    for run in runs {
        let rows = session
            .rows(
                "SELECT body FROM segments WHERE run_id = $1 ORDER BY upload_id",
                values![run.get()],
            )
            .await?;
        for row in rows {
            for execution in segment::decode(&row.bytes("body")?)? {
                let failed = match execution.outcome {
                    Outcome::Passed => false,
                    Outcome::Failed => true,
                    Outcome::Skipped | Outcome::Unknown => continue,
                };
                let test = tests.entry(execution.test_id).or_default();
                if let SelectorRef::Id(selector) = execution.selector {
                    test.selector = Some(selector);
                }
                if failed {
                    test.muted = execution.muted && (test.muted || !test.failed);
                    test.failed = true;
                } else {
                    test.passed = true;
                }
            }
        }
    }
    Ok(tests)
}

/// Whether each of these tests that passed or failed in a run passed, also after it failed.
async fn passed_in_run(
    session: &mut Session,
    run: RunId,
    tests: &[i64],
) -> Result<HashMap<i64, bool>> {
    let tests: HashSet<i64> = tests.iter().copied().collect();
    let mut passed = HashMap::new();
    let rows = session
        .rows(
            "SELECT body FROM segments WHERE run_id = $1",
            values![run.get()],
        )
        .await?;
    for row in rows {
        let found = segment::outcomes_of(&row.bytes("body")?, |test| tests.contains(&test))?;
        for (test, outcome) in found {
            match outcome {
                Outcome::Passed => *passed.entry(test).or_default() = true,
                Outcome::Failed => {
                    passed.entry(test).or_default();
                }
                Outcome::Skipped | Outcome::Unknown => {}
            }
        }
    }
    Ok(passed)
}

/// Those of these tests that passed on the commit of one of these runs, in any run.
async fn passed_on_commits(
    session: &mut Session,
    suite: SuiteId,
    tests: &[i64],
    runs: &[RunId],
) -> Result<HashSet<i64>> {
    let ids = runs.iter().map(|run| Value::from(run.get())).collect();
    let commits = session
        .look_up(
            "SELECT DISTINCT commit_number FROM runs WHERE id",
            &[],
            ids,
            "",
        )
        .await?;
    let mut passed = HashSet::new();
    for commit in commits {
        let Some(commit) = commit.integer_or_null("commit_number")? else {
            continue;
        };
        let rows = session
            .look_up(
                "SELECT test_id FROM commit_groups WHERE suite_id = ? AND commit_number = ? \
                 AND passed + guarded_passed > 0 AND test_id",
                &values![suite.get(), commit],
                tests.iter().copied().map(Value::from).collect(),
                "",
            )
            .await?;
        for row in rows {
            passed.insert(row.integer("test_id")?);
        }
    }
    Ok(passed)
}

/// For each test, the commits on which it failed, and on how many of these it passed too.
async fn reliability(
    session: &mut Session,
    tests: &[i64],
    now: Timestamp,
) -> Result<HashMap<i64, (u32, u32)>> {
    let rows = session
        .look_up(
            "SELECT test_id, COUNT(*) AS commits, \
             COUNT(CASE WHEN passed + guarded_passed > 0 THEN 1 END) AS mixed \
             FROM commit_groups WHERE first_at >= ? AND failed + guarded_failed > 0 AND test_id",
            &values![now.plus_days(-RELIABILITY_DAYS)],
            tests.iter().copied().map(Value::from).collect(),
            "GROUP BY test_id",
        )
        .await?;
    let counts = |row: &Row| {
        let counts = (small(row.integer("commits")?), small(row.integer("mixed")?));
        Ok((row.integer("test_id")?, counts))
    };
    rows.iter().map(counts).collect()
}

/// The names of failed tests, with the selectors of their executions.
async fn names(
    session: &mut Session,
    tests: &[i64],
    executed: &HashMap<i64, Executed>,
) -> Result<Vec<(i64, SelectionFailure)>> {
    let keys = tests.iter().copied().map(Value::from).collect();
    let rows = session
        .look_up(
            "SELECT id, scope, name, selector_id FROM tests WHERE id",
            &[],
            keys,
            "",
        )
        .await?;
    let mut places = Vec::with_capacity(rows.len());
    for row in rows {
        let id = row.integer("id")?;
        let own = row.integer_or_null("selector_id")?;
        let selector = executed.get(&id).and_then(|test| test.selector).or(own);
        places.push((id, row.text("scope")?, row.text("name")?, selector));
    }
    let mut wanted: Vec<i64> = places.iter().filter_map(|place| place.3).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let wanted = wanted.into_iter().map(Value::from).collect();
    let rows = session
        .look_up("SELECT id, value FROM selectors WHERE id", &[], wanted, "")
        .await?;
    let pair = |row: &Row| Ok((row.integer("id")?, row.text("value")?));
    let values: HashMap<i64, String> = rows.iter().map(pair).collect::<Result<_>>()?;
    let named = places.into_iter().map(|(id, scope, name, selector)| {
        let failure = SelectionFailure {
            scope,
            name,
            selector: selector.and_then(|selector| values.get(&selector).cloned()),
            item: FailedItem::default(),
        };
        (id, failure)
    });
    Ok(named.collect())
}

/// The latest finished run of a branch before another run.
pub(super) async fn latest_finished(
    session: &mut Session,
    suite: SuiteId,
    branch: &str,
    before: RunId,
    now: Timestamp,
) -> Result<Option<RunId>> {
    let rows = session
        .rows(
            "SELECT runs.id FROM runs JOIN branches ON branches.id = runs.branch_id \
             WHERE branches.suite_id = $1 AND branches.name = $2 AND runs.id < $3 \
             AND runs.uploads > 0 ORDER BY runs.id DESC LIMIT $4",
            values![suite.get(), branch, before.get(), SEARCHED_RUNS],
        )
        .await?;
    for row in rows {
        // Nearly always the first one.
        let run = row.integer("id")?;
        if is_finished(session, suite, run, now).await? {
            return Ok(Some(RunId::new(run)));
        }
    }
    Ok(None)
}

/// Whether all nodes of the plans of a run have reported their end, or nothing has arrived for a
/// while.
pub(super) async fn is_finished(
    session: &mut Session,
    suite: SuiteId,
    run: i64,
    now: Timestamp,
) -> Result<bool> {
    let quiet = now.plus_millis(-QUIET_MS);
    let rows = session
        .rows(
            "SELECT runs.updated_at AS run_updated_at, accountings.updated_at, pending_nodes, \
             summarized, changes FROM runs LEFT JOIN accounting_runs \
             ON accounting_runs.suite_id = runs.suite_id AND accounting_runs.run_key = runs.key \
             LEFT JOIN accountings ON accountings.suite_id = accounting_runs.suite_id \
             AND accountings.identifier = accounting_runs.identifier \
             WHERE runs.suite_id = $1 AND runs.id = $2",
            values![suite.get(), run],
        )
        .await?;
    let mut is_quiet = true;
    let mut is_reported = !rows.is_empty();
    for row in rows {
        is_quiet &= row.time("run_updated_at")? <= quiet;
        match row.time_or_null("updated_at")? {
            Some(updated_at) => {
                is_quiet &= updated_at <= quiet;
                is_reported &= has_all_reports(&row)?;
            }
            None => is_reported = false,
        }
    }
    Ok(is_quiet || is_reported)
}

/// Of a row of `accountings`: its summary is of the latest reports, and every node has ended.
fn has_all_reports(row: &Row) -> Result<bool> {
    let summarized = row.integer("summarized")?;
    let is_current = summarized > 0 && summarized >= row.integer("changes")?;
    Ok(is_current && row.integer("pending_nodes")? == 0)
}
