//! Under which circumstances a test failed or passed: what its causes are found from.
//!
//! The executions of one test are spread over the segments of all uploads of its suite, so this
//! reads many of them. How many is limited, in bytes, segments and executions; what is older than
//! the limits permit is left out. Memory is that of one batch of segments.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use test_engine_duration::Micros;
use test_engine_results::Outcome;

use crate::error::StoreError;
use crate::evidence::small;
use crate::identity::fingerprint;
use crate::records::{Circumstances, Examined, SharedCause, Test, Timestamp};
use crate::run_outcomes::Lane;
use crate::segment::{self, StoredExecution};
use crate::sql::{Session, Value, values};
use crate::store::Store;
use crate::test_rows::by_ids;

mod neighbours;
mod uploads;

use neighbours::Neighbours;
use uploads::Uploads;

type Result<T> = std::result::Result<T, StoreError>;

/// How long ago an execution may be.
const DAYS: i64 = 60;
/// With fewer failures no cause can be found.
const MIN_FAILURES: i64 = 8;
/// How much is read.
#[derive(Clone, Copy)]
struct Limits {
    /// Segments that are considered, the newest ones.
    segments: i64,
    /// Bytes of segments.
    bytes: i64,
    /// First executions of the test.
    executions: usize,
}

/// About 5,000,000 executions of all tests.
const LIMITS: Limits = Limits {
    segments: 20_000,
    bytes: 64 << 20,
    executions: 2_000,
};
/// Bytes of segments that are read by one query.
const BATCH_BYTES: i64 = 4 << 20;
/// Fingerprints of the test whose other tests are looked for, and runs of each.
const MAX_FINGERPRINTS: i64 = 3;
const MAX_RUNS: i64 = 20;
/// Tests that are listed with a fingerprint.
const MAX_LISTED: usize = 10;
/// Tests with one fingerprint that are a cause of their own.
const MIN_SHARED: usize = 3;

impl Store {
    /// The first executions of a test in its runs of the last 60 days, without those of outages.
    /// `None` if fewer than eight executions failed.
    pub async fn circumstances(&self, test: &Test, now: Timestamp) -> Result<Option<Examined>> {
        self.circumstances_within(LIMITS, test, now).await
    }

    async fn circumstances_within(
        &self,
        limits: Limits,
        test: &Test,
        now: Timestamp,
    ) -> Result<Option<Examined>> {
        let since = now.plus_days(-DAYS);
        let mut session = self.read().await?;
        let failed = session
            .count(
                "SELECT CAST(COALESCE(SUM(failed), 0) AS BIGINT) FROM commit_groups \
                 WHERE test_id = $1 AND first_at >= $2",
                values![test.id.get(), since],
            )
            .await?;
        if failed < MIN_FAILURES.unsigned_abs() {
            return Ok(None);
        }
        let (places, mut is_complete) = places(&mut session, limits, test, since).await?;
        let mut found = Vec::new();
        let mut neighbours = Neighbours::default();
        for batch in batches(&places) {
            let uploads = batch.iter().map(|place| place.upload.into()).collect();
            let select = "SELECT upload_id, body FROM segments WHERE upload_id";
            for row in session.look_up(select, &[], uploads, "").await? {
                let upload = row.integer("upload_id")?;
                let of_test = in_segment(test, upload, &row.bytes("body")?, &mut neighbours)?;
                found.extend(of_test);
            }
            let first = found.iter().filter(|one: &&Found| one.is_first);
            if first.count() > limits.executions {
                is_complete = false;
                break;
            }
        }
        let runs = places.iter().map(|place| (place.upload, place.run));
        let uploads = Uploads::load(&mut session, runs.collect(), &found).await?;
        let firsts = first_executions(found, &uploads, limits.executions);
        let firsts = uploads.without_outages(&mut session, test, firsts).await?;
        let overlapping = uploads.overlapping(&mut session, test, &firsts).await?;
        let tags = uploads.tags(&mut session, &firsts).await?;
        let slowness = neighbours.slowness();
        let executions: Vec<Circumstances> = firsts
            .into_iter()
            .zip(overlapping.into_iter().zip(tags))
            .map(
                |((first, retry), (overlapping_uploads, tags))| Circumstances {
                    failed: first.outcome == Outcome::Failed,
                    passed_on_retry: retry.map(|outcome| outcome == Outcome::Passed),
                    at: uploads.received_at(first.upload),
                    overlapping_uploads,
                    slowness_percent: slowness.get(&first.upload).copied(),
                    order: first.order,
                    duration: first.duration,
                    tags,
                },
            )
            .collect();
        Ok(Some(Examined {
            since: executions.iter().map(|one| one.at).min(),
            executions,
            is_complete,
        }))
    }

