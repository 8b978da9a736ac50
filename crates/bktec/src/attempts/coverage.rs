//! Whether everything that was to run left a trace in the results. Pure.
//!
//! A runner may pass over a file without a word: by its own configuration, or because it reads the
//! path differently. A build that passes without it would be a lie, so it is told. It is no error:
//! a file may hold no tests. But where the path, read as a pattern, is that of a file that ran
//! unasked, there is no doubt that one ran for the other.

use std::collections::{BTreeSet, HashSet};

use test_engine_results::Outcome;
use test_engine_wire::Case;

use crate::discovery::Pattern;
use crate::runners::paths::{file_of, without_dot_slash, without_example_id};
use crate::runners::{Naming, Observed, target};

/// The targets of `cases` that no result belongs to. Empty when results and targets have nothing in
/// common at all, and the runner names places in a way of its own: then nothing can be said.
pub(super) fn without_results<'c>(
    cases: &'c [Case],
    tests: &[Observed],
    naming: Naming,
) -> Vec<&'c str> {
    let places = places_of(tests, naming);
    let mut paths: Vec<&str> = tests
        .iter()
        .map(|test| without_dot_slash(&test.key.path))
        .collect();
    paths.sort_unstable();
    let has_results = |target: &str| {
        let target = without_dot_slash(target);
        places.contains(target) || is_folder_of(target, &paths) || target.ends_with("...")
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

/// The files of tests that ran although no target leads to them, sorted. Only where the runner
/// names files as targets do.
pub(super) fn unplanned_files_ran<'t>(
    cases: &[Case],
    tests: &'t [Observed],
    naming: Naming,
) -> Vec<&'t str> {
    if naming == Naming::RunnerSpecific {
        return Vec::new();
    }
    let targets: HashSet<&str> = cases
        .iter()
        .map(|case| without_dot_slash(target(case)))
        .collect();
    let mut files = BTreeSet::new();
    for test in tests {
        if !matches!(test.outcome, Outcome::Passed | Outcome::Failed) {
            continue;
        }
        let mut places = HashSet::new();
        add_places(&test.key.path, naming, &mut places);
        let in_folder = || {
            let path = without_dot_slash(&test.key.path);
            path.match_indices('/')
                .any(|(at, _)| targets.contains(&path[..at]) || targets.contains(&path[..=at]))
        };
        if places.is_disjoint(&targets) && !in_folder() {
            files.insert(file_of(&test.key.path));
        }
    }
    files.into_iter().collect()
}

/// Of the targets without results, those that are patterns of a file that ran and was no target,
/// with that file: a shell or the runner took one for the other.
pub(super) fn taken_for_patterns<'c, 't>(
    cases: &'c [Case],
    missing: &[&'c str],
    tests: &'t [Observed],
) -> Vec<(&'c str, &'t str)> {
    let patterns: Vec<(&str, Pattern)> = missing
        .iter()
        .filter(|target| target.contains(['[', '{', '*', '?']))
        .filter_map(|target| {
            let text = without_dot_slash(target).replace("[!", "[^");
            Some((*target, Pattern::parse(&text, None).ok()?))
        })
        .collect();
    if patterns.is_empty() {
        return Vec::new();
    }
    let targets: HashSet<&str> = cases
        .iter()
        .map(|case| without_dot_slash(target(case)))
        .collect();
    let files: BTreeSet<&str> = tests.iter().map(|test| file_of(&test.key.path)).collect();
    let others = || files.iter().filter(|file| !targets.contains(*file));
    patterns
        .into_iter()
        .filter_map(|(target, pattern)| {
            let file = others().find(|file| pattern.is_match(file.as_bytes()))?;
            Some((target, *file))
        })
        .collect()
}

/// Of the targets that were left to a folder above them, those whose file left no results at all:
/// the folder does not lead there. `missing` are the targets without results.
pub(super) fn missed_by_directory<'c>(
    left: &[&'c str],
    missing: &[&str],
    tests: &[Observed],
    naming: Naming,
) -> Vec<&'c str> {
    let places = places_of(tests, naming);
    left.iter()
        .copied()
        .filter(|target| missing.contains(target) && !places.contains(file_of(target)))
        .collect()
}

fn is_folder_of(target: &str, sorted: &[&str]) -> bool {
    let folder = format!("{}/", target.trim_end_matches('/'));
    let at = sorted.partition_point(|path| *path < folder.as_str());
    sorted.get(at).is_some_and(|path| path.starts_with(&folder))
}

