//! The command lines of an attempt, and what each is given.

use test_engine_wire::Case;

use super::RunEvent;
use super::attempt::Given;
use super::event::AttemptKind;
use super::ledger::Retry;
use super::parts::{self, Invocation, PartCommand};
use super::run::Run;
use crate::process::CommandLine;
use crate::runners::{Runner, RunnerError, TestKey};

/// Creates the command that runs some items; `None` if the runner cannot.
type MakeCommand<'f, T> = dyn Fn(&[T]) -> Result<Option<CommandLine>, RunnerError> + 'f;

/// The commands of an attempt.
pub(super) struct Commands {
    kind: AttemptKind,
    pub(super) parts: Vec<(Invocation, Given)>,
    /// What the attempt runs, in number: targets or tests.
    targets: usize,
}

impl Run<'_> {
    /// The commands that run everything.
    pub(super) fn first_commands(&self) -> Result<Commands, RunnerError> {
        Ok(Commands {
            kind: AttemptKind::First,
            parts: self.whole(self.cases, &|cases| self.runner.command(cases).map(Some))?,
            targets: self.cases.len(),
        })
    }

    /// Without parts if this runner cannot retry.
    pub(super) fn retry_commands(&self, retry: &Retry) -> Result<Commands, RunnerError> {
        let targets = match retry {
            Retry::Tests(failed) => return self.test_commands(failed),
            Retry::Targets { targets, .. } => targets,
        };
        let index = &self.ledger.targets.index;
        let cases: Vec<Case> = targets
            .iter()
            .map(|&number| index.targets[number].case.clone())
            .collect();
        let rerun = |cases: &[Case]| self.runner.rerun_command(cases);
        let is_single = self.runner.reruns_targets_one_by_one();
        let parts = if is_single {
            let mut parts = Vec::new();
            for case in cases.chunks(1) {
                parts.extend(self.whole(case, &rerun)?);
            }
            parts
        } else {
            self.whole(&cases, &rerun)?
        };
        Ok(Commands {
            kind: if is_single {
                AttemptKind::SingleTargets
            } else {
                AttemptKind::Targets
            },
            parts,
            targets: cases.len(),
        })
    }

    fn test_commands(&self, failed: &[TestKey]) -> Result<Commands, RunnerError> {
        let parts = self.split(failed, &|part| self.runner.retry_command(part, self.cases))?;
        let parts = parts.into_iter().map(|part| {
            let given = Given {
                targets: self.ledger.targets.of_tests(part.items),
                is_whole: self.runner.retry_runs_whole_targets(part.items, self.cases),
            };
            (part.invocation, given)
        });
        Ok(Commands {
            kind: AttemptKind::FailedTests,
            parts: parts.collect(),
            targets: failed.len(),
        })
    }

    /// The commands that run all tests of these targets.
    fn whole(
        &self,
        cases: &[Case],
        command: &MakeCommand<'_, Case>,
    ) -> Result<Vec<(Invocation, Given)>, RunnerError> {
        let parts = self.split(cases, command)?;
        let parts = parts.into_iter().map(|part| {
            let given = Given {
                targets: self.ledger.targets.of_cases(part.items),
                is_whole: true,
            };
            (part.invocation, given)
        });
        Ok(parts.collect())
    }

    /// Empty if `command` returns `None`.
    fn split<'i, T>(
        &self,
        items: &'i [T],
        command: &MakeCommand<'_, T>,
    ) -> Result<Vec<PartCommand<'i, T>>, RunnerError> {
        let parts = parts::split(items, &self.options.capacity, &mut |items| {
            let command = command(items).map_err(Some)?.ok_or(None)?;
            Ok(self.invocation(command))
        });
        match parts {
            Err(Some(why)) => Err(why),
            parts => Ok(parts.unwrap_or_default()),
        }
    }

    fn invocation(&self, command: CommandLine) -> Invocation {
        if !self.is_stop_relevant {
            return Invocation {
                policy: self.runner.requested_stop(&command),
                command,
                added_option: None,
            };
        }
        let guarded = self.runner.override_fail_fast(command);
        Invocation {
            command: guarded.command,
            policy: Some(guarded.policy),
            added_option: guarded.added_option,
        }
    }
}

impl Commands {
    /// The option that was added to a command of the user's own.
    pub(super) fn option_added_to(&self, runner: &dyn Runner) -> Option<&str> {
        let mut added = self.parts.iter().map(|(invocation, _)| invocation);
        let added = added.find_map(|invocation| invocation.added_option.as_deref());
        added.filter(|_| runner.has_custom_command())
    }

    pub(super) fn started<'c>(
        &self,
        attempt: u32,
        of: u32,
        part: usize,
        command: &'c CommandLine,
    ) -> RunEvent<'c> {
        let (kind, parts, targets) = (self.kind, self.parts.len(), self.targets);
        if part == 1 {
            RunEvent::AttemptStarted {
                attempt,
                of,
                kind,
                command,
                parts,
                targets,
            }
        } else {
            RunEvent::PartStarted {
                attempt,
                kind,
                part,
                parts,
                command,
                targets,
            }
        }
    }
}