    /// Causes that a test shares with at least two others: the fingerprints of most of its failures
    /// in the last 60 days, outside outages.
    pub async fn shared_causes(&self, test: &Test, now: Timestamp) -> Result<Vec<SharedCause>> {
        let (suite, since) = (test.suite.get(), now.plus_days(-DAYS));
        let mut session = self.read().await?;
        let fingerprints = session
            .rows(
                "SELECT fingerprint, COUNT(*) AS commits FROM commit_groups WHERE test_id = $1 \
                 AND first_at >= $2 AND fingerprint IS NOT NULL AND failed > 0 \
                 GROUP BY fingerprint ORDER BY commits DESC, fingerprint LIMIT $3",
                values![test.id.get(), since, MAX_FINGERPRINTS],
            )
            .await?;
        let mut shared = Vec::new();
        for row in fingerprints {
            let code = row.integer("fingerprint")?;
            let runs = session
                .rows(
                    "SELECT failure_groups.run_id FROM failure_groups \
                     JOIN runs ON runs.id = failure_groups.run_id \
                     WHERE failure_groups.suite_id = $1 AND failure_groups.fingerprint = $2 \
                     AND failure_groups.last_at >= $3 AND (runs.counted \
                     OR NOT (runs.guarded OR failure_groups.guarded)) \
                     ORDER BY failure_groups.run_id DESC LIMIT $4",
                    values![suite, code, since, MAX_RUNS],
                )
                .await?;
            let mut tests = BTreeSet::from([test.id.get()]);
            let runs = runs.iter().map(|row| Ok(row.integer("run_id")?.into()));
            let runs = runs.collect::<Result<_>>()?;
            let select = "SELECT DISTINCT test_id FROM failures WHERE fingerprint = ? AND run_id";
            let failed = session.look_up(select, &values![code], runs, "").await?;
            for row in failed {
                tests.insert(row.integer("test_id")?);
            }
            if tests.len() < MIN_SHARED {
                continue;
            }
            let tests_count = tests.len() as u64;
            let listed = tests.into_iter().filter(|id| *id != test.id.get());
            let listed = by_ids(&mut session, listed.take(MAX_LISTED)).await?;
            shared.push(SharedCause {
                fingerprint: fingerprint(code),
                commits: row.count("commits")?,
                tests_count,
                others: listed.into_values().collect(),
            });
        }
        Ok(shared)
    }
}

struct Place {
    upload: i64,
    run: i64,
    bytes: i64,
}

