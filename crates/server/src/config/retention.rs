//! The section of retention: how long things are kept before they are removed by themselves.

use test_engine_store::{KeptSince, Timestamp};

/// Days executions and the text of failures are kept.
pub(crate) const DEFAULT_EXECUTION_DAYS: u32 = 120;
/// Days daily sums, runs and receipts of uploads are kept: two years.
pub(crate) const DEFAULT_AGGREGATE_DAYS: u32 = 730;

/// How long things are kept. 0 means for ever.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Days executions and the text of failures are kept.
    pub execution_days: u32,
    /// Days daily sums, runs and receipts of uploads are kept; never less than executions.
    pub aggregate_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            execution_days: DEFAULT_EXECUTION_DAYS,
            aggregate_days: DEFAULT_AGGREGATE_DAYS,
        }
    }
}

impl Retention {
    /// What is kept, seen from this moment.
    pub fn kept_since(self, now: Timestamp) -> KeptSince {
        let first_day = |days: u32| (days > 0).then(|| now.plus_days(-i64::from(days)).day());
        let executions = first_day(self.execution_days);
        KeptSince {
            executions,
            // Without executions nothing is older than they are.
            aggregates: executions
                .zip(first_day(self.aggregate_days))
                .map(|(executions, aggregates)| executions.min(aggregates)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(execution_days: u32, aggregate_days: u32) -> (Option<i64>, Option<i64>) {
        let retention = Retention {
            execution_days,
            aggregate_days,
        };
        let kept = retention.kept_since(Timestamp::from_millis(0).plus_days(1000));
        (kept.executions, kept.aggregates)
    }

    #[test]
    fn aggregates_are_never_kept_for_less_than_executions() {
        assert_eq!(kept(120, 730), (Some(880), Some(270)));
        assert_eq!(kept(120, 30), (Some(880), Some(880)));
        assert_eq!(kept(0, 730), (None, None));
        assert_eq!(kept(120, 0), (Some(880), None));
        assert_eq!(Retention::default().execution_days, 120);
    }
}
