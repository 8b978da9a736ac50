//! The history of one test: its metrics and its executions.
//!
//! The daily sums say how often a test ran on each day, so only segments of the requested days are
//! read, newest first.

use std::collections::{BTreeMap, HashMap};

use test_engine_results::Outcome;
use uuid::Uuid;

use crate::day_sums;
use crate::error::StoreError;
use crate::execution_tags::later_tags;
use crate::identity::execution_uuid;
use crate::records::{BranchFilter, Execution, Listed, Metrics, Page, Period, Test, TestId};
use crate::runs::merged_tags;
use crate::segment;
use crate::sql::{Session, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

/// Segments per query; a few megabytes at most.
const SEGMENTS_AT_ONCE: i64 = 64;

struct Place {
    upload_id: i64,
    position: u32,
    kept: segment::StoredExecution,
}

impl Store {
    /// Sums over a period, on one branch or on all.
    pub async fn test_metrics(
        &self,
        test: &Test,
        period: Period,
        branch: Option<&str>,
    ) -> Result<Metrics> {
        let branch = branch.map(|name| BranchFilter::Is(name.to_owned()));
        let mut session = self.read().await?;
        let id = test.id.get();
        let totals =
            day_sums::of_tests(&mut session, test.suite, [id], period, branch.as_ref()).await?;
        Ok(totals.of(id))
    }

    /// The stored executions of a test, newest first.
    pub async fn test_executions(&self, test: &Test, page: Page) -> Result<Listed<Execution>> {
        let mut session = self.read().await?;
        let days = days_with_executions(&mut session, test).await?;
        let total = days.iter().map(|(_, count)| count).sum();
        let mut to_skip = u64::try_from(page.offset()).unwrap_or(0);
        let wanted = page.size as usize;
        let mut places = Vec::new();
        for (day, count) in days {
            if to_skip >= count {
                to_skip -= count;
                continue;
            }
            let most = usize::try_from(to_skip)
                .unwrap_or(usize::MAX)
                .saturating_add(wanted - places.len());
            let found = places_on(&mut session, test, day, most).await?;
            places.extend(
                found
                    .into_iter()
                    .skip(usize::try_from(to_skip).unwrap_or(usize::MAX)),
            );
            to_skip = 0;
            if places.len() >= wanted {
                break;
            }
        }
        places.truncate(wanted);
        let items = describe(&mut session, places).await?;
        Ok(Listed { items, total })
    }
}

/// Days with stored executions of a test and their number, newest first.
async fn days_with_executions(session: &mut Session, test: &Test) -> Result<Vec<(i64, u64)>> {
    // Sums are kept longer than executions.
    let kept = session
        .one(
            "SELECT (SELECT MIN(day) FROM segments WHERE suite_id = $1) AS oldest, \
             (SELECT MAX(day) FROM segments WHERE suite_id = $1) AS newest",
            values![test.suite.get()],
        )
        .await?;
    let (Some(oldest), Some(newest)) = (
        kept.integer_or_null("oldest")?,
        kept.integer_or_null("newest")?,
    ) else {
        return Ok(Vec::new());
    };
    let period = Period {
        first_day: oldest,
        last_day: newest,
    };
    let mut days: BTreeMap<i64, u64> = BTreeMap::new();
    day_sums::each_day(
        session,
        test.suite,
        [test.id.get()],
        period,
        |day, _, sums| {
            *days.entry(day).or_default() += sums.counts.executions();
        },
    )
    .await?;
    Ok(days.into_iter().rev().collect())
}

/// Up to `most` executions of a test on a day, newest first.
async fn places_on(
    session: &mut Session,
    test: &Test,
    day: i64,
    most: usize,
) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    let mut before = i64::MAX;
    while places.len() < most {
        let rows = session
            .rows(
                "SELECT upload_id, body FROM segments \
                 WHERE suite_id = $1 AND day = $2 AND upload_id < $3 \
                 ORDER BY upload_id DESC LIMIT $4",
                values![test.suite.get(), day, before, SEGMENTS_AT_ONCE],
            )
            .await?;
        let Some(last) = rows.last() else { break };
        before = last.integer("upload_id")?;
        for row in &rows {
            places_in(
                test.id,
                row.integer("upload_id")?,
                &row.bytes("body")?,
                &mut places,
            )?;
        }
    }
    places.truncate(most);
    Ok(places)
}

