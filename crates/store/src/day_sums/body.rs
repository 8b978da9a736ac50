//! The sums of a block of tests, encoded as one value. Contains no SQL.
//!
//! A typical test, which passed once on a day, takes five bytes. That makes it possible to sum up a
//! month of a whole suite within a request.
//!
//! Layout (numbers are varints): version 2, count; then for each test, ordered by id: its position
//! in the block (one byte), one byte of flags, and the fields that the flags announce, in the order
//! of the flags. Blocks of version 1 have no histograms; they are read as well, and written in
//! version 2 with the next upload of their day.

use test_engine_duration::Micros;

use crate::error::StoreError;
use crate::records::{BUCKETS, DurationHistogram, Metrics, OutcomeCounts, bucket};
use crate::varint;

const VERSION: u64 = 2;
const WITHOUT_HISTOGRAMS: u64 = 1;

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
/// The number of durations, the minimum, the maximum minus the minimum, the sum, the histogram.
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
        put_histogram(bytes, metrics, (shortest, longest));
    }
}

/// Nothing if the other fields imply it. Otherwise the counts from the bucket of the shortest
/// duration up to the one below the longest, whose own count is the rest. The first one is not
/// zero; a single zero means that the histogram is unknown.
fn put_histogram(bytes: &mut Vec<u8>, metrics: &Metrics, (shortest, longest): (Micros, Micros)) {
    if DurationHistogram::implied(metrics.timed, shortest, longest).is_some() {
        return;
    }
    let counts = metrics.durations.counts();
    let (low, high) = (bucket(shortest), bucket(longest));
    if metrics.durations.total() != metrics.timed || low == high || counts[low] == 0 {
        bytes.push(0);
        return;
    }
    for count in &counts[low..high] {
        varint::put(bytes, u64::from(*count));
    }
}

fn take_histogram(
    rest: &mut &[u8],
    timed: u64,
    (shortest, longest): (Micros, Micros),
) -> Option<DurationHistogram> {
    let (low, high) = (bucket(shortest), bucket(longest));
    let mut counts = [0; BUCKETS];
    let mut left = timed;
    for (place, count) in counts.iter_mut().enumerate().take(high).skip(low) {
        let number = varint::take(rest)?;
        if number == 0 && place == low {
            return Some(DurationHistogram::default());
        }
        left = left.checked_sub(number)?;
        *count = u32::try_from(number).ok()?;
    }
    counts[high] = u32::try_from(left).ok()?;
    Some(DurationHistogram::from_counts(counts))
}

