//! The sums of a block of tests, encoded as one value. Contains no SQL.
//!
//! A typical test, which passed once on a day, takes five bytes. That makes it possible to sum up a
//! month of a whole suite within a request.
//!
//! Layout (numbers are varints): version 1, count; then for each test, ordered by id: its position
//! in the block (one byte), one byte of flags, and the fields that the flags announce, in the order
//! of the flags.

use test_engine_duration::Micros;

use crate::error::StoreError;
use crate::records::{Metrics, OutcomeCounts};
use crate::varint;

const VERSION: u64 = 1;

/// Tests per block.
pub(crate) const BLOCK: usize = 128;

const PASSED_ONCE: u8 = 1;
const PASSED: u8 = 1 << 1;
const FAILED_ONCE: u8 = 1 << 2;
const FAILED: u8 = 1 << 3;
const SKIPPED: u8 = 1 << 4;
const UNKNOWN: u8 = 1 << 5;
/// One duration, which is the sum, the minimum and the maximum.
const TIMED_ONCE: u8 = 1 << 6;
/// The number of durations, the minimum, the maximum minus the minimum, the sum.
const TIMED: u8 = 1 << 7;

const DAMAGED: StoreError = StoreError::Damaged { what: "daily sums" };

/// The block of a test, and its position there.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "a remainder by 128 fits into a byte, and 128 into every number"
)]
pub(crate) fn place_of(test_id: i64) -> (i64, u8) {
    let size = BLOCK as i64;
    (test_id.div_euclid(size), test_id.rem_euclid(size) as u8)
}

/// The test at a position of a block.
#[expect(clippy::cast_possible_wrap, reason = "128 fits into every number")]
pub(crate) fn test_at(block: i64, place: usize) -> i64 {
    block * BLOCK as i64 + place as i64
}

/// The tests must be ordered by position, without duplicates.
pub(crate) fn encode<'a>(tests: impl ExactSizeIterator<Item = (u8, &'a Metrics)>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 + tests.len() * 8);
    varint::put(&mut bytes, VERSION);
    varint::put(&mut bytes, tests.len() as u64);
    for (place, metrics) in tests {
        put(&mut bytes, place, metrics);
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, place: u8, metrics: &Metrics) {
    let OutcomeCounts {
        passed,
        failed,
        skipped,
        unknown,
    } = metrics.counts;
    let shortest = metrics.duration_min.unwrap_or_default();
    let longest = metrics.duration_max.unwrap_or_default().max(shortest);
    let is_one = shortest == metrics.duration_sum && longest == metrics.duration_sum;
    let flags = counted(passed, PASSED_ONCE, PASSED)
        | counted(failed, FAILED_ONCE, FAILED)
        | counted(skipped, SKIPPED, SKIPPED)
        | counted(unknown, UNKNOWN, UNKNOWN)
        | match metrics.timed {
            0 => 0,
            1 if is_one => TIMED_ONCE,
            _ => TIMED,
        };
    bytes.extend([place, flags]);
    let counts = [
        (PASSED, passed),
        (FAILED, failed),
        (SKIPPED, skipped),
        (UNKNOWN, unknown),
    ];
    for (flag, count) in counts {
        if flags & flag != 0 {
            varint::put(bytes, count);
        }
    }
    if flags & TIMED_ONCE != 0 {
        varint::put(bytes, metrics.duration_sum.get());
    }
    if flags & TIMED != 0 {
        varint::put(bytes, metrics.timed);
        varint::put(bytes, shortest.get());
        varint::put(bytes, longest.get() - shortest.get());
        varint::put(bytes, metrics.duration_sum.get());
    }
}

const fn counted(count: u64, once: u8, several: u8) -> u8 {
    match count {
        0 => 0,
        1 => once,
        _ => several,
    }
}

/// Calls `each` with the position and the sums of each test, ordered by position.
#[inline]
pub(crate) fn read(bytes: &[u8], mut each: impl FnMut(u8, Metrics)) -> Result<(), StoreError> {
    let mut rest = bytes;
    if varint::take(&mut rest) != Some(VERSION) {
        return Err(DAMAGED);
    }
    let mut next = 0;
    for _ in 0..varint::take(&mut rest).ok_or(DAMAGED)? {
        let (place, metrics) = take(&mut rest).ok_or(DAMAGED)?;
        if place < next || usize::from(place) >= BLOCK {
            return Err(DAMAGED);
        }
        next = place + 1;
        each(place, metrics);
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(DAMAGED)
    }
}

