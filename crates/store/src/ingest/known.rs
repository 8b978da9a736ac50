//! Finds or inserts the tests and selectors that executions refer to.

use std::collections::HashMap;
use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use foldhash::{HashMap as FastMap, HashMapExt as _, HashSet, HashSetExt as _};
use uuid::Uuid;

use crate::error::StoreError;
use crate::identity::{file_key, selector_hash};
use crate::memory::KnownTest;
use crate::records::{NewExecution, NewUpload, RunTiming};
use crate::rings;
use crate::sql::{Session, Value, positions, values};

type Result<T> = std::result::Result<T, StoreError>;

/// Precision of a test's `last_seen_at`, in milliseconds: an unchanged test is not written at each
/// execution.
const LAST_SEEN_STEP_MS: i64 = 60 * 60 * 1000;

const INSERT: &str = "INSERT INTO selectors (suite_id, value_hash, value, updated_seq, recent)";

pub(super) struct Selectors<'a> {
    suite_id: i64,
    /// The sequence number of changes by this upload.
    seq: i64,
    entries: HashMap<&'a str, Entry>,
}

struct Entry {
    /// Its index among the distinct values of the upload.
    place: usize,
    hash: [u8; 16],
    id: i64,
    recent: Vec<u8>,
    changed: bool,
}

impl<'a> Selectors<'a> {
    /// Reads the selectors with these values, and inserts missing ones.
    pub(super) async fn load(
        session: &mut Session,
        suite_id: i64,
        seq: i64,
        values: impl Iterator<Item = &'a str>,
    ) -> Result<Self> {
        let mut entries: HashMap<&str, Entry> = HashMap::new();
        let mut by_hash: HashMap<[u8; 16], &str> = HashMap::new();
        for value in values {
            let place = entries.len();
            entries.entry(value).or_insert_with(|| {
                let hash = selector_hash(value);
                by_hash.insert(hash, value);
                Entry {
                    place,
                    hash,
                    id: 0,
                    recent: Vec::new(),
                    changed: false,
                }
            });
        }
        // In index order, so that adjacent entries are read together.
        let mut hashes: Vec<[u8; 16]> = by_hash.keys().copied().collect();
        hashes.sort_unstable();
        let known = session
            .look_up(
                "SELECT id, value_hash, recent FROM selectors \
                 WHERE suite_id = ? AND value_hash",
                &values![suite_id],
                hashes.iter().map(Value::from).collect(),
                "",
            )
            .await?;
        let [id, hash, recent] = positions(&known, ["id", "value_hash", "recent"])?;
        for row in known {
            if let Some(entry) = find(&by_hash, &mut entries, &row.bytes(hash)?) {
                entry.id = row.integer(id)?;
                entry.recent = row.bytes(recent)?;
            }
        }
        let mut missing: Vec<(usize, [u8; 16], &str)> = entries
            .iter()
            .filter(|(_, entry)| entry.id == 0)
            .map(|(value, entry)| (entry.place, entry.hash, *value))
            .collect();
        // In file order, like tests, for locality.
        missing.sort_unstable();
        let mut cells = Vec::with_capacity(missing.len() * 5);
        for (_, hash, value) in &missing {
            cells.extend(values![suite_id, hash, *value, seq, Vec::new()]);
        }
        let inserted = session
            .write_many(INSERT, 5, cells, "RETURNING id, value_hash")
            .await?;
        let [id, hash] = positions(&inserted, ["id", "value_hash"])?;
        for row in inserted {
            if let Some(entry) = find(&by_hash, &mut entries, &row.bytes(hash)?) {
                entry.id = row.integer(id)?;
            }
        }
        Ok(Self {
            suite_id,
            seq,
            entries,
        })
    }

    pub(super) fn add(&mut self, value: &str, timing: RunTiming) -> Result<()> {
        if let Some(entry) = self.entries.get_mut(value) {
            let mut recent = rings::decode(&entry.recent)?;
            rings::add(&mut recent, timing);
            entry.recent = rings::encode(&recent);
            entry.changed = true;
        }
        Ok(())
    }

    pub(super) async fn save(&self, session: &mut Session) -> Result<()> {
        let mut changed: Vec<(&str, &Entry)> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.changed)
            .map(|(value, entry)| (*value, entry))
            .collect();
        changed.sort_unstable_by_key(|(_, entry)| entry.id);
        let mut cells = Vec::with_capacity(changed.len() * 5);
        for (value, entry) in changed {
            cells.extend(values![
                self.suite_id,
                &entry.hash,
                value,
                self.seq,
                entry.recent.as_slice(),
            ]);
        }
        let update = "ON CONFLICT (suite_id, value_hash) DO UPDATE SET \
                      updated_seq = excluded.updated_seq, recent = excluded.recent";
        session.write_many(INSERT, 5, cells, update).await?;
        Ok(())
    }

    pub(super) fn id(&self, value: Option<&str>) -> Option<i64> {
        self.entries.get(value?).map(|entry| entry.id)
    }
}

fn find<'e, 'a>(
    by_hash: &HashMap<[u8; 16], &'a str>,
    entries: &'e mut HashMap<&'a str, Entry>,
    hash: &[u8],
) -> Option<&'e mut Entry> {
    let hash = <[u8; 16]>::try_from(hash).ok()?;
    entries.get_mut(by_hash.get(&hash)?)
}

