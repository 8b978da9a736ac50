//! The only owner of stdout and stderr.
//!
//! Commands write data or log lines. A log line that cannot be written is dropped, because a closed
//! pipe must not end a test run; data that cannot be written is an error. Colors are used only on
//! terminals and never carry meaning alone.

use std::cell::Cell;
use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use crate::ci::Folding;
use crate::{clock, report};

const RED: Style = AnsiColor::Red.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Debug {
    Off,
    Stdout,
    Stderr,
}

#[derive(Debug)]
pub struct Terminal {
    colors_out: bool,
    colors_err: bool,
    debug: Debug,
    log_to_stderr: bool,
    folding: Folding,
    texts: Cell<u32>,
}

#[expect(
    clippy::unused_self,
    reason = "only the owner of the terminal may write to it"
)]
impl Terminal {
    /// Log lines go to stdout, warnings to stderr.
    pub fn for_run(debug: bool) -> Self {
        Self::new(if debug { Debug::Stdout } else { Debug::Off }, false)
    }

    /// All log lines go to stderr, because the command writes data to stdout.
    pub fn for_data(debug: bool) -> Self {
        Self::new(if debug { Debug::Stderr } else { Debug::Off }, true)
    }

    fn new(debug: Debug, log_to_stderr: bool) -> Self {
        Self {
            colors_out: AutoStream::choice(&io::stdout()) != ColorChoice::Never,
            colors_err: AutoStream::choice(&io::stderr()) != ColorChoice::Never,
            debug,
            log_to_stderr,
            folding: Folding::default(),
            texts: Cell::new(0),
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
        self.texts.set(self.texts.get() + 1);
        let colors = if self.log_to_stderr {
            self.colors_err
        } else {
            self.colors_out
        };
        // The CI's section marks look like color codes, so they are added last.
        let text = report::folded(
            &shown(text, colors),
            self.folding,
            clock::now_seconds(),
            self.texts.get(),
        );
        if self.log_to_stderr {
            write_line(&mut io::stderr().lock(), text);
        } else {
            write_line(&mut io::stdout().lock(), text);
        }
    }

    pub fn stderr_line(&self, text: &str) {
        write_log(&mut io::stderr().lock(), text, self.colors_err);
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
        match self.debug {
            Debug::Off => {}
            Debug::Stdout => {
                write_log(
                    &mut io::stdout().lock(),
                    &format!("DEBUG: {}", text()),
                    self.colors_out,
                );
            }
            Debug::Stderr => self.stderr_line(&format!("DEBUG: {}", text())),
        }
    }
}

fn painted(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Uses one write for the whole line, so that lines of other processes do not split it.
fn write_log(stream: &mut impl Write, text: &str, colors: bool) {
    write_line(stream, shown(text, colors));
}

fn shown(text: &str, colors: bool) -> String {
    if colors {
        text.to_owned()
    } else {
        anstream::adapter::strip_str(text).to_string()
    }
}

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

    fn written(text: &str, colors: bool) -> String {
        let mut bytes = Vec::new();
        write_log(&mut bytes, text, colors);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn removes_colors_where_they_are_not_shown() {
        let text = painted(RED, "❌ broken");
        assert_eq!(written(&text, false), "❌ broken\n");
        assert_eq!(written(&text, true), "\u{1b}[31m❌ broken\u{1b}[0m\n");
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
        write_log(&mut Closed, "text", false);
    }
}
