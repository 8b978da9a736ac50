//! Where the events of a run are written, when that is asked for: stderr or a file, a line each.
//!
//! A file that cannot be made stops the run before any test; one that cannot be written to later is
//! told once and stops nothing.

use std::cell::Cell;
use std::io::Write as _;

use crate::clock;
use crate::commands::CommandError;
use crate::report::{Event, EventLine, SCHEMA_VERSION};
use crate::settings::EventOutput;
use crate::terminal::Terminal;

/// Takes events.
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
    /// A log as the settings want it.
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

    /// Writes an event. It is made only where somebody wants it.
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
            // Plain data always has a form in JSON.
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
                        "failed to write the events: {error}. They end here."
                    ));
                }
            }
        }
    }
}
