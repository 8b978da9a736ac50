//! Compares the targets that this node discovered with those of the request behind the plan. Pure.
//!
//! The server sends the digest of the request's targets. Their names are known from the plan, which
//! holds all of them unless tests were selected or skipped.

use std::collections::{BTreeSet, HashSet};

use test_engine_accounting::population_digest;
use test_engine_wire::{CaseFormat, Plan, Population};

use crate::commands::location_prefix;
use crate::commands::request::file_part;
use crate::split_summary::counted;

/// Names in a message.
const MAX_SHOWN: usize = 20;
/// Names in a report.
const MAX_REPORTED: usize = 1000;

/// How the node's targets differ from those of the plan's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Difference {
    Named {
        /// Sorted.
        only_here: Vec<String>,
        /// Sorted.
        only_planned: Vec<String>,
    },
    /// The plan does not hold all targets of its request.
    Unnamed {
        /// Number of targets in the request.
        planned: u64,
    },
}

impl Difference {
    /// Whether this node may have targets that the plan lacks.
    pub(super) fn may_have_unplanned(&self) -> bool {
        match self {
            Self::Named { only_here, .. } => !only_here.is_empty(),
            Self::Unnamed { .. } => true,
        }
    }

    /// `own` is the number of targets of this node.
    pub(super) fn describe(&self, noun: &str, own: usize) -> String {
        match self {
            Self::Named {
                only_here,
                only_planned,
            } => {
                let first = format!("This node's list of {noun}s differs from the plan's.");
                let only_here = labelled("Not in the plan", only_here);
                let only_planned = labelled("Only in the plan, not on this node", only_planned);
                let lines = [Some(first), only_here, only_planned];
                lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
            }
            Self::Unnamed { planned } => format!(
                "This node's list of {noun}s differs from the plan's: it has {}, and the plan was \
                 made from {planned}. Which ones differ is not known, because the plan holds only \
                 a selection.",
                counted(own, noun)
            ),
        }
    }
}

fn labelled(label: &str, names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| format!("{label}: {}", listed(names)))
}

fn listed(names: &[String]) -> String {
    let shown = names.iter().take(MAX_SHOWN).map(String::as_str);
    let text = shown.collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MAX_SHOWN) {
        0 => text,
        rest => format!("{text} and {rest} more"),
    }
}

/// `None` if the lists are equal, or if the server does not say what the plan was made from.
/// `holds_all`: no tests were selected.
pub(super) fn compare(
    own: &[String],
    plan: &Plan,
    prefix: &str,
    holds_all: bool,
) -> Option<Difference> {
    let population = plan.population.as_ref()?;
    let digest = population_digest(own.iter().map(String::as_str));
    if population.digest.is_empty() || population.digest == digest {
        return None;
    }
    let planned = planned(plan, prefix);
    let names = planned.files.iter().copied();
    let is_exact = population_digest(names) == population.digest;
    if !is_exact && !holds_all {
        return Some(Difference::Unnamed {
            planned: population.count,
        });
    }
    let only_here: BTreeSet<&String> = own.iter().filter(|target| !planned.has(target)).collect();
    let only_planned = planned.not_among(own);
    // Skipped tests and examples can make the digests of equal lists differ.
    (!only_here.is_empty() || !only_planned.is_empty()).then(|| Difference::Named {
        only_here: only_here.into_iter().cloned().collect(),
        only_planned: only_planned.into_iter().map(str::to_owned).collect(),
    })
}

/// The files and other targets of a plan, without the location prefix.
#[derive(Default)]
struct Planned<'a> {
    files: HashSet<&'a str>,
    /// Files of examples, which some runners name relative to a subdirectory.
    of_examples: HashSet<&'a str>,
}

impl<'a> Planned<'a> {
    fn has(&self, target: &str) -> bool {
        let target = clean(target);
        self.files.contains(target)
            || endings(target).any(|ending| self.of_examples.contains(ending))
    }

    /// Its files that are not among these targets.
    fn not_among(self, targets: &[String]) -> BTreeSet<&'a str> {
        let targets = targets.iter().map(|target| clean(target));
        let mut exact = HashSet::new();
        let mut ends = HashSet::new();
        for target in targets {
            exact.insert(target);
            if !self.of_examples.is_empty() {
                ends.extend(endings(target));
            }
        }
        let of_examples = self.of_examples;
        let is_among = |file: &str| {
            exact.contains(file) || (of_examples.contains(file) && ends.contains(file))
        };
        let files = self.files.into_iter();
        files.filter(|file| !is_among(file)).collect()
    }
}

/// The path itself, and relative to each of its parent directories.
fn endings(path: &str) -> impl Iterator<Item = &str> {
    let inner = path.match_indices('/').map(|(at, _)| &path[at + 1..]);
    std::iter::once(path).chain(inner)
}

fn planned<'a>(plan: &'a Plan, prefix: &str) -> Planned<'a> {
    let without_prefix = |path: &'a str| location_prefix::remove(prefix, path).unwrap_or(path);
    let mut planned = Planned::default();
    for case in plan.tasks.values().flat_map(|task| &task.tests) {
        match case.format {
            CaseFormat::Selector => _ = planned.files.insert(clean(case.target())),
            CaseFormat::File => _ = planned.files.insert(clean(without_prefix(case.target()))),
            CaseFormat::Example | CaseFormat::Test => {
                let file = clean(file_part(without_prefix(case.target())));
                planned.files.insert(file);
                planned.of_examples.insert(file);
            }
        }
    }
    for test in &plan.skipped_tests {
        // The plan may hold no other test of the file.
        let file = clean(file_part(without_prefix(&test.path)));
        if !file.is_empty() {
            planned.of_examples.insert(file);
        }
    }
    planned
}

