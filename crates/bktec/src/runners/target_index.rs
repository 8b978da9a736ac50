//! Which targets of a node's share a test belongs to. Pure.

use std::collections::HashMap;

use test_engine_wire::{Case, CaseFormat};

use super::paths::{file_of, normalise, without_dot_slash, without_example_id, without_lines};
use super::{Naming, TestKey, target};

/// A distinct target of the node's share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'c> {
    pub(crate) case: &'c Case,
    pub(crate) value: &'c str,
    /// Number of tests that are expected of it, if known.
    pub(crate) expected: Option<u64>,
}

/// Finds the targets of tests by their paths.
#[derive(Debug)]
pub(crate) struct TargetIndex<'c> {
    pub(crate) cases: &'c [Case],
    /// In plan order.
    pub(crate) targets: Vec<Target<'c>>,
    pub(crate) naming: Naming,
    by_name: HashMap<&'c str, usize>,
    /// By the part of the name after the last slash; only for runners with their own naming.
    by_last_part: HashMap<&'c str, Vec<usize>>,
    /// Targets that contain every test: Go's `./...` and the working directory.
    of_everything: Vec<usize>,
    /// Of packages, such as `m/a/...`.
    patterns: Vec<usize>,
}

impl<'c> TargetIndex<'c> {
    pub(crate) fn new(cases: &'c [Case], naming: Naming) -> Self {
        let mut index = Self {
            cases,
            targets: Vec::with_capacity(cases.len()),
            naming,
            by_name: HashMap::with_capacity(cases.len()),
            by_last_part: HashMap::new(),
            of_everything: Vec::new(),
            patterns: Vec::new(),
        };
        for case in cases {
            index.add(case);
        }
        index
    }

    fn add(&mut self, case: &'c Case) {
        let value = target(case);
        let is_example = matches!(case.format, CaseFormat::Example | CaseFormat::Test);
        let expected = if is_example {
            Some(1)
        } else {
            case.expected_tests
        };
        let name = normalise(value);
        let number = self.targets.len();
        if let Some(&known) = self.by_name.get(name) {
            let known = &mut self.targets[known];
            known.expected = known.expected.max(expected);
            return;
        }
        self.by_name.insert(name, number);
        match self.naming {
            Naming::Packages if name == PATTERN => self.of_everything.push(number),
            Naming::Packages if name.ends_with(PATTERN) => self.patterns.push(number),
            // The package of the working directory, without those below it.
            Naming::Packages => {}
            _ if name == "." => self.of_everything.push(number),
            _ => {}
        }
        if self.naming == Naming::RunnerSpecific {
            let last = last_part(name);
            self.by_last_part.entry(last).or_default().push(number);
        }
        self.targets.push(Target {
            case,
            value,
            expected,
        });
    }

    pub(crate) fn of_case(&self, case: &Case) -> Option<usize> {
        self.by_name.get(normalise(target(case))).copied()
    }

    /// The targets of a test, each once; usually one.
    pub(crate) fn of_test(&self, key: &TestKey) -> Vec<usize> {
        let mut found = self.of_path(&key.path);
        if found.is_empty() && self.naming == Naming::RunnerSpecific {
            let by_end = || self.by_end(&key.path).or_else(|| self.by_end(&key.scope));
            found.extend(self.by_start(&key.path).or_else(by_end));
        }
        found
    }