/// The newest uploads that are not part of an outage, and whether these are all.
async fn places(
    session: &mut Session,
    limits: Limits,
    test: &Test,
    since: Timestamp,
) -> Result<(Vec<Place>, bool)> {
    let rows = session
        .rows(
            "SELECT segments.upload_id, segments.run_id, LENGTH(segments.body) AS bytes \
             FROM segments JOIN uploads ON uploads.id = segments.upload_id \
             JOIN runs ON runs.id = segments.run_id \
             WHERE segments.suite_id = $1 AND segments.day >= $2 \
             AND (runs.counted OR NOT (runs.guarded OR uploads.guarded)) \
             ORDER BY segments.day DESC, segments.upload_id DESC LIMIT $3",
            values![test.suite.get(), since.day(), limits.segments],
        )
        .await?;
    let mut is_complete = i64::try_from(rows.len()).unwrap_or(i64::MAX) < limits.segments;
    let (mut places, mut total) = (Vec::with_capacity(rows.len()), 0);
    for row in rows {
        let bytes = row.integer("bytes")?;
        total += bytes;
        if total > limits.bytes {
            is_complete = false;
            break;
        }
        places.push(Place {
            upload: row.integer("upload_id")?,
            run: row.integer("run_id")?,
            bytes,
        });
    }
    Ok((places, is_complete))
}

/// Splits places so that each query reads a few megabytes.
fn batches(places: &[Place]) -> Vec<&[Place]> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, place) in places.iter().enumerate() {
        if bytes > 0 && bytes + place.bytes > BATCH_BYTES {
            batches.push(&places[start..index]);
            (start, bytes) = (index, 0);
        }
        bytes += place.bytes;
    }
    batches.push(&places[start..]);
    batches.retain(|batch| !batch.is_empty());
    batches
}

/// An execution of the test that passed or failed.
#[derive(Clone, Debug)]
struct Found {
    upload: i64,
    position: u32,
    outcome: Outcome,
    /// In its run.
    is_first: bool,
    duration: Option<Micros>,
    own_tags: Option<String>,
    /// A hash of the set of tests before it in the upload.
    order: Option<u64>,
}

fn in_segment(
    test: &Test,
    upload: i64,
    body: &[u8],
    neighbours: &mut Neighbours,
) -> Result<Vec<Found>> {
    let positions = segment::positions_of(body, test.id.get())?;
    if positions.is_empty() {
        return Ok(Vec::new());
    }
    let executions = segment::decode(body)?;
    neighbours.add(upload, test.id.get(), &executions);
    let mut found = Vec::with_capacity(positions.len());
    for position in positions {
        let index = position as usize;
        let execution = executions
            .get(index)
            .ok_or(StoreError::Damaged { what: "segment" })?;
        if !matches!(execution.outcome, Outcome::Passed | Outcome::Failed) {
            continue;
        }
        found.push(Found {
            upload,
            position,
            outcome: execution.outcome,
            is_first: execution.is_first == Some(true),
            duration: execution.duration,
            own_tags: execution.tags.clone(),
            order: Some(predecessors(&executions[..index])),
        });
    }
    Ok(found)
}

/// Equal for the same tests in any order.
fn predecessors(executions: &[StoredExecution]) -> u64 {
    let ids: BTreeSet<i64> = executions.iter().map(|one| one.test_id).collect();
    ids.into_iter().fold(0, |sum: u64, id| {
        sum.wrapping_add(neighbours::scattered(id))
    })
}

/// Each first execution of a run, with the outcome of the retry after it.
type First = (Found, Option<Outcome>);

fn first_executions(mut found: Vec<Found>, uploads: &Uploads, most: usize) -> Vec<First> {
    found.sort_by_key(|one| (uploads.run(one.upload), one.upload, one.position));
    let mut firsts: Vec<First> = Vec::new();
    let mut current: Option<(i64, Lane)> = None;
    for one in found {
        let (run, lane) = (uploads.run(one.upload), uploads.lane(one.upload));
        if one.is_first {
            current = Some((run, lane));
            firsts.push((one, None));
        } else if current.as_ref() == Some(&(run, lane))
            && let Some((_, retry)) = firsts.last_mut()
        {
            retry.get_or_insert(one.outcome);
        }
    }
    let newest = firsts.len().saturating_sub(most);
    firsts.drain(..newest);
    firsts
}

/// Saturating, for thresholds of a few.
fn number(count: i64) -> u32 {
    small(count)
}

