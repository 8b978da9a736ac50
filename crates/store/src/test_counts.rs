//! The number of tests of each selector, by branch, as nodes report it.
//!
//! A count is written only when it changes, so most reports write nothing.

use std::collections::{BTreeMap, HashMap};

use crate::error::StoreError;
use crate::identity::{result_key, selector_hash};
use crate::records::{BranchId, NewTestCounts, Suite, TestCount};
use crate::sql::{Session, Value, positions, values};
use crate::store::{Store, check_key};
use crate::varint;

type Result<T> = std::result::Result<T, StoreError>;

/// Branches per selector, of which the default branch is one.
const MAX_BRANCHES: usize = 8;

/// The count of one branch, and a hash of the key of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    branch: i64,
    run: u64,
    tests: u64,
}

impl Store {
    /// Records how many tests ran to the end in each selector. Within a run the smallest count is
    /// kept: legs of a matrix may have fewer tests than others. Returns how many counts changed.
    pub async fn record_test_counts(&self, suite: &Suite, new: &NewTestCounts) -> Result<usize> {
        check_key("branch name", &new.branch)?;
        if new.branch.is_empty() || new.counts.is_empty() {
            return Ok(0);
        }
        let known = self.branch(suite.id, &new.branch).await?;
        let run = result_key(&new.run_key);
        let is_changed = |entries: &[Entry], tests: u64| match known {
            Some(branch) => updated(
                entries,
                Entry {
                    branch: branch.get(),
                    run,
                    tests,
                },
            )
            .is_some(),
            None => true,
        };
        let mut session = self.read().await?;
        let entries = read(&mut session, suite, new.counts.keys()).await?;
        drop(session);
        let none = Vec::new();
        let changed: BTreeMap<&String, u64> = new
            .counts
            .iter()
            .filter(|(value, tests)| {
                is_changed(entries.get(value.as_str()).unwrap_or(&none), **tests)
            })
            .map(|(value, tests)| (value, *tests))
            .collect();
        if changed.is_empty() {
            return Ok(0);
        }
        self.write_test_counts(suite, new, &changed).await?;
        Ok(changed.len())
    }

    async fn write_test_counts(
        &self,
        suite: &Suite,
        new: &NewTestCounts,
        changed: &BTreeMap<&String, u64>,
    ) -> Result<()> {
        // As in an upload: other servers see the change by the suite's counter, and this server's
        // cache of tests stays valid because it knows that no test changed.
        let shared = self.caches().suite(suite.id);
        let mut place = shared.memory.lock().await;
        let mut memory = std::mem::take(&mut *place);
        let mut session = self.write().await?;
        let seq = lock_suite(&mut session, suite).await?;
        memory.begin(seq);
        let branch = branch_id(&mut session, suite, &new.branch).await?;
        let default = if new.branch == suite.default_branch {
            Some(branch)
        } else {
            let row = session
                .optional(
                    "SELECT id FROM branches WHERE suite_id = $1 AND name = $2",
                    values![suite.id.get(), &suite.default_branch],
                )
                .await?;
            row.map(|row| row.integer("id")).transpose()?
        };
        let run = result_key(&new.run_key);
        let mut entries = read(&mut session, suite, changed.keys().copied()).await?;
        let mut cells = Vec::with_capacity(changed.len() * 6);
        for (value, tests) in changed {
            let before = entries.remove(value.as_str()).unwrap_or_default();
            let entry = Entry {
                branch,
                run,
                tests: *tests,
            };
            if let Some(after) = updated(&before, entry) {
                cells.extend(values![
                    suite.id.get(),
                    selector_hash(value).to_vec(),
                    value.as_str(),
                    seq,
                    Vec::new(),
                    encode(&limited(after, default)),
                ]);
            }
        }
        session
            .write_many(
                "INSERT INTO selectors \
                 (suite_id, value_hash, value, updated_seq, recent, test_counts)",
                6,
                cells,
                "ON CONFLICT (suite_id, value_hash) DO UPDATE SET \
                 updated_seq = excluded.updated_seq, test_counts = excluded.test_counts",
            )
            .await?;
        memory.end(seq);
        session.commit().await?;
        *place = memory;
        Ok(())
    }
}

async fn lock_suite(session: &mut Session, suite: &Suite) -> Result<i64> {
    let row = session
        .optional(
            "UPDATE suites SET timings_seq = timings_seq + 1 WHERE id = $1 AND NOT deleted \
             RETURNING timings_seq",
            values![suite.id.get()],
        )
        .await?;
    row.ok_or(StoreError::Gone("the suite"))?
        .integer("timings_seq")
}

