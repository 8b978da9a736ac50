//! The history of one test: its metrics and its executions.
//!
//! The daily sums say how often a test ran on each day, so only segments of the days with the
//! requested executions are read, newest first.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use test_engine_results::{FailureDetail, Outcome};
use uuid::Uuid;

use crate::day_sums;
use crate::error::StoreError;
use crate::filters::branch_condition;
use crate::identity::{execution_place, execution_uuid};
use crate::records::{BranchFilter, Execution, Listed, Metrics, Page, Period, Test, TestId};
use crate::runs::{MAX_TEXT_BYTES, expanded, merged_tags};
use crate::segment;
use crate::sql::{Row, Session, Value, values};
use crate::store::Store;
use crate::sums;

type Result<T> = std::result::Result<T, StoreError>;

/// Segments per query; a few megabytes at most.
const SEGMENTS_AT_ONCE: usize = 64;
/// Failures per query.
const FAILURES_AT_ONCE: usize = 100;
/// Characters of a reason.
const MAX_REASON: usize = 4_000;

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

    /// Sums of each day of a period with executions, on one branch or on all.
    pub async fn test_days(
        &self,
        test: &Test,
        period: Period,
        branch: Option<&str>,
    ) -> Result<BTreeMap<i64, Metrics>> {
        let branch = branch.map(|name| BranchFilter::Is(name.to_owned()));
        let branch = branch.as_ref();
        let mut session = self.read().await?;
        let mut days: BTreeMap<i64, Metrics> = BTreeMap::new();
        let add = |day, _, sums: &Metrics| sums::merge(days.entry(day).or_default(), sums);
        let tests = [test.id.get()];
        day_sums::each_day(&mut session, test.suite, tests, period, branch, add).await?;
        Ok(days)
    }

    /// The stored executions of a test, newest first.
    pub async fn test_executions(&self, test: &Test, page: Page) -> Result<Listed<Execution>> {
        self.test_executions_on(test, None, page).await
    }

    /// The same on one branch, or on all.
    pub async fn test_executions_on(
        &self,
        test: &Test,
        branch: Option<&str>,
        page: Page,
    ) -> Result<Listed<Execution>> {
        let branch = branch.map(|name| BranchFilter::Is(name.to_owned()));
        let branch = branch.as_ref();
        let mut session = self.read().await?;
        let days = days_with_executions(&mut session, test, branch).await?;
        let total = days.iter().map(|(_, count)| count).sum();
        let mut to_skip = u64::try_from(page.offset()).unwrap_or(0);
        let wanted = page.size as usize;
        let mut places = Vec::new();
        let mut days = days.into_iter().peekable();
        while let Some((_, count)) = days.next_if(|(_, count)| to_skip >= *count) {
            to_skip -= count;
        }
        let to_skip = usize::try_from(to_skip).unwrap_or(usize::MAX);
        let most = to_skip.saturating_add(wanted);
        // The days that have so many; others only if retention has just deleted some of them.
        while places.len() < most && days.peek().is_some() {
            let mut chosen = Vec::new();
            let mut there = places.len() as u64;
            while there < most as u64
                && let Some((day, count)) = days.next()
            {
                chosen.push(day);
                there = there.saturating_add(count);
            }
            let left = most - places.len();
            places.extend(places_on(&mut session, test, branch, (&chosen, left)).await?);
        }
        places.drain(..to_skip.min(places.len()));
        places.truncate(wanted);
        let items = describe(&mut session, places).await?;
        Ok(Listed { items, total })
    }
}

