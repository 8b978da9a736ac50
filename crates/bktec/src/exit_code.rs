//! The exit codes of `bktec` that are its own.
//!
//! A run that reaches the runner ends with the runner's code instead.

/// The work was done, and nothing that counts failed.
pub const SUCCESS: u8 = 0;

/// Nothing was run, or not enough: wrong settings, a server that refused, a runner that could not
/// be started. Never used by the runners this client knows, so a pipeline can tell it apart.
pub const NOT_RUN: u8 = 16;

/// Added to a signal's number when a signal ended the runner, as shells do.
pub const SIGNAL_BASE: u8 = 128;

/// The code of a process that a signal ended.
pub fn of_signal(signal: i32) -> u8 {
    SIGNAL_BASE.saturating_add(u8::try_from(signal).unwrap_or(u8::MAX))
}

/// A child's code as this process can give it on. Codes that do not fit in a byte, which no Unix
/// process can have, become 1: never 0.
pub fn of_child(code: i32) -> u8 {
    u8::try_from(code).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_never_becomes_a_success() {
        assert_eq!(of_child(0), 0);
        assert_eq!(of_child(7), 7);
        assert_eq!(of_child(256), 1);
        assert_eq!(of_child(-1), 1);
        assert_eq!(of_signal(15), 143);
        assert_eq!(of_signal(9), 137);
    }
}
