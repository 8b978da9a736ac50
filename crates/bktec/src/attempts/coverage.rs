//! Compares the results of the first attempt with the plan, target by target. Pure.
//!
//! A runner may leave out a file without an error, because of its own configuration or because it
//! reads the path differently. A target without results is only reported, since a file may contain
//! no tests. It is an error where it is certain that the target did not run: its path was expanded
//! as a glob, or a parent directory covered it but did not include it.

use std::collections::{BTreeSet, HashSet};

use test_engine_results::Outcome;

use crate::discovery::Pattern;
use crate::runners::paths::{file_of, without_dot_slash};
use crate::runners::{Naming, Observed, Runner, TargetIndex};

#[derive(Debug)]
pub(super) struct Coverage<'c, 't> {
    /// Targets that no result belongs to, in plan order. Empty if no result belongs to any target
    /// and the runner has its own way of naming files: then the two cannot be compared.
    pub(super) without_results: Vec<&'c str>,
    /// Files whose tests ran although no target covers them, sorted.
    pub(super) unplanned_files: Vec<&'t str>,
    /// An error for each target that certainly did not run.
    pub(super) missed: Vec<String>,
}

impl<'c, 't> Coverage<'c, 't> {
    pub(super) fn of(runner: &dyn Runner, index: &TargetIndex<'c>, tests: &'t [Observed]) -> Self {
        let found = Found::of(index, tests);
        let expanded = expanded_as_globs(index, &found.without_results, tests);
        let expanded = expanded.into_iter().map(|(target, file)| {
            format!(
                "{target} did not run, but {file} did: the path was expanded as a glob before it \
                 reached the runner"
            )
        });
        // A file may have run although only some of its tests are planned.
        let mut missed = runner.covered_by_directories(index.cases);
        if !missed.is_empty() {
            let files: HashSet<&str> = tests.iter().map(|test| file_of(&test.key.path)).collect();
            let ran: HashSet<&str> = files.into_iter().flat_map(ends).collect();
            let without_results: HashSet<&str> = found.without_results.iter().copied().collect();
            missed.retain(|target| {
                without_results.contains(target) && !ran.contains(file_of(target))
            });
        }
        let missed = missed.into_iter().map(|target| {
            format!(
                "{target} has no results: it was covered by a parent directory in the plan, but \
                 running that directory did not include it; plan only one of them"
            )
        });
        Self {
            missed: expanded.chain(missed).collect(),
            unplanned_files: found.unplanned_files.into_iter().collect(),
            without_results: found.without_results,
        }
    }
}

/// The path, and what follows each slash of it.
fn ends(path: &str) -> impl Iterator<Item = &str> {
    let after_slash = path.match_indices('/').map(|(at, _)| &path[at + 1..]);
    std::iter::once(path).chain(after_slash)
}

struct Found<'c, 't> {
    without_results: Vec<&'c str>,
    unplanned_files: BTreeSet<&'t str>,
}

impl<'c, 't> Found<'c, 't> {
    fn of(index: &TargetIndex<'c>, tests: &'t [Observed]) -> Self {
        let mut has_results = vec![false; index.targets.len()];
        let mut unplanned_files = BTreeSet::new();
        let is_comparable = index.attribute(
            tests,
            |test| &test.key,
            |test, targets| {
                let has_run = matches!(test.outcome, Outcome::Passed | Outcome::Failed);
                if targets.is_empty() && has_run && index.naming == Naming::AsTargets {
                    unplanned_files.insert(file_of(&test.key.path));
                }
                for &number in targets {
                    has_results[number] = true;
                }
            },
        );
        let without_results = index.targets.iter().enumerate();
        let without_results = without_results
            .filter(|(number, _)| !has_results[*number] && !index.contains_everything(*number))
            .map(|(_, target)| target.value)
            .filter(|_| is_comparable);
        Self {
            without_results: without_results.collect(),
            unplanned_files,
        }
    }
}

