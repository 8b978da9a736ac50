//! What is to be split: a list that was given, or what the runner discovers.
//!
//! Every target is there once. No targets at all is an error: a build that runs nothing must not
//! pass by accident. Only a runner that chooses its tests by itself has none to split.

use std::collections::HashSet;

use crate::discovery;
use crate::runners::{Runner, RunnerError};
use crate::settings::RunnerChoice;
use crate::terminal::Terminal;

/// The targets of this run: the selector file's, else the files list's, else discovered ones.
pub(super) fn targets(
    choice: &RunnerChoice,
    runner: &dyn Runner,
    terminal: &Terminal,
) -> Result<Vec<String>, RunnerError> {
    if runner.definition().chooses_tests {
        return Ok(Vec::new());
    }
    let list = choice.selector_file.as_ref().or(choice.files.as_ref());
    let targets = match list {
        Some(path) => discovery::read_list(path)?,
        None => runner.discover(&mut |warning| terminal.warning(&warning))?,
    };
    Ok(once(targets))
}

/// The first of equal ones, in order.
fn once(targets: Vec<String>) -> Vec<String> {
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
    fn equal_targets_are_one() {
        let targets = ["b", "a", "b", "c", "a"].map(str::to_owned).to_vec();
        assert_eq!(once(targets), ["b", "a", "c"]);
    }
}
