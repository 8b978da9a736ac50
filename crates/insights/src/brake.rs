//! The limit on what rules quarantine.

/// Keeps rules from quarantining a whole suite, for example after a change of the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brake {
    /// Tests of the suite.
    pub tests: u32,
    /// Of those, the tests that rules have quarantined and that still are.
    pub quarantined: u32,
    /// Tests that rules have quarantined today.
    pub quarantined_today: u32,
}

impl Brake {
    /// Percent of a suite that rules quarantine in all.
    pub const MAX_PERCENT: u32 = 5;
    /// Tests of a suite that rules quarantine per day, in UTC.
    pub const MAX_PER_DAY: u32 = 20;

    /// How many tests may be quarantined by rules in all: 5% of the suite, at least one test.
    pub fn max_tests(&self) -> u32 {
        let share = u64::from(self.tests) * u64::from(Self::MAX_PERCENT);
        u32::try_from(share.div_ceil(100)).unwrap_or(u32::MAX)
    }

    /// How many more tests rules may quarantine today, within both limits.
    pub fn remaining(&self) -> u32 {
        let today = Self::MAX_PER_DAY.saturating_sub(self.quarantined_today);
        self.max_tests().saturating_sub(self.quarantined).min(today)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_quarantine_a_twentieth_of_a_suite_and_twenty_tests_a_day() {
        // Tests, quarantined by rules, of those today: how many more.
        let cases = [
            (0, 0, 0, 0),
            (1, 0, 0, 1),
            (20, 1, 1, 0),
            (100, 0, 0, 5),
            (100, 5, 0, 0),
            (100, 9, 0, 0),
            (10_000, 0, 0, 20),
            (10_000, 20, 19, 1),
            (10_000, 20, 25, 0),
            (10_000, 495, 0, 5),
            (u32::MAX, 0, 0, 20),
        ];
        for (tests, quarantined, quarantined_today, expected) in cases {
            let brake = Brake {
                tests,
                quarantined,
                quarantined_today,
            };
            assert_eq!(brake.remaining(), expected, "{brake:?}");
        }
    }
}
