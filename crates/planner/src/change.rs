//! Whether a test takes longer or shorter than it used to, and since when.
//!
//! Most tests that change do so from one commit to the next. A mean over both sides of such a step
//! is wrong for weeks; a mean over the newer side is right after a few runs. It only finds the
//! step: what the durations come to is `estimate`'s matter.

/// Samples that are needed on either side of a step. Three newest that are the three slowest of
/// ten are chance once in 120 times, two once in 45 times.
const LEAST_SAMPLES: usize = 3;

/// One sample in so many may lie on the wrong side: a stall, or a run that was cut short.
const STRAYS: usize = 8;

/// How many of the newest samples come after the latest step; all of them when there was none.
///
/// A step is where the newer samples, strays aside, are all longer (or all shorter) than the older
/// ones with a gap between, and typically by three quarters at least. Smaller steps are left to the
/// weights of recent runs: where noise is strong, seeing steps that are none costs more than it
/// brings (`examples/simulate`). `newest_first` holds durations in any unit.
pub(crate) fn since_change(newest_first: &[u64]) -> usize {
    let all = newest_first.len();
    if all < 2 * LEAST_SAMPLES || are_alike(newest_first) {
        return all;
    }
    let (first, rest) = newest_first.split_at(LEAST_SAMPLES - 1);
    let mut newer = first.to_vec();
    newer.sort_unstable();
    let mut older = rest.to_vec();
    older.sort_unstable();
    let mut latest: Option<(usize, usize)> = None;
    for &next in &rest[..rest.len() - LEAST_SAMPLES] {
        let place = newer.partition_point(|&known| known < next);
        newer.insert(place, next);
        older.remove(older.partition_point(|&known| known < next));
        let strays = step(&older, &newer).or_else(|| step(&newer, &older));
        // Beside the true place of a step its neighbours look like it, with a stray more.
        match (latest, strays) {
            (Some(_), None) => break,
            (None, None) => {}
            (_, Some(strays)) => {
                let here = (strays, newer.len());
                latest = Some(latest.map_or(here, |best| best.min(here)));
            }
        }
    }
    latest.map_or(all, |(_, since)| since)
}

/// Quick, for the many tests of which nothing needs to be found out: no step is that small.
fn are_alike(samples: &[u64]) -> bool {
    let shortest = samples.iter().min().copied().unwrap_or_default();
    let longest = samples.iter().max().copied().unwrap_or_default();
    longest <= shortest.saturating_add(shortest / 2)
}

/// When the second are clearly longer than the first, how many stray to the other side. Both are
/// sorted, neither is empty.
fn step(short: &[u64], long: &[u64]) -> Option<usize> {
    let longest_short = short[short.len() - 1 - short.len() / STRAYS];
    let shortest_long = long[long.len() / STRAYS];
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
    fn a_step_is_found_where_it_was() {
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
    fn a_stall_neither_makes_nor_hides_a_step() {
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
    fn noise_is_no_step() {
        let noisy = [12, 7, 15, 9, 6, 14, 8, 11, 7, 13];
        assert_eq!(since_change(&noisy), noisy.len());
    }
}
