//! Follows the rules of suites: which alarms begin and end with the latest results.
//!
//! An evaluation only reads, so several servers may make the same one. `firing` carries out each of
//! its steps in a transaction of its own, once: it does nothing if the rule has been changed or
//! evaluated meanwhile, or if the alarm is on or off already.

mod firing;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use test_engine_insights::{History, Monitor, Parameters};
use test_engine_results::Outcome;
use uuid::Uuid;

use crate::changed_tests;
use crate::error::StoreError;
use crate::records::{
    Period, Rule, RuleChange, RuleEvaluation, RuleHistories, RuleSettings, RuleStep, SuiteId,
    TestId, Timestamp,
};
use crate::rule_history::{self, Matching, NEW_DAYS, Sought};
use crate::rules::{self, SELECT};
use crate::segment;
use crate::sql::{Row, Session, Value, values};
use crate::store::Store;

pub use firing::{Firing, MAX_FIRED};

type Result<T> = std::result::Result<T, StoreError>;

/// Executions of new uploads per evaluation; at least one upload.
const EXECUTIONS: u64 = 50_000;
/// The same for monitors that look at the last executions of each test in the uploads.
const EXECUTIONS_WITH_WINDOW: u64 = 5_000;
/// Uploads per evaluation.
const UPLOADS: i64 = 64;
/// Alarms that are on are looked at this often, because time ends them too, in milliseconds.
const RECHECK_MS: i64 = 60 * 60 * 1_000;
/// Alarms that are on per evaluation, without those of tests in new uploads.
const RECHECKED: i64 = 500;
/// Executions that a preview reads.
const PREVIEWED: usize = 3_000_000;

impl Store {
    /// Enabled rules with uploads to look at, or with alarms that have not been looked at for an
    /// hour, without those that have done enough in this minute.
    pub async fn due_rules(&self, now: Timestamp) -> Result<Vec<Rule>> {
        let text = format!(
            "{SELECT} JOIN suites ON suites.id = rules.suite_id \
             WHERE rules.enabled AND NOT suites.deleted \
             AND (rules.minute <> ? OR rules.fired < ?) \
             AND (rules.seen_upload < (SELECT MAX(uploads.id) FROM uploads \
             WHERE uploads.suite_id = rules.suite_id) \
             OR EXISTS (SELECT 1 FROM rule_alarms WHERE rule_alarms.rule_id = rules.id \
             AND rule_alarms.checked_at <= ?)) ORDER BY rules.id"
        );
        let checked = now.plus_millis(-RECHECK_MS);
        let bound = values![firing::minute(now), MAX_FIRED, checked];
        let rows = self.read().await?.rows(text, bound).await?;
        rows.iter().map(rules::rule).collect()
    }

    /// What a rule has to do about the next few uploads, and about alarms that are on.
    pub async fn evaluate_rule(&self, rule: Rule, now: Timestamp) -> Result<RuleEvaluation> {
        let mut session = self.read().await?;
        let uploads = NewUploads::load(&mut session, &rule).await?;
        let alarms = Alarms::load(&mut session, &rule, now).await?;
        let off = could_begin(&mut session, &rule, &uploads, &alarms, now).await?;
        let checked: BTreeSet<i64> = alarms
            .on
            .keys()
            .copied()
            .filter(|test| uploads.tests.contains(test) || alarms.due.contains(test))
            .collect();
        let tests: HashSet<i64> = off.iter().chain(&checked).copied().collect();
        let histories = histories(&mut session, &rule, &tests, now).await?;
        let mut steps: Vec<(i64, RuleStep)> = Vec::new();
        let empty = History::default();
        let parameters = Parameters::default();
        let monitor = &rule.settings.monitor;
        for test in off {
            let history = histories.get(&test).unwrap_or(&empty);
            if monitor.alarms(history, now.millis(), &parameters) {
                steps.push((test, RuleStep::Alarm));
            }
        }
        for test in &checked {
            let history = histories.get(test).unwrap_or(&empty);
            if monitor.recovers(history, now.millis(), &parameters) {
                steps.push((*test, RuleStep::Recover));
            } else if alarms.on.get(test) == Some(&true) {
                steps.push((*test, RuleStep::Retry));
            }
        }
        let changes = with_uuids(&mut session, steps).await?;
        Ok(RuleEvaluation {
            seen_upload: uploads.last.unwrap_or(rule.seen_upload),
            rule,
            changes,
            checked,
        })
    }

