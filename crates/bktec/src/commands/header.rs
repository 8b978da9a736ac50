//! The first lines of a log: the version and a logo.

use crate::terminal::Terminal;

const LOGO: &str = r"
 _     _    _
| |__ | | _| |_ ___  ___
| '_ \| |/ / __/ _ \/ __|
| |_) |   <| ||  __/ (__
|_.__/|_|\_\\__\___|\___|
";

/// The first line starts a log section, and pipelines search for it.
pub(super) fn print(terminal: &Terminal) {
    terminal.line(&format!(
        "+++ Buildkite Test Engine Client: bktec {}\n{LOGO}",
        env!("CARGO_PKG_VERSION")
    ));
}