fn skip_histogram(
    rest: &mut &[u8],
    (shortest, longest): (Micros, Micros),
) -> Option<DurationHistogram> {
    let (low, high) = (bucket(shortest), bucket(longest));
    for place in low..high {
        if varint::take(rest)? == 0 && place == low {
            break;
        }
    }
    Some(DurationHistogram::default())
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
pub(crate) fn read(bytes: &[u8], each: impl FnMut(u8, Metrics)) -> Result<(), StoreError> {
    read_tests::<true>(bytes, each)
}

/// The same without the histograms of the durations, which take long to read and few need.
#[inline]
pub(crate) fn read_without_histograms(
    bytes: &[u8],
    each: impl FnMut(u8, Metrics),
) -> Result<(), StoreError> {
    read_tests::<false>(bytes, each)
}

#[inline]
fn read_tests<const HISTOGRAMS: bool>(
    bytes: &[u8],
    mut each: impl FnMut(u8, Metrics),
) -> Result<(), StoreError> {
    let mut rest = bytes;
    let has_histograms = match varint::take(&mut rest) {
        Some(VERSION) => true,
        Some(WITHOUT_HISTOGRAMS) => false,
        _ => return Err(DAMAGED),
    };
    let mut next = 0;
    for _ in 0..varint::take(&mut rest).ok_or(DAMAGED)? {
        let (place, metrics) = take::<HISTOGRAMS>(&mut rest, has_histograms).ok_or(DAMAGED)?;
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
fn take<const HISTOGRAMS: bool>(rest: &mut &[u8], has_histograms: bool) -> Option<(u8, Metrics)> {
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
        if HISTOGRAMS {
            metrics.durations.add(duration);
        }
    }
    if flags & TIMED != 0 {
        metrics.timed = varint::take(rest)?;
        let shortest = varint::take(rest)?;
        let longest = Micros::new(shortest.checked_add(varint::take(rest)?)?);
        let shortest = Micros::new(shortest);
        metrics.duration_min = Some(shortest);
        metrics.duration_max = Some(longest);
        metrics.duration_sum = Micros::new(varint::take(rest)?);
        metrics.durations = match DurationHistogram::implied(metrics.timed, shortest, longest) {
            Some(implied) if HISTOGRAMS => implied,
            None if has_histograms && HISTOGRAMS => {
                take_histogram(rest, metrics.timed, (shortest, longest))?
            }
            None if has_histograms => skip_histogram(rest, (shortest, longest))?,
            _ => DurationHistogram::default(),
        };
    }
    Some((*place, metrics))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sums;

    fn metrics(counts: [u64; 4], timed: u64, sum: u64, ends: Option<(u64, u64)>) -> Metrics {
        let ends = ends.map(|(shortest, longest)| (Micros::new(shortest), Micros::new(longest)));
        let implied = ends
            .and_then(|(shortest, longest)| DurationHistogram::implied(timed, shortest, longest));
        Metrics {
            counts: OutcomeCounts {
                passed: counts[0],
                failed: counts[1],
                skipped: counts[2],
                unknown: counts[3],
            },
            timed,
            duration_sum: Micros::new(sum),
            duration_min: ends.map(|ends| ends.0),
            duration_max: ends.map(|ends| ends.1),
            durations: implied.unwrap_or_default(),
        }
    }

    /// The sums of passed executions with these durations, in milliseconds.
    fn timed(milliseconds: &[u64]) -> Metrics {
        let micros = || milliseconds.iter().map(|one| one * 1_000);
        let count = milliseconds.len() as u64;
        let ends = micros().min().zip(micros().max());
        let mut sums = metrics([count, 0, 0, 0], count, micros().sum(), ends);
        sums.durations = DurationHistogram::default();
        for duration in micros() {
            sums.durations.add(Micros::new(duration));
        }
        sums
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
            (7, timed(&[1, 150, 150, 3_000, 200_000])),
            (8, timed(&[190, 210, 210])),
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
    fn skips_histograms() {
        let mut found = Vec::new();
        let bytes = encoded(&sample());
        read_without_histograms(&bytes, |place, metrics| found.push((place, metrics))).unwrap();
        let mut expected = sample();
        for (_, metrics) in &mut expected {
            metrics.durations = DurationHistogram::default();
        }
        assert_eq!(found, expected);
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
    fn reads_blocks_of_earlier_releases() {
        // Written by version 1: passed once in 150 ms; 3 times in 1 ms to 4 s; twice in 1 and 4 s.
        let mut bytes = vec![1, 3, 0, PASSED_ONCE | TIMED_ONCE];
        varint::put(&mut bytes, 150_000);
        for (place, count, sum) in [(1, 3, 4_002_000), (2, 2, 5_000_000)] {
            bytes.extend([place, PASSED | TIMED]);
            let shortest = if count == 2 { 1_000_000 } else { 1_000 };
            for number in [count, count, shortest, 4_000_000 - shortest, sum] {
                varint::put(&mut bytes, number);
            }
        }
        let found = all(&bytes).unwrap();
        assert_eq!(found[0], (0, timed(&[150])));
        let mut unknown = timed(&[1, 1, 4_000]);
        unknown.durations = DurationHistogram::default();
        assert_eq!(found[1], (1, unknown));
        assert_eq!(found[2], (2, timed(&[1_000, 4_000])), "implied by the ends");

        // Unknown buckets remain unknown when they are written again and added to.
        let mut added = all(&encoded(&found)).unwrap();
        assert_eq!(added, found);
        sums::merge(&mut added[1].1, &timed(&[7, 7, 7]));
        let (_, again) = all(&encoded(&added)).unwrap()[1];
        assert_eq!((again.timed, again.duration_percentile(50)), (6, None));
    }

    #[test]
    fn histograms_take_a_byte_for_each_bucket_between_the_ends() {
        for (milliseconds, bytes) in [
            (&[150][..], 0),
            (&[150, 900], 0),
            (&[110, 120, 150, 190], 0),
            (&[110, 190, 210, 220], 1),
            (&[90, 110, 120, 210, 220], 2),
            (&[1, 2, 300, 50_000, 200_000], 15),
        ] {
            let with = timed(milliseconds);
            let (low, high) = (with.duration_min.unwrap(), with.duration_max.unwrap());
            let mut written = Vec::new();
            put_histogram(&mut written, &with, (low, high));
            assert_eq!(written.len(), bytes, "{milliseconds:?}");
        }
    }

    #[test]
    fn rejects_histograms_of_more_durations_than_there_were() {
        let sums = timed(&[90, 110, 120, 210, 220]);
        let bytes = encoded(&[(0, sums)]);
        let mut wrong = bytes.clone();
        *wrong.last_mut().unwrap() = 6;
        assert!(all(&wrong).is_err());
        assert_eq!(all(&bytes).unwrap(), [(0, sums)]);
    }

    #[test]
    fn encodes_a_typical_test_in_five_bytes() {
        let tests: Vec<(u8, Metrics)> = (0..128).map(|place| (place, sample()[0].1)).collect();
        assert_eq!(encoded(&tests).len(), 3 + 128 * 5);
    }
}
