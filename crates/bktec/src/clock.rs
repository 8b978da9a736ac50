//! The client's one clock. Code that needs the time gets it as a value or calls this.

/// Now, in UTC, as RFC 3339 with microseconds.
pub fn now_rfc3339() -> String {
    format!("{:.6}", now())
}

/// Now, in whole seconds since 1970.
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
    fn a_timestamp_has_microseconds_and_says_utc() {
        let now = super::now_rfc3339();
        assert!(now.ends_with('Z'), "{now}");
        assert_eq!(now.len(), "2024-06-20T04:46:13.609770Z".len(), "{now}");
        assert!(now.parse::<jiff::Timestamp>().is_ok(), "{now}");
    }
}
