//! The histories of tests as the monitors of rules see them: from the stored executions whose tags
//! match, or from the evidence.
//!
//! Reads segments newest first, a few megabytes at a time, and no further back than needed.

use std::collections::{BTreeMap, HashMap, HashSet};

use test_engine_duration::Micros;
use test_engine_insights as insights;
use test_engine_insights::{Change, Commit, Counts, Event, History, Monitor};
use test_engine_results::Outcome;

use crate::error::StoreError;
use crate::evidence::{self, small};
use crate::records::{Period, RuleSettings, SuiteId, TagFilter, Timestamp};
use crate::runs::merged_tags;
use crate::segment::{self, StoredExecution};
use crate::sql::{Row, Session, values};

type Result<T> = std::result::Result<T, StoreError>;

/// Segments per query; a few megabytes at most.
const SEGMENTS_AT_ONCE: i64 = 64;
/// How far back executions are looked at, unless the monitor says so: the window of the judgement.
const DAYS: i64 = 28;

/// A new test matches the filters for the first time within this many days, or is not new.
pub(crate) const NEW_DAYS: i64 = DAYS;

/// The histories to read.
pub(crate) struct Sought<'a> {
    pub(crate) suite: SuiteId,
    /// `None`: every test.
    pub(crate) tests: Option<&'a HashSet<i64>>,
    pub(crate) settings: &'a RuleSettings,
    pub(crate) period: Period,
    /// Executions of each test, the newest.
    pub(crate) most_of_test: usize,
    /// Executions to read, matching or not; reading stops before the day that would exceed it.
    pub(crate) most: usize,
}

impl<'a> Sought<'a> {
    /// What the monitor needs to know of these tests now.
    pub(crate) fn now(
        suite: SuiteId,
        settings: &'a RuleSettings,
        tests: &'a HashSet<i64>,
        now: Timestamp,
    ) -> Self {
        let days = match settings.monitor {
            Monitor::PassedOnRetry { days, .. } => i64::from(days),
            _ => DAYS,
        };
        let window = settings.monitor.window().unwrap_or_default();
        Self {
            suite,
            tests: Some(tests),
            settings,
            period: Period::last_days(days, now),
            most_of_test: window as usize,
            most: usize::MAX,
        }
    }
}

/// Whether the monitor looks at evidence that is stored, rather than at executions.
pub(crate) fn uses_stored_evidence(settings: &RuleSettings) -> bool {
    let is_of_executions =
        settings.monitor.window().is_some() || settings.monitor == Monitor::NewTest;
    !is_of_executions && settings.filters.is_empty()
}

/// From the stored evidence.
pub(crate) async fn from_evidence(
    session: &mut Session,
    suite: SuiteId,
    tests: &[i64],
    now: Timestamp,
) -> Result<BTreeMap<i64, History>> {
    let found = evidence::of_tests(session, suite, tests, now).await?;
    let histories = found.into_iter().map(|(test, one)| (test, one.into()));
    Ok(histories.collect())
}

/// From stored executions, and the first day that was read.
pub(crate) async fn from_executions(
    session: &mut Session,
    sought: &Sought<'_>,
) -> Result<(BTreeMap<i64, History>, i64)> {
    let mut reading = Reading {
        sought,
        found: HashMap::new(),
        full: 0,
    };
    let mut read = 0_usize;
    let mut first_day = sought.period.last_day + 1;
    while first_day > sought.period.first_day && !reading.is_complete() {
        let of_day = executions_of_day(session, sought.suite, first_day - 1).await?;
        read = read.saturating_add(of_day);
        if read > sought.most {
            break;
        }
        first_day -= 1;
        reading.read_day(session, first_day).await?;
    }
    let mut found: BTreeMap<i64, History> = reading.found.into_iter().collect();
    for history in found.values_mut() {
        history.executions.reverse();
    }
    Ok((found, first_day))
}

async fn executions_of_day(session: &mut Session, suite: SuiteId, day: i64) -> Result<usize> {
    let count = session
        .count(
            "SELECT CAST(COALESCE(SUM(uploads.kept), 0) AS BIGINT) FROM segments \
             JOIN uploads ON uploads.id = segments.upload_id \
             WHERE segments.suite_id = $1 AND segments.day = $2",
            values![suite.get(), day],
        )
        .await?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// What the executions of an upload have in common.
struct Upload {
    at: i64,
    run: u32,
    /// `None` if an earlier version stored the run.
    commit: Option<Commit>,
    /// It is part of an outage.
    is_guarded: bool,
}

struct Reading<'a> {
    sought: &'a Sought<'a>,
    /// Executions newest first.
    found: HashMap<i64, History>,
    /// Tests with as many executions as the monitor looks at.
    full: usize,
}

