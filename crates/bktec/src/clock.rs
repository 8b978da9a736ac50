//! The only code that reads the time.

/// UTC, with microseconds.
pub fn now_rfc3339() -> String {
    format!("{:.6}", now())
}

/// Since 1970.
pub fn now_seconds() -> i64 {
    now().as_second()
}

#[expect(clippy::disallowed_methods, reason = "this is the one clock")]
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

#[cfg(test)]
mod tests {
    #[test]
    fn timestamps_are_utc_with_microseconds() {
        let now = super::now_rfc3339();
        assert!(now.ends_with('Z'), "{now}");
        assert_eq!(now.len(), "2024-06-20T04:46:13.609770Z".len(), "{now}");
        assert!(now.parse::<jiff::Timestamp>().is_ok(), "{now}");
    }
}
