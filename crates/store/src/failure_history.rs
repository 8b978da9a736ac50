//! What is known of the tests that failed in a build: their failures on other commits and branches.

use std::collections::{BTreeMap, BTreeSet};

use test_engine_insights::GroupOutcome;

use crate::error::StoreError;
use crate::evidence::small;
use crate::identity::fingerprint;
use crate::records::{FailureHistory, SuiteId};
use crate::sql::{Session, Value, values};

type Result<T> = std::result::Result<T, StoreError>;

/// Other branches have the same failure this long before and after a run.
const AROUND_MS: i64 = 2 * 60 * 60 * 1_000;

/// The first failure of a test in a build.
pub(crate) struct FirstFailure {
    pub(crate) test: i64,
    pub(crate) reason: Option<String>,
    pub(crate) fingerprint: Option<i64>,
    pub(crate) frame: Option<String>,
}

/// The runs of a build.
struct OwnRuns {
    commits: BTreeSet<i64>,
    branch: Option<i64>,
    created_at: i64,
}

impl OwnRuns {
    async fn find(session: &mut Session, runs: &[i64]) -> Result<Self> {
        let keys = runs.iter().copied().map(Value::from).collect();
        let select = "SELECT commit_number, branch_id, created_at FROM runs WHERE id";
        let mut own = Self {
            commits: BTreeSet::new(),
            branch: None,
            created_at: i64::MAX,
        };
        for row in session.look_up(select, &[], keys, "").await? {
            own.commits.extend(row.integer_or_null("commit_number")?);
            own.branch = own.branch.or(row.integer_or_null("branch_id")?);
            own.created_at = own.created_at.min(row.integer("created_at")?);
        }
        Ok(own)
    }
}

/// A stored commit group of a failed test.
struct Group {
    commit: i64,
    main_number: Option<i64>,
    counted: (u32, u32),
    guarded: (u32, u32),
    two_failed_runs: bool,
    fingerprint: Option<i64>,
}

impl Group {
    fn outcome(&self) -> Option<GroupOutcome> {
        let passed = self.counted.0.saturating_add(self.guarded.0);
        let failed = self.counted.1.saturating_add(self.guarded.1);
        GroupOutcome::of(test_engine_insights::Counts { passed, failed })
    }
}

/// By test.
pub(crate) async fn of_failures(
    session: &mut Session,
    suite: SuiteId,
    runs: &[i64],
    failed: &[FirstFailure],
) -> Result<BTreeMap<i64, FailureHistory>> {
    let own = OwnRuns::find(session, runs).await?;
    let mut groups = groups(session, failed).await?;
    let alarms = alarms(session, failed).await?;
    let mut found = BTreeMap::new();
    let mut guarded = BTreeSet::new();
    for failure in failed {
        let groups = groups.remove(&failure.test).unwrap_or_default();
        let history = history(failure, &groups, &own, alarms.contains(&failure.test));
        if history.is_guarded {
            guarded.extend(failure.fingerprint);
        }
        found.insert(failure.test, history);
    }
    let branches = other_branches(session, suite, &own, guarded).await?;
    for failure in failed {
        let others = failure.fingerprint.and_then(|code| branches.get(&code));
        if let (Some(history), Some(others)) = (found.get_mut(&failure.test), others) {
            history.branches_with_fingerprint = *others;
        }
    }
    Ok(found)
}

