//! Runs a node's tests, reads what came of them, and reruns what failed.
//!
//! The rules that keep a build honest live here. A failed test counts as passed only when the
//! results of a retry list that very test as passed. A result file is read only if this attempt
//! wrote it. What happened outside the tests ends the run and no mute hides it. What is said about
//! all this is `report`'s; uploads and times are the caller's, who follows by [`RunEvent`].

mod coverage;
mod record;
mod result_file;
mod verdict;

use std::path::{Path, PathBuf};

use test_engine_wire::{Case, Statistics, TestIdentity};

pub use record::{Doubt, TestRecord};
pub use result_file::Unread;

use self::record::Record;
use self::result_file::ResultFile;
use self::verdict::{Facts, verdict};
use crate::process::{self, CommandLine, Ended, Exit};
use crate::runners::{Evidence, Reading, Runner, RunnerError, TestKey};

/// How often to try, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptOptions {
    /// Attempts after the first.
    pub retries: u32,
    /// Failed muted tests are rerun too.
    pub retry_muted: bool,
}

/// Something that happens while tests run, in order.
#[derive(Debug)]
pub enum RunEvent<'a> {
    /// A command is about to start.
    AttemptStarted {
        /// 0 for the first, then the number of the retry.
        attempt: u32,
        /// The most retries there can be.
        of: u32,
        /// What is run.
        command: &'a CommandLine,
    },
    /// The command ended.
    AttemptFinished {
        /// As in `AttemptStarted`.
        attempt: u32,
        /// How it ended.
        exit: Exit,
        /// What this attempt wrote, if it wrote anything. The next attempt removes it.
        result_file: Option<&'a Path>,
        /// The signal that asked to stop meanwhile.
        interrupted_by: Option<i32>,
    },
    /// There are no results to go by.
    ResultsUnreadable {
        /// As in `AttemptStarted`.
        attempt: u32,
        /// Why.
        why: &'a Unread,
    },
    /// Some results could not be used.
    ResultsIncomplete {
        /// As in `AttemptStarted`.
        attempt: u32,
        /// What is wrong with each.
        reasons: &'a [String],
    },
    /// Targets that the runner was given and that left no results. They may hold no tests; they may
    /// also have been passed over.
    NothingFrom {
        /// What was given.
        targets: &'a [&'a str],
    },
    /// Errors that belong to no test; nothing is retried.
    ErrorsOutsideTests {
        /// As in `AttemptStarted`.
        attempt: u32,
        /// What the results say.
        errors: &'a [String],
    },
    /// There are failed tests and attempts left, but no way to use them.
    RetryImpossible {
        /// Why.
        why: &'a RunnerError,
    },
}

/// How the run as a whole went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// Something outside the tests is broken.
    Error,
    /// No test is known to have run.
    Unknown,
    /// A test that counts failed.
    Failed,
    /// None did.
    Passed,
}

/// Everything known after the last attempt.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    /// The code to exit with, 0 to 255.
    pub exit_code: i32,
    /// The signal that ended the runner.
    pub killed_by: Option<i32>,
    /// Every test seen, in the order of their keys.
    pub tests: Vec<TestRecord>,
    /// Errors that belong to no test, of all attempts, each once.
    pub errors_outside_tests: Vec<String>,
    /// Why the last attempt has no results.
    pub unread: Option<Unread>,
    /// Retries made.
    pub retries: u32,
}

impl RunOutcome {
    /// The run in one word. An error outside the tests outweighs all else.
    pub fn status(&self) -> RunStatus {
        if !self.errors_outside_tests.is_empty() {
            RunStatus::Error
        } else if self.tests.is_empty() {
            RunStatus::Unknown
        } else if self.failed().next().is_some() {
            RunStatus::Failed
        } else {
            RunStatus::Passed
        }
    }

    /// Tests that failed to the end and count.
    pub fn failed(&self) -> impl Iterator<Item = &TestRecord> {
        self.tests
            .iter()
            .filter(|test| test.is_failed() && !test.muted)
    }

    /// How many tests ended how, each test once.
    pub fn statistics(&self) -> Statistics {
        record::statistics(&self.tests)
    }
}

