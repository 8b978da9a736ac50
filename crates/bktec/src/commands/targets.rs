//! Collects the targets to split: from a list file, or from the runner's discovery.
//!
//! Each target is listed once. Finding none is an error: a build that runs nothing must not pass by
//! accident. Only a runner that selects its tests itself has no targets.

use std::collections::HashSet;

use crate::discovery;
use crate::runners::{Runner, RunnerError};
use crate::settings::RunnerChoice;
use crate::terminal::Terminal;

/// The selector file wins over the files list, and both win over discovery.
pub(super) fn collect(
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
