//! Runs a node's tests, reads what came of them, and reruns what failed.
//!
//! The rules that keep a build honest live here. A failed test counts as passed only when the
//! results of a retry list that very test as passed. A result file is read only if this attempt
//! wrote it. What happened outside the tests ends the run and no mute hides it. What is said about
//! all this is `report`'s; uploads and times are the caller's, who follows by [`RunEvent`].
//!
//! A command line that is too long for the system is run in parts. They are one attempt: it has the
//! results of all parts, and is as bad as the worst of them.

mod coverage;
mod parts;
mod record;
mod result_file;
mod verdict;

use std::path::{Path, PathBuf};

use test_engine_wire::{Case, Statistics, TestIdentity};

pub use record::{TestRecord, UnprovenRetry};
pub use result_file::Unread;

use self::record::Record;
use self::result_file::ResultFile;
use self::verdict::{AttemptLedger, verdict};
use crate::process::{self, Capacity, CommandLine, Ended, Exit};
use crate::runners::{Observed, ParsedResults, ResultTrust, Runner, RunnerError, TestKey};

/// How often to try, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptOptions {
    /// Attempts after the first.
    pub retries: u32,
    /// Failed muted tests are rerun too.
    pub retry_muted: bool,
    /// A target without results, or results that cannot be read, fail the run.
    pub require_results: bool,
    /// How long a command line may be before it is run in parts.
    pub capacity: Capacity,
}

