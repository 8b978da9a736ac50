//! Whether everything that was to run left a trace in the results. Pure.
//!
//! A runner may pass over a file without a word: by its own configuration, or because it reads the
//! path differently. A build that passes without it would be a lie, so it is told. It is no error:
//! a file may hold no tests.

use std::collections::HashSet;

use test_engine_wire::Case;

use crate::runners::{Observed, target};

/// The targets of `cases` that no result belongs to. Empty when results and targets have nothing in
/// common at all: then the runner names places in a way of its own, and nothing can be said.
pub(super) fn without_results<'c>(cases: &'c [Case], tests: &[Observed]) -> Vec<&'c str> {
    let mut places = HashSet::new();
    let mut last = "";
    for test in tests {
        // Results of one file stand together.
        if test.key.path != last {
            add_places(&test.key.path, &mut places);
            last = &test.key.path;
        }
    }
    let mut paths: Vec<&str> = tests.iter().map(|test| bare(&test.key.path)).collect();
    paths.sort_unstable();
    let has_results = |target: &str| {
        let target = bare(target);
        places.contains(target) || is_folder_of(target, &paths) || target.ends_with("...")
    };
    let missing: Vec<&str> = cases
        .iter()
        .map(target)
        .filter(|target| !has_results(target))
        .collect();
    if missing.len() == cases.len() && !tests.is_empty() {
        Vec::new()
    } else {
        missing
    }
}

fn is_folder_of(target: &str, sorted: &[&str]) -> bool {
    let folder = format!("{}/", target.trim_end_matches('/'));
    let at = sorted.partition_point(|path| *path < folder.as_str());
    sorted.get(at).is_some_and(|path| path.starts_with(&folder))
}

/// A test's own place and the file it is in, seen from every folder above it.
fn add_places<'p>(path: &'p str, places: &mut HashSet<&'p str>) {
    let path = bare(path);
    let in_file = path.split_once("::").map_or(path, |(file, _)| file);
    let without_id = in_file
        .strip_suffix(']')
        .and_then(|rest| rest.rsplit_once('['))
        .filter(|(_, id)| id.bytes().all(|byte| byte.is_ascii_digit() || byte == b':'))
        .map_or(in_file, |(file, _)| file);
    let without_line = without_id
        .rsplit_once(':')
        .filter(|(_, line)| line.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or(without_id, |(file, _)| file);
    for place in [path, in_file, without_id, without_line] {
        if places.insert(place) {
            places.extend(place.match_indices('/').map(|(at, _)| &place[at + 1..]));
        }
    }
}

fn bare(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use test_engine_results::Outcome;

    use super::*;
    use crate::runners::testing::{case, key};

    fn missing(targets: &[&str], paths: &[&str]) -> Vec<String> {
        let cases: Vec<Case> = targets.iter().map(|target| case(target)).collect();
        let tests: Vec<Observed> = paths
            .iter()
            .map(|path| Observed {
                key: key("S", "t", path),
                outcome: Outcome::Passed,
            })
            .collect();
        without_results(&cases, &tests)
            .into_iter()
            .map(str::to_owned)
            .collect()
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

    #[test]
    fn without_any_results_everything_is_missing() {
        assert_eq!(missing(&["a", "b"], &[]), ["a", "b"]);
    }

    #[test]
    fn names_of_another_kind_say_nothing() {
        assert_eq!(missing(&["a.bats", "b.bats"], &["", "elsewhere"]), [""; 0]);
    }
}