/// Runs `cases`, then retries. Fails only when the first attempt cannot be started; what goes wrong
/// later is in the outcome.
pub fn run(
    runner: &dyn Runner,
    cases: &[Case],
    muted: &[TestIdentity],
    options: &AttemptOptions,
    on_event: &mut dyn FnMut(RunEvent<'_>),
) -> Result<RunOutcome, RunnerError> {
    let mut run = Run {
        runner,
        cases,
        record: Record::new(muted),
        facts: Facts::default(),
        errors: Vec::new(),
        unread: None,
        retries: options.retries,
        on_event,
    };
    let first = run.attempt(0, &runner.command(cases)?, None)?;
    let mut next = first;
    for attempt in 1..=options.retries {
        if next == Next::Stop {
            break;
        }
        let failed = run.record.failed(options.retry_muted);
        if failed.is_empty() {
            break;
        }
        let tried = match runner.retry_command(&failed, cases) {
            Ok(None) => break,
            Ok(Some(command)) => run.attempt(attempt, &command, Some(&failed)),
            Err(why) => Err(why),
        };
        next = match tried {
            Ok(next) => next,
            Err(why) => {
                (run.on_event)(RunEvent::RetryImpossible { why: &why });
                break;
            }
        };
    }
    Ok(run.outcome())
}

/// Whether the run may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Retry,
    Stop,
}

struct Run<'r> {
    runner: &'r dyn Runner,
    cases: &'r [Case],
    record: Record,
    facts: Facts,
    errors: Vec<String>,
    unread: Option<Unread>,
    retries: u32,
    on_event: &'r mut dyn FnMut(RunEvent<'_>),
}

impl Run<'_> {
    /// One attempt, and what it means. `asked` is what a retry is for.
    fn attempt(
        &mut self,
        attempt: u32,
        command: &CommandLine,
        asked: Option<&[TestKey]>,
    ) -> Result<Next, RunnerError> {
        let runner = self.runner;
        let directory = &runner.surroundings().directory;
        let path: Option<PathBuf> = runner.result_path().map(|path| directory.join(path));
        let file = path
            .as_deref()
            .map(|path| ResultFile::expect(directory, path));
        (self.on_event)(RunEvent::AttemptStarted {
            attempt,
            of: self.retries,
            command,
        });
        let ended = process::run(command, runner.surroundings(), runner.output())?;
        let fresh = file.as_ref().filter(|file| file.is_fresh());
        (self.on_event)(RunEvent::AttemptFinished {
            attempt,
            exit: ended.exit,
            result_file: fresh.map(|file| file.path),
            interrupted_by: ended.interrupted_by,
        });
        self.facts.begin(ended);

        let (reading, evidence) = match self.read(ended, file.as_ref()) {
            Ok(read) => read,
            Err(why) => {
                self.record
                    .doubt(asked.unwrap_or_default(), Doubt::NoResults);
                if !matches!(why, Unread::NotWanted | Unread::Killed { .. }) {
                    (self.on_event)(RunEvent::ResultsUnreadable { attempt, why: &why });
                }
                self.unread = Some(why);
                return Ok(Next::Stop);
            }
        };
        self.unread = None;
        self.facts.read(&reading, |key| self.record.is_muted(key));
        match asked {
            None => self.record.first(&reading.tests),
            Some(asked) => self.record.retry(asked, &reading.tests),
        }
        if asked.is_none() {
            let targets = coverage::without_results(self.cases, &reading.tests);
            if !targets.is_empty() {
                (self.on_event)(RunEvent::NothingFrom { targets: &targets });
            }
        }
        if !reading.unusable.is_empty() {
            (self.on_event)(RunEvent::ResultsIncomplete {
                attempt,
                reasons: &reading.unusable,
            });
        }
        if !reading.errors_outside_tests.is_empty() {
            let errors = &reading.errors_outside_tests;
            (self.on_event)(RunEvent::ErrorsOutsideTests { attempt, errors });
            for error in errors {
                if !self.errors.contains(error) {
                    self.errors.push(error.clone());
                }
            }
            return Ok(Next::Stop);
        }
        let whole = evidence == Evidence::Whole
            && ended.interrupted_by.is_none()
            && !self.facts.looks_killed();
        Ok(if whole { Next::Retry } else { Next::Stop })
    }

    fn read(
        &self,
        ended: Ended,
        file: Option<&ResultFile<'_>>,
    ) -> Result<(Reading, Evidence), Unread> {
        let code = match ended.exit {
            Exit::Signal(signal) => return Err(Unread::Killed { signal }),
            Exit::Code(code) => code,
        };
        let file = file.ok_or(Unread::NotWanted)?;
        let evidence = self.runner.evidence(code);
        if evidence == Evidence::None {
            return Err(Unread::BrokeOff { code });
        }
        let bytes = file.read()?;
        let reading = self
            .runner
            .read(&bytes, self.cases)
            .map_err(|error| Unread::Unparsable {
                path: file.path.to_owned(),
                error,
            })?;
        Ok((reading, evidence))
    }

    fn outcome(self) -> RunOutcome {
        let tests = self.record.into_tests();
        RunOutcome {
            exit_code: verdict(&self.facts, &tests),
            killed_by: self.facts.killed_by(),
            errors_outside_tests: self.errors,
            unread: self.unread,
            retries: self.facts.retries(),
            tests,
        }
    }
}

#[cfg(test)]
mod tests;
