//! What a target or a result names: a folder, a file, or a part of a file. Pure.
//!
//! Parts are written as the runners do: a line (`a.feature:3`), an RSpec id (`a_spec.rb[1:2]`), a
//! node id (`test_a.py::TestA::test_b`).

use std::collections::HashSet;

/// Without `./` in front.
pub(crate) fn without_dot_slash(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}

/// Without a node id, an RSpec id or lines; and bare.
pub(crate) fn file_of(path: &str) -> &str {
    without_dot_slash(path_of(path))
}

/// Without an RSpec id, such as `[1:2]`.
pub(crate) fn without_example_id(path: &str) -> &str {
    path.strip_suffix(']')
        .and_then(|rest| rest.rsplit_once('['))
        .filter(|(_, id)| {
            let is_id = |byte: u8| byte.is_ascii_digit() || matches!(byte, b':' | b',');
            !id.is_empty() && id.bytes().all(is_id)
        })
        .map_or(path, |(file, _)| file)
}

/// Targets of which none is a part of another. RSpec, pytest and JavaScript's Cucumber, given a file
/// and one of its tests, run that test alone. A part becomes its file where the file, or a folder
/// that it is in, is a target too: a file that is named by itself may not be one that the folder
/// leads to.
pub(super) fn collapse_into_files(targets: Vec<String>) -> Vec<String> {
    let wholes: HashSet<String> = targets
        .iter()
        .filter(|target| path_of(target) == target.as_str())
        .map(|target| folder_name(target).to_owned())
        .collect();
    let mut seen = HashSet::new();
    let mut kept = Vec::with_capacity(targets.len());
    for target in targets {
        let path = path_of(&target);
        let is_covered = wholes.contains(without_dot_slash(path)) || is_in_one_of(path, &wholes);
        let target = if is_covered { path } else { &target };
        if seen.insert(without_dot_slash(target).to_owned()) {
            kept.push(target.to_owned());
        }
    }
    kept
}

/// The same for pytest, which runs the inner one of two folders, of a folder and its file, and of a
/// class and its test: of two such, only the outer one stays.
pub(super) fn outermost(targets: Vec<String>) -> Vec<String> {
    let targets = collapse_into_files(targets);
    let all: HashSet<String> = targets
        .iter()
        .map(|target| folder_name(target).to_owned())
        .collect();
    let is_inside = |target: &String| is_in_one_of(target, &all) || is_in_a_node(target, &all);
    targets
        .into_iter()
        .filter(|target| !is_inside(target))
        .collect()
}

/// Those of `targets` that [`outermost`] leaves out for a folder above them.
pub(super) fn covered_by_directories<'t>(targets: impl Iterator<Item = &'t str>) -> Vec<&'t str> {
    let targets: Vec<&str> = targets.collect();
    let all: HashSet<String> = targets
        .iter()
        .map(|target| folder_name(target).to_owned())
        .collect();
    targets
        .into_iter()
        .filter(|target| is_in_one_of(target, &all))
        .collect()
}

fn path_of(path: &str) -> &str {
    let in_file = path.split_once("::").map_or(path, |(file, _)| file);
    let mut file = without_example_id(in_file);
    // A line, and maybe a column.
    while let Some((before, number)) = file.rsplit_once(':') {
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            break;
        }
        file = before;
    }
    file
}

fn folder_name(target: &str) -> &str {
    match without_dot_slash(target).trim_end_matches('/') {
        "" => ".",
        name => name,
    }
}

/// Whether a folder above this path is among `wholes`.
fn is_in_one_of(path: &str, wholes: &HashSet<String>) -> bool {
    let path = folder_name(path_of(path));
    let is_below_here = !path.starts_with('/') && !path.starts_with("..") && path != ".";
    (is_below_here && wholes.contains("."))
        || path
            .match_indices('/')
            .any(|(at, _)| wholes.contains(&path[..at]))
}

/// Whether a class of this test, or the test without its parameters, is among `wholes`.
fn is_in_a_node(target: &str, wholes: &HashSet<String>) -> bool {
    let target = without_dot_slash(target);
    let Some((file, _)) = target.split_once("::") else {
        return false;
    };
    let node = target[file.len()..]
        .find('[')
        .map_or(target, |at| &target[..file.len() + at]);
    (node.len() < target.len() && wholes.contains(node))
        || node
            .match_indices("::")
            .any(|(at, _)| wholes.contains(&node[..at]))
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
    fn a_part_leads_to_its_file(#[case] path: &str, #[case] file: &str) {
        assert_eq!(file_of(path), file);
    }

    #[rstest]
    #[case(&["a", "a/b.py", "a/c/d.py::t", "b.py"], &["a/b.py", "a/c/d.py::t"])]
    #[case(&[".", "b.py", "../c.py"], &["b.py"])]
    #[case(&["./a/", "a", "ab/c.py"], &[])]
    fn what_is_left_to_a_folder_is_known(#[case] targets: &[&str], #[case] expected: &[&str]) {
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
    fn a_part_beside_its_whole_becomes_the_whole(
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
    fn only_the_outer_of_two_stays(#[case] targets: &[&str], #[case] expected: &[&str]) {
        assert_eq!(outermost(strings(targets)), expected);
    }
}
