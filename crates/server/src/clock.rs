//! The one clock of the server. Everything that needs the time is handed a [`Clock`], so tests can
//! stand still or jump.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use test_engine_store::Timestamp;

/// Tells the time.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// A clock that moves only when it is set; milliseconds since 1970.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at this time.
    pub fn fixed_at(time: Timestamp) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(time.millis())))
    }

    /// The time, to the millisecond.
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
    fn times_are_written_in_utc_with_milliseconds() {
        let written = |millis| rfc3339(Timestamp::from_millis(millis));
        assert_eq!(written(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(written(1_795_341_600_250), "2026-11-22T10:00:00.250Z");
        assert_eq!(written(i64::MAX), "1970-01-01T00:00:00.000Z");
    }
}
