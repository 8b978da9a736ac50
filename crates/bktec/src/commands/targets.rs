//! Collects the targets to split: from a list file, or from the runner's discovery.
//!
//! Each target is listed once. Finding none is an error: a build that runs nothing must not pass by
//! accident. Only a runner that selects its tests itself has no targets.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::path::PathBuf;

use crate::commands::CommandError;
use crate::discovery;
use crate::runners::{Runner, RunnerError};
use crate::settings::RunnerChoice;
use crate::terminal::Terminal;

/// The targets of this command, collected when they are first needed, and only once: asking a
/// runner for its files takes time.
pub(super) struct Targets<'a> {
    collected: OnceCell<Vec<String>>,
    choice: &'a RunnerChoice,
    runner: &'a dyn Runner,
    terminal: &'a Terminal,
}

impl<'a> Targets<'a> {
    pub(super) fn new(
        choice: &'a RunnerChoice,
        runner: &'a dyn Runner,
        terminal: &'a Terminal,
    ) -> Self {
        Self {
            collected: OnceCell::new(),
            choice,
            runner,
            terminal,
        }
    }

    pub(super) fn get(&self) -> Result<&[String], CommandError> {
        if let Some(targets) = self.collected.get() {
            return Ok(targets);
        }
        let targets = collect(self.choice, self.runner, self.terminal)
            .map_err(CommandError::runner("find the tests"))?;
        self.terminal.debug(|| format!("{} targets", targets.len()));
        Ok(self.collected.get_or_init(|| targets))
    }

    /// Whether the runner must be started for them.
    pub(super) fn need_runner(&self) -> bool {
        list(self.choice).is_none() && self.runner.discovery_asks_runner()
    }
}

fn list(choice: &RunnerChoice) -> Option<&PathBuf> {
    choice.selector_file.as_ref().or(choice.files.as_ref())
}

/// The selector file wins over the files list, and both win over discovery.
fn collect(
    choice: &RunnerChoice,
    runner: &dyn Runner,
    terminal: &Terminal,
) -> Result<Vec<String>, RunnerError> {
    if runner.definition().chooses_tests {
        return Ok(Vec::new());
    }
    let targets = match list(choice) {
        Some(path) => discovery::read_list(path)?,
        None => runner.discover(&mut |warning| terminal.warning(&warning))?,
    };
    Ok(deduplicated(targets))
}

fn deduplicated(targets: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::with_capacity(targets.len());
    targets
        .into_iter()
        .filter(|target| seen.insert(target.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_targets_are_dropped_and_the_order_is_kept() {
        let targets = ["b", "a", "b", "c", "a"].map(str::to_owned).to_vec();
        assert_eq!(deduplicated(targets), ["b", "a", "c"]);
    }
}
