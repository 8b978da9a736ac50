//! Judges tests: those whose evidence has changed, and daily those that are not sound.
//!
//! Uploads list the tests whose evidence they change; a judgement that is stored removes its tests
//! from the lists that it includes. It is made outside any transaction, and dropped if another
//! process has stored one meanwhile, so several servers may judge the same test.

use std::collections::{BTreeMap, HashMap, HashSet};

use test_engine_insights::{Alarm, Evidence, Health, Level, Parameters, Transition, judge};
use test_engine_results::Outcome;

use super::Result;
use crate::changed_tests::{self, ChangedTests};
use crate::evidence;
use crate::filters::{level_code, level_of};
use crate::level_events::{self, LevelChange};
use crate::records::{Judged, SuiteId, Timestamp};
use crate::segment;
use crate::sql::{Row, Session, Value, values};
use crate::store::Store;

/// Tests that are not sound are judged this often, because time changes the judgement too.
const PERIOD_MS: i64 = 24 * 60 * 60 * 1_000;
/// Commits of the default branch before a break that are searched for a pass.
const MAX_COMMITS_BEFORE: i64 = 5;

impl Store {
    /// Judges some tests whose evidence has changed, or that are not sound and were not judged for
    /// a day. Returns what changed; no tests if none are left.
    pub async fn judge_some(&self, now: Timestamp, limit: u32) -> Result<Judged> {
        let mut session = self.read().await?;
        let lists = changed_tests::oldest(&mut session).await?;
        let pending = pending(&mut session, &lists, now, limit).await?;
        let mut suites: BTreeMap<SuiteId, Vec<Pending>> = BTreeMap::new();
        for one in pending {
            suites.entry(one.suite).or_default().push(one);
        }
        let mut judged = Judged::default();
        let mut changes = Vec::new();
        for (suite, tests) in suites {
            let ids: Vec<i64> = tests.iter().map(|one| one.test).collect();
            let evidence = evidence::of_tests(&mut session, suite, &ids, now).await?;
            let judgements = tests.into_iter().filter_map(|pending| {
                let evidence = evidence.get(&pending.test)?;
                Some(judgement(pending, evidence, now))
            });
            let mut judgements: Vec<Judgement> = judgements.collect();
            find_last_passes(&mut session, suite, &mut judgements).await?;
            changes.extend(judgements);
        }
        drop(session);
        judged.tests = changes.len() as u64;
        for change in &changes {
            match change.transition {
                Some(Transition::Alarm) => judged.alarms += 1,
                Some(Transition::Recover) => judged.recoveries += 1,
                None => {}
            }
        }
        self.save_judgements(changes, &lists, now).await?;
        Ok(judged)
    }

    /// `lists` were read before the evidence.
    async fn save_judgements(
        &self,
        mut changes: Vec<Judgement>,
        lists: &[ChangedTests],
        now: Timestamp,
    ) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        // Other servers lock the rows in the same order.
        changes.sort_by_key(|change| change.pending.test);
        let mut cells = Vec::with_capacity(changes.len() * 15);
        for change in &changes {
            let Judgement {
                pending, health, ..
            } = change;
            cells.extend(values![
                pending.test,
                pending.suite.get(),
                pending.changed_at,
                pending.version + 1,
                level_code(change.level),
                change.alarm.since,
                i64::from(health.score.flaky),
                i64::from(health.score.rate),
                i64::from(health.score.low),
                i64::from(health.score.high),
                i64::from(health.sums.mixed_groups),
                i64::from(health.breaks.short),
                change.broken_since,
                change.last_passed,
                now,
            ]);
        }
        let insert = "INSERT INTO test_health (test_id, suite_id, changed_at, \
             version, level, alarm_at, score, rate, rate_low, rate_high, mixed_groups, \
             short_breaks, broken_since, last_passed, updated_at)";
        let update = "ON CONFLICT (test_id) DO UPDATE SET changed_at = excluded.changed_at, \
             version = excluded.version, level = excluded.level, alarm_at = excluded.alarm_at, \
             score = excluded.score, rate = excluded.rate, rate_low = excluded.rate_low, \
             rate_high = excluded.rate_high, mixed_groups = excluded.mixed_groups, \
             short_breaks = excluded.short_breaks, broken_since = excluded.broken_since, \
             last_passed = excluded.last_passed, updated_at = excluded.updated_at \
             WHERE test_health.version = excluded.version - 1 RETURNING test_id";
        let mut session = self.write().await?;
        let rows = session.write_many(insert, 15, cells, update).await?;
        let stored = rows.iter().map(|row| row.integer("test_id"));
        let stored: HashSet<i64> = stored.collect::<Result<_>>()?;
        let levels = changes
            .iter()
            .filter(|change| stored.contains(&change.pending.test))
            .map(|change| LevelChange {
                suite: change.pending.suite,
                test: change.pending.test,
                before: change.pending.level,
                after: change.level,
            });
        level_events::publish(&mut session, levels.collect(), now).await?;
        changed_tests::remove(&mut session, lists, &stored).await?;
        session.commit().await
    }
}

/// A test that has to be judged.
struct Pending {
    test: i64,
    suite: SuiteId,
    /// When the latest change that the judgement includes was received.
    changed_at: Timestamp,
    /// Of the judgement that it replaces; 0 if there is none.
    version: i64,
    /// As it was.
    level: Level,
    alarm: Alarm,
    broken_since: Option<i64>,
    last_passed: Option<i64>,
}

