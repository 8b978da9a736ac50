//! The only writer to stdout and stderr of the commands. The server's log is `tracing`'s.

use std::io::Write as _;

/// Data for stdout. A reader that has gone away is no error.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Talk for stderr. There is nowhere left to say that this failed.
pub(super) fn complain(text: &str) {
    let _unsaid = writeln!(std::io::stderr().lock(), "{text}");
}

/// A value as indented JSON on stdout.
pub(super) fn print_json(value: &serde_json::Value) -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}
