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
        let path = self.directory.path().join("reporter.mjs");
        let record = serde_json::Value::from(self.record().to_string_lossy());
        let script = REPORTER.replacen("PATH", &record.to_string(), 1);
        // Without the reporter, its evidence is missing, and nothing else.
        if fs_err::write(&path, script).is_err() {
            return command;
        }
        let option = format!("--reporter={}", path.display());
        insert_options(&command, &[&option], |words| place.place(words)).unwrap_or(command)
    }

    pub(super) fn remove_record(&self) {
        drop(fs_err::remove_file(self.record()));
    }

    pub(super) fn add_evidence(&self, parsed: &mut ParsedResults, code: i32) {
        let bytes = fs_err::read(self.record()).unwrap_or_default();
        let record: Record = serde_json::from_slice(&bytes).unwrap_or_default();
        // Vitest exits with 0 if it is to ignore them.
        if code == 0 {
            return;
        }
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
