//! The executions of one upload, encoded as one value: columns of small numbers.
//!
//! Rows would be several times as large, and their indexes are written in random order. Executions
//! never change, and queries read many of them, by run or by test: both scan a few such values.
//! Failure texts and sums are in tables.
//!
//! Layout (all numbers are varints): version 3, count; test ids, each as the difference to the
//! previous one; one byte of flags each; durations where present; 8 bytes of key where the producer
//! set an id; distinct sets of tags as JSON; the index of its set where an execution has tags; runs
//! of executions of one selector: the difference of its id to the previous one, and their number.
//! Version 2 lacks the flag of repeated executions, version 1 the selectors too.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use test_engine_duration::Micros;
use test_engine_results::Outcome;

use crate::error::StoreError;
use crate::varint;

const VERSION: u64 = 3;
const WITHOUT_REPEATED: u64 = 2;
const WITHOUT_SELECTORS: u64 = 1;

/// For executions without a selector.
const NO_SELECTOR: i64 = 0;

/// Executions per segment, and so per upload.
pub(crate) const MAX_EXECUTIONS: usize = 1 << 20;

const OUTCOME_BITS: u8 = 0b11;
const MUTED: u8 = 1 << 2;
const TIMED: u8 = 1 << 3;
const KEYED: u8 = 1 << 4;
const TAGGED: u8 = 1 << 5;
/// Not the test's first execution in its run that passed or failed.
const REPEATED: u8 = 1 << 6;

/// The selector that an execution was part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SelectorRef {
    None,
    Id(i64),
    /// Stored by a version that did not record it.
    Unrecorded,
}

impl From<Option<i64>> for SelectorRef {
    fn from(id: Option<i64>) -> Self {
        id.map_or(Self::None, Self::Id)
    }
}

/// A stored execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredExecution {
    pub(crate) test_id: i64,
    pub(crate) selector: SelectorRef,
    pub(crate) outcome: Outcome,
    /// The test was muted at the time of the upload.
    pub(crate) muted: bool,
    /// Whether the test has no earlier execution in its run that passed or failed. `None` if a
    /// version stored it that did not record it.
    pub(crate) is_first: Option<bool>,
    pub(crate) duration: Option<Micros>,
    /// See [`crate::identity::result_key`].
    pub(crate) result_key: Option<u64>,
    /// Its own tags as a JSON object.
    pub(crate) tags: Option<String>,
}

impl StoredExecution {
    /// Skipped tests may have a duration, but nothing ran.
    pub(crate) fn is_timed(&self) -> bool {
        self.duration.is_some() && self.outcome != Outcome::Skipped
    }

    /// Equal for two results of a run that are repetitions: the key of the producer's id, and a
    /// hash of test, outcome and duration. The hash is valid within this process only. `None` for
    /// results without an id.
    pub(crate) fn repetition_key(&self) -> Option<(u64, u64)> {
        let key = self.result_key?;
        let rest = (self.test_id, self.outcome, self.duration);
        Some((key, FixedState::default().hash_one(rest)))
    }
}

#[cfg(test)]
impl StoredExecution {
    /// A passed execution without an id, for tests.
    pub(crate) fn passed() -> Self {
        Self {
            test_id: 1,
            selector: SelectorRef::None,
            outcome: Outcome::Passed,
            muted: false,
            is_first: Some(true),
            duration: Some(Micros::new(5)),
            result_key: None,
            tags: None,
        }
    }
}

