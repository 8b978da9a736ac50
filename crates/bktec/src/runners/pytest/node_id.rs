//! Derives pytest's node ids (`tests/test_a.py::TestLogin::test_ok[a b]`) from results, and splits
//! them.
//!
//! JUnit XML has a dotted class name instead of a node id. The planned files decide which of its
//! parts are directories, modules and classes; without them, naming conventions do.

use std::collections::{HashMap, HashSet};

use test_engine_results::pytest_module_parts;

use crate::runners::paths::without_dot_slash;

/// The files of a plan, as written there.
#[derive(Debug, Default)]
pub(in crate::runners) struct KnownFiles {
    /// By their name in JUnit XML.
    by_class: HashMap<String, String>,
    /// Files with a bracket in their path, which pytest treats as the start of parameters.
    bracketed: Vec<(String, String)>,
    /// Files of which only some tests are planned, by node id.
    in_part: HashSet<String>,
}

impl KnownFiles {
    /// Targets are files or node ids.
    pub(in crate::runners) fn new<'t>(targets: impl IntoIterator<Item = &'t str>) -> Self {
        let mut known = Self::default();
        for target in targets {
            let file = file_of(target);
            let bare = without_dot_slash(file);
            if file != target {
                known.in_part.insert(bare.to_owned());
            }
            match bare.find('[') {
                None => {
                    known.by_class.insert(dotted(bare), file.to_owned());
                }
                Some(at) => {
                    let mangled = format!("{}{}", bare[..at].replace('/', "."), &bare[at..]);
                    known.bracketed.push((mangled, file.to_owned()));
                }
            }
        }
        known
    }

    /// A node id relative to pytest's root directory, made relative to the working directory.
    pub(super) fn relative(&self, node_id: &str) -> String {
        let file = file_of(node_id);
        let rest = &node_id[file.len()..];
        let is_known = |file: &str| {
            let known = |(_, known): &&(String, String)| known.trim_start_matches("./") == file;
            let bracketed = self.bracketed.iter().find(known);
            self.by_class
                .get(&dotted(file))
                .or(bracketed.map(|(_, known)| known))
                .map(String::as_str)
        };
        if is_known(file).is_some() {
            return node_id.to_owned();
        }
        file.match_indices('/')
            .find_map(|(at, _)| is_known(&file[at + 1..]))
            .map_or_else(|| node_id.to_owned(), |known| format!("{known}{rest}"))
    }

    /// What is planned of a test with this path: its file, or only the test.
    pub(super) fn planned<'p>(&self, path: &'p str) -> &'p str {
        let file = file_of(path);
        if self.in_part.contains(without_dot_slash(file)) {
            path
        } else {
            file
        }
    }

    /// The known file that is the longest sequence of dotted parts, preferring sequences near the
    /// start; and the classes after it.
    fn find<'c>(&self, class_name: &'c str) -> Option<(&str, &'c str)> {
        let starts = std::iter::once(0).chain(class_name.match_indices('.').map(|(at, _)| at + 1));
        starts.into_iter().find_map(|start| {
            let ends = class_name
                .match_indices('.')
                .map(|(at, _)| at)
                .filter(|at| *at > start);
            let mut ends: Vec<usize> = ends.chain([class_name.len()]).collect();
            ends.reverse();
            ends.into_iter().find_map(|end| {
                let file = self.by_class.get(&class_name[start..end])?;
                Some((file.as_str(), class_name.get(end + 1..).unwrap_or("")))
            })
        })
    }
}

/// The node id of a test case. `file` is an attribute of the older JUnit dialect.
pub(super) fn from_junit(
    class_name: &str,
    name: &str,
    file: Option<&str>,
    known: &KnownFiles,
) -> String {
    if class_name.is_empty() {
        // A file that was skipped as a whole, or could not be collected.
        return match known.find(name) {
            Some((file, "")) => file.to_owned(),
            _ => bracketed(name, known),
        };
    }
    if let Some((file, classes)) = known.find(class_name) {
        return assemble(file, classes, name);
    }
    if let Some(file) = file
        && let Some(classes) = class_name.strip_prefix(&dotted(file))
        && (classes.is_empty() || classes.starts_with('.'))
    {
        return assemble(file, classes.trim_start_matches('.'), name);
    }
    let parts: Vec<&str> = class_name.split('.').collect();
    let modules = match pytest_module_parts(class_name) {
        // There is no class without a module; treated as a module it has a node id.
        0 => parts.len(),
        modules => modules,
    };
    let file = format!("{}.py", parts[..modules].join("/"));
    assemble(&file, &parts[modules..].join("."), name)
}

