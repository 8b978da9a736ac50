//! Times of results in files, and the limits that a plausible one is within.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use test_engine_store::Timestamp;

use crate::clock::rfc3339;

/// 2000-01-01T00:00:00Z: older than every runner whose results can be imported.
const EARLIEST: Timestamp = Timestamp::from_millis(946_684_800_000);

/// Parses RFC 3339. A time without an offset, as JUnit files have it, is in UTC.
///
/// # Errors
///
/// A sentence with the text, if it is no time, before 2000, or after `now`.
pub(crate) fn parse_time(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let time = text.parse::<jiff::Timestamp>().or_else(|error| {
        // A civil time would ignore an offset that is invalid.
        let civil: DateTime = text.parse().map_err(|_| error)?;
        Ok::<_, jiff::Error>(civil.to_zoned(TimeZone::UTC)?.timestamp())
    });
    let time = match time {
        Ok(time) => Timestamp::from_millis(time.as_millisecond()),
        Err(_) => {
            return Err(format!(
                "the time {text:?} cannot be read; write it like 2026-11-22T10:00:00Z"
            ));
        }
    };
    if time < EARLIEST {
        return Err(format!("the time {text:?} is before the year 2000"));
    }
    if time > now {
        return Err(format!(
            "the time {text:?} is in the future; now is {}",
            rfc3339(now)
        ));
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_341_600_000);

    #[test]
    fn reads_times_with_and_without_offset() {
        for (text, expected) in [
            ("2026-11-22T10:00:00Z", NOW),
            ("2026-11-22T10:00:00", NOW),
            ("2026-11-22T12:00:00.000+02:00", NOW),
            ("2026-11-22T09:59:59.5", NOW.plus_millis(-500)),
            ("2000-01-01T00:00:00Z", EARLIEST),
        ] {
            assert_eq!(parse_time(text, NOW), Ok(expected), "{text}");
        }
    }

    #[test]
    fn rejects_implausible_times_with_their_value() {
        for (text, expected) in [
            ("2026-11-22T10:00:00.001Z", "in the future"),
            ("9999-12-01T00:00:00Z", "in the future"),
            ("1999-12-31T23:59:59Z", "before the year 2000"),
            ("1970-01-01T00:00:00", "before the year 2000"),
            ("yesterday", "cannot be read"),
            ("2026-13-01T00:00:00Z", "cannot be read"),
            ("1795341600", "cannot be read"),
            ("", "cannot be read"),
        ] {
            let error = parse_time(text, NOW).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }
}
