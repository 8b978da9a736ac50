//! Writing to stdout and stderr. The log of the server goes through `tracing` instead.

use std::io::Write as _;

/// Prints data to stdout. A closed pipe is not an error.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints an error to stderr. A failure to do so cannot be reported anywhere.
pub(super) fn print_error(text: &str) {
    let _unreported = writeln!(std::io::stderr().lock(), "{text}");
}

pub(super) fn print_json(value: &serde_json::Value) -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}
