//! How long to keep trying: the limits of a call and the rule for the next wait. Pure.
//!
//! `failure` decides what is worth another try.

use std::time::Duration;

/// Limits of one API call including all its tries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// The wait after the first failure. It doubles after each further one.
    pub first_wait: Duration,
    pub per_try: Duration,
    /// For all tries and waits together.
    pub overall: Duration,
    pub max_tries: u32,
}

impl Budget {
    /// For plans: the build can do nothing else meanwhile.
    pub const PLAN: Self = Self {
        first_wait: Duration::from_secs(3),
        per_try: Duration::from_secs(15),
        overall: Duration::from_secs(130),
        max_tries: u32::MAX,
    };

    /// For plan metadata: the tests have finished, so the job should end soon.
    pub const METADATA: Self = Self {
        overall: Duration::from_secs(30),
        ..Self::PLAN
    };

    /// For the last report of a node: the tests have finished, so the job should end soon.
    pub const NODE_REPORT: Self = Self {
        first_wait: Duration::from_millis(500),
        per_try: Duration::from_secs(10),
        overall: Duration::from_secs(10),
        max_tries: 3,
    };

    /// For the upload of one result file by `run`.
    pub const RESULTS: Self = Self {
        first_wait: Duration::from_millis(500),
        per_try: Duration::from_secs(5),
        overall: Duration::from_secs(30),
        max_tries: u32::MAX,
    };

    /// For all files of `bktec upload` together. One try may be long because files may be large and
    /// connections slow, but must leave time for another if the server hangs.
    pub const UPLOAD: Self = Self {
        first_wait: Duration::from_millis(500),
        per_try: Duration::from_mins(2),
        overall: Duration::from_mins(5),
        max_tries: 5,
    };

    /// The budget left `elapsed` after the start.
    #[must_use]
    pub fn left(self, elapsed: Duration) -> Self {
        Self {
            overall: self.overall.saturating_sub(elapsed),
            ..self
        }
    }

    /// Multiplies every time limit by `factor`, above 0 and at most 1.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self {
            first_wait: self.first_wait.mul_f64(factor),
            per_try: self.per_try.mul_f64(factor),
            overall: self.overall.mul_f64(factor),
            max_tries: self.max_tries,
        }
    }

    /// The wait after the `failures`-th failure in a row (from 1), or `None` if it would leave no
    /// time for another try or no tries are left.
    ///
    /// A wait that the server requested (`retry_after`) is never shortened. Otherwise the wait
    /// doubles each time, with jitter so that the nodes of a build do not retry simultaneously.
    /// `chance` is a random number from 0 to 1.
    pub fn next_wait(
        &self,
        failures: u32,
        retry_after: Option<Duration>,
        elapsed: Duration,
        chance: f64,
    ) -> Option<Duration> {
        if failures >= self.max_tries {
            return None;
        }
        let wait = if let Some(requested) = retry_after {
            requested + self.first_wait.mul_f64(0.25 * chance)
        } else {
            let doubled = self
                .first_wait
                .saturating_mul(1 << failures.saturating_sub(1).min(16));
            // 75% to 125% of the doubled wait.
            doubled.min(self.overall).mul_f64(0.75 + 0.5 * chance)
        };
        (elapsed.saturating_add(wait) < self.overall).then_some(wait)
    }

    /// The time limit of the next try.
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
    fn waits_double_until_the_budget_is_spent() {
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
    fn jitter_is_at_most_a_quarter_of_the_wait() {
        let wait = |chance| {
            Budget::PLAN
                .next_wait(1, None, Duration::ZERO, chance)
                .unwrap()
        };
        assert_eq!(wait(0.0), Duration::from_millis(2250));
        assert_eq!(wait(1.0), Duration::from_millis(3750));
    }

    #[test]
    fn a_requested_wait_is_never_shortened() {
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
    fn no_wait_or_try_exceeds_the_overall_limit() {
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
    fn the_number_of_tries_is_limited() {
        let wait = |failures| Budget::UPLOAD.next_wait(failures, None, Duration::ZERO, MIDDLE);
        let waits: Vec<_> = (1..=5).map(wait).collect();
        let expected = [Some(500), Some(1000), Some(2000), Some(4000), None];
        assert_eq!(waits, expected.map(|wait| wait.map(Duration::from_millis)));
    }

    #[test]
    fn the_remaining_budget_has_the_same_deadline() {
        let left = Budget::UPLOAD.left(seconds(290));
        assert_eq!(left.next_limit(Duration::ZERO), seconds(10));
        assert_eq!(Budget::UPLOAD.left(seconds(301)).overall, Duration::ZERO);
    }

    #[test]
    fn a_huge_requested_wait_does_not_overflow() {
        let forever = Some(Duration::from_secs(u64::MAX / 2));
        assert_eq!(Budget::PLAN.next_wait(1, forever, seconds(1), 1.0), None);
    }
}
