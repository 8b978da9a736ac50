//! Counts the executions of an outage by hand, and no longer.
//!
//! What the guard says of the run, its uploads and its causes stays as it is, so both directions
//! are each other's exact inverse, and later uploads of the run follow the latest choice.

use foldhash::{HashSet, HashSetExt as _};
use serde_json::json;
use test_engine_insights::KEPT_DAYS;
use uuid::Uuid;

use super::Result;
use super::groups::{Changes, added_groups, changed_tests_of};
use super::guard::{DaySums, count};
use super::recall::recall_run;
use crate::audit::{self, Event, Place, Subject};
use crate::day_sums::{self, Sums};
use crate::records::{Change, Recounted, Run, SuiteId};
use crate::run_memory::RunMemory;
use crate::runs;
use crate::segment;
use crate::sql::{Row, Session, values};
use crate::store::Store;

impl Store {
    /// Has the executions of a run counted although they are part of an outage, or no longer. The
    /// tests of its commit are judged again. Does nothing if that is so already.
    pub async fn count_outage(
        &self,
        suite: SuiteId,
        run: Uuid,
        counted: bool,
        change: &Change,
    ) -> Result<Recounted> {
        let mut session = self.write().await?;
        // Locks the suite as an upload does, without changing its counter: caches stay valid.
        let lock = "UPDATE suites SET timings_seq = timings_seq WHERE id = $1 AND NOT deleted";
        session.execute(lock, values![suite.get()]).await?;
        let found = session
            .optional(
                "SELECT id, key, branch_id, commit_number, guarded, counted FROM runs \
                 WHERE suite_id = $1 AND uuid = $2",
                values![suite.get(), run],
            )
            .await?;
        let place = Place::of_suite(&mut session, suite).await?;
        let (Some(row), Some(place)) = (found, place) else {
            return Ok(Recounted::NoRun);
        };
        if row.boolean("counted")? != counted {
            let outage = Outage::find(&mut session, suite, &row, change).await?;
            let Some(outage) = outage else {
                return Ok(Recounted::Deleted);
            };
            outage.recount(&mut session, counted).await?;
            let set = "UPDATE runs SET counted = $2 WHERE id = $1";
            session.execute(set, values![outage.run, counted]).await?;
            let event = Event {
                action: "run.outage_changed".to_owned(),
                subject: Subject {
                    kind: "run",
                    uuid: run,
                    name: row.text("key")?,
                },
                before: Some(json!({ "outage_counted": !counted })),
                after: Some(json!({ "outage_counted": counted })),
            };
            audit::record(&mut session, &place, change, event).await?;
        }
        let run = runs::by_uuid(&mut session, suite, run).await?;
        session.commit().await?;
        Ok(run.map_or(Recounted::NoRun, |run: Run| Recounted::Done(Box::new(run))))
    }
}

/// The executions of a run that are part of an outage.
struct Outage {
    suite: i64,
    run: i64,
    branch: i64,
    commit: Option<i64>,
    sums: DaySums,
    /// As if they were no longer counted.
    groups: Changes,
}

impl Outage {
    /// `None` if retention has deleted executions of the run.
    async fn find(
        session: &mut Session,
        suite: SuiteId,
        run: &Row,
        change: &Change,
    ) -> Result<Option<Self>> {
        let (id, suite) = (run.integer("id")?, suite.get());
        let commit = run.integer_or_null("commit_number")?;
        let mut outage = Self {
            suite,
            run: id,
            branch: run.integer_or_null("branch_id")?.unwrap_or(0),
            commit,
            sums: DaySums::new(),
            groups: Changes::of_known(change.at, tests_of(session, suite, commit).await?),
        };
        let mut memory = RunMemory::default();
        recall_run(session, id, &mut memory).await?;
        // No score needs what is older.
        let first_day = change.at.day() - i64::from(KEPT_DAYS) + 1;
        let uploads = session
            .rows(
                "SELECT segments.day, segments.body, uploads.guarded, uploads.kept FROM uploads \
                 LEFT JOIN segments ON segments.upload_id = uploads.id \
                 WHERE uploads.run_id = $1 AND uploads.received_at >= $2 ORDER BY uploads.id",
                values![id, change.at.plus_days(first_day - change.at.day())],
            )
            .await?;
        let is_outage = run.boolean("guarded")?;
        for row in uploads {
            let Some(body) = row.bytes_or_null("body")? else {
                if row.count("kept")? > 0 {
                    return Ok(None);
                }
                continue;
            };
            let (day, is_upload) = (row.integer("day")?, row.boolean("guarded")?);
            if day < first_day {
                continue;
            }
            for execution in segment::decode(&body)? {
                let test = execution.test_id;
                if is_outage || is_upload || memory.outcomes.is_guarded(test) {
                    count(&mut outage.sums, day, test, execution.outcome);
                    outage.groups.moved(test, execution.outcome, true);
                }
            }
        }
        Ok(Some(outage))
    }

    async fn recount(&self, session: &mut Session, counted: bool) -> Result<()> {
        for (day, tests) in &self.sums {
            let (place, tests) = ((self.suite, *day, self.branch), tests.clone());
            if counted {
                day_sums::subtract(session, Sums::Guarded, place, tests).await?;
            } else {
                day_sums::add(session, Sums::Guarded, place, tests).await?;
            }
        }
        if let Some(commit) = self.commit.filter(|_| !self.groups.is_empty()) {
            let groups = if counted {
                &self.groups.reversed()
            } else {
                &self.groups
            };
            let added = added_groups((self.suite, commit), self.run, groups);
            let changed = changed_tests_of(self.suite, groups);
            session.write_together(vec![added, changed]).await?;
        }
        Ok(())
    }
}

/// The tests with a group on a commit.
async fn tests_of(session: &mut Session, suite: i64, commit: Option<i64>) -> Result<HashSet<i64>> {
    let Some(commit) = commit else {
        return Ok(HashSet::new());
    };
    let rows = session
        .rows(
            "SELECT test_id FROM commit_groups WHERE suite_id = $1 AND commit_number = $2",
            values![suite, commit],
        )
        .await?;
    rows.iter().map(|row| row.integer("test_id")).collect()
}