/// With a bracket in the path, pytest writes the whole node id into the name, dotted before the
/// bracket.
fn bracketed(name: &str, known: &KnownFiles) -> String {
    for (mangled, file) in &known.bracketed {
        if let Some(rest) = name
            .strip_prefix(mangled.as_str())
            .filter(|rest| rest.starts_with("::"))
        {
            return format!("{file}{rest}");
        }
    }
    match name.find('[') {
        Some(at) if name[at..].contains("::") => {
            format!("{}{}", name[..at].replace('.', "/"), &name[at..])
        }
        _ => name.to_owned(),
    }
}

fn assemble(file: &str, classes: &str, name: &str) -> String {
    let mut node_id = file.to_owned();
    for class in classes.split('.').filter(|class| !class.is_empty()) {
        node_id.push_str("::");
        node_id.push_str(class);
    }
    node_id.push_str("::");
    node_id.push_str(name);
    node_id
}

/// Scope and name as in the collector's results: split at the last `::`, wherever that is.
pub(super) fn split_as_collector(node_id: &str) -> (String, String) {
    match node_id.rsplit_once("::") {
        Some((scope, name)) => (scope.to_owned(), name.to_owned()),
        None => (String::new(), node_id.to_owned()),
    }
}

/// Scope and name as in JUnit XML: class name, and test name with its parameters.
pub(super) fn split_as_junit(node_id: &str) -> (String, String) {
    let (address, parameters) = match node_id.find('[') {
        Some(at) => node_id.split_at(at),
        None => (node_id, ""),
    };
    let mut names: Vec<String> = address.split("::").map(str::to_owned).collect();
    names[0] = dotted(&names[0]);
    let name = names.pop().unwrap_or_default();
    (names.join("."), name + parameters)
}

pub(super) fn file_of(target: &str) -> &str {
    target.split_once("::").map_or(target, |(file, _)| file)
}

