//! Writes the events of a run to stderr or a file, one JSON object a line, if requested.
//!
//! A file that cannot be created stops the run before any test. A later write error is reported
//! once and stops nothing.

use std::cell::Cell;
use std::io::Write as _;

use crate::clock;
use crate::commands::CommandError;
use crate::report::{Event, EventLine, SCHEMA_VERSION};
use crate::settings::EventOutput;
use crate::terminal::Terminal;

pub(super) struct EventLog<'a> {
    sink: Sink,
    terminal: &'a Terminal,
    is_broken: Cell<bool>,
}

enum Sink {
    None,
    Stderr,
    File(fs_err::File),
}

impl<'a> EventLog<'a> {
    pub(super) fn open(
        output: Option<&EventOutput>,
        terminal: &'a Terminal,
    ) -> Result<Self, CommandError> {
        let sink = match output {
            None => Sink::None,
            Some(EventOutput::Stderr) => Sink::Stderr,
            Some(EventOutput::File(path)) => {
                let file = fs_err::File::create(path);
                Sink::File(file.map_err(|source| CommandError::Output {
                    what: "the events (--output-file)".to_owned(),
                    source,
                })?)
            }
        };
        Ok(Self {
            sink,
            terminal,
            is_broken: Cell::new(false),
        })
    }

    /// Creates the event only if it will be written.
    pub(super) fn write(&self, event: impl FnOnce() -> Event) {
        if matches!(self.sink, Sink::None) || self.is_broken.get() {
            return;
        }
        let line = EventLine {
            schema_version: SCHEMA_VERSION,
            timestamp: clock::now_rfc3339(),
            event: event(),
        };
        let Ok(mut text) = serde_json::to_string(&line) else {
            // Plain data can always be serialized.
            return;
        };
        match &self.sink {
            Sink::None => {}
            Sink::Stderr => self.terminal.stderr_line(&text),
            Sink::File(file) => {
                text.push('\n');
                let mut file: &fs_err::File = file;
                if let Err(error) = file.write_all(text.as_bytes()) {
                    self.is_broken.set(true);
                    self.terminal.warning(&format!(
                        "failed to write an event: {error}; no further events are written."
                    ));
                }
            }
        }
    }
}
