//! How long to try: a policy as a value, and the pure rule for the next wait.
//!
//! What is worth another try is `failure`'s business.

use std::time::Duration;

/// Time limits of one API call with all its tries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// The wait after the first failure; it doubles after each.
    pub first_wait: Duration,
    /// The longest a single try may take.
    pub per_try: Duration,
    /// The longest everything may take, waits included.
    pub overall: Duration,
    /// The most tries.
    pub tries: u32,
}

impl Budget {
    /// For plans: the build waits for nothing better.
    pub const PLAN: Self = Self {
        first_wait: Duration::from_secs(3),
        per_try: Duration::from_secs(15),
        overall: Duration::from_secs(130),
        tries: u32::MAX,
    };

    /// For what is told after the tests have run: their outcome is known, so the job should not be
    /// held for long.
    pub const AFTERWARDS: Self = Self {
        first_wait: Duration::from_secs(3),
        per_try: Duration::from_secs(15),
        overall: Duration::from_secs(30),
        tries: u32::MAX,
    };

    /// For the upload of one result file by `run`.
    pub const RESULTS: Self = Self {
        first_wait: Duration::from_millis(500),
        per_try: Duration::from_secs(5),
        overall: Duration::from_secs(30),
        tries: u32::MAX,
    };

    /// For `bktec upload`: all its files together. One try may take long, since files may be large
    /// and lines slow, but not so long that a server which hangs leaves no time for another.
    pub const UPLOAD: Self = Self {
        first_wait: Duration::from_millis(500),
        per_try: Duration::from_mins(2),
        overall: Duration::from_mins(5),
        tries: 5,
    };

    /// What is left of it for something that begins now, `elapsed` after the beginning.
    #[must_use]
    pub fn left(self, elapsed: Duration) -> Self {
        Self {
            overall: self.overall.saturating_sub(elapsed),
            ..self
        }
    }

    /// Every limit multiplied by `factor`, above 0 and at most 1.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self {
            first_wait: self.first_wait.mul_f64(factor),
            per_try: self.per_try.mul_f64(factor),
            overall: self.overall.mul_f64(factor),
            tries: self.tries,
        }
    }

    /// How long to wait after the `failures`-th failure in a row (from 1), or `None` when that would
    /// leave no time for another try, or no tries are left.
    ///
    /// `server_says` is the wait the server asked for; it is kept to, never shortened. Otherwise the
    /// wait doubles each time, with jitter so that the nodes of a build do not knock all at once.
    /// `chance` is a random number from 0 to 1.
    pub fn next_wait(
        &self,
        failures: u32,
        server_says: Option<Duration>,
        elapsed: Duration,
        chance: f64,
    ) -> Option<Duration> {
        if failures >= self.tries {
            return None;
        }
        let wait = if let Some(asked) = server_says {
            asked + self.first_wait.mul_f64(0.25 * chance)
        } else {
            let doubled = self
                .first_wait
                .saturating_mul(1 << failures.saturating_sub(1).min(16));
            // From three quarters to five quarters of the doubled wait.
            doubled.min(self.overall).mul_f64(0.75 + 0.5 * chance)
        };
        (elapsed.saturating_add(wait) < self.overall).then_some(wait)
    }

    /// How long the next try may take.
    pub fn next_limit(&self, elapsed: Duration) -> Duration {
        self.per_try.min(self.overall.saturating_sub(elapsed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDDLE: f64 = 0.5;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn waits_double_until_the_time_is_spent() {
        let mut elapsed = Duration::ZERO;
        let mut waits = Vec::new();
        for failures in 1.. {
            match Budget::PLAN.next_wait(failures, None, elapsed, MIDDLE) {
                Some(wait) => waits.push(wait.as_secs()),
                None => break,
            }
            elapsed += seconds(waits[waits.len() - 1]);
        }
        assert_eq!(waits, [3, 6, 12, 24, 48]);
    }

    #[test]
    fn jitter_stays_near_the_wait() {
        let wait = |chance| {
            Budget::PLAN
                .next_wait(1, None, Duration::ZERO, chance)
                .unwrap()
        };
        assert_eq!(wait(0.0), Duration::from_millis(2250));
        assert_eq!(wait(1.0), Duration::from_millis(3750));
    }

    #[test]
    fn the_servers_word_is_never_shortened() {
        for chance in [0.0, 0.5, 1.0] {
            let wait = Budget::PLAN
                .next_wait(1, Some(seconds(42)), Duration::ZERO, chance)
                .unwrap();
            assert!(wait >= seconds(42) && wait < seconds(43), "{wait:?}");
        }
        let too_long = Budget::PLAN.next_wait(1, Some(seconds(131)), Duration::ZERO, 0.0);
        assert_eq!(too_long, None);
    }

    #[test]
    fn nothing_goes_past_the_overall_limit() {
        assert_eq!(Budget::PLAN.next_wait(1, None, seconds(128), MIDDLE), None);
        assert_eq!(
            Budget::PLAN.next_wait(u32::MAX - 1, None, seconds(1), MIDDLE),
            None
        );
        assert_eq!(Budget::PLAN.next_limit(Duration::ZERO), seconds(15));
        assert_eq!(Budget::PLAN.next_limit(seconds(120)), seconds(10));
        assert_eq!(Budget::PLAN.next_limit(seconds(140)), Duration::ZERO);
    }

    #[test]
    fn tries_may_be_counted() {
        let wait = |failures| Budget::UPLOAD.next_wait(failures, None, Duration::ZERO, MIDDLE);
        let waits: Vec<_> = (1..=5).map(wait).collect();
        let milliseconds = |number| Some(Duration::from_millis(number));
        assert_eq!(
            waits,
            [
                milliseconds(500),
                milliseconds(1000),
                milliseconds(2000),
                milliseconds(4000),
                None
            ]
        );
    }

    #[test]
    fn what_is_left_ends_at_the_same_time() {
        let left = Budget::UPLOAD.left(seconds(290));
        assert_eq!(left.next_limit(Duration::ZERO), seconds(10));
        assert_eq!(Budget::UPLOAD.left(seconds(301)).overall, Duration::ZERO);
    }

    #[test]
    fn a_huge_word_of_the_server_is_no_overflow() {
        let forever = Some(Duration::from_secs(u64::MAX / 2));
        assert_eq!(Budget::PLAN.next_wait(1, forever, seconds(1), 1.0), None);
    }
}