/// Tests that the plan has something to say about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Managed<'a> {
    /// Their failures do not count.
    pub muted: &'a [TestIdentity],
    /// They are to be left out. Where the runner ran one all the same, its failure does not count.
    pub skipped: &'a [TestIdentity],
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
        /// What is run; the first part of it, if there are more.
        command: &'a CommandLine,
        /// In how many parts.
        parts: usize,
    },
    /// A part that is not the last one ended.
    PartFinished {
        /// As in `AttemptStarted`.
        attempt: u32,
        /// How it ended.
        exit: Exit,
        /// What this part wrote, if it wrote anything.
        result_file: Option<&'a Path>,
    },
    /// A part that is not the first one is about to start.
    PartStarted {
        /// As in `AttemptStarted`.
        attempt: u32,
        /// Which, from 2.
        part: usize,
        /// As in `AttemptStarted`.
        parts: usize,
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
    TargetsWithoutResults {
        /// What was given.
        targets: &'a [&'a str],
    },
    /// Files with tests that ran although nobody asked for them: the runner takes a path for more
    /// than the file of that path.
    UnplannedFilesRan {
        /// Which, sorted.
        files: &'a [&'a str],
    },
    /// Tests that the plan skips and that ran, because the runner cannot leave them out.
    SkippedTestsRan {
        /// How many.
        count: usize,
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
    /// Targets that the first attempt left no results of, in the order of the plan. They may hold no
    /// tests; they may also have been passed over.
    pub without_results: Vec<String>,
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

/// Runs `cases`, then retries. Fails only when the first attempt cannot be started, or not all of
/// it; what goes wrong later is in the outcome.
pub fn run(
    runner: &dyn Runner,
    cases: &[Case],
    managed: Managed<'_>,
    options: &AttemptOptions,
    on_event: &mut dyn FnMut(RunEvent<'_>),
) -> Result<RunOutcome, RunnerError> {
    let mut run = Run {
        runner,
        cases,
        record: Record::new(managed),
        facts: AttemptLedger::default(),
        errors: Vec::new(),
        unread: None,
        without_results: Vec::new(),
        retries: options.retries,
        require_results: options.require_results,
        on_event,
    };
    let commands = parts::split(cases, &options.capacity, &mut |part| runner.command(part))?;
    let mut next = run.attempt(0, &commands, None)?;
    for attempt in 1..=options.retries {
        if next == Next::Stop {
            break;
        }
        let failed = run.record.failed(options.retry_muted);
        if failed.is_empty() {
            break;
        }
        let tried = match run.retry_commands(&failed, &options.capacity) {
            Ok(commands) if commands.is_empty() => break,
            Ok(commands) => run.attempt(attempt, &commands, Some(&failed)),
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
    facts: AttemptLedger,
    errors: Vec<String>,
    unread: Option<Unread>,
    without_results: Vec<String>,
    retries: u32,
    require_results: bool,
    on_event: &'r mut dyn FnMut(RunEvent<'_>),
}

/// What the parts of an attempt come to together.
#[derive(Debug, Default)]
struct Gathered {
    tests: Vec<Observed>,
    unusable: Vec<String>,
    errors: Vec<String>,
    /// Why the first part without results has none.
    unread: Option<Unread>,
    /// Nothing is to be retried after this.
    is_partial: bool,
}

impl Run<'_> {
    /// None when this runner cannot retry.
    fn retry_commands(
        &self,
        failed: &[TestKey],
        capacity: &Capacity,
    ) -> Result<Vec<CommandLine>, RunnerError> {
        // A runner that cannot retry says so for any tests; it is no error.
        let mut cannot = false;
        let commands = parts::split(failed, capacity, &mut |part| {
            let command = self.runner.retry_command(part, self.cases)?;
            cannot |= command.is_none();
            Ok::<_, RunnerError>(command.unwrap_or_else(|| CommandLine::new("", [])))
        })?;
        Ok(if cannot { Vec::new() } else { commands })
    }

    /// One attempt, and what it means. `asked` is what a retry is for.
    fn attempt(
        &mut self,
        attempt: u32,
        commands: &[CommandLine],
        asked: Option<&[TestKey]>,
    ) -> Result<Next, RunnerError> {
        let mut gathered = Gathered::default();
        let started = self.run_parts(attempt, commands, &mut gathered);
        let next = self.conclude(attempt, gathered, asked);
        started?;
        Ok(next)
    }

    /// Runs the commands one after the other. Fails when one cannot be started. A runner that was
    /// killed, or asked to stop, gets no further part.
    fn run_parts(
        &mut self,
        attempt: u32,
        commands: &[CommandLine],
        gathered: &mut Gathered,
    ) -> Result<(), RunnerError> {
        let runner = self.runner;
        let directory = &runner.execution_env().directory;
        let path: Option<PathBuf> = runner.result_path().map(|path| directory.join(path));
        let parts = commands.len();
        for (index, command) in commands.iter().enumerate() {
            let file = path
                .as_deref()
                .map(|path| ResultFile::expect(directory, path));
            if index == 0 {
                (self.on_event)(RunEvent::AttemptStarted {
                    attempt,
                    of: self.retries,
                    command,
                    parts,
                });
                self.facts.begin();
            } else {
                (self.on_event)(RunEvent::PartStarted {
                    attempt,
                    part: index + 1,
                    parts,
                    command,
                });
            }
            let ended = process::run(command, runner.execution_env(), runner.output())?;
            self.facts.part(ended);
            let fresh = file.as_ref().filter(|file| file.is_fresh());
            let is_last = index + 1 == parts;
            let stops = is_last || self.facts.must_stop();
            if stops && !is_last {
                self.facts.cut_short();
            }
            let result_file = fresh.map(|file| file.path);
            if stops {
                (self.on_event)(RunEvent::AttemptFinished {
                    attempt,
                    exit: self.facts.exit(),
                    result_file,
                    interrupted_by: ended.interrupted_by,
                });
            } else {
                let exit = ended.exit;
                (self.on_event)(RunEvent::PartFinished {
                    attempt,
                    exit,
                    result_file,
                });
            }
            match self.read(ended, file.as_ref()) {
                Ok((reading, evidence)) => {
                    self.facts.read(&reading, |key| self.record.is_muted(key));
                    // What was passed over is not in a retry of single tests.
                    let is_cut = attempt == 0
                        && reading.stopped_early.is_some()
                        && !self.runner.retries_whole_targets();
                    gathered.is_partial |= evidence != ResultTrust::Complete
                        || is_cut
                        || ended.interrupted_by.is_some()
                        || self.facts.looks_killed();
                    gathered.tests.extend(reading.tests);
                    gathered.unusable.extend(reading.unusable);
                    gathered.unusable.extend(reading.stopped_early.map(|why| {
                        let retry = if is_cut {
                            "nothing is retried, and "
                        } else {
                            ""
                        };
                        format!("{why}; {retry}no mute hides a failure")
                    }));
                    gathered.errors.extend(reading.errors_outside_tests);
                }
                Err(why) => {
                    if !matches!(why, Unread::NotWanted | Unread::Killed { .. }) {
                        (self.on_event)(RunEvent::ResultsUnreadable { attempt, why: &why });
                    }
                    gathered.unread.get_or_insert(why);
                }
            }
            if stops {
                break;
            }
            if let Some(file) = file {
                file.put_aside(index + 1);
            }
        }
        Ok(())
    }

    /// Takes in what an attempt came to, and tells what is odd about it.
    fn conclude(&mut self, attempt: u32, gathered: Gathered, asked: Option<&[TestKey]>) -> Next {
        let Gathered {
            tests,
            unusable,
            mut errors,
            unread,
            is_partial,
        } = gathered;
        let is_whole = unread.is_none();
        self.unread = unread;
        if asked.is_none() {
            let gaps = if is_whole {
                self.tell_coverage(&tests)
            } else {
                self.unread_though_required().into_iter().collect()
            };
            if !gaps.is_empty() {
                self.facts.fail();
                errors.extend(gaps);
            }
        }
        match asked {
            None => self.record.first(tests),
            Some(asked) => {
                let missing = if is_whole {
                    UnprovenRetry::NotListed
                } else {
                    UnprovenRetry::NoResults
                };
                self.record.retry(asked, tests, missing);
            }
        }
        if asked.is_none() {
            let count = self.record.skipped_tests_ran();
            if count > 0 {
                (self.on_event)(RunEvent::SkippedTestsRan { count });
            }
        }
        if !unusable.is_empty() {
            (self.on_event)(RunEvent::ResultsIncomplete {
                attempt,
                reasons: &unusable,
            });
        }
        let may_go_on = is_whole && errors.is_empty() && !is_partial;
        if !errors.is_empty() {
            let errors = &errors;
            (self.on_event)(RunEvent::ErrorsOutsideTests { attempt, errors });
        }
        for error in errors {
            if !self.errors.contains(&error) {
                self.errors.push(error);
            }
        }
        if may_go_on { Next::Retry } else { Next::Stop }
    }

    /// Tells what left no results and what ran unasked. What of it must fail the run comes back in
    /// words.
    fn tell_coverage(&mut self, tests: &[Observed]) -> Vec<String> {
        let naming = self.runner.naming();
        let targets = coverage::without_results(self.cases, tests, naming);
        if !targets.is_empty() {
            (self.on_event)(RunEvent::TargetsWithoutResults { targets: &targets });
        }
        let files = coverage::unplanned_files_ran(self.cases, tests, naming);
        if !files.is_empty() {
            (self.on_event)(RunEvent::UnplannedFilesRan { files: &files });
        }
        let mut errors: Vec<String> = coverage::taken_for_patterns(self.cases, &targets, tests)
            .into_iter()
            .map(|(target, file)| {
                format!(
                    "{target} did not run, and {file} did: something on the way to the runner took \
                     the path for a pattern"
                )
            })
            .collect();
        let left = self.runner.covered_by_directories(self.cases);
        let missed_by_directory = coverage::missed_by_directory(&left, &targets, tests, naming);
        errors.extend(missed_by_directory.into_iter().map(|target| {
            format!(
                "{target} left no results: the runner was given a folder above it instead, which is \
                 a target too and does not lead to it; name only one of them"
            )
        }));
        if self.require_results && !targets.is_empty() {
            errors.push(format!(
                "{} of {} left no results, and results are required",
                targets.len(),
                count(self.cases.len())
            ));
        }
        self.without_results = targets.into_iter().map(str::to_owned).collect();
        errors
    }

    fn unread_though_required(&self) -> Option<String> {
        let why = self.unread.as_ref().filter(|_| self.require_results)?;
        (!matches!(why, Unread::NotWanted | Unread::Killed { .. }))
            .then(|| format!("results are required, and there are none to go by: {why}"))
    }

    fn read(
        &self,
        ended: Ended,
        file: Option<&ResultFile<'_>>,
    ) -> Result<(ParsedResults, ResultTrust), Unread> {
        let code = match ended.exit {
            Exit::Signal(signal) => return Err(Unread::Killed { signal }),
            Exit::Code(code) => code,
        };
        let file = file.ok_or(Unread::NotWanted)?;
        let evidence = self.runner.result_trust(code);
        if evidence == ResultTrust::Unusable {
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
            without_results: self.without_results,
            retries: self.facts.retries(),
            tests,
        }
    }
}

fn count(targets: usize) -> String {
    let noun = if targets == 1 { "target" } else { "targets" };
    format!("{targets} {noun}")
}

#[cfg(test)]
mod tests;
