//! The failures of tests by cause and by commit, for the pages about them.
//!
//! All of this comes from commit groups, which exist only for commits with a failure, so its cost
//! grows with the failures, not with the executions.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::StoreError;
use crate::identity::fingerprint;
use crate::records::{FailureKind, FlakyCost, SuiteId, Test, TestId, Timestamp};
use crate::sql::{Row, Session, Value, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

/// Characters of a reason.
const MAX_REASON: usize = 300;
/// Kinds of failures of a test that are listed; more of them say nothing.
const MAX_KINDS: usize = 50;

/// The failures of a commit group with their share in outages.
const GROUPS: &str = "SELECT commit_groups.test_id, tested_commits.main_number, \
     tested_commits.first_at, commit_groups.failed, commit_groups.guarded_failed, \
     commit_groups.failed_run, commit_groups.fingerprint FROM commit_groups \
     JOIN tested_commits ON tested_commits.suite_id = commit_groups.suite_id \
     AND tested_commits.number = commit_groups.commit_number";

struct Group {
    test: TestId,
    is_main: bool,
    first_at: Timestamp,
    /// Without outages.
    counts: bool,
    failed_run: Option<i64>,
    fingerprint: Option<i64>,
}

/// `None` for a group without failures, which ends a break.
fn group(row: &Row) -> Result<Option<Group>> {
    let failed = row.integer("failed")?;
    if failed + row.integer("guarded_failed")? == 0 {
        return Ok(None);
    }
    Ok(Some(Group {
        test: TestId::new(row.integer("test_id")?),
        is_main: row.integer_or_null("main_number")?.is_some(),
        first_at: row.time("first_at")?,
        counts: failed > 0,
        failed_run: row.integer_or_null("failed_run")?,
        fingerprint: row.integer_or_null("fingerprint")?,
    }))
}

fn groups(rows: &[Row]) -> Result<Vec<Group>> {
    let groups = rows.iter().map(group);
    groups.filter_map(Result::transpose).collect()
}

impl Store {
    /// How a test failed on the commits tested since a time, without outages: the most frequent
    /// kind first.
    pub async fn failure_kinds(&self, test: &Test, since: Timestamp) -> Result<Vec<FailureKind>> {
        let mut session = self.read().await?;
        let text = format!(
            "{GROUPS} WHERE commit_groups.test_id = ? AND tested_commits.first_at >= ? \
             ORDER BY commit_groups.commit_number"
        );
        let rows = session.rows(text, values![test.id.get(), since]).await?;
        let mut kinds: BTreeMap<Option<i64>, Vec<Group>> = BTreeMap::new();
        for group in groups(&rows)?.into_iter().filter(|group| group.counts) {
            kinds.entry(group.fingerprint).or_default().push(group);
        }
        let mut kinds: Vec<(Option<i64>, Vec<Group>)> = kinds.into_iter().collect();
        kinds.sort_by_key(|(code, groups)| (std::cmp::Reverse(groups.len()), code.is_none()));
        kinds.truncate(MAX_KINDS);
        let mut texts = texts_of(&mut session, test, &kinds).await?;
        let kinds = kinds.into_iter().map(|(code, groups)| {
            let (reason, frame) = texts.remove(&code).unwrap_or_default();
            FailureKind {
                fingerprint: code.map(fingerprint),
                reason,
                frame,
                main_commits: groups.iter().filter(|group| group.is_main).count() as u64,
                commits: groups.iter().map(|group| group.first_at).collect(),
            }
        });
        Ok(kinds.collect())
    }

    /// The message of the most frequent cause of the failures of each of these tests since a time,
    /// without outages. Tests without a message are left out.
    pub async fn frequent_reasons(
        &self,
        tests: &[TestId],
        since: Timestamp,
    ) -> Result<BTreeMap<TestId, String>> {
        let mut session = self.read().await?;
        let text = format!("{GROUPS} WHERE tested_commits.first_at >= ? AND commit_groups.test_id");
        let keys = tests.iter().map(|test| Value::from(test.get())).collect();
        let rows = session.look_up(&text, &values![since], keys, "").await?;
        let mut causes: BTreeMap<TestId, BTreeMap<i64, (u64, Option<i64>)>> = BTreeMap::new();
        for group in groups(&rows)?.into_iter().filter(|group| group.counts) {
            if let Some(code) = group.fingerprint {
                let causes = causes.entry(group.test).or_default();
                let (commits, newest) = causes.entry(code).or_default();
                *commits += 1;
                *newest = group.failed_run.max(*newest);
            }
        }
        let chosen: BTreeMap<i64, (i64, i64)> = causes
            .into_iter()
            .filter_map(|(test, causes)| {
                let most = |(_, (commits, newest)): &(i64, (u64, _))| (*commits, *newest);
                let (code, (_, run)) = causes.into_iter().max_by_key(most)?;
                Some((test.get(), (run?, code)))
            })
            .collect();
        reasons(&mut session, &chosen).await
    }

    /// What each flaky test of a suite cost since a time. Of several failed runs of one commit, the
    /// first one counts.
    pub async fn flaky_costs(
        &self,
        suite: SuiteId,
        since: Timestamp,
    ) -> Result<BTreeMap<TestId, FlakyCost>> {
        let mut session = self.read().await?;
        let text = format!(
            "{GROUPS} JOIN test_health ON test_health.test_id = commit_groups.test_id \
             WHERE test_health.suite_id = ? AND test_health.level > 0 \
             AND test_health.alarm_at IS NOT NULL AND tested_commits.first_at >= ?"
        );
        let rows = session.rows(text, values![suite.get(), since]).await?;
        let groups = groups(&rows)?;
        let mut failed: BTreeMap<i64, BTreeSet<TestId>> = BTreeMap::new();
        let mut costs: BTreeMap<TestId, FlakyCost> = BTreeMap::new();
        for group in groups.iter().filter(|group| group.counts) {
            let cost = costs.entry(group.test).or_default();
            cost.commits += 1;
            cost.last_failed_at = cost.last_failed_at.max(Some(group.first_at));
            if let Some(run) = group.failed_run {
                failed.entry(run).or_default().insert(group.test);
            }
        }
        for run in failed_by_these_only(&mut session, &failed).await? {
            let tests = &failed[&run];
            #[expect(clippy::cast_precision_loss, reason = "a few tests of a run")]
            let share = 1.0 / tests.len() as f64;
            for test in tests {
                costs.entry(*test).or_default().runs += share;
            }
        }
        Ok(costs)
    }
}

/// Of these runs, those that failed, and in which no other tests failed.
async fn failed_by_these_only(
    session: &mut Session,
    failed: &BTreeMap<i64, BTreeSet<TestId>>,
) -> Result<Vec<i64>> {
    let select = "SELECT id, first_failed FROM runs WHERE broken > 0 AND NOT guarded AND id";
    let keys = failed.keys().copied().map(Value::from).collect();
    let mut runs = Vec::new();
    for row in session.look_up(select, &[], keys, "").await? {
        let id = row.integer("id")?;
        let all = row.count_or_null("first_failed")?;
        let known = failed.get(&id).map_or(0, BTreeSet::len) as u64;
        if all.is_some_and(|all| all <= known) {
            runs.push(id);
        }
    }
    Ok(runs)
}

/// The messages of failures of tests, by run and fingerprint of each.
async fn reasons(
    session: &mut Session,
    failures: &BTreeMap<i64, (i64, i64)>,
) -> Result<BTreeMap<TestId, String>> {
    let runs: BTreeSet<i64> = failures.values().map(|(run, _)| *run).collect();
    let select = format!(
        "SELECT test_id, run_id, fingerprint, SUBSTR(reason, 1, {MAX_REASON}) AS reason \
         FROM failures WHERE reason IS NOT NULL AND run_id"
    );
    let keys = runs.into_iter().map(Value::from).collect();
    let mut found = BTreeMap::new();
    for row in session.look_up(&select, &[], keys, "").await? {
        let test = row.integer("test_id")?;
        let failure = (row.integer("run_id")?, row.integer_or_null("fingerprint")?);
        let is_wanted = failures
            .get(&test)
            .is_some_and(|(run, code)| failure == (*run, Some(*code)));
        if is_wanted {
            found.insert(TestId::new(test), row.text("reason")?);
        }
    }
    Ok(found)
}

type Texts = (Option<String>, Option<String>);

/// Reason and frame of the newest failure of each kind that is still stored.
async fn texts_of(
    session: &mut Session,
    test: &Test,
    kinds: &[(Option<i64>, Vec<Group>)],
) -> Result<BTreeMap<Option<i64>, Texts>> {
    let newest = |groups: &[Group]| groups.iter().rev().find_map(|group| group.failed_run);
    let runs: BTreeSet<i64> = kinds
        .iter()
        .filter_map(|(_, groups)| newest(groups))
        .collect();
    let select = format!(
        "SELECT fingerprint, frame, SUBSTR(reason, 1, {MAX_REASON}) AS reason FROM failures \
         WHERE test_id = ? AND run_id"
    );
    let keys = runs.into_iter().map(Value::from).collect();
    let end = "ORDER BY upload_id, position";
    let bound = values![test.id.get()];
    let mut texts = BTreeMap::new();
    for row in session.look_up(&select, &bound, keys, end).await? {
        let text = (row.text_or_null("reason")?, row.text_or_null("frame")?);
        texts.insert(row.integer_or_null("fingerprint")?, text);
    }
    Ok(texts)
}
