//! Times are milliseconds since the epoch, days are days since the epoch, in UTC.

/// Milliseconds in a day.
pub const DAY: i64 = 24 * 60 * 60 * 1_000;

/// The day of a time.
pub fn day_of(at: i64) -> i32 {
    i32::try_from(at.div_euclid(DAY)).unwrap_or(if at < 0 { i32::MIN } else { i32::MAX })
}