#[inline]
fn take(rest: &mut &[u8]) -> Option<(u8, Metrics)> {
    let ([place, flags], after) = rest.split_first_chunk()?;
    *rest = after;
    let mut count = |once: u8, several: u8| {
        if flags & several != 0 {
            varint::take(rest)
        } else {
            Some(u64::from(flags & once != 0))
        }
    };
    let mut metrics = Metrics {
        counts: OutcomeCounts {
            passed: count(PASSED_ONCE, PASSED)?,
            failed: count(FAILED_ONCE, FAILED)?,
            skipped: count(0, SKIPPED)?,
            unknown: count(0, UNKNOWN)?,
        },
        ..Metrics::default()
    };
    if flags & TIMED_ONCE != 0 {
        let duration = Micros::new(varint::take(rest)?);
        metrics.timed = 1;
        metrics.duration_sum = duration;
        metrics.duration_min = Some(duration);
        metrics.duration_max = Some(duration);
    }
    if flags & TIMED != 0 {
        metrics.timed = varint::take(rest)?;
        let shortest = varint::take(rest)?;
        metrics.duration_min = Some(Micros::new(shortest));
        metrics.duration_max = Some(Micros::new(shortest.checked_add(varint::take(rest)?)?));
        metrics.duration_sum = Micros::new(varint::take(rest)?);
    }
    Some((*place, metrics))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(counts: [u64; 4], timed: u64, sum: u64, ends: Option<(u64, u64)>) -> Metrics {
        Metrics {
            counts: OutcomeCounts {
                passed: counts[0],
                failed: counts[1],
                skipped: counts[2],
                unknown: counts[3],
            },
            timed,
            duration_sum: Micros::new(sum),
            duration_min: ends.map(|ends| Micros::new(ends.0)),
            duration_max: ends.map(|ends| Micros::new(ends.1)),
        }
    }

    fn sample() -> Vec<(u8, Metrics)> {
        let most = i64::MAX.cast_unsigned();
        vec![
            (
                0,
                metrics([1, 0, 0, 0], 1, 150_000, Some((150_000, 150_000))),
            ),
            (3, metrics([0, 1, 0, 0], 0, 0, None)),
            (4, metrics([0, 0, 1, 0], 0, 0, None)),
            (5, metrics([0, 0, 0, 1], 1, 0, Some((0, 0)))),
            (6, metrics([7, 2, 900, 3], 12, 5_000, Some((1, 4_000)))),
            (9, metrics([2, 0, 0, 0], 1, 70, Some((70, 70)))),
            (10, metrics([2, 0, 0, 0], 2, 0, Some((0, 0)))),
            (127, metrics([most; 4], most, most, Some((1, most)))),
        ]
    }

    fn all(bytes: &[u8]) -> Result<Vec<(u8, Metrics)>, StoreError> {
        let mut found = Vec::new();
        read(bytes, |place, metrics| found.push((place, metrics)))?;
        Ok(found)
    }

    fn encoded(tests: &[(u8, Metrics)]) -> Vec<u8> {
        encode(tests.iter().map(|(place, metrics)| (*place, metrics)))
    }

    #[test]
    fn decodes_encoded_sums() {
        assert_eq!(all(&encoded(&sample())).unwrap(), sample());
        assert_eq!(all(&encoded(&[])).unwrap(), []);
    }

    #[test]
    fn inverts_place_of() {
        for id in [0, 1, 127, 128, 129, 1_000_000] {
            let (block, place) = place_of(id);
            assert_eq!(test_at(block, usize::from(place)), id);
        }
    }

    #[test]
    fn rejects_damaged_sums() {
        let bytes = encoded(&sample());
        for length in 0..bytes.len() {
            assert!(all(&bytes[..length]).is_err(), "cut at {length}");
        }
        let mut longer = bytes;
        longer.push(0);
        assert!(all(&longer).is_err());
        assert!(all(&[1, 0xff, 0xff, 0xff, 0xff, 0x0f]).is_err());
        let (first, second) = (sample()[0], sample()[1]);
        assert!(all(&encoded(&[second, first])).is_err(), "out of order");
        assert!(all(&encoded(&[first, first])).is_err(), "twice");
        assert!(
            all(&encoded(&[(128, first.1)])).is_err(),
            "out of the block"
        );
    }

    #[test]
    fn encodes_a_typical_test_in_five_bytes() {
        let tests: Vec<(u8, Metrics)> = (0..128).map(|place| (place, sample()[0].1)).collect();
        assert_eq!(encoded(&tests).len(), 3 + 128 * 5);
    }
}