/// Every name under which the places of these tests may be known.
fn places_of(tests: &[Observed], naming: Naming) -> HashSet<&str> {
    let mut places = HashSet::new();
    let mut last = "";
    for test in tests {
        // Results of one file stand together.
        if test.key.path != last {
            add_places(&test.key.path, naming, &mut places);
            last = &test.key.path;
        }
    }
    places
}

/// A test's own place and the file it is in; seen from every folder above it, where it may be named
/// from one of these.
fn add_places<'p>(path: &'p str, naming: Naming, places: &mut HashSet<&'p str>) {
    let path = without_dot_slash(path);
    let in_file = path.split_once("::").map_or(path, |(file, _)| file);
    for place in [path, in_file, without_example_id(in_file), file_of(path)] {
        if places.insert(place) && naming == Naming::RunnerSpecific {
            places.extend(place.match_indices('/').map(|(at, _)| &place[at + 1..]));
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
    fn where_files_are_named_as_targets_are_another_file_of_the_name_proves_nothing() {
        let (cases, tests) = (cases(&["a.test.js"]), tests(&["sub/a.test.js"]));
        assert!(without_results(&cases, &tests, Naming::RunnerSpecific).is_empty());
        assert_eq!(
            without_results(&cases, &tests, Naming::AsTargets),
            ["a.test.js"]
        );
        assert_eq!(
            unplanned_files_ran(&cases, &tests, Naming::AsTargets),
            ["sub/a.test.js"]
        );
        assert!(unplanned_files_ran(&cases, &tests, Naming::RunnerSpecific).is_empty());
    }

    #[rstest]
    #[case("a.spec.js", "a.spec.js:7")]
    #[case("a.spec.js:7", "a.spec.js:7")]
    #[case("./a.spec.js", "a.spec.js:7")]
    #[case("e2e", "e2e/x/a.spec.js:7")]
    #[case("e2e/", "e2e/a.spec.js:7")]
    fn what_a_target_leads_to_was_asked_for(#[case] target: &str, #[case] path: &str) {
        let tests = tests(&[path]);
        let others = unplanned_files_ran(&cases(&[target]), &tests, Naming::AsTargets);
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
    fn a_result_belongs_to_what_was_asked_for(#[case] target: &str, #[case] path: &str) {
        assert_eq!(missing(&[target, "other"], &[path]), ["other"]);
    }

    #[rstest]
    #[case(&["[id]/a.js"], &["i/a.js"], &[("[id]/a.js", "i/a.js")])]
    #[case(&["./x/[!a-c]*.feature"], &["x/d.feature:3"], &[("./x/[!a-c]*.feature", "x/d.feature:3")])]
    #[case(&["{a,b}.js", "b.js"], &["a.js", "b.js"], &[("{a,b}.js", "a.js")])]
    // The other was asked for too, so each may have run as what it is.
    #[case(&["[id]/a.js", "i/a.js"], &["i/a.js"], &[])]
    // It has results of its own.
    #[case(&["[id]/a.js"], &["[id]/a.js", "i/a.js"], &[])]
    // Nothing to do with each other.
    #[case(&["[id]/a.js"], &["x/a.js"], &[])]
    #[case(&["a.js"], &["b.js"], &[])]
    fn a_path_that_was_taken_for_a_pattern_is_found_out(
        #[case] targets: &[&str],
        #[case] paths: &[&str],
        #[case] expected: &[(&str, &str)],
    ) {
        let (cases, tests) = (cases(targets), tests(paths));
        let missing = without_results(&cases, &tests, Naming::AsTargets);
        let found: Vec<(&str, String)> = taken_for_patterns(&cases, &missing, &tests)
            .into_iter()
            .map(|(target, file)| (target, file.to_owned()))
            .collect();
        let expected: Vec<(&str, String)> = expected
            .iter()
            .map(|(target, file)| (*target, file_of(file).to_owned()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn without_any_results_everything_is_missing() {
        assert_eq!(missing(&["a", "b"], &[]), ["a", "b"]);
    }

    #[test]
    fn names_of_another_kind_say_nothing() {
        assert_eq!(missing(&["a.bats", "b.bats"], &["", "elsewhere"]), [""; 0]);
    }
}