    /// The targets of a path in results, each once: the path itself, its file, and directories
    /// above it.
    pub(crate) fn of_path(&self, path: &str) -> Vec<usize> {
        if self.naming == Naming::Packages {
            return self.of_package(path);
        }
        let path = without_dot_slash(path);
        let in_file = path.split_once("::").map_or(path, |(file, _)| file);
        let names = [path, in_file, without_example_id(in_file), file_of(path)];
        let mut found: Vec<usize> = names
            .iter()
            .filter_map(|name| self.by_name.get(name))
            .copied()
            .collect();
        if found.is_empty() && self.naming == Naming::RunnerSpecific {
            // Such a runner may name files relative to a directory above the working directory.
            let longest_end = |name: &&str| {
                let mut ends = name.match_indices('/').map(|(at, _)| &name[at + 1..]);
                ends.find_map(|end| self.by_name.get(end)).copied()
            };
            found.extend(names.iter().filter_map(longest_end));
        }
        found.extend(&self.of_everything);
        let directories = path.match_indices('/').map(|(at, _)| &path[..at]);
        found.extend(directories.filter_map(|directory| self.by_name.get(directory)));
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The targets that run a package. Packages below a target are not a part of it.
    fn of_package(&self, package: &str) -> Vec<usize> {
        let is_relative = |number: &usize| self.targets[*number].value.starts_with('.');
        // Results have the path of the module before that of the directory.
        let ends = || package.match_indices('/').map(|(at, _)| &package[at + 1..]);
        let by_end = || {
            let mut named = ends().filter_map(|end| self.by_name.get(end));
            named.find(|number| is_relative(number))
        };
        let named = self.by_name.get(package).or_else(by_end);
        let matching = self.patterns.iter().filter(|number| {
            let pattern = normalise(self.targets[**number].value);
            is_match(pattern, package)
                || (is_relative(number) && ends().any(|end| is_match(pattern, end)))
        });
        let mut found: Vec<usize> = named.into_iter().chain(matching).copied().collect();
        if found.is_empty() {
            found.extend(self.by_name.get("."));
        }
        found.extend(&self.of_everything);
        found.sort_unstable();
        found
    }

    /// The target that an identifier of a part of it begins with.
    fn by_start(&self, path: &str) -> Option<usize> {
        let path = without_dot_slash(path);
        let is_separator = |(_, c): &(usize, char)| !c.is_alphanumeric() && !"_-./".contains(*c);
        let mut ends = path.char_indices().rev().filter(is_separator);
        ends.find_map(|(at, _)| self.by_name.get(&path[..at]))
            .copied()
    }

    /// The only target that ends with this name, or that is the end of it: reports may shorten a
    /// path to its end, and JUnit dialects without a location put the file into the class name.
    fn by_end(&self, name: &str) -> Option<usize> {
        let name = normalise(without_lines(name));
        let is_end = |whole: &str, end: &str| {
            whole
                .strip_suffix(end)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
        };
        let candidates = self.by_last_part.get(last_part(name))?;
        let mut matches = candidates.iter().copied().filter(|&number| {
            let target = normalise(self.targets[number].value);
            is_end(target, name) || is_end(name, target)
        });
        matches.next().filter(|_| matches.next().is_none())
    }

    /// Calls `each` with every test and the numbers of its targets. Returns whether the tests name
    /// targets at all; else the two cannot be compared.
    pub(crate) fn attribute<'t, T>(
        &self,
        tests: &'t [T],
        key: impl Fn(&'t T) -> &'t TestKey,
        mut each: impl FnMut(&'t T, &[usize]),
    ) -> bool {
        let mut lookup = TargetLookup {
            index: self,
            last: None,
            found: Vec::new(),
        };
        let mut are_comparable = tests.is_empty();
        for test in tests {
            let key = key(test);
            let targets = lookup.of_test(key);
            are_comparable |= !targets.is_empty() || self.is_named_like_targets(key);
            each(test, targets);
        }
        are_comparable
    }

    /// An absolute path is that of another system, or outside of the working directory.
    pub(crate) fn is_named_like_targets(&self, key: &TestKey) -> bool {
        self.naming == Naming::AsTargets && !key.path.starts_with('/')
    }

    /// Whether this target contains every test.
    pub(crate) fn contains_everything(&self, number: usize) -> bool {
        self.of_everything.contains(&number)
    }
}

/// Finds the targets of many tests. Adjacent tests usually belong to the same file.
struct TargetLookup<'i, 'c, 'k> {
    index: &'i TargetIndex<'c>,
    last: Option<&'k TestKey>,
    found: Vec<usize>,
}

impl<'k> TargetLookup<'_, '_, 'k> {
    /// As [`TargetIndex::of_test`].
    fn of_test(&mut self, key: &'k TestKey) -> &[usize] {
        let is_same = |last: &TestKey| last.path == key.path && last.scope == key.scope;
        if !self.last.is_some_and(is_same) {
            self.found = self.index.of_test(key);
            self.last = Some(key);
        }
        &self.found
    }
}

/// Stands for any text in a package pattern, here at its end.
const PATTERN: &str = "...";

/// Whether the pattern matches the package: `m/...` matches `m` and all packages below it.
fn is_match(pattern: &str, package: &str) -> bool {
    let start = pattern.trim_end_matches(PATTERN);
    package.starts_with(start) || start.strip_suffix('/') == Some(package)
}

fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::runners::testing::{case, key};