fn dotted(file: &str) -> String {
    let bare = without_dot_slash(file);
    bare.strip_suffix(".py").unwrap_or(bare).replace('/', ".")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_file_below_brackets_is_not_confused_with_another() {
        let known = KnownFiles::new(["test_a.py", "x/[id]/test_a.py", "./-y/[id]/test_a.py"]);
        for (node_id, expected) in [
            ("x/[id]/test_a.py::test_x", "x/[id]/test_a.py::test_x"),
            ("root/x/[id]/test_a.py::test_x", "x/[id]/test_a.py::test_x"),
            ("-y/[id]/test_a.py::test_x", "-y/[id]/test_a.py::test_x"),
            ("other/test_a.py::test_x", "test_a.py::test_x"),
        ] {
            assert_eq!(known.relative(node_id), expected);
        }
    }

    #[rstest]
    #[case(
        "tests.test_auth.TestLogin",
        "test_ok",
        "tests/test_auth.py::TestLogin::test_ok"
    )]
    #[case("tests.auth_test", "test_ok", "tests/auth_test.py::test_ok")]
    #[case(
        "test_a.TestA.TestB",
        "test_p[a b]",
        "test_a.py::TestA::TestB::test_p[a b]"
    )]
    #[case("test_pkg.test_a", "test_c[x::y]", "test_pkg/test_a.py::test_c[x::y]")]
    #[case("checks.login.Login", "check_it", "checks/login.py::Login::check_it")]
    #[case("pkg.module", "pkg.module.f", "pkg/module.py::pkg.module.f")]
    #[case("Checks.login", "t", "Checks/login.py::t")]
    #[case("", "a.[id]/test_a.py::test_x", "a/[id]/test_a.py::test_x")]
    #[case("", "test_c", "test_c")]
    fn node_ids_by_convention(
        #[case] class_name: &str,
        #[case] name: &str,
        #[case] expected: &str,
    ) {
        let node_id = from_junit(class_name, name, None, &KnownFiles::default());
        assert_eq!(node_id, expected);
    }

    #[rstest]
    #[case("my.pkg.check_a.TestX", "test_ok", "my.pkg/check_a.py::TestX::test_ok")]
    #[case("test_pkg.conf", "t", "test_pkg/conf.py::t")]
    #[case("backend.api.test_b.TestX", "t", "api/test_b.py::TestX::t")]
    #[case("-dash", "t", "./-dash.py::t")]
    #[case(
        "",
        "(g).[id]/test_c.py::TestX::t[a]",
        "(g)/[id]/test_c.py::TestX::t[a]"
    )]
    fn node_ids_by_known_files(
        #[case] class_name: &str,
        #[case] name: &str,
        #[case] expected: &str,
    ) {
        let known = KnownFiles::new([
            "my.pkg/check_a.py",
            "test_pkg/conf.py",
            "api/test_b.py::TestX::test_other",
            "(g)/[id]/test_c.py",
            "./-dash.py",
        ]);
        assert_eq!(from_junit(class_name, name, None, &known), expected);
    }

    #[test]
    fn node_ids_by_the_file_of_the_older_dialect() {
        let known = KnownFiles::default();
        let node_id = from_junit("a.b.check.Test", "t", Some("a.b/check.py"), &known);
        assert_eq!(node_id, "a.b/check.py::Test::t");
        let node_id = from_junit("x.test_y", "t", Some("a/check.py"), &known);
        assert_eq!(node_id, "x/test_y.py::t");
    }

    #[rstest]
    #[case("api/test_b.py::t", "api/test_b.py::t")]
    #[case("backend/api/test_b.py::t[x/y]", "api/test_b.py::t[x/y]")]
    #[case("other/test_c.py::t", "other/test_c.py::t")]
    fn node_ids_are_relative_to_the_working_directory(
        #[case] node_id: &str,
        #[case] expected: &str,
    ) {
        let relative = KnownFiles::new(["api/test_b.py"]).relative(node_id);
        assert_eq!(relative, expected);
    }

    #[rstest]
    #[case("t.py::A::t", ("t.py::A", "t"), ("t.A", "t"))]
    #[case("a/t.py::t[c::d]", ("a/t.py::t[c", "d]"), ("a.t", "t[c::d]"))]
    #[case("a/t.py::t[x y]", ("a/t.py", "t[x y]"), ("a.t", "t[x y]"))]
    #[case("t.py", ("", "t.py"), ("", "t"))]
    fn scope_and_name_match_the_results(
        #[case] node_id: &str,
        #[case] collector: (&str, &str),
        #[case] junit: (&str, &str),
    ) {
        let owned = |(scope, name): (&str, &str)| (scope.to_owned(), name.to_owned());
        assert_eq!(split_as_collector(node_id), owned(collector));
        assert_eq!(split_as_junit(node_id), owned(junit));
    }

    proptest! {
        #[test]
        fn node_ids_round_trip_through_junit(
            folders in proptest::collection::vec("[a-z.(]{1,5}", 0..3),
            module in "[a-z_]{1,8}",
            classes in proptest::collection::vec("[A-Za-z]{1,6}", 0..3),
            test in "[a-z_]{1,8}",
            parameters in proptest::option::of("[a-z:/.\\[\\] '\"-]{0,8}"),
        ) {
            let mut file = folders.iter().fold(String::new(), |path, folder| path + folder + "/");
            file = format!("{file}{module}.py");
            let mut node_id = file.clone();
            for class in &classes {
                node_id = format!("{node_id}::{class}");
            }
            node_id = format!("{node_id}::{test}");
            if let Some(parameters) = parameters {
                node_id = format!("{node_id}[{parameters}]");
            }
            let (class_name, name) = split_as_junit(&node_id);
            let known = KnownFiles::new([file.as_str()]);
            prop_assert_eq!(from_junit(&class_name, &name, None, &known), node_id.clone());
            let (scope, name) = split_as_collector(&node_id);
            prop_assert_eq!(format!("{scope}::{name}"), node_id);
        }
    }
}