/// Adds a segment's executions of a test, last one first.
fn places_in(test: TestId, upload_id: i64, body: &[u8], places: &mut Vec<Place>) -> Result<()> {
    let positions = segment::positions_of(body, test.get())?;
    if positions.is_empty() {
        return Ok(());
    }
    let executions = segment::decode(body)?;
    for position in positions.into_iter().rev() {
        let kept = usize::try_from(position)
            .ok()
            .and_then(|index| executions.get(index));
        let kept = kept
            .cloned()
            .ok_or(StoreError::Damaged { what: "segment" })?;
        places.push(Place {
            upload_id,
            position,
            kept,
        });
    }
    Ok(())
}

/// Adds columns of uploads, runs and failures.
async fn describe(session: &mut Session, places: Vec<Place>) -> Result<Vec<Execution>> {
    let mut uploads: BTreeMap<i64, UploadFacts> = BTreeMap::new();
    let mut executions = Vec::with_capacity(places.len());
    for place in places {
        if let std::collections::btree_map::Entry::Vacant(new) = uploads.entry(place.upload_id) {
            new.insert(upload_facts(session, place.upload_id).await?);
        }
        let upload = &uploads[&place.upload_id];
        let failure_reason = if place.kept.outcome == Outcome::Failed {
            let row = session
                .optional(
                    "SELECT SUBSTR(reason, 1, 4000) AS reason FROM failures \
                     WHERE upload_id = $1 AND position = $2",
                    values![place.upload_id, i64::from(place.position)],
                )
                .await?;
            row.map_or(Ok(None), |row| row.text_or_null("reason"))?
        } else {
            None
        };
        let mut tags = merged_tags(&upload.tags, place.kept.tags.as_deref())?;
        if let Some(later) = upload.later_tags.get(&(place.upload_id, place.position)) {
            tags.extend(later.clone());
        }
        executions.push(Execution {
            uuid: execution_uuid(place.upload_id, upload.uuid, place.position),
            outcome: place.kept.outcome,
            muted: place.kept.muted,
            duration: place.kept.duration,
            run_uuid: upload.run_uuid,
            branch: upload.branch.clone(),
            commit_sha: upload.commit_sha.clone(),
            job_id: upload.job_id.clone(),
            failure_reason,
            tags,
            created_at: upload.received_at,
        });
    }
    Ok(executions)
}

struct UploadFacts {
    uuid: Uuid,
    run_uuid: Uuid,
    branch: Option<String>,
    commit_sha: Option<String>,
    job_id: Option<String>,
    tags: String,
    later_tags: HashMap<(i64, u32), BTreeMap<String, String>>,
    received_at: crate::records::Timestamp,
}

async fn upload_facts(session: &mut Session, upload_id: i64) -> Result<UploadFacts> {
    let row = session
        .one(
            "SELECT uploads.uuid, runs.uuid AS run_uuid, branches.name AS branch, \
             runs.commit_sha, uploads.job_id, \
             uploads.tags, uploads.received_at FROM uploads \
             JOIN runs ON runs.id = uploads.run_id \
             LEFT JOIN branches ON branches.id = runs.branch_id WHERE uploads.id = $1",
            values![upload_id],
        )
        .await?;
    Ok(UploadFacts {
        uuid: row.uuid("uuid")?,
        run_uuid: row.uuid("run_uuid")?,
        branch: row.text_or_null("branch")?,
        commit_sha: row.text_or_null("commit_sha")?,
        job_id: row.text_or_null("job_id")?,
        tags: row.text("tags")?,
        later_tags: later_tags(session, upload_id, upload_id).await?,
        received_at: row.time("received_at")?,
    })
}
