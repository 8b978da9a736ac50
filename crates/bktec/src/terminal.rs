//! The only owner of stdout and stderr.
//!
//! Commands write data or log lines. A log line that cannot be written is dropped, because a closed
//! pipe must not end a test run; data that cannot be written is an error. Colors are used only on
//! terminals and never carry meaning alone.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU32, Ordering};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use crate::ci::Folding;
use crate::{clock, report};

const RED: Style = AnsiColor::Red.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();

#[derive(Debug)]
pub struct Terminal {
    colors_out: bool,
    colors_err: bool,
    prints_debug: bool,
    log_to_stderr: bool,
    folding: Folding,
    texts: AtomicU32,
}

#[expect(
    clippy::unused_self,
    reason = "only the owner of the terminal may write to it"
)]
impl Terminal {
    /// Log lines go to stdout, warnings to stderr.
    pub fn for_run(debug: bool) -> Self {
        Self::new(debug, false)
    }

    /// All log lines go to stderr, because the command writes data to stdout.
    pub fn for_data(debug: bool) -> Self {
        Self::new(debug, true)
    }

    fn new(prints_debug: bool, log_to_stderr: bool) -> Self {
        Self {
            colors_out: AutoStream::choice(&io::stdout()) != ColorChoice::Never,
            colors_err: AutoStream::choice(&io::stderr()) != ColorChoice::Never,
            prints_debug,
            log_to_stderr,
            folding: Folding::default(),
            texts: AtomicU32::new(0),
        }
    }

    #[must_use]
    pub fn folding(mut self, folding: Folding) -> Self {
        self.folding = folding;
        self
    }

    /// Writes all of `data` to stdout.
    pub fn data(&self, data: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(data)?;
        stdout.flush()
    }

    /// Writes one or more log lines. Color codes are removed where they would not be shown, and
    /// section marks are replaced by those of the CI.
    pub fn line(&self, text: &str) {
        let number = self.texts.fetch_add(1, Ordering::Relaxed) + 1;
        // The CI's section marks look like color codes, so they are added last.
        let text = report::folded(
            &shown(text, self.colors()),
            self.folding,
            clock::now_seconds(),
            number,
        );
        self.write(text);
    }

    fn colors(&self) -> bool {
        if self.log_to_stderr {
            self.colors_err
        } else {
            self.colors_out
        }
    }

    fn write(&self, line: String) {
        if self.log_to_stderr {
            write_line(&mut io::stderr().lock(), line);
        } else {
            write_line(&mut io::stdout().lock(), line);
        }
    }

    pub fn stderr_line(&self, text: &str) {
        write_line(&mut io::stderr().lock(), shown(text, self.colors_err));
    }

    pub fn warning(&self, text: &str) {
        self.stderr_line(&painted(YELLOW, &format!("⚠️ {text}")));
    }

    pub fn error(&self, text: &str) {
        self.stderr_line(&painted(RED, &format!("❌ {text}")));
    }

    /// Whether stderr is a terminal.
    pub fn is_interactive(&self) -> bool {
        use std::io::IsTerminal as _;
        io::stderr().is_terminal()
    }

    /// Replaces the line it wrote last; an empty text ends this. Only for terminals.
    pub fn draw(&self, text: &str) {
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "\r\x1b[2K{text}").and_then(|()| stderr.flush());
    }

    pub fn debug(&self, text: impl FnOnce() -> String) {
        if self.prints_debug {
            self.write(shown(&format!("DEBUG: {}", text()), self.colors()));
        }
    }
}

fn painted(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

fn shown(text: &str, colors: bool) -> String {
    if colors {
        text.to_owned()
    } else {
        anstream::adapter::strip_str(text).to_string()
    }
}

/// Uses one write, so that lines of other processes do not split the line.
fn write_line(stream: &mut impl Write, mut line: String) {
    line.push('\n');
    // A log that nobody can read is no reason to stop running tests.
    let _ = stream
        .write_all(line.as_bytes())
        .and_then(|()| stream.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_colors_where_they_are_not_shown() {
        let text = painted(RED, "❌ broken");
        assert_eq!(shown(&text, false), "❌ broken");
        assert_eq!(shown(&text, true), "\u{1b}[31m❌ broken\u{1b}[0m");
    }

    #[test]
    fn a_closed_stream_does_not_panic() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        write_line(&mut Closed, "text".to_owned());
    }
}