impl Store {
    /// An execution of a test, with the long texts of its failure; `None` if it is not stored.
    pub async fn test_execution(
        &self,
        test: &Test,
        execution: Uuid,
    ) -> Result<Option<(Execution, Vec<FailureDetail>)>> {
        let (upload_id, position) = execution_place(execution);
        let mut session = self.read().await?;
        let segment = session
            .optional(
                "SELECT body FROM segments WHERE upload_id = $1 AND suite_id = $2",
                values![upload_id, test.suite.get()],
            )
            .await?;
        let Some(segment) = segment else {
            return Ok(None);
        };
        let mut places = Vec::new();
        places_in(test.id, upload_id, &segment.bytes("body")?, &mut places)?;
        places.retain(|place| place.position == position);
        let found = describe(&mut session, places).await?.into_iter().next();
        // The rest of the id is from the upload's.
        let Some(found) = found.filter(|found| found.uuid == execution) else {
            return Ok(None);
        };
        let texts = format!(
            "SELECT expanded FROM failures WHERE upload_id = ? AND position = ? \
             AND octet_length(expanded) <= {MAX_TEXT_BYTES}"
        );
        let bound = values![upload_id, i64::from(position)];
        let texts = session.optional(texts, bound).await?;
        let texts = texts.map_or(Ok(None), |row| row.text_or_null("expanded"))?;
        let details = texts.map_or(Ok(Vec::new()), |text| expanded(&text))?;
        Ok(Some((found, details)))
    }
}

/// Days with stored executions of a test and their number, newest first.
async fn days_with_executions(
    session: &mut Session,
    test: &Test,
    branch: Option<&BranchFilter>,
) -> Result<Vec<(i64, u64)>> {
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
    let add = |day, _, sums: &Metrics| {
        *days.entry(day).or_default() += sums.counts.executions();
    };
    let tests = [test.id.get()];
    day_sums::each_day(session, test.suite, tests, period, branch, add).await?;
    Ok(days.into_iter().rev().collect())
}