/// The targets without results that, as globs, match a file that ran and is no target, with that
/// file: a shell or the runner expanded one to the other.
fn expanded_as_globs<'c, 't>(
    index: &TargetIndex<'c>,
    without_results: &[&'c str],
    tests: &'t [Observed],
) -> Vec<(&'c str, &'t str)> {
    let globs: Vec<(&str, Pattern)> = without_results
        .iter()
        .filter(|target| target.contains(['[', '{', '*', '?']))
        .filter_map(|target| {
            let text = without_dot_slash(target).replace("[!", "[^");
            Some((*target, Pattern::parse(&text, None).ok()?))
        })
        .collect();
    if globs.is_empty() {
        return Vec::new();
    }
    let targets: HashSet<&str> = index
        .targets
        .iter()
        .map(|target| without_dot_slash(target.value))
        .collect();
    let files: BTreeSet<&str> = tests.iter().map(|test| file_of(&test.key.path)).collect();
    let unplanned = || files.iter().filter(|file| !targets.contains(*file));
    globs
        .into_iter()
        .filter_map(|(target, glob)| {
            let file = unplanned().find(|file| glob.is_match(file.as_bytes()))?;
            Some((target, *file))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use test_engine_wire::Case;

    use super::*;
    use crate::runners::testing::{case, key};

    fn cases(targets: &[&str]) -> Vec<Case> {
        targets.iter().map(|target| case(target)).collect()
    }

    fn tests(paths: &[&str]) -> Vec<Observed> {
        let tests = paths.iter();
        tests
            .map(|path| Observed::new(key("S", "t", path), Outcome::Passed))
            .collect()
    }

    fn found<'c, 't>(cases: &'c [Case], tests: &'t [Observed], naming: Naming) -> Found<'c, 't> {
        Found::of(&TargetIndex::new(cases, naming), tests)
    }

    fn missing(targets: &[&str], paths: &[&str]) -> Vec<String> {
        found(&cases(targets), &tests(paths), Naming::RunnerSpecific)
            .without_results
            .into_iter()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn a_file_of_the_same_name_elsewhere_covers_only_runner_specific_names() {
        let (cases, tests) = (cases(&["a.test.js"]), tests(&["sub/a.test.js"]));
        let own = found(&cases, &tests, Naming::RunnerSpecific);
        assert!(own.without_results.is_empty() && own.unplanned_files.is_empty());
        let same = found(&cases, &tests, Naming::AsTargets);
        assert_eq!(same.without_results, ["a.test.js"]);
        assert!(same.unplanned_files.into_iter().eq(["sub/a.test.js"]));
    }

    #[rstest]
    #[case("a.spec.js", "a.spec.js:7")]
    #[case("a.spec.js:7", "a.spec.js:7")]
    #[case("./a.spec.js", "a.spec.js:7")]
    #[case("e2e", "e2e/x/a.spec.js:7")]
    #[case("e2e/", "e2e/a.spec.js:7")]
    fn files_covered_by_a_target_are_planned(#[case] target: &str, #[case] path: &str) {
        let (cases, tests) = (cases(&[target]), tests(&[path]));
        let others = found(&cases, &tests, Naming::AsTargets).unplanned_files;
        assert!(others.is_empty(), "{others:?}");
    }

    #[rstest]
    #[case("spec/a_spec.rb", "./spec/a_spec.rb[1:2:1]")]
    #[case("./spec/a_spec.rb[1:2]", "./spec/a_spec.rb[1:2]")]
    #[case("tests/test_a.py", "tests/test_a.py::TestX::test_y[a]")]
    #[case("test_a.py", "backend/test_a.py::test_y")]
    #[case("(g)/[id]/a.test.js", "(g)/[id]/a.test.js")]
    #[case("features/a.feature", "features/a.feature:12")]
    #[case("m/a", "m/a")]
    #[case("tests/", "tests/unit/test_a.py::test_y")]
    #[case("./tests", "tests/unit/test_a.py::test_y")]
    fn a_result_belongs_to_its_target(#[case] target: &str, #[case] path: &str) {
        assert_eq!(missing(&[target, "other"], &[path]), ["other"]);
    }

    #[rstest]
    #[case(&["[id]/a.js"], &["i/a.js"], &[("[id]/a.js", "i/a.js")])]
    #[case(&["./[!a-c]*.feature"], &["d.feature:3"], &[("./[!a-c]*.feature", "d.feature")])]
    #[case(&["{a,b}.js", "b.js"], &["a.js", "b.js"], &[("{a,b}.js", "a.js")])]
    // Both are planned, so both may have run.
    #[case(&["[id]/a.js", "i/a.js"], &["i/a.js"], &[])]
    // It has results.
    #[case(&["[id]/a.js"], &["[id]/a.js", "i/a.js"], &[])]
    // Unrelated paths.
    #[case(&["[id]/a.js"], &["x/a.js"], &[])]
    #[case(&["a.js"], &["b.js"], &[])]
    fn detects_paths_expanded_as_globs(
        #[case] targets: &[&str],
        #[case] paths: &[&str],
        #[case] expected: &[(&str, &str)],
    ) {
        let (cases, tests) = (cases(targets), tests(paths));
        let missing = found(&cases, &tests, Naming::AsTargets).without_results;
        let index = TargetIndex::new(&cases, Naming::AsTargets);
        assert_eq!(expanded_as_globs(&index, &missing, &tests), expected);
    }

    #[test]
    fn without_results_every_target_is_missing() {
        assert_eq!(missing(&["a", "b"], &[]), ["a", "b"]);
    }

    #[test]
    fn runner_specific_names_that_match_no_target_are_not_compared() {
        assert_eq!(missing(&["a.bats", "b.bats"], &["", "elsewhere"]), [""; 0]);
    }
}
