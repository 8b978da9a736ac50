//! The first lines of a log: which program speaks, in which version.

use crate::terminal::Terminal;

const LOGO: &str = r"
 _     _    _
| |__ | | _| |_ ___  ___
| '_ \| |/ / __/ _ \/ __|
| |_) |   <| ||  __/ (__
|_.__/|_|\_\\__\___|\___|
";

/// Prints them. The first line folds the log, and pipelines look for it.
pub(super) fn print(terminal: &Terminal) {
    terminal.line(&format!(
        "+++ Buildkite Test Engine Client: bktec {}\n{LOGO}",
        env!("CARGO_PKG_VERSION")
    ));
}
