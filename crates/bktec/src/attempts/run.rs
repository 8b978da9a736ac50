//! Starts the runner for each attempt and reads the results it writes.

use std::collections::HashSet;

use test_engine_wire::Case;

use super::attempt::{Attempt, AttemptResults, CodeMeaning, Part, stops_attempt};
use super::commands::Commands;
use super::coverage::Coverage;
use super::ledger::{Ledger, Retry};
use super::result_file::ResultFile;
use super::{AttemptOptions, NoResults, RunEvent};
use crate::process::{self, CommandLine, Exit};
use crate::runners::{Naming, ParsedResults, ResultTrust, Runner, RunnerError};

pub(super) struct Run<'r> {
    pub(super) runner: &'r dyn Runner,
    pub(super) cases: &'r [Case],
    pub(super) options: &'r AttemptOptions,
    /// Whether it matters that a fail-fast setting stops the runner: failures may be retried or
    /// excused.
    pub(super) is_stop_relevant: bool,
    pub(super) ledger: Ledger<'r>,
    pub(super) on_event: &'r mut dyn FnMut(RunEvent<'_>),
}

impl Run<'_> {
    /// Returns whether failed tests may be retried.
    pub(super) fn first_attempt(&mut self) -> Result<bool, RunnerError> {
        let commands = self.first_commands()?;
        if let Some(option) = commands.option_added_to(self.runner) {
            (self.on_event)(RunEvent::FailFastOverridden { option });
        }
        let mut attempt = Attempt::new();
        self.run_parts(0, &commands, &mut attempt)?;
        self.check_coverage(&mut attempt.results);
        self.ledger.add_first(attempt);
        let count = self.ledger.record.skipped_tests_ran();
        if count > 0 {
            (self.on_event)(RunEvent::SkippedTestsRan { count });
        }
        Ok(self.conclude(0))
    }

    /// Retries what is left. Returns whether another retry may follow.
    pub(super) fn retry(&mut self, number: u32) -> bool {
        let Some(retry) = self.ledger.next_retry(self.options.retry_muted) else {
            return false;
        };
        let retried = match self.retry_commands(&retry) {
            Ok(commands) if commands.parts.is_empty() => return false,
            Ok(commands) => self.run_retry(number, &retry, &commands),
            Err(why) => Err(why),
        };
        retried.unwrap_or_else(|why| {
            (self.on_event)(RunEvent::RetryImpossible { why: &why });
            false
        })
    }

    fn run_retry(
        &mut self,
        number: u32,
        retry: &Retry,
        commands: &Commands,
    ) -> Result<bool, RunnerError> {
        let mut attempt = Attempt::new();
        let started = self.run_parts(number, commands, &mut attempt);
        if let Err(why) = &started {
            attempt.cut_short(why);
        }
        let mut may_retry = false;
        // A retry that never started is no attempt, and changes nothing.
        if !attempt.parts.is_empty() {
            self.ledger.add_retry(attempt, retry);
            may_retry = self.conclude(number);
        }
        started.map(|()| may_retry)
    }

    /// Runs the commands in order. A runner that was killed or interrupted gets no further part.
    fn run_parts(
        &mut self,
        number: u32,
        commands: &Commands,
        attempt: &mut Attempt,
    ) -> Result<(), RunnerError> {
        let runner = self.runner;
        let execution_env = runner.execution_env();
        let mut rest = commands.parts.iter();
        while let Some((invocation, given)) = rest.next() {
            let command = &invocation.command;
            runner.prepare_attempt();
            let file = runner
                .result_path()
                .map(|path| ResultFile::expect(&execution_env.directory, path, command));
            let part = commands.parts.len() - rest.len();
            (self.on_event)(commands.started(number, self.options.retries, part, command));
            let ended = process::run(command, execution_env, runner.output())?;
            let is_cut_short = stops_attempt(ended) && rest.len() > 0;
            let policy = invocation.policy.clone();
            attempt.add_part(Part::new(given.clone(), policy, ended), is_cut_short);
            if !stops_attempt(ended) {
                self.ledger.targets.add_end(given);
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
            self.add_results(number, command, ended.exit, file.as_ref(), attempt);
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
        command: &CommandLine,
        exit: Exit,
        file: Option<&ResultFile>,
        attempt: &mut Attempt,
    ) {
        match self.read(command, exit, file) {
            Ok((meaning, parsed, trust)) => {
                // What a retry leaves out is still failed. What the first attempt leaves out is
                // not.
                let covers_unrun_tests = number > 0 || self.runner.retries_whole_targets();
                attempt.add_results(parsed, trust, meaning, covers_unrun_tests);
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
        command: &CommandLine,
        exit: Exit,
        file: Option<&ResultFile>,
    ) -> Result<(CodeMeaning, ParsedResults, ResultTrust), NoResults> {
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
            Ok(mut parsed) => {
                let runner = self.runner;
                if runner.naming() == Naming::AsTargets {
                    parsed.strip_foreign_prefix(self.cases);
                }
                runner.add_evidence(&mut parsed, command, code);
                let failed = parsed.tests.iter().filter(|test| test.has_failed());
                let meaning = CodeMeaning {
                    is_documented: runner.reports_failed_tests(command, code, failed.count()),
                    selected_nothing: runner.selected_nothing(code, &parsed),
                };
                Ok((meaning, parsed, trust))
            }
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
        let index = &self.ledger.targets.index;
        let deselected = self.ledger.targets.of_paths(&results.deselected);
        let deselected: HashSet<&str> = deselected
            .iter()
            .map(|&number| index.targets[number].value)
            .collect();
        let missing = targets.iter();
        let missing = missing
            .filter(|target| !deselected.contains(*target))
            .count();
        let required = (requires_results && missing > 0).then(|| {
            let all = index.targets.len();
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
        let targets = self.ledger.targets.incomplete();
        if !targets.is_empty() {
            (self.on_event)(RunEvent::TargetsIncomplete {
                attempt,
                targets: &targets,
            });
        }
        last.allows_retry()
    }
}
