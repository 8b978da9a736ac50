//! Which directory, file or part of a file a target or a result names.
//!
//! Parts are written as runners write them: a line (`a.feature:3`), an RSpec id (`a_spec.rb[1:2]`),
//! a pytest node id (`test_a.py::TestA::test_b`).

use std::collections::HashSet;

use test_engine_wire::file_of_target;
pub(crate) use test_engine_wire::{without_dot_slash, without_example_id, without_lines};

/// Without node id, RSpec id, lines and leading `./`.
pub(crate) fn file_of(path: &str) -> &str {
    without_dot_slash(file_of_target(path))
}

/// Targets of which none is a part of another. Given a file and one of its tests, RSpec, pytest and
/// Cucumber for JavaScript run only that test. So a part becomes its file where the file, or a
/// directory above it, is also a target; it stays a target of its own because running the directory
/// may not include the file.
pub(super) fn collapse_into_files(targets: Vec<String>) -> Vec<String> {
    let files = targets
        .iter()
        .filter(|target| file_of_target(target) == target.as_str());
    let whole = normalised(files);
    let mut seen = HashSet::new();
    let mut kept = Vec::with_capacity(targets.len());
    for target in targets {
        let path = file_of_target(&target);
        let is_covered = whole.contains(without_dot_slash(path)) || is_below_one_of(path, &whole);
        let target = if is_covered { path } else { &target };
        if seen.insert(without_dot_slash(target).to_owned()) {
            kept.push(target.to_owned());
        }
    }
    kept
}

/// Like [`collapse_into_files`], for pytest, which runs only the inner one of two nested
/// directories, of a directory and its file, and of a class and its test: keeps the outer one.
pub(super) fn outermost(targets: Vec<String>) -> Vec<String> {
    let mut targets = collapse_into_files(targets);
    let all = normalised(&targets);
    targets.retain(|target| !is_below_one_of(target, &all) && !is_in_a_node(target, &all));
    targets
}

/// The targets that [`outermost`] leaves out because a directory above them is also a target.
pub(super) fn covered_by_directories<'t>(targets: impl Iterator<Item = &'t str>) -> Vec<&'t str> {
    let mut targets: Vec<&str> = targets.collect();
    let all = normalised(&targets);
    targets.retain(|target| is_below_one_of(target, &all));
    targets
}

fn normalised(targets: impl IntoIterator<Item = impl AsRef<str>>) -> HashSet<String> {
    let names = targets.into_iter();
    names
        .map(|target| normalise(target.as_ref()).to_owned())
        .collect()
}

/// Without leading `./` and trailing slashes; `.` for the working directory.
pub(crate) fn normalise(target: &str) -> &str {
    match without_dot_slash(target).trim_end_matches('/') {
        "" => ".",
        name => name,
    }
}

fn is_below_one_of(path: &str, directories: &HashSet<String>) -> bool {
    let path = normalise(file_of_target(path));
    let is_below_here = !path.starts_with('/') && !path.starts_with("..") && path != ".";
    (is_below_here && directories.contains("."))
        || path
            .match_indices('/')
            .any(|(at, _)| directories.contains(&path[..at]))
}

/// Whether a class of this test, or the test without its parameters, is one of `nodes`.
fn is_in_a_node(target: &str, nodes: &HashSet<String>) -> bool {
    let target = without_dot_slash(target);
    let Some((file, _)) = target.split_once("::") else {
        return false;
    };
    let node = target[file.len()..]
        .find('[')
        .map_or(target, |at| &target[..file.len() + at]);
    (node.len() < target.len() && nodes.contains(node))
        || node
            .match_indices("::")
            .any(|(at, _)| nodes.contains(&node[..at]))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("./a/b.rb", "a/b.rb")]
    #[case("a_spec.rb[1:2,1:3]", "a_spec.rb")]
    #[case("a.feature:3:7", "a.feature")]
    #[case("a.spec.js:3", "a.spec.js")]
    #[case("t.py::K::t[a:3]", "t.py")]
    #[case("a[id].js", "a[id].js")]
    #[case("a[].js", "a[].js")]
    #[case("[1]/a", "[1]/a")]
    fn the_file_of_a_part(#[case] path: &str, #[case] file: &str) {
        assert_eq!(file_of(path), file);
    }

    #[rstest]
    #[case(&["a", "a/b.py", "a/c/d.py::t", "b.py"], &["a/b.py", "a/c/d.py::t"])]
    #[case(&[".", "b.py", "../c.py"], &["b.py"])]
    #[case(&["./a/", "a", "ab/c.py"], &[])]
    fn targets_below_another_are_covered(#[case] targets: &[&str], #[case] expected: &[&str]) {
        assert_eq!(covered_by_directories(targets.iter().copied()), expected);
    }

    fn strings(targets: &[&str]) -> Vec<String> {
        targets.iter().map(|&target| target.to_owned()).collect()
    }

    #[rstest]
    #[case(&["a.rb[1:1]", "b.rb", "a.rb[1:2]"], &["a.rb[1:1]", "b.rb", "a.rb[1:2]"])]
    #[case(&["a.rb[1:1]", "a.rb", "b.rb:3"], &["a.rb", "b.rb:3"])]
    #[case(&["./a.rb", "a.rb:3:7"], &["./a.rb"])]
    #[case(&["spec/", "spec/x/odd.rb:3", "spec/x/odd.rb:4"], &["spec/", "spec/x/odd.rb"])]
    #[case(&[".", "a.rb:3"], &[".", "a.rb"])]
    #[case(&["spec", "specs/a.rb:3"], &["spec", "specs/a.rb:3"])]
    #[case(&["a", "a"], &["a"])]
    fn a_part_of_another_target_becomes_its_file(
        #[case] targets: &[&str],
        #[case] expected: &[&str],
    ) {
        assert_eq!(collapse_into_files(strings(targets)), expected);
    }

    #[rstest]
    #[case(&["t/a.py", "t"], &["t"])]
    #[case(&["t/", "t/u", "t/u/a.py::x", "o/b.py"], &["t/", "o/b.py"])]
    #[case(&["./t", "t/u/a.py"], &["./t"])]
    #[case(&[".", "a.py", "t/b.py"], &["."])]
    #[case(&[".", "../a.py"], &[".", "../a.py"])]
    #[case(&["a.py::K", "a.py::K::t", "a.py::KK::t"], &["a.py::K", "a.py::KK::t"])]
    #[case(&["a.py::t", "a.py::t[x::y]", "a.py::t2[x]"], &["a.py::t", "a.py::t2[x]"])]
    #[case(&["a.py::t[1]", "a.py::t[2]"], &["a.py::t[1]", "a.py::t[2]"])]
    fn only_the_outer_of_nested_targets_is_kept(
        #[case] targets: &[&str],
        #[case] expected: &[&str],
    ) {
        assert_eq!(outermost(strings(targets)), expected);
    }
}
