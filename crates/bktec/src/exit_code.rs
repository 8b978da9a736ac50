//! The exit codes of `bktec` itself. A run that reaches the runner ends with the runner's code.

pub const SUCCESS: u8 = 0;

/// `verify`: tests did not run.
pub const INCOMPLETE: u8 = 1;

/// `doctor`: a check failed.
pub const CHECKS_FAILED: u8 = 1;

/// Nothing or not enough was run: invalid settings, a server that refused, a runner that could not
/// be started; `verify` cannot know whether all tests ran. No supported runner uses this code.
pub const NOT_RUN: u8 = 16;

/// Added to a signal's number when a signal killed the runner, as shells do.
pub const SIGNAL_BASE: u8 = 128;

pub fn of_signal(signal: i32) -> u8 {
    SIGNAL_BASE.saturating_add(u8::try_from(signal).unwrap_or(u8::MAX))
}

/// Codes that do not fit into a byte become 1, never 0.
pub fn of_child(code: i32) -> u8 {
    u8::try_from(code).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_never_become_successes() {
        assert_eq!(of_child(0), 0);
        assert_eq!(of_child(7), 7);
        assert_eq!(of_child(256), 1);
        assert_eq!(of_child(-1), 1);
        assert_eq!(of_signal(15), 143);
        assert_eq!(of_signal(9), 137);
    }
}