pub(crate) fn encode(executions: &[StoredExecution]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16 + executions.len() * 16);
    varint::put(&mut bytes, VERSION);
    varint::put(&mut bytes, executions.len() as u64);
    let mut before = 0_i64;
    for execution in executions {
        varint::put(
            &mut bytes,
            varint::zigzag(execution.test_id.wrapping_sub(before)),
        );
        before = execution.test_id;
    }
    bytes.extend(executions.iter().map(flags));
    for duration in executions.iter().filter_map(|execution| execution.duration) {
        varint::put(&mut bytes, duration.get());
    }
    for key in executions
        .iter()
        .filter_map(|execution| execution.result_key)
    {
        bytes.extend_from_slice(&key.to_be_bytes());
    }
    let mut numbers = BTreeMap::new();
    let mut sets = Vec::new();
    let mut chosen = Vec::new();
    for tags in executions
        .iter()
        .filter_map(|execution| execution.tags.as_deref())
    {
        let number = match numbers.entry(tags) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                sets.push(tags);
                *new.insert(sets.len() as u64 - 1)
            }
        };
        chosen.push(number);
    }
    varint::put(&mut bytes, sets.len() as u64);
    for set in sets {
        varint::put(&mut bytes, set.len() as u64);
        bytes.extend_from_slice(set.as_bytes());
    }
    for number in chosen {
        varint::put(&mut bytes, number);
    }
    put_selectors(&mut bytes, executions);
    bytes
}

/// The executions of a file usually follow each other.
fn put_selectors(bytes: &mut Vec<u8>, executions: &[StoredExecution]) {
    let mut before = NO_SELECTOR;
    for run in executions.chunk_by(|one, next| one.selector == next.selector) {
        let id = match run[0].selector {
            SelectorRef::Id(id) => id,
            SelectorRef::None | SelectorRef::Unrecorded => NO_SELECTOR,
        };
        varint::put(bytes, varint::zigzag(id.wrapping_sub(before)));
        varint::put(bytes, run.len() as u64);
        before = id;
    }
}

fn take_selectors(rest: &mut &[u8], executions: &mut [StoredExecution]) -> Option<()> {
    let mut left = executions;
    let mut current = NO_SELECTOR;
    while !left.is_empty() {
        current = current.wrapping_add(varint::unzigzag(varint::take(rest)?));
        let length = usize::try_from(varint::take(rest)?).ok()?;
        let (run, after) = left.split_at_mut_checked(length)?;
        if run.is_empty() {
            return None;
        }
        let id = (current != NO_SELECTOR).then_some(current);
        for execution in run {
            execution.selector = id.into();
        }
        left = after;
    }
    Some(())
}