/// Up to `most` executions of a test on some days, newest first.
async fn places_on(
    session: &mut Session,
    test: &Test,
    branch: Option<&BranchFilter>,
    (days, most): (&[i64], usize),
) -> Result<Vec<Place>> {
    let (on_branch, branch) = branch_condition(test.suite, branch, "runs.branch_id");
    let join = if on_branch.is_empty() {
        ""
    } else {
        "JOIN runs ON runs.id = segments.run_id "
    };
    let select = format!(
        "SELECT day, upload_id FROM segments {join}WHERE segments.suite_id = ? \
         {on_branch}AND day"
    );
    let mut bound = values![test.suite.get()].to_vec();
    bound.extend(branch);
    let keys = days.iter().copied().map(Value::from).collect();
    let rows = session.look_up(&select, &bound, keys, "").await?;
    let mut uploads: Vec<(i64, i64)> = rows
        .iter()
        .map(|row| Ok((row.integer("day")?, row.integer("upload_id")?)))
        .collect::<Result<_>>()?;
    uploads.sort_unstable_by(|one, other| other.cmp(one));
    let mut places = Vec::new();
    for uploads in uploads.chunks(SEGMENTS_AT_ONCE) {
        if places.len() >= most {
            break;
        }
        let select = "SELECT upload_id, body FROM segments WHERE upload_id";
        let keys = uploads.iter().map(|(_, upload)| Value::from(*upload));
        let rows = session.look_up(select, &[], keys.collect(), "").await?;
        let mut bodies = HashMap::new();
        for row in &rows {
            bodies.insert(row.integer("upload_id")?, row.bytes("body")?);
        }
        for (_, upload) in uploads {
            if let Some(body) = bodies.get(upload) {
                places_in(test.id, *upload, body, &mut places)?;
            }
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

/// Adds columns of uploads, runs and failures, with a few queries for all of them together.
async fn describe(session: &mut Session, places: Vec<Place>) -> Result<Vec<Execution>> {
    let ids: BTreeSet<i64> = places.iter().map(|place| place.upload_id).collect();
    let mut uploads = upload_facts(session, &ids).await?;
    let failed = places
        .iter()
        .filter(|place| place.kept.outcome == Outcome::Failed);
    let failed: BTreeSet<(i64, u32)> = failed
        .map(|place| (place.upload_id, place.position))
        .collect();
    let mut reasons = reasons(session, &failed).await?;
    let mut executions = Vec::with_capacity(places.len());
    for place in places {
        let Some(upload) = uploads.get_mut(&place.upload_id) else {
            // Retention has just deleted it.
            continue;
        };
        let mut tags = merged_tags(&upload.tags, place.kept.tags.as_deref())?;
        tags.extend(
            upload
                .later_tags
                .remove(&place.position)
                .unwrap_or_default(),
        );
        executions.push(Execution {
            uuid: execution_uuid(place.upload_id, upload.uuid, place.position),
            outcome: place.kept.outcome,
            muted: place.kept.muted,
            is_first: place.kept.is_first,
            duration: place.kept.duration,
            run_uuid: upload.run_uuid,
            run_number: upload.run_number.clone(),
            branch: upload.branch.clone(),
            commit_sha: upload.commit_sha.clone(),
            job_id: upload.job_id.clone(),
            failure_reason: reasons.remove(&(place.upload_id, place.position)),
            tags,
            created_at: upload.received_at,
        });
    }
    Ok(executions)
}

struct UploadFacts {
    uuid: Uuid,
    run_uuid: Uuid,
    run_number: Option<String>,
    branch: Option<String>,
    commit_sha: Option<String>,
    job_id: Option<String>,
    tags: String,
    /// By position.
    later_tags: HashMap<u32, BTreeMap<String, String>>,
    received_at: crate::records::Timestamp,
}

async fn upload_facts(
    session: &mut Session,
    uploads: &BTreeSet<i64>,
) -> Result<HashMap<i64, UploadFacts>> {
    let keys = || uploads.iter().copied().map(Value::from).collect();
    let select = "SELECT uploads.id, uploads.uuid, runs.uuid AS run_uuid, runs.number, \
         branches.name AS branch, runs.commit_sha, uploads.job_id, uploads.tags, \
         uploads.received_at FROM uploads JOIN runs ON runs.id = uploads.run_id \
         LEFT JOIN branches ON branches.id = runs.branch_id WHERE uploads.id";
    let mut facts = HashMap::new();
    for row in session.look_up(select, &[], keys(), "").await? {
        let upload = UploadFacts {
            uuid: row.uuid("uuid")?,
            run_uuid: row.uuid("run_uuid")?,
            run_number: row.text_or_null("number")?,
            branch: row.text_or_null("branch")?,
            commit_sha: row.text_or_null("commit_sha")?,
            job_id: row.text_or_null("job_id")?,
            tags: row.text("tags")?,
            later_tags: HashMap::new(),
            received_at: row.time("received_at")?,
        };
        facts.insert(row.integer("id")?, upload);
    }
    let select = "SELECT upload_id, position, tags FROM execution_tags WHERE upload_id";
    for row in session.look_up(select, &[], keys(), "").await? {
        if let Some(upload) = facts.get_mut(&row.integer("upload_id")?) {
            let tags = row.json("tags", "set of tags")?;
            upload.later_tags.insert(position(&row)?, tags);
        }
    }
    Ok(facts)
}

/// The short reasons of failures, by upload and position.
async fn reasons(
    session: &mut Session,
    failed: &BTreeSet<(i64, u32)>,
) -> Result<HashMap<(i64, u32), String>> {
    let mut reasons = HashMap::new();
    let failed: Vec<(i64, u32)> = failed.iter().copied().collect();
    for some in failed.chunks(FAILURES_AT_ONCE) {
        // Few lengths, so that prepared statements are reused.
        let length = if some.len() > 10 {
            FAILURES_AT_ONCE
        } else {
            10
        };
        let wanted = vec!["(upload_id = ? AND position = ?)"; length].join(" OR ");
        let text = format!(
            "SELECT upload_id, position, SUBSTR(reason, 1, {MAX_REASON}) AS reason \
             FROM failures WHERE {wanted}"
        );
        let last = some.last().into_iter().cycle();
        let padded = some.iter().chain(last).take(length);
        let bound: Vec<Value> = padded
            .flat_map(|(upload, position)| values![*upload, i64::from(*position)])
            .collect();
        for row in session.rows(text, bound).await? {
            if let Some(reason) = row.text_or_null("reason")? {
                reasons.insert((row.integer("upload_id")?, position(&row)?), reason);
            }
        }
    }
    Ok(reasons)
}

fn position(row: &Row) -> Result<u32> {
    let position = u32::try_from(row.integer("position")?);
    position.map_err(|_negative| StoreError::Damaged { what: "position" })
}