    /// Notes that an evaluation is carried out, so that the next one goes on after it. Does nothing
    /// if the rule has been changed or evaluated meanwhile.
    pub async fn finish_evaluation(
        &self,
        evaluation: &RuleEvaluation,
        now: Timestamp,
    ) -> Result<()> {
        let rule = &evaluation.rule;
        let mut session = self.write().await?;
        let changed = session
            .execute(
                "UPDATE rules SET seen_upload = $3, version = version + 1 \
                 WHERE id = $1 AND version = $2",
                values![rule.id.get(), rule.version, evaluation.seen_upload],
            )
            .await?;
        if changed == 0 {
            return Ok(());
        }
        let update = "UPDATE rule_alarms SET checked_at = ? WHERE rule_id = ? AND test_id";
        let keys = evaluation.checked.iter().copied().map(Value::from);
        let bound = values![now, rule.id.get()];
        session
            .look_up(update, &bound, keys.collect(), "RETURNING test_id")
            .await?;
        session.commit().await
    }

    /// The histories that the preview of a rule replays, of the last `days` days.
    pub async fn rule_histories(
        &self,
        suite: SuiteId,
        settings: &RuleSettings,
        (now, days): (Timestamp, i64),
    ) -> Result<RuleHistories> {
        if rule_history::uses_stored_evidence(settings) {
            let found = self.evidence(suite, now).await?;
            let tests = found.into_iter().map(|(test, one)| (test, one.into()));
            return Ok(RuleHistories {
                tests: tests.collect(),
                since_day: None,
            });
        }
        let mut session = self.read().await?;
        let period = Period::last_days(days, now);
        if settings.monitor == Monitor::NewTest && settings.filters.is_empty() {
            let since = Timestamp::from_millis(0).plus_days(period.first_day);
            let tests = first_seen_since(&mut session, suite, since).await?;
            return Ok(RuleHistories {
                tests,
                since_day: None,
            });
        }
        let sought = Sought {
            suite,
            tests: None,
            settings,
            period,
            most_of_test: usize::MAX,
            most: PREVIEWED,
        };
        let (found, first_day) = rule_history::from_executions(&mut session, &sought).await?;
        let mut tests: BTreeMap<TestId, History> = found
            .into_iter()
            .map(|(test, history)| (TestId::new(test), history))
            .collect();
        if settings.monitor == Monitor::NewTest {
            keep_new(&mut session, suite, &mut tests).await?;
        }
        Ok(RuleHistories {
            tests,
            since_day: (first_day > period.first_day).then_some(first_day),
        })
    }
}

/// The uploads that a rule has not looked at.
#[derive(Default)]
struct NewUploads {
    /// `None` if there are none.
    last: Option<i64>,
    first_at: Timestamp,
    /// With executions that match the filters.
    tests: HashSet<i64>,
}

impl NewUploads {
    async fn load(session: &mut Session, rule: &Rule) -> Result<Self> {
        let rows = session
            .rows(
                "SELECT uploads.id, uploads.received_at, uploads.kept, uploads.tags, \
                 segments.body FROM uploads LEFT JOIN segments ON segments.upload_id = uploads.id \
                 WHERE uploads.suite_id = $1 AND uploads.id > $2 ORDER BY uploads.id LIMIT $3",
                values![rule.suite.get(), rule.seen_upload, UPLOADS],
            )
            .await?;
        let mut found = Self {
            first_at: Timestamp::from_millis(i64::MAX),
            ..Self::default()
        };
        let most = match rule.settings.monitor.window() {
            Some(_) => EXECUTIONS_WITH_WINDOW,
            None => EXECUTIONS,
        };
        let mut executions = 0;
        for row in &rows {
            executions += row.count("kept")?;
            if executions > most && found.last.is_some() {
                break;
            }
            found.last = Some(row.integer("id")?);
            found.first_at = found.first_at.min(row.time("received_at")?);
            let Some(body) = row.bytes_or_null("body")? else {
                continue;
            };
            let mut matching = Matching::new(&rule.settings.filters, row.text("tags")?);
            for execution in segment::decode(&body)? {
                let is_new_test = rule.settings.monitor == Monitor::NewTest;
                let is_over = matches!(execution.outcome, Outcome::Passed | Outcome::Failed);
                if (is_over || is_new_test) && matching.accepts(&execution)? {
                    found.tests.insert(execution.test_id);
                }
            }
        }
        Ok(found)
    }
}

/// The alarms of a rule that are on.
struct Alarms {
    /// With whether the test is yet to be muted or skipped.
    on: HashMap<i64, bool>,
    /// Not looked at for an hour.
    due: HashSet<i64>,
}

impl Alarms {
    async fn load(session: &mut Session, rule: &Rule, now: Timestamp) -> Result<Self> {
        let rows = session
            .rows(
                "SELECT test_id, checked_at, held FROM rule_alarms WHERE rule_id = $1 \
                 ORDER BY checked_at, test_id",
                values![rule.id.get()],
            )
            .await?;
        let before = now.plus_millis(-RECHECK_MS);
        let mut alarms = Self {
            on: HashMap::with_capacity(rows.len()),
            due: HashSet::new(),
        };
        for row in rows {
            let test = row.integer("test_id")?;
            alarms.on.insert(test, row.boolean("held")?);
            let has_room = alarms.due.len() < usize::try_from(RECHECKED).unwrap_or(usize::MAX);
            if has_room && row.time("checked_at")? <= before {
                alarms.due.insert(test);
            }
        }
        Ok(alarms)
    }
}