fn flags(execution: &StoredExecution) -> u8 {
    let outcome = match execution.outcome {
        Outcome::Passed => 0,
        Outcome::Failed => 1,
        Outcome::Skipped => 2,
        Outcome::Unknown => 3,
    };
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    outcome
        | flag(execution.muted, MUTED)
        | flag(execution.duration.is_some(), TIMED)
        | flag(execution.result_key.is_some(), KEYED)
        | flag(execution.tags.is_some(), TAGGED)
        | flag(execution.is_first == Some(false), REPEATED)
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<StoredExecution>, StoreError> {
    read_all(bytes).ok_or(StoreError::Damaged { what: "segment" })
}

/// The positions of a test in a segment. Much faster than [`decode`]: reads one column.
pub(crate) fn positions_of(bytes: &[u8], test_id: i64) -> Result<Vec<u32>, StoreError> {
    read_positions(bytes, test_id).ok_or(StoreError::Damaged { what: "segment" })
}

/// The executions of some tests with their outcomes. Much faster than [`decode`]: reads two
/// columns.
pub(crate) fn outcomes_of(
    bytes: &[u8],
    is_wanted: impl Fn(i64) -> bool,
) -> Result<Vec<(i64, Outcome)>, StoreError> {
    read_outcomes(bytes, is_wanted).ok_or(StoreError::Damaged { what: "segment" })
}

/// The version, and the number of executions.
fn read_header(rest: &mut &[u8]) -> Option<(u64, usize)> {
    let version = varint::take(rest)?;
    if !(WITHOUT_SELECTORS..=VERSION).contains(&version) {
        return None;
    }
    let count = usize::try_from(varint::take(rest)?).ok()?;
    // Each execution takes at least two bytes. Rejects damaged counts before allocating for them.
    (count <= rest.len()).then_some((version, count))
}

fn read_positions(bytes: &[u8], test_id: i64) -> Option<Vec<u32>> {
    let mut rest = bytes;
    let (_, count) = read_header(&mut rest)?;
    let mut positions = Vec::new();
    let mut current = 0_i64;
    for position in 0..count {
        current = current.wrapping_add(varint::unzigzag(varint::take(&mut rest)?));
        if current == test_id {
            positions.push(u32::try_from(position).ok()?);
        }
    }
    Some(positions)
}

fn read_outcomes(bytes: &[u8], is_wanted: impl Fn(i64) -> bool) -> Option<Vec<(i64, Outcome)>> {
    let mut rest = bytes;
    let (_, count) = read_header(&mut rest)?;
    let mut wanted = Vec::new();
    let mut current = 0_i64;
    for position in 0..count {
        current = current.wrapping_add(varint::unzigzag(varint::take(&mut rest)?));
        if is_wanted(current) {
            wanted.push((position, current));
        }
    }
    let flags = rest.get(..count)?;
    let outcomes = wanted.into_iter();
    let outcomes = outcomes.map(|(position, test)| (test, outcome(flags[position])));
    Some(outcomes.collect())
}

fn outcome(flags: u8) -> Outcome {
    match flags & OUTCOME_BITS {
        0 => Outcome::Passed,
        1 => Outcome::Failed,
        2 => Outcome::Skipped,
        _ => Outcome::Unknown,
    }
}

fn read_all(bytes: &[u8]) -> Option<Vec<StoredExecution>> {
    let mut rest = bytes;
    let (version, count) = read_header(&mut rest)?;
    let mut test_ids = Vec::with_capacity(count);
    let mut current = 0_i64;
    for _ in 0..count {
        current = current.wrapping_add(varint::unzigzag(varint::take(&mut rest)?));
        test_ids.push(current);
    }
    let (flags, mut rest) = rest.split_at_checked(count)?;
    let mut executions = Vec::with_capacity(count);
    for (test_id, flags) in test_ids.into_iter().zip(flags) {
        let duration = if flags & TIMED == 0 {
            None
        } else {
            Some(Micros::new(varint::take(&mut rest)?))
        };
        executions.push(StoredExecution {
            test_id,
            selector: SelectorRef::Unrecorded,
            outcome: outcome(*flags),
            muted: flags & MUTED != 0,
            is_first: (version > WITHOUT_REPEATED).then_some(flags & REPEATED == 0),
            duration,
            result_key: None,
            tags: None,
        });
    }
    for (execution, flags) in executions.iter_mut().zip(flags) {
        if flags & KEYED != 0 {
            let (key, after) = rest.split_first_chunk()?;
            execution.result_key = Some(u64::from_be_bytes(*key));
            rest = after;
        }
    }
    let mut sets = Vec::new();
    for _ in 0..varint::take(&mut rest)? {
        let length = usize::try_from(varint::take(&mut rest)?).ok()?;
        let (set, after) = rest.split_at_checked(length)?;
        sets.push(std::str::from_utf8(set).ok()?);
        rest = after;
    }
    for (execution, flags) in executions.iter_mut().zip(flags) {
        if flags & TAGGED != 0 {
            let number = usize::try_from(varint::take(&mut rest)?).ok()?;
            execution.tags = Some((*sets.get(number)?).to_owned());
        }
    }
    if version > WITHOUT_SELECTORS {
        take_selectors(&mut rest, &mut executions)?;
    }
    rest.is_empty().then_some(executions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<StoredExecution> {
        let outcomes = [
            Outcome::Passed,
            Outcome::Failed,
            Outcome::Skipped,
            Outcome::Unknown,
        ];
        (0..200_u64)
            .map(|index| StoredExecution {
                test_id: i64::try_from(1_000_000 - (index * 7919) % 5000).unwrap(),
                selector: i64::try_from(index / 7).ok().filter(|id| *id != 3).into(),
                outcome: outcomes[usize::try_from(index % 4).unwrap()],
                muted: index % 5 == 0,
                is_first: Some(index % 11 != 0),
                duration: (index % 3 != 0).then_some(Micros::new(index * index * 1_000_003)),
                result_key: (index % 2 == 0).then_some(u64::MAX - index),
                tags: (index % 7 == 0).then(|| format!(r#"{{"shard":"{}"}}"#, index % 3)),
            })
            .collect()
    }

    #[test]
    fn decodes_encoded_executions() {
        let mut executions = sample();
        // 0 is no id.
        for execution in &mut executions[..7] {
            execution.selector = SelectorRef::None;
        }
        assert_eq!(decode(&encode(&executions)).unwrap(), executions);
        assert_eq!(decode(&encode(&[])).unwrap(), []);
    }

    /// Written before selectors were recorded: test ids 5 and 6, flags, one duration, no tags.
    #[test]
    fn decodes_version_1() {
        let bytes = [1, 2, 10, 2, TIMED, 0, 100, 0];
        let executions = decode(&bytes).unwrap();
        assert_eq!(positions_of(&bytes, 6).unwrap(), [1]);
        assert_eq!(executions[0].duration, Some(Micros::new(100)));
        for execution in executions {
            assert_eq!(execution.selector, SelectorRef::Unrecorded);
            assert_eq!(execution.is_first, None);
        }
    }

    /// Written before repeated executions were recorded: as version 1, with one run of no selector.
    #[test]
    fn decodes_version_2() {
        let bytes = [2, 2, 10, 2, TIMED, 0, 100, 0, 0, 2];
        let executions = decode(&bytes).unwrap();
        assert_eq!(executions.len(), 2);
        for execution in executions {
            assert_eq!(execution.selector, SelectorRef::None);
            assert_eq!(execution.is_first, None);
        }
    }

    #[test]
    fn finds_all_positions_of_a_test() {
        let mut executions = sample();
        let test_id = executions[3].test_id;
        executions.push(executions[3].clone());
        let expected: Vec<u32> = (0_u32..)
            .zip(&executions)
            .filter(|(_, execution)| execution.test_id == test_id)
            .map(|(position, _)| position)
            .collect();
        assert!(expected.len() >= 2);
        assert_eq!(
            positions_of(&encode(&executions), test_id).unwrap(),
            expected
        );
        assert!(positions_of(&encode(&executions), -1).unwrap().is_empty());
    }

    #[test]
    fn finds_the_outcomes_of_some_tests() {
        let executions = sample();
        let is_wanted = |test: i64| test % 3 == 0;
        let expected: Vec<(i64, Outcome)> = executions
            .iter()
            .filter(|execution| is_wanted(execution.test_id))
            .map(|execution| (execution.test_id, execution.outcome))
            .collect();
        assert!((2..executions.len()).contains(&expected.len()));
        let found = outcomes_of(&encode(&executions), is_wanted).unwrap();
        assert_eq!(found, expected);
        outcomes_of(&[3, 2, 10, 2, 0], is_wanted).unwrap_err();
    }

    #[test]
    fn rejects_damaged_segments() {
        let bytes = encode(&sample());
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "cut at {length}");
        }
        let mut longer = bytes;
        longer.push(0);
        assert!(decode(&longer).is_err());
        assert!(decode(&[1, 0xff, 0xff, 0xff, 0xff, 0x0f]).is_err());
    }

    #[test]
    fn encodes_a_typical_execution_in_14_bytes() {
        let executions: Vec<StoredExecution> = (0..5000)
            .map(|index| StoredExecution {
                test_id: 70_000 + index,
                selector: SelectorRef::Id(9_000 + index / 20),
                outcome: Outcome::Passed,
                muted: false,
                is_first: Some(true),
                duration: Some(Micros::new(150_000)),
                result_key: Some(42),
                tags: None,
            })
            .collect();
        assert!(encode(&executions).len() <= 5000 * 14);
    }
}
