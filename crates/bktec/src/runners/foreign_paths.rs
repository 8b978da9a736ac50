//! Results of a runner whose working directory has another path, as in a container: there,
//! `/app/a.test.js` is the target `a.test.js`. Pure.

use std::collections::HashSet;

use test_engine_wire::Case;

use super::ParsedResults;
use super::paths::{file_of, normalise};
use super::targets::target;

impl ParsedResults {
    /// Makes all paths relative if they are absolute and the prefix that makes the first of them a
    /// target is common to all tests. Else nothing changes.
    pub(crate) fn strip_foreign_prefix(&mut self, cases: &[Case]) {
        if self
            .tests
            .iter()
            .any(|test| !test.key.path.starts_with('/'))
        {
            return;
        }
        let targets: HashSet<&str> = cases
            .iter()
            .map(|case| normalise(file_of(target(case))))
            .collect();
        let mut tests = self.tests.iter();
        let prefix = tests.find_map(|test| prefix_of(&test.key.path, &targets));
        let Some(prefix) = prefix.map(str::to_owned) else {
            return;
        };
        if self
            .tests
            .iter()
            .any(|test| !test.key.path.starts_with(&prefix))
        {
            return;
        }
        let keys = self.tests.iter_mut().map(|test| &mut test.key);
        let keys = keys
            .chain(&mut self.unrun)
            .chain(&mut self.failed_by_subtest);
        let paths = keys.map(|key| &mut key.path);
        let shortfalls = self.shortfalls.iter_mut();
        let shortfalls = shortfalls.filter_map(|shortfall| shortfall.path.as_mut());
        for path in paths.chain(shortfalls).chain(&mut self.deselected) {
            if path.starts_with(&prefix) {
                path.drain(..prefix.len());
            }
        }
    }
}

/// What is before the longest end that is a target or below one.
fn prefix_of<'p>(path: &'p str, targets: &HashSet<&str>) -> Option<&'p str> {
    let mut starts = path.match_indices('/').map(|(at, _)| at + 1);
    let start = starts.find(|&start| {
        let end = file_of(&path[start..]);
        let mut directories = end.match_indices('/').map(|(at, _)| &end[..at]);
        targets.contains(end) || directories.any(|directory| targets.contains(directory))
    })?;
    Some(&path[..start])
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use test_engine_results::Outcome;

    use super::*;
    use crate::runners::testing::{case, key};
    use crate::runners::{Observed, Shortfall};

    #[rstest]
    #[case(&["src/a.test.js"], &["/app/src/a.test.js"], &["src/a.test.js"])]
    #[case(&["./src/a.test.js", "b.test.js"], &["/app/b.test.js", "/app/src/a.test.js"],
        &["b.test.js", "src/a.test.js"])]
    #[case(&["a.js", "app/a.js"], &["/x/app/a.js"], &["app/a.js"])]
    #[case(&["e2e"], &["/app/e2e/x/a.spec.js:7"], &["e2e/x/a.spec.js:7"])]
    // A file that is no target is in the same directory.
    #[case(&["a.js"], &["/app/b.js", "/app/a.js"], &["b.js", "a.js"])]
    // There is no common prefix.
    #[case(&["a.js", "b.js"], &["/app/a.js", "/lib/b.js"], &["/app/a.js", "/lib/b.js"])]
    #[case(&["a.js"], &["/app/c.js"], &["/app/c.js"])]
    #[case(&["a.js"], &["sub/a.js"], &["sub/a.js"])]
    #[case(&["a.js"], &["/app/a.js", "b.js"], &["/app/a.js", "b.js"])]
    fn a_foreign_prefix_is_stripped(
        #[case] targets: &[&str],
        #[case] paths: &[&str],
        #[case] expected: &[&str],
    ) {
        let cases: Vec<Case> = targets.iter().map(|target| case(target)).collect();
        let tests = paths.iter();
        let tests = tests.map(|path| Observed::new(key("S", "t", path), Outcome::Passed));
        let mut parsed = ParsedResults {
            tests: tests.collect(),
            shortfalls: vec![Shortfall {
                path: Some(paths[0].to_owned()),
                reason: "x".to_owned(),
            }],
            ..ParsedResults::default()
        };
        parsed.strip_foreign_prefix(&cases);
        let seen: Vec<&str> = parsed.tests.iter().map(|test| &*test.key.path).collect();
        assert_eq!(seen, expected);
        assert_eq!(parsed.shortfalls[0].path.as_deref(), Some(expected[0]));
    }
}
