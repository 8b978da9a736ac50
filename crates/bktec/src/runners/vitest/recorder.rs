//! Our own reporter for Vitest, which records what the JSON report omits.
//!
//! It is added only to commands that name their reporters: `--reporter` on the command line
//! replaces those of the configuration.

use std::path::PathBuf;

use serde::Deserialize;
use tempfile::TempDir;

use crate::process::CommandLine;
use crate::runners::fail_fast_override::{FailFastOverride, insert_options};
use crate::runners::{ParsedResults, Result, RunnerError, Shortfall};

const REPORTER: &str = include_str!("reporter.mjs");

pub(super) struct Recorder {
    directory: TempDir,
}

/// What the reporter writes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Record {
    errors: Vec<String>,
    interrupted: bool,
}

impl Recorder {
    pub(super) fn new() -> Result<Self> {
        let directory = tempfile::tempdir().map_err(RunnerError::Temporary)?;
        Ok(Self { directory })
    }

    fn record(&self) -> PathBuf {
        self.directory.path().join("record.json")
    }

    /// Writes the reporter and adds it to a command that names its reporters.
    pub(super) fn add_to(&self, command: CommandLine, place: &FailFastOverride) -> CommandLine {
        if !command.words().any(|word| word.starts_with("--reporter")) {
            return command;
        }
        let record = serde_json::Value::from(self.record().to_string_lossy());
        let script = REPORTER.replacen("PATH", &record.to_string(), 1);
        // Without the reporter, its evidence is missing, and nothing else.
        if fs_err::write(self.reporter(), script).is_err() {
            return command;
        }
        let option = self.option();
        insert_options(&command, &[&option], |words| place.place(words)).unwrap_or(command)
    }

    fn reporter(&self) -> PathBuf {
        self.directory.path().join("reporter.mjs")
    }

    fn option(&self) -> String {
        format!("--reporter={}", self.reporter().display())
    }

    pub(super) fn remove_record(&self) {
        drop(fs_err::remove_file(self.record()));
    }

    pub(super) fn add_evidence(
        &self,
        parsed: &mut ParsedResults,
        command: &CommandLine,
        code: i32,
    ) {
        // Vitest exits with 0 if it is to ignore them.
        let option = self.option();
        if code == 0 || !command.words().any(|word| word == option) {
            return;
        }
        let record = fs_err::read(self.record()).ok();
        let Some(record) = record.and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok())
        else {
            parsed.shortfalls.push(Shortfall {
                path: None,
                reason: "bktec's reporter left no record of the Vitest run".to_owned(),
            });
            return;
        };
        for error in record.errors {
            if !parsed.errors_outside_tests.contains(&error) {
                parsed.errors_outside_tests.push(error);
            }
        }
        if record.interrupted && parsed.shortfalls.is_empty() {
            parsed.shortfalls.push(Shortfall {
                path: None,
                reason: "Vitest was stopped, so tests may not have run".to_owned(),
            });
        }
    }
}