/// Values to search for.
fn keys(ids: impl IntoIterator<Item = i64>) -> Vec<Value<'static>> {
    let distinct: BTreeSet<i64> = ids.into_iter().collect();
    distinct.into_iter().map(Value::from).collect()
}

/// Tags by name.
type Tags = BTreeMap<String, String>;

/// By upload and position.
type LaterTags = HashMap<(i64, u32), Tags>;

#[cfg(test)]
mod tests {
    use test_engine_results::TestResult;
    use uuid::Uuid;

    use super::*;
    use crate::records::{Change, NewExecution, NewRun, NewSuite, NewUpload};

    const NOW: Timestamp = Timestamp::from_millis(1_800_014_400_000);
    const RUNS: u128 = 10;

    /// A test that fails in ten runs and passes on retry.
    async fn failing_test(store: &Store) -> Test {
        let change = Change::by_server(NOW);
        let organization = store
            .create_organization(Uuid::nil(), "acme", &change)
            .await
            .unwrap();
        let suite = store
            .create_suite(organization.id, NewSuite::default(), &change)
            .await
            .unwrap();
        let execution = |outcome| NewExecution {
            result: TestResult {
                name: "a".into(),
                outcome,
                ..TestResult::default()
            },
            ..NewExecution::default()
        };
        for number in 1..=RUNS {
            let mut digest = [0; 32];
            digest[..16].copy_from_slice(&number.to_be_bytes());
            let upload = NewUpload {
                suite: suite.id,
                run: NewRun {
                    uuid: Uuid::from_u128(number),
                    key: number.to_string(),
                    run_env: "{}".to_owned(),
                    ..NewRun::default()
                },
                uuid: Uuid::from_u128(number),
                format: test_engine_results::Format::Json,
                job_id: None,
                tags: BTreeMap::new(),
                digest,
                skipped: 0,
                errors: Vec::new(),
                errors_outside_tests: Vec::new(),
                received_at: NOW,
                executions: vec![execution(Outcome::Failed), execution(Outcome::Passed)],
            };
            store.record_upload(upload).await.unwrap();
        }
        store.find_test(&suite, "", "a").await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn reads_the_newest_executions_up_to_each_limit() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("test.db");
        let store = Store::open_file(&file).await.unwrap();
        let test = failing_test(&store).await;
        let size = {
            let mut session = store.read().await.unwrap();
            let sum = "SELECT SUM(LENGTH(body)) FROM segments";
            i64::try_from(session.count(sum, []).await.unwrap()).unwrap()
        };
        let generous = Limits {
            segments: 11,
            bytes: size,
            executions: 10,
        };
        let cases = [
            (generous, 10, true),
            (
                Limits {
                    segments: 4,
                    ..generous
                },
                4,
                false,
            ),
            (
                Limits {
                    bytes: size / 2,
                    ..generous
                },
                5,
                false,
            ),
            (
                Limits {
                    executions: 3,
                    ..generous
                },
                3,
                false,
            ),
        ];
        for (limits, expected, is_complete) in cases {
            let found = store.circumstances_within(limits, &test, NOW).await;
            let found = found.unwrap().unwrap();
            let retries = found.executions.iter().map(|one| one.passed_on_retry);
            assert_eq!(retries.collect::<Vec<_>>(), vec![Some(true); expected]);
            assert_eq!(found.is_complete, is_complete);
        }
        store.close().await;
    }

    #[test]
    fn a_query_reads_a_few_megabytes_or_one_segment() {
        let place = |bytes| Place {
            upload: 1,
            run: 1,
            bytes,
        };
        let places = [3 << 20, 1 << 20, 1, 9 << 20, 5, 5].map(place);
        let batches = batches(&places);
        let lengths = batches.iter().map(|batch| batch.len());
        assert_eq!(lengths.collect::<Vec<_>>(), [2, 1, 1, 2]);
    }
}
