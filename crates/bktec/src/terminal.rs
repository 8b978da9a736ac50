//! The only owner of stdout and stderr.
//!
//! stdout is data where a command has data, stderr is talk. Talk that cannot be written is dropped:
//! a closed pipe must not end a test run. Data that cannot be written is an error. Colours are
//! added only where a terminal shows them, and never carry meaning alone.

use std::cell::Cell;
use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use crate::ci::Folding;
use crate::{clock, report};

const RED: Style = AnsiColor::Red.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();

/// Where debug lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Debug {
    Off,
    Stdout,
    Stderr,
}

/// The two streams of this process.
#[derive(Debug)]
pub struct Terminal {
    colours_out: bool,
    colours_err: bool,
    debug: Debug,
    talk_to_stderr: bool,
    folding: Folding,
    texts: Cell<u32>,
}

#[expect(
    clippy::unused_self,
    reason = "only the owner of the terminal may write to it"
)]
impl Terminal {
    /// For a command whose talk is its output: talk goes to stdout, warnings to stderr.
    pub fn for_run(debug: bool) -> Self {
        Self::new(if debug { Debug::Stdout } else { Debug::Off }, false)
    }

    /// For a command that has data for stdout: all talk goes to stderr.
    pub fn for_data(debug: bool) -> Self {
        Self::new(if debug { Debug::Stderr } else { Debug::Off }, true)
    }

    fn new(debug: Debug, talk_to_stderr: bool) -> Self {
        Self {
            colours_out: AutoStream::choice(&io::stdout()) != ColorChoice::Never,
            colours_err: AutoStream::choice(&io::stderr()) != ColorChoice::Never,
            debug,
            talk_to_stderr,
            folding: Folding::default(),
            texts: Cell::new(0),
        }
    }

    /// The same, for a log that folds like this.
    #[must_use]
    pub fn folding(mut self, folding: Folding) -> Self {
        self.folding = folding;
        self
    }

    /// Writes data to stdout, all of it or an error.
    pub fn data(&self, data: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(data)?;
        stdout.flush()
    }

    /// A line of the command's own talk, or several. It may hold colour codes, which are left out where
    /// they would not be shown, and the marks of sections, which become those of the CI.
    pub fn line(&self, text: &str) {
        self.texts.set(self.texts.get() + 1);
        let colours = if self.talk_to_stderr {
            self.colours_err
        } else {
            self.colours_out
        };
        // The codes of sections look like colours, so they come last.
        let text = report::folded(
            &shown(text, colours),
            self.folding,
            clock::now_seconds(),
            self.texts.get(),
        );
        if self.talk_to_stderr {
            write_line(&mut io::stderr().lock(), text);
        } else {
            write_line(&mut io::stdout().lock(), text);
        }
    }

    /// A line on stderr, as it is.
    pub fn stderr_line(&self, text: &str) {
        write_talk(&mut io::stderr().lock(), text, self.colours_err);
    }

    /// Something to know that stops nothing.
    pub fn warning(&self, text: &str) {
        self.stderr_line(&painted(YELLOW, &format!("⚠️ {text}")));
    }

    /// What ended the command.
    pub fn error(&self, text: &str) {
        self.stderr_line(&painted(RED, &format!("❌ {text}")));
    }

    /// Whether somebody watches stderr as it is written.
    pub fn is_interactive(&self) -> bool {
        use std::io::IsTerminal as _;
        io::stderr().is_terminal()
    }

    /// Writes `text` over the line it wrote last. Only for a terminal, and ended by an empty text.
    pub fn draw(&self, text: &str) {
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "\r\x1b[2K{text}").and_then(|()| stderr.flush());
    }

    /// A line for those who asked for more.
    pub fn debug(&self, text: impl FnOnce() -> String) {
        match self.debug {
            Debug::Off => {}
            Debug::Stdout => {
                write_talk(
                    &mut io::stdout().lock(),
                    &format!("DEBUG: {}", text()),
                    self.colours_out,
                );
            }
            Debug::Stderr => self.stderr_line(&format!("DEBUG: {}", text())),
        }
    }
}

fn painted(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// One write for the whole line, so that lines of other processes do not cut into it.
fn write_talk(stream: &mut impl Write, text: &str, colours: bool) {
    write_line(stream, shown(text, colours));
}

fn shown(text: &str, colours: bool) -> String {
    if colours {
        text.to_owned()
    } else {
        anstream::adapter::strip_str(text).to_string()
    }
}

fn write_line(stream: &mut impl Write, mut line: String) {
    line.push('\n');
    // Talk that nobody can read is no reason to stop running tests.
    let _ = stream
        .write_all(line.as_bytes())
        .and_then(|()| stream.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, colours: bool) -> String {
        let mut bytes = Vec::new();
        write_talk(&mut bytes, text, colours);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn colours_are_left_out_where_they_are_not_shown() {
        let text = painted(RED, "❌ broken");
        assert_eq!(written(&text, false), "❌ broken\n");
        assert_eq!(written(&text, true), "\u{1b}[31m❌ broken\u{1b}[0m\n");
    }

    #[test]
    fn a_stream_that_is_closed_is_no_panic() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        write_talk(&mut Closed, "text", false);
    }
}
