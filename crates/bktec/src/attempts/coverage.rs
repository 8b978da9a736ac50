//! Compares the results of the first attempt with the plan, target by target. Pure.
//!
//! A runner may leave out a file without an error, because of its own configuration or because it
//! reads the path differently. A target without results is only reported, since a file may contain
//! no tests. It is an error where it is certain that the target did not run: its path was expanded
//! as a glob, or a parent directory covered it but did not include it.

use std::collections::{BTreeSet, HashSet};

use test_engine_results::Outcome;
use test_engine_wire::Case;

use crate::discovery::Pattern;
use crate::runners::paths::{file_of, without_dot_slash, without_example_id};
use crate::runners::{Naming, Observed, Runner, target};

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
    pub(super) fn of(runner: &dyn Runner, cases: &'c [Case], tests: &'t [Observed]) -> Self {
        let naming = runner.naming();
        let without_results = without_results(cases, tests, naming);
        let expanded = expanded_as_globs(cases, &without_results, tests);
        let expanded = expanded.into_iter().map(|(target, file)| {
            format!(
                "{target} did not run, but {file} did: the path was expanded as a glob before it \
                 reached the runner"
            )
        });
        let names = names_of(tests, naming);
        let mut missed = runner.covered_by_directories(cases);
        missed
            .retain(|target| without_results.contains(target) && !names.contains(file_of(target)));
        let missed = missed.into_iter().map(|target| {
            format!(
                "{target} has no results: it was covered by a parent directory in the plan, but \
                 running that directory did not include it; plan only one of them"
            )
        });
        Self {
            missed: expanded.chain(missed).collect(),
            unplanned_files: unplanned_files(cases, tests, naming),
            without_results,
        }
    }
}

fn without_results<'c>(cases: &'c [Case], tests: &[Observed], naming: Naming) -> Vec<&'c str> {
    let names = names_of(tests, naming);
    let mut paths: Vec<&str> = tests
        .iter()
        .map(|test| without_dot_slash(&test.key.path))
        .collect();
    paths.sort_unstable();
    let has_results = |target: &str| {
        let target = without_dot_slash(target);
        names.contains(target) || is_directory_of(target, &paths) || target.ends_with("...")
    };
    let missing: Vec<&str> = cases
        .iter()
        .map(target)
        .filter(|target| !has_results(target))
        .collect();
    if naming == Naming::RunnerSpecific && missing.len() == cases.len() && !tests.is_empty() {
        Vec::new()
    } else {
        missing
    }
}

fn unplanned_files<'t>(cases: &[Case], tests: &'t [Observed], naming: Naming) -> Vec<&'t str> {
    if naming == Naming::RunnerSpecific {
        return Vec::new();
    }
    let targets = targets_of(cases);
    let is_planned = |path: &str| {
        let mut names = HashSet::new();
        add_names(path, naming, &mut names);
        let path = without_dot_slash(path);
        let is_in_directory = || {
            path.match_indices('/')
                .any(|(at, _)| targets.contains(&path[..at]) || targets.contains(&path[..=at]))
        };
        !names.is_disjoint(&targets) || is_in_directory()
    };
    let files: BTreeSet<&str> = tests
        .iter()
        .filter(|test| matches!(test.outcome, Outcome::Passed | Outcome::Failed))
        .filter(|test| !is_planned(&test.key.path))
        .map(|test| file_of(&test.key.path))
        .collect();
    files.into_iter().collect()
}

/// The targets without results that, as globs, match a file that ran and is no target, with that
/// file: a shell or the runner expanded one to the other.
fn expanded_as_globs<'c, 't>(
    cases: &'c [Case],
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
    let targets = targets_of(cases);
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

fn targets_of(cases: &[Case]) -> HashSet<&str> {
    cases
        .iter()
        .map(|case| without_dot_slash(target(case)))
        .collect()
}

fn is_directory_of(target: &str, sorted_paths: &[&str]) -> bool {
    let directory = format!("{}/", target.trim_end_matches('/'));
    let at = sorted_paths.partition_point(|path| *path < directory.as_str());
    sorted_paths
        .get(at)
        .is_some_and(|path| path.starts_with(&directory))
}

/// Every name that a target may have for the paths of these tests.
fn names_of(tests: &[Observed], naming: Naming) -> HashSet<&str> {
    let mut names = HashSet::new();
    let mut last = "";
    for test in tests {
        // The results of one file are usually adjacent.
        if test.key.path != last {
            add_names(&test.key.path, naming, &mut names);
            last = &test.key.path;
        }
    }
    names
}

/// Adds a test's path and its file. If the runner has its own way of naming files, adds both
/// relative to each parent directory as well.
fn add_names<'p>(path: &'p str, naming: Naming, names: &mut HashSet<&'p str>) {
    let path = without_dot_slash(path);
    let in_file = path.split_once("::").map_or(path, |(file, _)| file);
    for name in [path, in_file, without_example_id(in_file), file_of(path)] {
        if names.insert(name) && naming == Naming::RunnerSpecific {
            names.extend(name.match_indices('/').map(|(at, _)| &name[at + 1..]));
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use test_engine_results::Outcome;

    use super::*;
    use crate::runners::testing::{case, key};

    fn cases(targets: &[&str]) -> Vec<Case> {
        targets.iter().map(|target| case(target)).collect()
    }

    fn tests(paths: &[&str]) -> Vec<Observed> {
        let tests = paths.iter().map(|path| Observed {
            key: key("S", "t", path),
            outcome: Outcome::Passed,
        });
        tests.collect()
    }

    fn missing(targets: &[&str], paths: &[&str]) -> Vec<String> {
        without_results(&cases(targets), &tests(paths), Naming::RunnerSpecific)
            .into_iter()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn a_file_of_the_same_name_elsewhere_covers_only_runner_specific_names() {
        let (cases, tests) = (cases(&["a.test.js"]), tests(&["sub/a.test.js"]));
        assert!(without_results(&cases, &tests, Naming::RunnerSpecific).is_empty());
        assert_eq!(
            without_results(&cases, &tests, Naming::AsTargets),
            ["a.test.js"]
        );
        assert_eq!(
            unplanned_files(&cases, &tests, Naming::AsTargets),
            ["sub/a.test.js"]
        );
        assert!(unplanned_files(&cases, &tests, Naming::RunnerSpecific).is_empty());
    }

    #[rstest]
    #[case("a.spec.js", "a.spec.js:7")]
    #[case("a.spec.js:7", "a.spec.js:7")]
    #[case("./a.spec.js", "a.spec.js:7")]
    #[case("e2e", "e2e/x/a.spec.js:7")]
    #[case("e2e/", "e2e/a.spec.js:7")]
    fn files_covered_by_a_target_are_planned(#[case] target: &str, #[case] path: &str) {
        let tests = tests(&[path]);
        let others = unplanned_files(&cases(&[target]), &tests, Naming::AsTargets);
        assert_eq!(others, [""; 0]);
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
    #[case("./...", "m/a")]
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
        let missing = without_results(&cases, &tests, Naming::AsTargets);
        assert_eq!(expanded_as_globs(&cases, &missing, &tests), expected);
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
