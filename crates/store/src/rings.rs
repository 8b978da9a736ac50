//! The recent runs of a selector, encoded as one value.
//!
//! A plan reads the recent durations of a hundred thousand selectors in one query: one small value
//! each instead of twenty rows.

use test_engine_duration::Micros;

use crate::error::StoreError;
use crate::records::{BranchId, RunId, RunTiming};
use crate::varint;

/// Runs in a selector's history.
pub const RECENT_RUNS: usize = 20;

/// Adds a duration to a run's entry, or inserts one. Entries are ordered by run; past
/// [`RECENT_RUNS`] the oldest run is dropped, which may be the new one.
pub(crate) fn add(recent: &mut Vec<RunTiming>, timing: RunTiming) {
    match recent.binary_search_by_key(&timing.run, |entry| entry.run) {
        Ok(place) => {
            let entry = &mut recent[place];
            entry.duration = entry.duration.saturating_add(timing.duration);
        }
        Err(place) => {
            recent.insert(place, timing);
            if recent.len() > RECENT_RUNS {
                recent.remove(0);
            }
        }
    }
}

/// The run, the branch (0: none) and the duration of each entry, as varints.
pub(crate) fn encode(recent: &[RunTiming]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(recent.len() * 10);
    for timing in recent {
        varint::put(&mut bytes, timing.run.get().cast_unsigned());
        varint::put(
            &mut bytes,
            timing
                .branch
                .map_or(0, |branch| branch.get().cast_unsigned()),
        );
        varint::put(&mut bytes, timing.duration.get());
    }
    bytes
}

pub(crate) fn decode(mut bytes: &[u8]) -> Result<Vec<RunTiming>, StoreError> {
    let mut recent = Vec::with_capacity(RECENT_RUNS);
    while !bytes.is_empty() {
        let mut next = || varint::take(&mut bytes).ok_or(StoreError::Damaged { what: "timing" });
        let (run, branch, duration) = (next()?, next()?, next()?);
        recent.push(RunTiming {
            run: RunId::new(run.cast_signed()),
            branch: (branch != 0).then(|| BranchId::new(branch.cast_signed())),
            duration: Micros::new(duration),
        });
    }
    Ok(recent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(run: i64, duration: u64) -> RunTiming {
        RunTiming {
            run: RunId::new(run),
            branch: Some(BranchId::new(7)),
            duration: Micros::new(duration),
        }
    }

    #[test]
    fn decodes_encoded_rings() {
        let recent = vec![
            RunTiming {
                run: RunId::new(1),
                branch: None,
                duration: Micros::ZERO,
            },
            timing(900_000, 1_500_000),
        ];
        assert_eq!(decode(&encode(&recent)).unwrap(), recent);
        assert_eq!(decode(&[]).unwrap(), []);
        assert!(decode(&[1, 2]).is_err());
    }

    #[test]
    fn adds_durations_of_one_run() {
        let mut recent = vec![timing(1, 10), timing(2, 20)];
        add(&mut recent, timing(1, 5));
        assert_eq!(recent, [timing(1, 15), timing(2, 20)]);
    }

    #[test]
    fn drops_the_oldest_run_in_any_order() {
        let mut recent = Vec::new();
        let full = i64::try_from(RECENT_RUNS).unwrap() + 5;
        for run in (1..=full).rev() {
            add(&mut recent, timing(run, 1));
        }
        assert_eq!(recent.len(), RECENT_RUNS);
        assert_eq!(recent[0].run.get(), 6);
        add(&mut recent, timing(2, 1));
        assert_eq!(recent[0].run.get(), 6, "older than all that are kept");
    }
}