fn history(
    failure: &FirstFailure,
    groups: &[Group],
    own: &OwnRuns,
    is_alarm_on: bool,
) -> FailureHistory {
    let is_own = |group: &&Group| own.commits.contains(&group.commit);
    let (here, elsewhere): (Vec<&Group>, Vec<&Group>) = groups.iter().partition(is_own);
    let mut main: Vec<&Group> = elsewhere.clone();
    main.retain(|group| group.main_number.is_some());
    main.sort_by_key(|group| std::cmp::Reverse(group.main_number));
    // Two failed runs of one commit are as good as two commits.
    let outcomes = main.iter().flat_map(|group| {
        let times = if group.two_failed_runs { 2 } else { 1 };
        group.outcome().into_iter().cycle().take(times)
    });
    let is_known = |group: &Group| group.fingerprint.is_some_and(is_same(failure));
    FailureHistory {
        fingerprint: failure.fingerprint.map(fingerprint),
        frame: failure.frame.clone(),
        is_guarded: here
            .iter()
            .any(|group| group.guarded.1 > 0 && group.counted.1 == 0),
        passed_on_commit: here
            .iter()
            .any(|group| group.counted.0 + group.guarded.0 > 0),
        branches_with_fingerprint: 0,
        main: outcomes.collect(),
        is_alarm_on,
        is_known_fingerprint: elsewhere.iter().any(|group| is_known(group)),
    }
}

fn is_same(failure: &FirstFailure) -> impl Fn(i64) -> bool + '_ {
    move |code| failure.fingerprint == Some(code)
}

async fn groups(
    session: &mut Session,
    failed: &[FirstFailure],
) -> Result<BTreeMap<i64, Vec<Group>>> {
    let keys = failed.iter().map(|failure| failure.test.into()).collect();
    let rows = session
        .look_up(
            "SELECT commit_groups.test_id, commit_groups.commit_number, \
             tested_commits.main_number, commit_groups.passed, commit_groups.failed, \
             commit_groups.guarded_passed, commit_groups.guarded_failed, \
             commit_groups.two_failed_runs, commit_groups.fingerprint FROM commit_groups \
             JOIN tested_commits ON tested_commits.suite_id = commit_groups.suite_id \
             AND tested_commits.number = commit_groups.commit_number \
             WHERE commit_groups.test_id",
            &[],
            keys,
            "",
        )
        .await?;
    let mut groups: BTreeMap<i64, Vec<Group>> = BTreeMap::new();
    for row in rows {
        let count = |column: &str| row.integer(column).map(small);
        let group = Group {
            commit: row.integer("commit_number")?,
            main_number: row.integer_or_null("main_number")?,
            counted: (count("passed")?, count("failed")?),
            guarded: (count("guarded_passed")?, count("guarded_failed")?),
            two_failed_runs: row.boolean("two_failed_runs")?,
            fingerprint: row.integer_or_null("fingerprint")?,
        };
        groups
            .entry(row.integer("test_id")?)
            .or_default()
            .push(group);
    }
    Ok(groups)
}

async fn alarms(session: &mut Session, failed: &[FirstFailure]) -> Result<BTreeSet<i64>> {
    let keys = failed.iter().map(|failure| failure.test.into()).collect();
    let select = "SELECT test_id FROM test_health WHERE alarm_at IS NOT NULL AND test_id";
    let rows = session.look_up(select, &[], keys, "").await?;
    rows.iter().map(|row| row.integer("test_id")).collect()
}

/// The number of other branches that had these fingerprints at about the same time.
async fn other_branches(
    session: &mut Session,
    suite: SuiteId,
    own: &OwnRuns,
    fingerprints: BTreeSet<i64>,
) -> Result<BTreeMap<i64, u32>> {
    let rows = session
        .look_up(
            "SELECT failure_groups.fingerprint, COUNT(DISTINCT runs.branch_id) AS branches \
             FROM failure_groups JOIN runs ON runs.id = failure_groups.run_id \
             WHERE failure_groups.suite_id = ? AND failure_groups.last_at BETWEEN ? AND ? \
             AND runs.branch_id <> ? AND failure_groups.fingerprint",
            &values![
                suite.get(),
                own.created_at.saturating_sub(AROUND_MS),
                own.created_at.saturating_add(AROUND_MS),
                own.branch.unwrap_or(0),
            ],
            fingerprints.into_iter().map(Value::from).collect(),
            "GROUP BY failure_groups.fingerprint",
        )
        .await?;
    let counts = rows
        .iter()
        .map(|row| Ok((row.integer("fingerprint")?, small(row.integer("branches")?))));
    counts.collect()
}
