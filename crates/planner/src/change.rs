//! Detects whether and when a test became slower or faster.
//!
//! Most changes happen from one commit to the next. A mean over both sides of such a step is wrong
//! for weeks; a mean over the newer side is right after a few runs. `estimate` uses the result.

/// Samples required on either side of a step. By chance, the three newest of ten samples are the
/// three slowest once in 120 times, the two newest are the two slowest once in 45 times.
const MIN_SAMPLES: usize = 3;

/// One in this many samples may be an outlier: a stall or an aborted run.
const OUTLIERS: usize = 8;

/// How many of the newest samples follow the latest step; all of them without a step.
///
/// At a step, the newer samples without outliers are all longer (or all shorter) than the older
/// ones, with a gap in between, and their median differs by at least three quarters. Smaller steps
/// are left to the higher weights of recent runs: with strong noise, wrongly detected steps cost
/// more than real ones gain (`examples/simulate`). `newest_first` are durations in any unit.
pub(crate) fn since_change(newest_first: &[u64]) -> usize {
    let all = newest_first.len();
    if all < 2 * MIN_SAMPLES || are_alike(newest_first) {
        return all;
    }
    let (first, rest) = newest_first.split_at(MIN_SAMPLES - 1);
    let mut newer = first.to_vec();
    newer.sort_unstable();
    let mut older = rest.to_vec();
    older.sort_unstable();
    let mut latest: Option<(usize, usize)> = None;
    for &next in &rest[..rest.len() - MIN_SAMPLES] {
        let place = newer.partition_point(|&known| known < next);
        newer.insert(place, next);
        older.remove(older.partition_point(|&known| known < next));
        let outliers = step(&older, &newer).or_else(|| step(&newer, &older));
        // Positions next to a step look like a step with one more outlier.
        match (latest, outliers) {
            (Some(_), None) => break,
            (None, None) => {}
            (_, Some(outliers)) => {
                let here = (outliers, newer.len());
                latest = Some(latest.map_or(here, |best| best.min(here)));
            }
        }
    }
    latest.map_or(all, |(_, since)| since)
}

/// A fast check for the many tests without a step: no step is smaller than this.
fn are_alike(samples: &[u64]) -> bool {
    let shortest = samples.iter().min().copied().unwrap_or_default();
    let longest = samples.iter().max().copied().unwrap_or_default();
    longest <= shortest.saturating_add(shortest / 2)
}

/// If `long` is clearly longer than `short`, the number of outliers. Both are sorted and not empty.
fn step(short: &[u64], long: &[u64]) -> Option<usize> {
    let longest_short = short[short.len() - 1 - short.len() / OUTLIERS];
    let shortest_long = long[long.len() / OUTLIERS];
    let (before, after) = (short[short.len() / 2], long[long.len() / 2]);
    let apart = shortest_long > longest_short.saturating_add(longest_short / 8);
    let differ = apart && after >= before.saturating_add(before / 4 * 3);
    let middle = before.midpoint(after);
    let too_long = short.len() - short.partition_point(|&sample| sample <= middle);
    let too_short = long.partition_point(|&sample| sample <= middle);
    differ.then_some(too_long + too_short)
}

#[cfg(test)]
mod tests {
    use super::since_change;

    #[test]
    fn finds_steps() {
        for (newest_first, expected) in [
            (&[][..], 0),
            (&[7], 1),
            (&[20, 20, 10, 10, 10, 10, 10, 10], 8),
            (&[20, 20, 20, 10, 10, 10, 10, 10], 3),
            (&[20, 20, 20, 20, 20, 10, 10, 10], 5),
            (&[10, 10, 10, 20, 20, 20, 20, 20], 3),
            (&[20, 20, 20, 10, 10], 5),
            (&[14, 14, 14, 14, 10, 10, 10, 10], 8),
            (&[40, 40, 40, 20, 20, 20, 20, 10, 10, 10, 10], 3),
            (&[0, 0, 0, 9, 9, 9], 3),
            (&[0; 8], 8),
            (&[u64::MAX, u64::MAX, u64::MAX, 1, 1, 1], 3),
        ] {
            assert_eq!(since_change(newest_first), expected, "{newest_first:?}");
        }
    }

    #[test]
    fn ignores_stalls() {
        let stalled = [10, 10, 500, 10, 10, 10, 10, 10, 10, 10, 10, 10];
        assert_eq!(since_change(&stalled), 12);
        let lately = [500, 500, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10];
        assert_eq!(since_change(&lately), 12);
        let before = [20, 20, 20, 10, 10, 10, 500, 10, 10, 10, 10, 10];
        assert_eq!(since_change(&before), 3);
        let after = [10, 10, 500, 10, 10, 10, 10, 10, 20, 20, 20, 20];
        assert_eq!(since_change(&after), 8);
    }

    #[test]
    fn ignores_noise() {
        let noisy = [12, 7, 15, 9, 6, 14, 8, 11, 7, 13];
        assert_eq!(since_change(&noisy), noisy.len());
    }
}
