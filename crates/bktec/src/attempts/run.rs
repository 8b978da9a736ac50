//! Starts the runner for each attempt and reads the results it writes.

use test_engine_wire::Case;

use super::attempt::{Attempt, AttemptResults, stops_attempt};
use super::coverage::Coverage;
use super::ledger::Ledger;
use super::result_file::ResultFile;
use super::{AttemptOptions, NoResults, RunEvent, parts};
use crate::process::{self, CommandLine, Exit};
use crate::runners::{ParsedResults, ResultTrust, Runner, RunnerError, TestKey};

pub(super) struct Run<'r> {
    pub(super) runner: &'r dyn Runner,
    pub(super) cases: &'r [Case],
    pub(super) options: &'r AttemptOptions,
    pub(super) ledger: Ledger<'r>,
    pub(super) on_event: &'r mut dyn FnMut(RunEvent<'_>),
}

impl Run<'_> {
    /// Returns whether failed tests may be retried.
    pub(super) fn first_attempt(&mut self) -> Result<bool, RunnerError> {
        let capacity = &self.options.capacity;
        let commands = parts::split(self.cases, capacity, &mut |part| self.runner.command(part))?;
        let mut attempt = Attempt::new();
        let parts = commands.into_iter().map(|part| (part.command, part.items));
        let parts: Vec<(CommandLine, &[Case])> = parts.collect();
        self.run_parts(0, &parts, self.cases.len(), &mut attempt)?;
        self.check_coverage(&mut attempt.results);
        self.ledger.add_first(attempt);
        let count = self.ledger.record.skipped_tests_ran();
        if count > 0 {
            (self.on_event)(RunEvent::SkippedTestsRan { count });
        }
        Ok(self.conclude(0))
    }

    /// Retries the tests that are still failed. Returns whether another retry may follow.
    pub(super) fn retry(&mut self, number: u32) -> bool {
        let failed = self.ledger.record.failed(self.options.retry_muted);
        if failed.is_empty() {
            return false;
        }
        let retried = match self.retry_commands(&failed) {
            Ok(commands) if commands.is_empty() => return false,
            Ok(commands) => {
                let mut attempt = Attempt::new();
                let parts = commands.into_iter().map(|command| (command, &[][..]));
                let parts: Vec<(CommandLine, &[Case])> = parts.collect();
                let started = self.run_parts(number, &parts, failed.len(), &mut attempt);
                self.ledger.add_retry(attempt, &failed);
                let may_retry = self.conclude(number);
                started.map(|()| may_retry)
            }
            Err(why) => Err(why),
        };
        retried.unwrap_or_else(|why| {
            (self.on_event)(RunEvent::RetryImpossible { why: &why });
            false
        })
    }

    /// Empty if this runner cannot retry.
    fn retry_commands(&self, failed: &[TestKey]) -> Result<Vec<CommandLine>, RunnerError> {
        let commands = parts::split(failed, &self.options.capacity, &mut |part| {
            let command = self.runner.retry_command(part, self.cases);
            command.map_err(Some)?.ok_or(None)
        });
        match commands {
            Err(Some(why)) => Err(why),
            Err(None) => Ok(Vec::new()),
            Ok(parts) => Ok(parts.into_iter().map(|part| part.command).collect()),
        }
    }

    /// Runs the commands in order. A runner that was killed or interrupted gets no further part.
    fn run_parts(
        &mut self,
        number: u32,
        commands: &[(CommandLine, &[Case])],
        targets: usize,
        attempt: &mut Attempt,
    ) -> Result<(), RunnerError> {
        let runner = self.runner;
        let execution_env = runner.execution_env();
        let mut rest = commands.iter();
        while let Some((command, cases)) = rest.next() {
            let file = runner
                .result_path()
                .map(|path| ResultFile::expect(&execution_env.directory, path, command));
            let part = commands.len() - rest.len();
            (self.on_event)(if part == 1 {
                RunEvent::AttemptStarted {
                    attempt: number,
                    of: self.options.retries,
                    command,
                    parts: commands.len(),
                    targets,
                }
            } else {
                RunEvent::PartStarted {
                    attempt: number,
                    part,
                    parts: commands.len(),
                    command,
                    targets,
                }
            });
            let ended = process::run(command, execution_env, runner.output())?;
            let is_cut_short = stops_attempt(ended) && rest.len() > 0;
            attempt.add_part(ended, is_cut_short);
            if !stops_attempt(ended) {
                self.ledger.targets.add_end(cases);
            }
            let is_last = is_cut_short || rest.len() == 0;
            let fresh = file.as_ref().filter(|file| file.is_fresh());
            let result_file = fresh.map(|file| file.path.as_path());
            (self.on_event)(if is_last {
                RunEvent::AttemptFinished {
                    attempt: number,
                    exit: attempt.exit,
                    result_file,
                    interrupted_by: ended.interrupted_by,
                }
            } else {
                RunEvent::PartFinished {
                    attempt: number,
                    exit: ended.exit,
                    result_file,
                }
            });
            self.add_results(number, ended.exit, file.as_ref(), attempt);
            if is_last {
                break;
            }
            if let Some(file) = file {
                file.put_aside(part);
            }
        }
        Ok(())
    }

    fn add_results(
        &mut self,
        number: u32,
        exit: Exit,
        file: Option<&ResultFile>,
        attempt: &mut Attempt,
    ) {
        match self.read(exit, file) {
            Ok((parsed, trust)) => {
                // What a retry leaves out is still failed. What the first attempt leaves out is
                // not.
                let covers_unrun_tests = number > 0 || self.runner.retries_whole_targets();
                let is_muted = |key: &TestKey| self.ledger.record.is_muted(key);
                attempt.add_results(parsed, trust, is_muted, covers_unrun_tests);
            }
            Err(why) => {
                if why.is_unexpected() {
                    (self.on_event)(RunEvent::ResultsUnreadable {
                        attempt: number,
                        why: &why,
                    });
                }
                attempt.results.no_results.get_or_insert(why);
            }
        }
    }

    fn read(
        &self,
        exit: Exit,
        file: Option<&ResultFile>,
    ) -> Result<(ParsedResults, ResultTrust), NoResults> {
        let code = match exit {
            Exit::Signal(signal) => return Err(NoResults::Killed { signal }),
            Exit::Code(code) => code,
        };
        let file = file.ok_or(NoResults::NotConfigured)?;
        let trust = self.runner.result_trust(code);
        if trust == ResultTrust::Unusable {
            return Err(NoResults::RunnerStopped {
                reason: self.runner.unusable_reason(code),
            });
        }
        let bytes = file.read(code)?;
        match self.runner.read(&bytes, self.cases) {
            Ok(parsed) => Ok((parsed, trust)),
            Err(error) => Err(NoResults::Invalid {
                path: file.path.clone(),
                error,
            }),
        }
    }

    /// Adds an error for each target that is known not to have run, or to lack results it must
    /// have.
    fn check_coverage(&mut self, results: &mut AttemptResults) {
        let requires_results = self.options.require_results;
        if let Some(why) = &results.no_results {
            if requires_results && why.is_unexpected() {
                let error = format!("results are required, and there are none: {why}");
                results.add_missing([error]);
            }
            return;
        }
        let coverage = Coverage::of(self.runner, &self.ledger.targets.index, &results.tests);
        let Coverage {
            without_results: targets,
            unplanned_files: files,
            missed,
        } = coverage;
        if !targets.is_empty() {
            (self.on_event)(RunEvent::TargetsWithoutResults { targets: &targets });
        }
        if !files.is_empty() {
            (self.on_event)(RunEvent::UnplannedFilesRan { files: &files });
        }
        let required = (requires_results && !targets.is_empty()).then(|| {
            let (missing, all) = (targets.len(), self.ledger.targets.index.targets.len());
            format!("results are required, and {missing} of {all} targets have none")
        });
        results.targets_without_results = targets.into_iter().map(str::to_owned).collect();
        results.add_missing(missed.into_iter().chain(required));
    }

    /// Reports what is wrong with the last attempt. Returns whether failed tests may be retried.
    fn conclude(&mut self, attempt: u32) -> bool {
        let Some(last) = self.ledger.last() else {
            return false;
        };
        let (reasons, errors) = (&last.results.incomplete, &last.results.errors_outside_tests);
        if !reasons.is_empty() {
            (self.on_event)(RunEvent::ResultsIncomplete { attempt, reasons });
        }
        if !errors.is_empty() {
            (self.on_event)(RunEvent::ErrorsOutsideTests { attempt, errors });
        }
        last.allows_retry()
    }
}