    #[rstest]
    #[case(&["spec/a_spec.rb"], "./spec/a_spec.rb[1:2:1]", &[0])]
    #[case(&["spec/a_spec.rb[1:1]", "spec/a_spec.rb[1:2]"], "./spec/a_spec.rb[1:2]", &[1])]
    #[case(&["spec", "spec/a_spec.rb"], "./spec/a_spec.rb[1:2]", &[0, 1])]
    #[case(&["test/a.bats", "test/b.bats"], "b.bats", &[1])]
    #[case(&["test/a.bats", "more/a.bats"], "a.bats", &[])]
    #[case(&["test_a.py"], "backend/test_a.py::test_b", &[0])]
    #[case(&["a.js", "test/a.js"], "/build/app/test/a.js", &[1])]
    #[case(&["a.js", "test/a.js"], "test/a.js", &[1])]
    #[case(&["lib/Cart", "lib/CartItem"], "lib/CartItem#price", &[1])]
    #[case(&["test"], "test_b.py", &[])]
    #[case(&["a.rb"], "b.rb", &[])]
    #[case(&["a.rb"], "", &[])]
    fn finds_the_targets_of_a_path(
        #[case] targets: &[&str],
        #[case] path: &str,
        #[case] expected: &[usize],
    ) {
        let cases: Vec<Case> = targets.iter().map(|target| case(target)).collect();
        let index = TargetIndex::new(&cases, Naming::RunnerSpecific);
        assert_eq!(index.of_test(&key("S", "t", path)), expected);
    }

    #[rstest]
    #[case(&["m", "m/sub"], "m/sub", &[1])]
    #[case(&["m"], "m/sub", &[])]
    #[case(&["m/sub"], "m", &[])]
    #[case(&["a/b"], "example.com/a/b", &[])]
    #[case(&["m/a", "./..."], "m/a", &[0, 1])]
    #[case(&["m/a/...", "m/b/..."], "m/a", &[0])]
    #[case(&["m/a/...", "m/b/..."], "m/b/c", &[1])]
    #[case(&["m/a/..."], "m/ab", &[])]
    #[case(&[".", "./a", "./a/b"], "example.com/m", &[0])]
    #[case(&[".", "./a", "./a/b"], "example.com/m/a/b", &[2])]
    #[case(&["./a/..."], "example.com/m/a/b", &[0])]
    fn a_package_belongs_to_its_own_target(
        #[case] targets: &[&str],
        #[case] package: &str,
        #[case] expected: &[usize],
    ) {
        let cases: Vec<Case> = targets.iter().map(|target| case(target)).collect();
        let index = TargetIndex::new(&cases, Naming::Packages);
        assert_eq!(index.of_test(&key(package, "T", package)), expected);
    }

    #[test]
    fn a_class_name_may_be_the_file() {
        let cases = [case("test/a.bats")];
        let index = TargetIndex::new(&cases, Naming::RunnerSpecific);
        assert_eq!(index.of_test(&key("a.bats", "t", "")), [0]);
        let index = TargetIndex::new(&cases, Naming::AsTargets);
        assert_eq!(index.of_test(&key("a.bats", "t", "")), [0; 0]);
    }

    #[test]
    fn repeated_targets_are_one() {
        let mut cases = [case("a.rb"), case("./a.rb"), case("b.rb")];
        cases[1].expected_tests = Some(3);
        let index = TargetIndex::new(&cases, Naming::AsTargets);
        let expected: Vec<_> = index.targets.iter().map(|target| target.expected).collect();
        assert_eq!(expected, [Some(3), None]);
    }
}