fn clean(target: &str) -> &str {
    target.strip_prefix("./").unwrap_or(target)
}

/// The node's targets as its report has them.
pub(super) fn reported(own: &[String], difference: Option<Difference>) -> Population {
    let count = own
        .iter()
        .map(|target| clean(target))
        .collect::<HashSet<_>>();
    let count = count.len() as u64;
    let (mut only_here, only_here_count) = match difference {
        None => (Vec::new(), 0),
        Some(Difference::Named { only_here, .. }) => {
            let count = only_here.len() as u64;
            (only_here, count)
        }
        // At least one, since none of them can be named.
        Some(Difference::Unnamed { planned }) => (Vec::new(), count.saturating_sub(planned).max(1)),
    };
    only_here.truncate(MAX_REPORTED);
    Population {
        digest: population_digest(own.iter().map(String::as_str)),
        count,
        only_here,
        only_here_count,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use test_engine_wire::{Case, Task, TestIdentity};

    use super::*;

    fn owned(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    fn selector(value: &str) -> Case {
        Case {
            value: value.to_owned(),
            format: CaseFormat::Selector,
            ..Case::default()
        }
    }

    fn path(path: &str, format: CaseFormat) -> Case {
        Case {
            path: path.to_owned(),
            format,
            ..Case::default()
        }
    }

    /// A plan with these cases, made from `requested`.
    fn plan(cases: Vec<Case>, requested: &[&str]) -> Plan {
        let task = Task {
            tests: cases,
            ..Task::default()
        };
        Plan {
            tasks: [("0".to_owned(), task)].into(),
            population: Some(Population {
                digest: population_digest(requested.iter().copied()),
                count: requested.len() as u64,
                ..Population::default()
            }),
            ..Plan::default()
        }
    }

    fn named(only_here: &[&str], only_planned: &[&str]) -> Difference {
        Difference::Named {
            only_here: owned(only_here),
            only_planned: owned(only_planned),
        }
    }

    #[rstest]
    #[case::equal(&["./a", "b"], None)]
    #[case::more(&["a", "b", "d", "c"], Some(named(&["c", "d"], &[])))]
    #[case::fewer(&["b"], Some(named(&[], &["a"])))]
    #[case::other(&["b", "c"], Some(named(&["c"], &["a"])))]
    fn names_what_differs(#[case] own: &[&str], #[case] expected: Option<Difference>) {
        let selectors = plan(vec![selector("b"), selector("a")], &["a", "b"]);
        for holds_all in [true, false] {
            assert_eq!(compare(&owned(own), &selectors, "", holds_all), expected);
        }
        let files = vec![
            path("web/a", CaseFormat::File),
            path("web/b", CaseFormat::File),
        ];
        let files = plan(files, &["a", "b"]);
        assert_eq!(compare(&owned(own), &files, "web", true), expected);
    }

    #[test]
    fn a_server_that_sends_no_digest_is_not_compared() {
        let mut plan = plan(vec![selector("a")], &["a"]);
        plan.population = None;
        assert_eq!(compare(&owned(&["b"]), &plan, "", true), None);
    }

    #[test]
    fn a_selection_hides_the_names() {
        let plan = plan(vec![selector("a")], &["a", "b"]);
        let difference = compare(&owned(&["a", "b", "c"]), &plan, "", false);
        assert_eq!(difference, Some(Difference::Unnamed { planned: 2 }));
        let reported = reported(&owned(&["a", "b", "c"]), difference);
        assert_eq!((reported.count, reported.only_here_count), (3, 1));
        assert!(reported.only_here.is_empty());
    }

    #[test]
    fn examples_and_skipped_tests_count_as_their_files() {
        let mut plan = plan(
            vec![
                selector("spec/a_spec.rb"),
                path("./spec/b_spec.rb[1:2]", CaseFormat::Example),
                path("tests/test_c.py::T::test_x[a/b]", CaseFormat::Example),
            ],
            &["spec/a_spec.rb", "something else"],
        );
        plan.skipped_tests = vec![TestIdentity {
            path: "spec/d_spec.rb:7".to_owned(),
            ..TestIdentity::default()
        }];
        let own = [
            "spec/a_spec.rb",
            "spec/b_spec.rb",
            "backend/tests/test_c.py",
            "spec/d_spec.rb",
        ];
        assert_eq!(compare(&owned(&own), &plan, "", true), None);
        assert_eq!(
            compare(&owned(&own[1..]), &plan, "", true),
            Some(named(&[], &["spec/a_spec.rb"]))
        );
        assert_eq!(
            compare(&owned(&[&own[..], &["e"]].concat()), &plan, "", true),
            Some(named(&["e"], &[]))
        );
    }

    #[test]
    fn a_message_names_at_most_twenty_targets() {
        let many: Vec<String> = (0..23).map(|number| format!("t{number:02}")).collect();
        let difference = Difference::Named {
            only_here: many,
            only_planned: owned(&["gone"]),
        };
        let text = difference.describe("test file", 23);
        assert!(text.contains("t00, t01"), "{text}");
        assert!(
            text.contains("t19 and 3 more\nOnly in the plan, not on this node: gone"),
            "{text}"
        );
        assert!(!text.contains("t20"), "{text}");
    }
}