impl Pending {
    /// Of a test that has not been judged.
    fn first(test: i64, suite: SuiteId, changed_at: Timestamp) -> Self {
        Self {
            test,
            suite,
            changed_at,
            version: 0,
            level: Level::Sound,
            alarm: Alarm { since: None },
            broken_since: None,
            last_passed: None,
        }
    }
}

async fn pending(
    session: &mut Session,
    lists: &[ChangedTests],
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Pending>> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut changed: BTreeMap<i64, Pending> = BTreeMap::new();
    for list in lists {
        for test in &list.tests {
            if let Some(known) = changed.get_mut(test) {
                known.changed_at = known.changed_at.max(list.changed_at);
            } else if changed.len() < most {
                let first = Pending::first(*test, list.suite, list.changed_at);
                changed.insert(*test, first);
            }
        }
    }
    let columns = "SELECT test_id, suite_id, changed_at, version, level, alarm_at, broken_since, \
         last_passed FROM test_health";
    let select = format!("{columns} WHERE test_id");
    let keys = changed.keys().copied().map(Value::from).collect();
    for row in session.look_up(&select, &[], keys, "").await? {
        let judged = judged(&row)?;
        if let Some(known) = changed.get_mut(&judged.test) {
            let changed_at = known.changed_at.max(judged.changed_at);
            *known = Pending {
                changed_at,
                ..judged
            };
        }
    }
    let left = i64::try_from(most - changed.len()).unwrap_or(i64::MAX);
    if left > 0 {
        let due = format!(
            "{columns} JOIN suites ON suites.id = suite_id AND NOT suites.deleted \
             WHERE level > 0 AND updated_at <= ? ORDER BY updated_at, test_id LIMIT ?"
        );
        let before = now.plus_millis(-PERIOD_MS);
        for row in session.rows(due, values![before, left]).await? {
            let due = judged(&row)?;
            changed.entry(due.test).or_insert(due);
        }
    }
    Ok(changed.into_values().collect())
}

/// A test that has been judged before.
fn judged(row: &Row) -> Result<Pending> {
    Ok(Pending {
        test: row.integer("test_id")?,
        suite: SuiteId::new(row.integer("suite_id")?),
        changed_at: row.time("changed_at")?,
        version: row.integer("version")?,
        level: level_of(row.integer("level")?)?,
        alarm: Alarm {
            since: row.integer_or_null("alarm_at")?,
        },
        broken_since: row.integer_or_null("broken_since")?,
        last_passed: row.integer_or_null("last_passed")?,
    })
}

struct Judgement {
    pending: Pending,
    health: Health,
    level: Level,
    alarm: Alarm,
    transition: Option<Transition>,
    broken_since: Option<i64>,
    last_passed: Option<i64>,
}

/// Without a search for the last pass before a break.
fn judgement(pending: Pending, evidence: &Evidence, now: Timestamp) -> Judgement {
    let health = judge(evidence, now.millis(), &Parameters::default());
    let mut alarm = pending.alarm;
    let transition = alarm.update(&health, now.millis());
    let broken_since = health.broken().map(|broken| i64::from(broken.since.number));
    let known = health.broken().and_then(|broken| broken.last_passed);
    Judgement {
        level: health.level(alarm.is_on()),
        last_passed: match health.broken() {
            None => None,
            Some(_) if broken_since == pending.broken_since => pending.last_passed,
            Some(_) => known.map(|known| i64::from(known.number)),
        },
        health,
        alarm,
        transition,
        broken_since,
        pending,
    }
}

impl Judgement {
    /// The place on the default branch of the first commit of a new break, if the last pass before
    /// it is not known.
    fn searches_before(&self) -> Option<i64> {
        let broken = self.health.broken()?;
        let is_new = self.broken_since != self.pending.broken_since;
        let main = broken.since.main.filter(|_| is_new)?;
        self.last_passed.is_none().then_some(i64::from(main))
    }
}

/// Finds the last commits of the default branch before new breaks on which the tests passed. Tests
/// break together, so the results of the commits before are read once for all of them.
async fn find_last_passes(
    session: &mut Session,
    suite: SuiteId,
    judgements: &mut [Judgement],
) -> Result<()> {
    let mut breaks: BTreeMap<i64, HashMap<i64, &mut Judgement>> = BTreeMap::new();
    for judgement in judgements {
        if let Some(before) = judgement.searches_before() {
            let tests = breaks.entry(before).or_default();
            tests.insert(judgement.pending.test, judgement);
        }
    }
    for (before, mut tests) in breaks {
        let segments = session
            .rows(
                "SELECT tested_commits.number, segments.body FROM tested_commits \
                 JOIN runs ON runs.suite_id = tested_commits.suite_id \
                 AND runs.commit_number = tested_commits.number \
                 JOIN segments ON segments.run_id = runs.id \
                 WHERE tested_commits.suite_id = $1 AND tested_commits.main_number < $2 \
                 AND tested_commits.main_number >= $3 \
                 ORDER BY tested_commits.main_number DESC, segments.upload_id",
                values![suite.get(), before, before - MAX_COMMITS_BEFORE],
            )
            .await?;
        for row in segments {
            if tests.is_empty() {
                break;
            }
            let number = row.integer("number")?;
            let executions = segment::decode(&row.bytes("body")?)?;
            let passed = executions
                .iter()
                .filter(|execution| execution.outcome == Outcome::Passed);
            for execution in passed {
                if let Some(judgement) = tests.remove(&execution.test_id) {
                    judgement.last_passed = Some(number);
                }
            }
        }
    }
    Ok(())
}
