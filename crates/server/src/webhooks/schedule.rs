//! When to attempt a delivery again.

use std::time::Duration;

use test_engine_store::Timestamp;

const MINUTE_MS: i64 = 60 * 1_000;
const MAX_DELAY_MS: i64 = 4 * 60 * MINUTE_MS;
/// How long a delivery is attempted.
const MAX_AGE_MS: i64 = 24 * 60 * MINUTE_MS;

/// The next attempt after `attempts` failed ones: after 1, 2, 4 … minutes, at most 4 hours, and the
/// last one after 24 hours. `None`: give up. A receiver may ask for a longer delay.
pub(crate) fn next_attempt(
    attempts: u64,
    first_at: Timestamp,
    retry_after: Option<Duration>,
    now: Timestamp,
) -> Option<Timestamp> {
    let last = first_at.plus_millis(MAX_AGE_MS);
    if now >= last {
        return None;
    }
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
    let delay = MINUTE_MS
        .saturating_mul(1_i64.checked_shl(doublings.min(20)).unwrap_or(i64::MAX))
        .min(MAX_DELAY_MS);
    let asked = retry_after.map_or(0, |asked| {
        i64::try_from(asked.as_millis()).unwrap_or(i64::MAX)
    });
    Some(now.plus_millis(delay.max(asked)).min(last))
}

/// Deliveries from before this have been due for long enough to give them up.
pub(crate) fn too_old(now: Timestamp) -> Timestamp {
    now.plus_millis(-MAX_AGE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_and_end_after_a_day() {
        let first = Timestamp::from_millis(1_000_000);
        let (mut now, mut delays, mut attempts) = (first, Vec::new(), 1);
        while let Some(next) = next_attempt(attempts, first, None, now) {
            delays.push((next.millis() - now.millis()) / MINUTE_MS);
            now = next;
            attempts += 1;
        }
        assert_eq!(
            delays,
            [1, 2, 4, 8, 16, 32, 64, 128, 240, 240, 240, 240, 225]
        );
        assert_eq!(now, first.plus_millis(MAX_AGE_MS));
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_but_not_for_more_than_a_day() {
        let first = Timestamp::from_millis(0);
        let after = |seconds| {
            let asked = Some(Duration::from_secs(seconds));
            next_attempt(1, first, asked, first).unwrap().millis()
        };
        assert_eq!(after(5), MINUTE_MS);
        assert_eq!(after(600), 10 * MINUTE_MS);
        assert_eq!(after(u64::MAX), MAX_AGE_MS);
        let late = first.plus_millis(MAX_AGE_MS);
        assert_eq!(next_attempt(u64::MAX, first, None, late), None);
    }
}
