//! What is known of the uploads in which a test was executed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use test_engine_results::Outcome;

use super::{First, Found, LaterTags, Result, Tags, keys, number};
use crate::error::StoreError;
use crate::records::{Test, Timestamp};
use crate::run_outcomes::Lane;
use crate::runs::merged_tags;
use crate::sql::{Session, Value, values};

/// Uploads within this time overlap with an upload.
const AROUND_MS: i64 = 10 * 60 * 1_000;
/// More overlapping uploads make no difference.
const MAX_OVERLAPPING: i64 = 3;
/// Executions that one query asks about.
const AT_ONCE: usize = 50;

struct Facts {
    received_at: Timestamp,
    lane: Lane,
    tags: String,
}

pub(super) struct Uploads {
    runs: HashMap<i64, i64>,
    facts: HashMap<i64, Facts>,
}

impl Uploads {
    /// Loads those of the executions. `runs` has the run of each upload.
    pub(super) async fn load(
        session: &mut Session,
        runs: HashMap<i64, i64>,
        found: &[Found],
    ) -> Result<Self> {
        let select = "SELECT id, job_id, tags, received_at FROM uploads WHERE id";
        let ids = keys(found.iter().map(|one| one.upload));
        let mut facts = HashMap::new();
        for row in session.look_up(select, &[], ids, "").await? {
            let tags = row.text("tags")?;
            let of_upload = Facts {
                received_at: row.time("received_at")?,
                lane: Lane::new(row.text_or_null("job_id")?.as_deref(), &tags),
                tags,
            };
            facts.insert(row.integer("id")?, of_upload);
        }
        Ok(Self { runs, facts })
    }

    pub(super) fn run(&self, upload: i64) -> i64 {
        self.runs.get(&upload).copied().unwrap_or_default()
    }

    pub(super) fn lane(&self, upload: i64) -> Lane {
        let facts = self.facts.get(&upload);
        facts.map_or_else(|| Lane::new(None, ""), |facts| facts.lane)
    }

    pub(super) fn received_at(&self, upload: i64) -> Timestamp {
        let facts = self.facts.get(&upload);
        facts.map_or(Timestamp::from_millis(0), |facts| facts.received_at)
    }

    /// Leaves out runs in which the failures of the test had one new cause with many others.
    pub(super) async fn without_outages(
        &self,
        session: &mut Session,
        test: &Test,
        firsts: Vec<First>,
    ) -> Result<Vec<First>> {
        let failed = firsts
            .iter()
            .filter(|(first, _)| first.outcome == Outcome::Failed);
        let runs = keys(failed.map(|(first, _)| self.run(first.upload)));
        let select = "SELECT failures.run_id FROM failures JOIN failure_groups \
             ON failure_groups.run_id = failures.run_id \
             AND failure_groups.fingerprint = failures.fingerprint AND failure_groups.guarded \
             JOIN runs ON runs.id = failures.run_id AND NOT runs.counted \
             WHERE failures.test_id = ? AND failures.run_id";
        let bound = values![test.id.get()];
        let rows = session.look_up(select, &bound, runs, "").await?;
        let guarded = rows.iter().map(|row| row.integer("run_id"));
        let guarded: BTreeSet<i64> = guarded.collect::<Result<_>>()?;
        let is_kept = |(first, _): &First| !guarded.contains(&self.run(first.upload));
        Ok(firsts.into_iter().filter(is_kept).collect())
    }

    /// For each execution, the uploads of other runs of the organization at about the same time, at
    /// most [`MAX_OVERLAPPING`].
    pub(super) async fn overlapping(
        &self,
        session: &mut Session,
        test: &Test,
        firsts: &[First],
    ) -> Result<Vec<u32>> {
        let suites = session
            .rows(
                "SELECT id FROM suites WHERE NOT deleted AND organization_id = \
                 (SELECT organization_id FROM suites WHERE id = $1)",
                values![test.suite.get()],
            )
            .await?;
        let suites = suites.iter().map(|row| row.integer("id"));
        let suites: Vec<i64> = suites.collect::<Result<_>>()?;
        let mut counts = vec![0; firsts.len()];
        for suite in suites {
            for (chunk, firsts) in firsts.chunks(AT_ONCE).enumerate() {
                let part = "SELECT CAST(? AS BIGINT) AS place, (SELECT COUNT(*) FROM (SELECT 1 \
                     FROM uploads WHERE suite_id = ? AND received_at BETWEEN ? AND ? \
                     AND run_id <> ? LIMIT ?) AS others) AS overlapping";
                let text = vec![part; firsts.len()].join(" UNION ALL ");
                let mut bound: Vec<Value> = Vec::with_capacity(firsts.len() * 6);
                for (index, (first, _)) in (0_i64..).zip(firsts) {
                    let at = self.received_at(first.upload);
                    bound.extend(values![
                        index,
                        suite,
                        at.plus_millis(-AROUND_MS),
                        at.plus_millis(AROUND_MS),
                        self.run(first.upload),
                        MAX_OVERLAPPING,
                    ]);
                }
                for row in session.rows(text, bound).await? {
                    let place = usize::try_from(row.integer("place")?).unwrap_or(0);
                    let count: &mut u32 = &mut counts[chunk * AT_ONCE + place];
                    *count = count.saturating_add(number(row.integer("overlapping")?));
                }
            }
        }
        Ok(counts)
    }

    /// The tags of each execution.
    pub(super) async fn tags(&self, session: &mut Session, firsts: &[First]) -> Result<Vec<Tags>> {
        let later = later_tags(session, firsts).await?;
        let tags = firsts.iter().map(|(first, _)| {
            let upload = self.facts.get(&first.upload);
            let upload = upload.map_or("{}", |facts| facts.tags.as_str());
            let mut tags: BTreeMap<String, String> =
                merged_tags(upload, first.own_tags.as_deref())?;
            if let Some(later) = later.get(&(first.upload, first.position)) {
                tags.extend(later.clone());
            }
            Ok(tags)
        });
        tags.collect()
    }
}

/// Tags that were added after the upload.
async fn later_tags(session: &mut Session, firsts: &[First]) -> Result<LaterTags> {
    let mut later = LaterTags::new();
    for firsts in firsts.chunks(AT_ONCE) {
        let places = vec!["(upload_id = ? AND position = ?)"; firsts.len()].join(" OR ");
        let text = format!("SELECT upload_id, position, tags FROM execution_tags WHERE {places}");
        let bound = firsts.iter().flat_map(|(first, _)| {
            let place: [Value; 2] = [first.upload.into(), i64::from(first.position).into()];
            place
        });
        for row in session.rows(text, bound).await? {
            let position = u32::try_from(row.integer("position")?)
                .map_err(|_| StoreError::Damaged { what: "position" })?;
            let tags = row.json("tags", "set of tags")?;
            later.insert((row.integer("upload_id")?, position), tags);
        }
    }
    Ok(later)
}
