//! How long results are kept.

use test_engine_store::{RetentionStart, Timestamp};

/// How long results are kept.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Retention {
    /// Days to keep executions and failure messages; 0 keeps them forever
    #[arg(long = "execution-retention-days", value_name = "DAYS")]
    #[arg(env = "TEST_ENGINE_EXECUTION_RETENTION_DAYS", default_value = "120")]
    pub execution_days: u32,
    /// Days to keep the spans of failed and slow executions, at most as long as the executions; 0
    /// keeps them as long as those
    #[arg(long = "span-retention-days", value_name = "DAYS")]
    #[arg(env = "TEST_ENGINE_SPAN_RETENTION_DAYS", default_value = "14")]
    pub span_days: u32,
    /// Days to keep daily sums, runs and upload receipts, at least as long as executions; 0 keeps
    /// them forever
    #[arg(long = "aggregate-retention-days", value_name = "DAYS")]
    #[arg(env = "TEST_ENGINE_AGGREGATE_RETENTION_DAYS", default_value = "730")]
    pub aggregate_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        super::defaults()
    }
}

impl Retention {
    /// The first days that are kept as of `now`.
    pub fn kept_since(self, now: Timestamp) -> RetentionStart {
        let first_day = |days: u32| (days > 0).then(|| now.plus_days(-i64::from(days)).day());
        let executions = first_day(self.execution_days);
        RetentionStart {
            spans: first_day(self.span_days).max(executions),
            executions,
            // Executions that are kept forever keep their aggregates.
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
            ..Retention::default()
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

    #[test]
    fn spans_are_never_kept_for_longer_than_executions() {
        let kept = |span_days, execution_days| {
            let retention = Retention {
                execution_days,
                span_days,
                ..Retention::default()
            };
            let now = Timestamp::from_millis(0).plus_days(1000);
            retention.kept_since(now).spans
        };
        assert_eq!(kept(14, 120), Some(986));
        assert_eq!(kept(14, 7), Some(993));
        assert_eq!(kept(0, 120), Some(880));
        assert_eq!(kept(14, 0), Some(986));
        assert_eq!(kept(0, 0), None);
        assert_eq!(Retention::default().span_days, 14);
    }
}
