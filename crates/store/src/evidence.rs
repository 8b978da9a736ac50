//! Restores the evidence on tests from what is stored: their commit groups, and the daily sums
//! without the executions of outages.

use std::collections::{BTreeMap, HashMap};

use test_engine_insights::{Commit, CommitGroup, Counts, Day, Evidence, KEPT_DAYS, day_of};

use crate::day_sums::{self, Sums};
use crate::error::StoreError;
use crate::records::{Period, SuiteId, Timestamp};
use crate::sql::{Row, Session, Value, values};

type Result<T> = std::result::Result<T, StoreError>;

const SELECT_GROUPS: &str = "SELECT commit_groups.test_id, commit_groups.commit_number, \
     commit_groups.first_at, commit_groups.passed, commit_groups.failed, \
     commit_groups.guarded_passed, commit_groups.guarded_failed, commit_groups.failed_run, \
     commit_groups.two_failed_runs, tested_commits.main_number FROM commit_groups \
     JOIN tested_commits ON tested_commits.suite_id = commit_groups.suite_id \
     AND tested_commits.number = commit_groups.commit_number \
     WHERE commit_groups.first_at >= ? AND commit_groups.test_id";

/// The evidence on these tests of a suite, of the last [`KEPT_DAYS`].
pub(crate) async fn of_tests(
    session: &mut Session,
    suite: SuiteId,
    tests: &[i64],
    now: Timestamp,
) -> Result<BTreeMap<i64, Evidence>> {
    let kept = i64::from(KEPT_DAYS);
    let period = Period {
        first_day: now.day() - kept + 1,
        last_day: now.day(),
    };
    let since = Timestamp::from_millis(0).plus_days(period.first_day);
    let keys = tests.iter().copied().map(Value::from).collect();
    let rows = session
        .look_up(SELECT_GROUPS, &values![since], keys, "")
        .await?;
    let mut groups: BTreeMap<i64, Vec<CommitGroup>> = BTreeMap::new();
    for row in &rows {
        let test = row.integer("test_id")?;
        groups.entry(test).or_default().push(group(row)?);
    }
    let commits = commits_by_day(session, suite, since).await?;
    let mut passes = passes_by_day(session, suite, tests, period).await?;
    let evidence = tests.iter().map(|test| {
        let groups = groups.remove(test).unwrap_or_default();
        let passes = passes.remove(test).unwrap_or_default();
        let days = days(&groups, (period.first_day, &passes), &commits);
        (*test, Evidence::from_parts(groups, days))
    });
    Ok(evidence.collect())
}

fn group(row: &Row) -> Result<CommitGroup> {
    let counts = |passed: &str, failed: &str| {
        Ok::<_, StoreError>(Counts {
            passed: small(row.integer(passed)?),
            failed: small(row.integer(failed)?),
        })
    };
    Ok(CommitGroup {
        commit: Commit {
            number: small(row.integer("commit_number")?),
            main: row.integer_or_null("main_number")?.map(small),
        },
        first_at: row.integer("first_at")?,
        counted: counts("passed", "failed")?,
        guarded: counts("guarded_passed", "guarded_failed")?,
        failed_run: row.integer_or_null("failed_run")?.map(small),
        has_two_failed_runs: row.boolean("two_failed_runs")?,
    })
}