impl Reading<'_> {
    /// Whether older executions change nothing.
    fn is_complete(&self) -> bool {
        let tests = self.sought.tests.map(HashSet::len);
        self.sought.most_of_test > 0 && tests.is_some_and(|tests| self.full >= tests)
    }

    async fn read_day(&mut self, session: &mut Session, day: i64) -> Result<()> {
        let mut before = i64::MAX;
        while !self.is_complete() {
            let rows = session
                .rows(
                    "SELECT segments.upload_id, segments.body, uploads.tags, \
                     uploads.received_at, uploads.guarded AS upload_guarded, runs.id AS run_id, \
                     runs.guarded AS run_guarded, runs.commit_number, tested_commits.main_number \
                     FROM segments JOIN uploads ON uploads.id = segments.upload_id \
                     JOIN runs ON runs.id = segments.run_id \
                     LEFT JOIN tested_commits ON tested_commits.suite_id = segments.suite_id \
                     AND tested_commits.number = runs.commit_number \
                     WHERE segments.suite_id = $1 AND segments.day = $2 \
                     AND segments.upload_id < $3 ORDER BY segments.upload_id DESC LIMIT $4",
                    values![self.sought.suite.get(), day, before, SEGMENTS_AT_ONCE],
                )
                .await?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            before = last.integer("upload_id")?;
            for row in &rows {
                self.read_segment(row)?;
            }
        }
        Ok(())
    }

    fn read_segment(&mut self, row: &Row) -> Result<()> {
        let main = row.integer_or_null("main_number")?.map(small);
        let upload = Upload {
            at: row.integer("received_at")?,
            run: small(row.integer("run_id")?),
            commit: row.integer_or_null("commit_number")?.map(|number| Commit {
                number: small(number),
                main,
            }),
            is_guarded: row.boolean("upload_guarded")? || row.boolean("run_guarded")?,
        };
        let sought = self.sought;
        let mut matching = Matching::new(&sought.settings.filters, row.text("tags")?);
        for execution in segment::decode(&row.bytes("body")?)?.iter().rev() {
            let is_wanted = |tests: &HashSet<i64>| tests.contains(&execution.test_id);
            if sought.tests.is_none_or(is_wanted) && matching.accepts(execution)? {
                self.add(execution, &upload);
            }
        }
        Ok(())
    }

    fn add(&mut self, execution: &StoredExecution, upload: &Upload) {
        let at = upload.at;
        let history = self.found.entry(execution.test_id).or_default();
        history.first_at = Some(history.first_at.map_or(at, |first| first.min(at)));
        let passed = match execution.outcome {
            Outcome::Passed => true,
            Outcome::Failed => false,
            Outcome::Skipped | Outcome::Unknown => return,
        };
        let monitor = &self.sought.settings.monitor;
        if monitor.window().is_none() {
            if let Some(commit) = upload.commit.filter(|_| *monitor != Monitor::NewTest) {
                history.evidence.update(&Event {
                    change: if upload.is_guarded {
                        Change::AddGuarded
                    } else {
                        Change::Add
                    },
                    commit,
                    run: upload.run,
                    at,
                    counts: Counts {
                        passed: u32::from(passed),
                        failed: u32::from(!passed),
                    },
                });
            }
            return;
        }
        let needs_duration = matches!(monitor, Monitor::DurationP50 { .. });
        let is_useful = !upload.is_guarded && (!needs_duration || execution.duration.is_some());
        if !is_useful || history.executions.len() >= self.sought.most_of_test {
            return;
        }
        history.executions.push(insights::Execution {
            at,
            passed,
            duration: execution.duration.map(Micros::get),
        });
        if history.executions.len() == self.sought.most_of_test {
            self.full += 1;
        }
    }
}

/// Which executions of an upload match the filters.
pub(crate) struct Matching<'a> {
    filters: &'a [TagFilter],
    /// As JSON.
    upload_tags: String,
    /// By their own tags: executions of an upload share few sets of tags.
    known: HashMap<Option<String>, bool>,
}

impl<'a> Matching<'a> {
    pub(crate) fn new(filters: &'a [TagFilter], upload_tags: String) -> Self {
        Self {
            filters,
            upload_tags,
            known: HashMap::new(),
        }
    }

    pub(crate) fn accepts(&mut self, execution: &StoredExecution) -> Result<bool> {
        if self.filters.is_empty() {
            return Ok(true);
        }
        if let Some(known) = self.known.get(&execution.tags) {
            return Ok(*known);
        }
        let tags = merged_tags(&self.upload_tags, execution.tags.as_deref())?;
        let accepts = self.filters.iter().all(|filter| filter.matches(&tags));
        self.known.insert(execution.tags.clone(), accepts);
        Ok(accepts)
    }
}
