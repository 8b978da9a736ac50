//! The clock of the server. Everything that needs the time gets a [`Clock`], so that tests can stop
//! or set it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use test_engine_store::Timestamp;

/// A source of the current time.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// Milliseconds since 1970; changes only when it is set.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that is stopped at this time.
    pub fn fixed_at(time: Timestamp) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(time.millis())))
    }

    /// The current time in milliseconds.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(match self {
            Self::System => jiff::Timestamp::now().as_millisecond(),
            Self::Fixed(time) => time.load(Ordering::SeqCst),
        })
    }
}

/// A time as RFC 3339 in UTC, such as `2026-11-22T10:00:00.000Z`.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time.millis()).map_or_else(
        |_| "1970-01-01T00:00:00.000Z".to_owned(),
        |time| format!("{time:.3}"),
    )
}

#[cfg(test)]
mod tests {
    use test_engine_store::Timestamp;

    use super::rfc3339;

    #[test]
    fn formats_times_in_utc_with_milliseconds() {
        let formatted = |millis| rfc3339(Timestamp::from_millis(millis));
        assert_eq!(formatted(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(formatted(1_795_341_600_250), "2026-11-22T10:00:00.250Z");
        assert_eq!(formatted(i64::MAX), "1970-01-01T00:00:00.000Z");
    }
}
