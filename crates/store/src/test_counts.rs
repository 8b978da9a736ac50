//! The number of tests of each selector, by branch, in the latest complete builds.
//!
//! Several plans of a build may run the same selector with different tests, such as a step `unit`
//! and a step `slow`. While the later one has not been counted, the smallest count of the previous
//! build stands for it, so the smaller one of both builds is expected.

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

/// The counts of one branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    branch: i64,
    /// A hash that identifies the latest build.
    build: u64,
    /// The smallest count of the latest build.
    tests: u64,
    /// The smallest count of the build before it; the first build stands for itself.
    before: u64,
}

impl Entry {
    fn expected(self) -> u64 {
        self.tests.min(self.before)
    }
}

/// The counts of one plan.
#[derive(Clone, Copy)]
struct Counting {
    branch: Option<i64>,
    default_branch: Option<i64>,
    build: u64,
}

impl Store {
    /// Records how many tests of each selector a complete plan ran. Within a build the smallest
    /// count is kept. Returns how many selectors changed.
    pub async fn record_test_counts(&self, suite: &Suite, new: &NewTestCounts) -> Result<usize> {
        check_key("branch name", &new.branch)?;
        if new.branch.is_empty() || new.counts.is_empty() {
            return Ok(0);
        }
        let branch = self.branch(suite.id, &new.branch).await?;
        let default_branch = self.branch(suite.id, &suite.default_branch).await?;
        let counting = Counting {
            branch: branch.map(BranchId::get),
            default_branch: default_branch.map(BranchId::get),
            build: result_key(&new.build),
        };
        let mut session = self.read().await?;
        let entries = read(&mut session, suite, new.counts.keys()).await?;
        drop(session);
        let none = Vec::new();
        let changed: BTreeMap<&String, u64> = new
            .counts
            .iter()
            .filter(|(value, tests)| {
                let entries = entries.get(value.as_str()).unwrap_or(&none);
                counting.updated(entries, **tests).is_some()
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
        let counting = Counting {
            branch: Some(branch),
            default_branch: default,
            build: result_key(&new.build),
        };
        let mut entries = read(&mut session, suite, changed.keys().copied()).await?;
        let mut cells = Vec::with_capacity(changed.len() * 6);
        for (value, tests) in changed {
            let before = entries.remove(value.as_str()).unwrap_or_default();
            if let Some(after) = counting.updated(&before, *tests) {
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

impl Counting {
    /// The entries with a new count; `None` if that changes nothing.
    fn updated(self, entries: &[Entry], tests: u64) -> Option<Vec<Entry>> {
        let on = |branch: Option<i64>| {
            let entry = |entry: &&Entry| Some(entry.branch) == branch;
            entries.iter().find(entry).copied()
        };
        let old = on(self.branch);
        let new = match old {
            Some(old) if old.build == self.build => Entry {
                tests: old.tests.min(tests),
                ..old
            },
            Some(old) => Entry {
                build: self.build,
                tests,
                before: old.tests,
                ..old
            },
            // The default branch stands for branches without an entry of their own.
            None if on(self.default_branch).is_some_and(|entry| entry.expected() == tests) => {
                return None;
            }
            None => Entry {
                // Without a branch there are no entries of it: it is about to be created.
                branch: self.branch.unwrap_or(0),
                build: self.build,
                tests,
                before: tests,
            },
        };
        if old == Some(new) {
            return None;
        }
        let others = entries.iter().filter(|entry| entry.branch != new.branch);
        Some(others.copied().chain([new]).collect())
    }
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

/// The fields of each entry, as varints.
fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * 16);
    for entry in entries {
        varint::put(&mut bytes, entry.branch.cast_unsigned());
        varint::put(&mut bytes, entry.build);
        varint::put(&mut bytes, entry.tests);
        varint::put(&mut bytes, entry.before);
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
                build: next()?,
                tests: next()?,
                before: next()?,
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
            tests: entry.expected(),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn entry(branch: i64, build: u64, tests: u64, before: u64) -> Entry {
        Entry {
            branch,
            build,
            tests,
            before,
        }
    }

    const fn counting(branch: i64, build: u64) -> Counting {
        Counting {
            branch: Some(branch),
            default_branch: Some(1),
            build,
        }
    }

    #[test]
    fn a_new_build_moves_the_count_and_one_build_keeps_the_smallest() {
        let before = [entry(1, 10, 50, 50), entry(2, 20, 5, 5)];
        for (build, tests, expected) in [
            // An equal count is one of the new build all the same.
            (11, 50, Some(entry(1, 11, 50, 50))),
            (11, 40, Some(entry(1, 11, 40, 50))),
            (11, 60, Some(entry(1, 11, 60, 50))),
            (10, 60, None),
            (10, 50, None),
            (10, 40, Some(entry(1, 10, 40, 50))),
        ] {
            let expected = expected.map(|entry| vec![before[1], entry]);
            let updated = counting(1, build).updated(&before, tests);
            assert_eq!(updated, expected, "{build} {tests}");
        }
    }

    #[test]
    fn two_steps_of_a_build_never_expect_the_count_of_the_larger_one() {
        let mut entries = Vec::new();
        for build in 1..=6 {
            // Either may end first.
            let counts = if build % 2 == 0 { [50, 1] } else { [1, 50] };
            for count in counts {
                entries = counting(1, build)
                    .updated(&entries, count)
                    .unwrap_or(entries);
                if build > 1 || count == 1 {
                    assert_eq!(entries[0].expected(), 1, "{build} {count} {entries:?}");
                }
            }
        }
    }

    #[test]
    fn a_branch_has_an_entry_only_if_it_differs_from_the_default_branch() {
        let default = entry(1, 10, 50, 40);
        assert_eq!(counting(2, 20).updated(&[default], 40), None);
        let own = entry(2, 20, 50, 50);
        assert_eq!(
            counting(2, 20).updated(&[default], 50),
            Some(vec![default, own])
        );
        // Once it has one, equal counts are written: the default branch may change later.
        let back = counting(2, 21).updated(&[default, own], 40).unwrap();
        assert_eq!(back[1], entry(2, 21, 40, 50));
        let unknown = Counting {
            branch: None,
            ..counting(2, 20)
        };
        assert_eq!(unknown.updated(&[default], 40), None);
        assert!(unknown.updated(&[default], 41).is_some());
    }

    #[test]
    fn keeps_the_default_branch_and_the_newest_ones() {
        let entries: Vec<Entry> = (1..=10).map(|branch| entry(branch, 0, 1, 1)).collect();
        let kept: Vec<i64> = limited(entries, Some(1))
            .iter()
            .map(|entry| entry.branch)
            .collect();
        assert_eq!(kept, [1, 4, 5, 6, 7, 8, 9, 10]);
    }

    #[test]
    fn decodes_encoded_entries() {
        let entries = [entry(1, u64::MAX, 0, 1), entry(900_000, 7, 12_345, 3)];
        assert_eq!(decode(&encode(&entries)).unwrap(), entries);
        assert!(decode(&[1, 2]).is_err());
    }
}