/// Tests in the new uploads whose alarm is off and might begin, sorted.
async fn could_begin(
    session: &mut Session,
    rule: &Rule,
    uploads: &NewUploads,
    alarms: &Alarms,
    now: Timestamp,
) -> Result<BTreeSet<i64>> {
    let off = uploads
        .tests
        .iter()
        .filter(|it| !alarms.on.contains_key(it));
    let off: BTreeSet<i64> = off.copied().collect();
    let monitor = &rule.settings.monitor;
    if monitor.window().is_some() {
        return Ok(off);
    }
    let mut found = BTreeSet::new();
    let (select, since) = if *monitor == Monitor::NewTest {
        let days = if rule.settings.filters.is_empty() {
            1
        } else {
            NEW_DAYS
        };
        let select = "SELECT id AS test_id FROM tests WHERE first_seen_at >= ? AND id";
        (select, now.plus_days(-days))
    } else {
        // Nothing but a change of the evidence begins an alarm. Changes that are not judged yet
        // first: a test that is judged between both queries must be found by one of them.
        let changed = changed_tests::of_suite(session, rule.suite).await?;
        found.extend(off.intersection(&changed.into_iter().collect()));
        let select = "SELECT test_id FROM test_health WHERE changed_at >= ? AND test_id";
        (select, uploads.first_at)
    };
    let keys = off.into_iter().map(Value::from).collect();
    for row in session.look_up(select, &values![since], keys, "").await? {
        found.insert(row.integer("test_id")?);
    }
    Ok(found)
}

async fn histories(
    session: &mut Session,
    rule: &Rule,
    tests: &HashSet<i64>,
    now: Timestamp,
) -> Result<BTreeMap<i64, History>> {
    let settings = &rule.settings;
    if tests.is_empty() {
        return Ok(BTreeMap::new());
    }
    if rule_history::uses_stored_evidence(settings) {
        let ids: Vec<i64> = tests.iter().copied().collect();
        return rule_history::from_evidence(session, rule.suite, &ids, now).await;
    }
    if settings.monitor == Monitor::NewTest && settings.filters.is_empty() {
        let keys = tests.iter().copied().map(Value::from).collect();
        let select = "SELECT id, first_seen_at FROM tests WHERE id";
        let rows = session.look_up(select, &[], keys, "").await?;
        return rows.iter().map(first_seen).collect();
    }
    let sought = Sought::now(rule.suite, settings, tests, now);
    let (found, _) = rule_history::from_executions(session, &sought).await?;
    Ok(found)
}

async fn first_seen_since(
    session: &mut Session,
    suite: SuiteId,
    since: Timestamp,
) -> Result<BTreeMap<TestId, History>> {
    let rows = session
        .rows(
            "SELECT id, first_seen_at FROM tests WHERE suite_id = $1 AND first_seen_at >= $2",
            values![suite.get(), since],
        )
        .await?;
    let found = rows.iter().map(|row| {
        let (test, history) = first_seen(row)?;
        Ok((TestId::new(test), history))
    });
    found.collect()
}

fn first_seen(row: &Row) -> Result<(i64, History)> {
    let history = History {
        first_at: Some(row.integer("first_seen_at")?),
        ..History::default()
    };
    Ok((row.integer("id")?, history))
}

/// Forgets when old tests matched for the first time: they are not new.
async fn keep_new(
    session: &mut Session,
    suite: SuiteId,
    tests: &mut BTreeMap<TestId, History>,
) -> Result<()> {
    let rows = session
        .rows(
            "SELECT id, first_seen_at FROM tests WHERE suite_id = $1",
            values![suite.get()],
        )
        .await?;
    for row in rows {
        let first_seen = row.time("first_seen_at")?;
        if let Some(history) = tests.get_mut(&TestId::new(row.integer("id")?)) {
            let limit = first_seen.plus_days(NEW_DAYS).millis();
            history.first_at = history.first_at.filter(|first| *first < limit);
        }
    }
    Ok(())
}

async fn with_uuids(session: &mut Session, steps: Vec<(i64, RuleStep)>) -> Result<Vec<RuleChange>> {
    let keys = steps.iter().map(|(test, _)| Value::from(*test)).collect();
    let select = "SELECT id, uuid FROM tests WHERE id";
    let rows = session.look_up(select, &[], keys, "").await?;
    let uuids = rows
        .iter()
        .map(|row| Ok((row.integer("id")?, row.uuid("uuid")?)));
    let uuids: HashMap<i64, Uuid> = uuids.collect::<Result<_>>()?;
    let changes = steps.into_iter().filter_map(|(test, step)| {
        Some(RuleChange {
            test: TestId::new(test),
            test_uuid: *uuids.get(&test)?,
            step,
        })
    });
    Ok(changes.collect())
}