/// The internal id of each execution's test. Inserts or updates tests that are new or have changed.
pub(super) async fn test_ids(
    session: &mut Session,
    upload: &NewUpload,
    uuids: &[Uuid],
    known: &mut FastMap<Uuid, KnownTest>,
    selectors: &Selectors<'_>,
) -> Result<Vec<i64>> {
    // The last execution of a test in an upload determines its location.
    let mut latest: FastMap<Uuid, &NewExecution> = FastMap::with_capacity(uuids.len());
    for (uuid, execution) in uuids.iter().zip(&upload.executions) {
        latest.insert(*uuid, execution);
    }
    let mut unknown: Vec<Uuid> = latest
        .keys()
        .filter(|uuid| !known.contains_key(*uuid))
        .copied()
        .collect();
    unknown.sort_unstable();
    load(session, &unknown, selectors.seq, known).await?;

    let now_ms = upload.received_at.millis();
    let mut written = HashSet::new();
    // In file order, so that neighboring tests get consecutive ids.
    let changed: Vec<(Uuid, &NewExecution)> = uuids
        .iter()
        .filter(|uuid| written.insert(**uuid))
        .filter_map(|uuid| latest.get(uuid).map(|execution| (*uuid, *execution)))
        .filter(|(uuid, execution)| {
            known.get(uuid).is_none_or(|test| {
                test.fingerprint != fingerprint(execution)
                    || now_ms.saturating_sub(test.last_seen_at) >= LAST_SEEN_STEP_MS
            })
        })
        .collect();
    write(session, upload, &changed, known, selectors).await?;
    uuids
        .iter()
        .map(|uuid| known.get(uuid).map(|test| test.id))
        .collect::<Option<_>>()
        .ok_or(StoreError::Damaged { what: "test" })
}

async fn load(
    session: &mut Session,
    uuids: &[Uuid],
    as_of: i64,
    known: &mut FastMap<Uuid, KnownTest>,
) -> Result<()> {
    let found = session
        .look_up(
            "SELECT tests.id, tests.uuid, tests.last_seen_at, tests.location, tests.file_name, \
             tests.identifier, selectors.value AS selector FROM tests \
             LEFT JOIN selectors ON selectors.id = tests.selector_id WHERE tests.uuid",
            &[],
            uuids.iter().map(|uuid| Value::from(*uuid)).collect(),
            "",
        )
        .await?;
    let [id, uuid, last_seen_at] = positions(&found, ["id", "uuid", "last_seen_at"])?;
    let parts = ["location", "file_name", "identifier", "selector"];
    let [location, file_name, identifier, selector] = positions(&found, parts)?;
    for row in found {
        let fingerprint = hash_of(
            row.text_or_null(location)?.as_deref(),
            row.text_or_null(file_name)?.as_deref(),
            row.text_or_null(identifier)?.as_deref(),
            row.text_or_null(selector)?.as_deref(),
        );
        let test = KnownTest {
            id: row.integer(id)?,
            fingerprint,
            last_seen_at: row.integer(last_seen_at)?,
            as_of,
        };
        known.insert(row.uuid(uuid)?, test);
    }
    Ok(())
}

async fn write(
    session: &mut Session,
    upload: &NewUpload,
    tests: &[(Uuid, &NewExecution)],
    known: &mut FastMap<Uuid, KnownTest>,
    selectors: &Selectors<'_>,
) -> Result<()> {
    let insert = "INSERT INTO tests (suite_id, uuid, scope, name, location, file_name, file_key, \
                  identifier, selector_id, first_seen_at, last_seen_at)";
    // A format without locations does not clear known ones.
    let update = "ON CONFLICT (uuid) DO UPDATE SET \
         location = COALESCE(excluded.location, tests.location), \
         file_name = COALESCE(excluded.file_name, tests.file_name), \
         file_key = COALESCE(excluded.file_key, tests.file_key), \
         identifier = COALESCE(excluded.identifier, tests.identifier), \
         selector_id = COALESCE(excluded.selector_id, tests.selector_id), \
         last_seen_at = excluded.last_seen_at RETURNING id, uuid";
    let mut cells = Vec::with_capacity(tests.len() * 11);
    for (uuid, execution) in tests {
        let result = &execution.result;
        cells.extend(values![
            upload.suite.get(),
            *uuid,
            result.scope.as_ref(),
            result.name.as_ref(),
            result.location.as_deref(),
            result.file_name.as_deref(),
            result.file_name.as_deref().map(file_key),
            result.identifier.as_deref(),
            selectors.id(execution.selector.as_deref()),
            upload.received_at,
            upload.received_at,
        ]);
    }
    let fingerprints: FastMap<Uuid, u64> = tests
        .iter()
        .map(|(uuid, execution)| (*uuid, fingerprint(execution)))
        .collect();
    let written = session.write_many(insert, 11, cells, update).await?;
    let [id, uuid] = positions(&written, ["id", "uuid"])?;
    for row in written {
        let uuid = row.uuid(uuid)?;
        let test = KnownTest {
            id: row.integer(id)?,
            fingerprint: fingerprints.get(&uuid).copied().unwrap_or_default(),
            last_seen_at: upload.received_at.millis(),
            as_of: selectors.seq,
        };
        known.insert(uuid, test);
    }
    Ok(())
}

fn fingerprint(execution: &NewExecution) -> u64 {
    hash_of(
        execution.result.location.as_deref(),
        execution.result.file_name.as_deref(),
        execution.result.identifier.as_deref(),
        execution.selector.as_deref(),
    )
}

/// Valid within this process only; never stored.
fn hash_of(
    location: Option<&str>,
    file_name: Option<&str>,
    identifier: Option<&str>,
    selector: Option<&str>,
) -> u64 {
    FixedState::default().hash_one((location, file_name, identifier, selector))
}