/// Saturates: all of them are far smaller.
pub(crate) fn small(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

/// The number of commits that were first tested on each day.
async fn commits_by_day(
    session: &mut Session,
    suite: SuiteId,
    since: Timestamp,
) -> Result<BTreeMap<i32, u32>> {
    let rows = session
        .rows(
            "SELECT first_at FROM tested_commits WHERE suite_id = $1 AND first_at >= $2",
            values![suite.get(), since],
        )
        .await?;
    let mut commits: BTreeMap<i32, u32> = BTreeMap::new();
    for row in rows {
        *commits.entry(day_of(row.integer("first_at")?)).or_default() += 1;
    }
    Ok(commits)
}

/// By test, the passes of each day of the period without those of outages. Tests without any are
/// left out.
async fn passes_by_day(
    session: &mut Session,
    suite: SuiteId,
    tests: &[i64],
    period: Period,
) -> Result<HashMap<i64, Vec<i64>>> {
    let length = usize::try_from(period.last_day - period.first_day + 1).unwrap_or_default();
    let mut passes: HashMap<i64, Vec<i64>> = HashMap::with_capacity(tests.len());
    for (which, sign) in [(Sums::All, 1), (Sums::Guarded, -1)] {
        let ids = tests.iter().copied();
        day_sums::each_day_of(
            session,
            (which, suite),
            ids,
            period,
            None,
            |day, test, sums| {
                let passed = i64::try_from(sums.counts.passed).unwrap_or(i64::MAX);
                let days = passes.entry(test).or_insert_with(|| vec![0; length]);
                let place = usize::try_from(day - period.first_day).ok();
                if let Some(of_day) = place.and_then(|place| days.get_mut(place)) {
                    *of_day = of_day.saturating_add(sign * passed);
                }
            },
        )
        .await?;
    }
    Ok(passes)
}

/// The passes of each day, and the number of commit groups that are not stored because everything
/// passed in them.
///
/// That number is not stored either. There is at most one such group per commit, and each has a
/// pass; so the smaller of both numbers is exact if a test runs once per commit, or on each commit.
fn days(
    groups: &[CommitGroup],
    (first_day, passes): (i64, &[i64]),
    commits: &BTreeMap<i32, u32>,
) -> Vec<Day> {
    let mut stored: BTreeMap<i32, (u32, u32)> = BTreeMap::new();
    for group in groups {
        let (groups, passed) = stored.entry(day_of(group.first_at)).or_default();
        *groups += 1;
        *passed = passed.saturating_add(group.counted.passed);
    }
    let known = (first_day..).zip(passes).filter(|(_, passed)| **passed > 0);
    let days = known.filter_map(|(day, passed)| {
        let (day, passed) = (i32::try_from(day).ok()?, small(*passed));
        let (groups, in_groups) = stored.get(&day).copied().unwrap_or_default();
        let commits = commits.get(&day).copied().unwrap_or_default();
        let others = passed.saturating_sub(in_groups);
        // A commit of an earlier day may be tested again.
        let removed_groups = others.min(commits.saturating_sub(groups).max(u32::from(others > 0)));
        Some(Day {
            day,
            passed,
            removed_groups,
        })
    });
    days.collect()
}

#[cfg(test)]
mod tests {
    use test_engine_insights::DAY;

    use super::*;

    fn group(day: i64, passed: u32, failed: u32) -> CommitGroup {
        CommitGroup {
            commit: Commit {
                number: 1,
                main: None,
            },
            first_at: day * DAY,
            counted: Counts { passed, failed },
            guarded: Counts::default(),
            failed_run: Some(1),
            has_two_failed_runs: false,
        }
    }

    #[test]
    fn groups_without_failures_are_counted_from_the_sums_of_their_day() {
        let commits = BTreeMap::from([(10, 4)]);
        let removed = |groups: &[CommitGroup], passed: i64| {
            let days = days(groups, (10, &[passed]), &commits);
            days.first().map(|day| (day.passed, day.removed_groups))
        };
        assert_eq!(removed(&[], 4), Some((4, 4)), "once per commit");
        assert_eq!(removed(&[], 2), Some((2, 2)), "not on each commit");
        assert_eq!(removed(&[], 12), Some((12, 4)), "three jobs per commit");
        assert_eq!(
            removed(&[group(10, 1, 1)], 4),
            Some((4, 3)),
            "one is stored"
        );
        assert_eq!(removed(&[group(10, 0, 2)], 3), Some((3, 3)), "one failed");
        assert_eq!(removed(&[], 0), None);
        let later = days(&[], (9, &[0, 0, 3]), &commits);
        assert_eq!(later[0].removed_groups, 1, "a commit of an earlier day");
    }
}
