//! Whether a fail-fast setting can keep tests from running after a failure. Pure.

use test_engine_results::Outcome;

use super::ParsedResults;
use crate::process::CommandLine;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopPolicy {
    /// An option of the user's own stops the runner at this number of failed tests.
    Requested { option: String, failures: usize },
    /// The command line has an option that overrides every setting, there is no such setting, or
    /// an early stop always shows in the results.
    Overridden,
    /// A setting somewhere may be in effect.
    Possible,
}

impl StopPolicy {
    /// Notes in results that reach the user's own limit that other tests may not have run.
    pub fn note_stop(&self, parsed: &mut ParsedResults) {
        let Self::Requested { option, failures } = self else {
            return;
        };
        let failed = parsed.tests.iter();
        let failed = failed.filter(|test| test.outcome == Outcome::Failed);
        if failed.count() < *failures {
            return;
        }
        let when = match failures {
            1 => "the first failed test".to_owned(),
            failures => format!("{failures} failed tests"),
        };
        parsed.stopped_early = Some(format!(
            "{option} stops the runner at {when}, so other tests may not have run"
        ));
    }
}

/// A command after fail-fast settings were overridden, where that is possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardedCommand {
    pub command: CommandLine,
    pub policy: StopPolicy,
    /// The option that was added to override fail-fast settings.
    pub added_option: Option<String>,
}

impl GuardedCommand {
    pub(super) const fn unchanged(command: CommandLine, policy: StopPolicy) -> Self {
        Self {
            command,
            policy,
            added_option: None,
        }
    }

    /// Replaces the policy `from`, if it has that one.
    pub(super) fn with_policy(mut self, from: &StopPolicy, to: StopPolicy) -> Self {
        if self.policy == *from {
            self.policy = to;
        }
        self
    }
}