async fn branch_id(session: &mut Session, suite: &Suite, name: &str) -> Result<i64> {
    let row = session
        .one(
            "INSERT INTO branches (suite_id, name) VALUES ($1, $2) \
             ON CONFLICT (suite_id, name) DO UPDATE SET name = excluded.name RETURNING id",
            values![suite.id.get(), name],
        )
        .await?;
    row.integer("id")
}

async fn read(
    session: &mut Session,
    suite: &Suite,
    selectors: impl Iterator<Item = &String>,
) -> Result<HashMap<String, Vec<Entry>>> {
    let mut hashes: Vec<[u8; 16]> = selectors.map(|value| selector_hash(value)).collect();
    hashes.sort_unstable();
    let rows = session
        .look_up(
            "SELECT value, test_counts FROM selectors WHERE suite_id = ? AND value_hash",
            &values![suite.id.get()],
            hashes.iter().map(Value::from).collect(),
            "",
        )
        .await?;
    let [value, counts] = positions(&rows, ["value", "test_counts"])?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        let entries = decode(&row.bytes_or_null(counts)?.unwrap_or_default())?;
        found.insert(row.text(value)?, entries);
    }
    Ok(found)
}

/// The entries with a new count; `None` if that changes nothing.
fn updated(entries: &[Entry], new: Entry) -> Option<Vec<Entry>> {
    let old = entries.iter().find(|entry| entry.branch == new.branch);
    let tests = match old {
        Some(old) if old.run == new.run => old.tests.min(new.tests),
        _ => new.tests,
    };
    if old.is_some_and(|old| old.tests == tests) {
        return None;
    }
    let others = entries.iter().filter(|entry| entry.branch != new.branch);
    Some(others.copied().chain([Entry { tests, ..new }]).collect())
}

/// Drops the oldest branches; never the default branch, nor the newest one.
fn limited(mut entries: Vec<Entry>, default: Option<i64>) -> Vec<Entry> {
    while entries.len() > MAX_BRANCHES {
        let oldest = entries
            .iter()
            .position(|entry| Some(entry.branch) != default);
        entries.remove(oldest.unwrap_or(0));
    }
    entries
}

/// Branch, run and count of each entry, as varints.
fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * 14);
    for entry in entries {
        varint::put(&mut bytes, entry.branch.cast_unsigned());
        varint::put(&mut bytes, entry.run);
        varint::put(&mut bytes, entry.tests);
    }
    bytes
}

fn decode(mut bytes: &[u8]) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let damaged = StoreError::Damaged { what: "test count" };
        let mut next = || varint::take(&mut bytes);
        let entry = (|| {
            Some(Entry {
                branch: next()?.cast_signed(),
                run: next()?,
                tests: next()?,
            })
        })();
        entries.push(entry.ok_or(damaged)?);
    }
    Ok(entries)
}

/// The counts in a column of `selectors`.
pub(crate) fn counts(bytes: Option<&[u8]>) -> Result<Vec<TestCount>> {
    let entries = decode(bytes.unwrap_or_default())?.into_iter();
    Ok(entries
        .map(|entry| TestCount {
            branch: BranchId::new(entry.branch),
            tests: entry.tests,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn entry(branch: i64, run: u64, tests: u64) -> Entry {
        Entry { branch, run, tests }
    }

    #[test]
    fn a_new_run_replaces_the_count_and_one_run_keeps_the_smallest() {
        let before = [entry(1, 10, 50), entry(2, 20, 5)];
        for (new, expected) in [
            (entry(1, 11, 50), None),
            (entry(1, 11, 40), Some(entry(1, 11, 40))),
            (entry(1, 11, 60), Some(entry(1, 11, 60))),
            (entry(1, 10, 60), None),
            (entry(1, 10, 40), Some(entry(1, 10, 40))),
        ] {
            let expected = expected.map(|entry| vec![before[1], entry]);
            assert_eq!(updated(&before, new), expected, "{new:?}");
        }
        let added = updated(&before, entry(3, 1, 7)).unwrap();
        assert_eq!(added, [before[0], before[1], entry(3, 1, 7)]);
    }

    #[test]
    fn keeps_the_default_branch_and_the_newest_ones() {
        let entries: Vec<Entry> = (1..=10).map(|branch| entry(branch, 0, 1)).collect();
        let kept: Vec<i64> = limited(entries, Some(1))
            .iter()
            .map(|entry| entry.branch)
            .collect();
        assert_eq!(kept, [1, 4, 5, 6, 7, 8, 9, 10]);
    }

    #[test]
    fn decodes_encoded_entries() {
        let entries = [entry(1, u64::MAX, 0), entry(900_000, 7, 12_345)];
        assert_eq!(decode(&encode(&entries)).unwrap(), entries);
        assert!(decode(&[1, 2]).is_err());
    }
}
