//! Compares the targets that this node discovered with those of the request behind the plan. Pure.
//!
//! The server sends the digest of the request's targets. Their names are known from the plan, which
//! holds all of them unless tests were selected or skipped.

use std::collections::{BTreeSet, HashMap, HashSet};

use test_engine_accounting::{population, population_digest};
use test_engine_wire::{CaseFormat, Plan, Population, file_of_target, without_dot_slash};

use crate::commands::location_prefix;
use crate::split_summary::counted;

/// Names in a message.
const MAX_SHOWN: usize = 20;
/// Names in a report.
const MAX_REPORTED: usize = 1000;

/// The node's targets beside those of the plan's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Comparison {
    /// `None` if the lists are equal, or if it is not known what the plan was made from.
    pub(super) difference: Option<Difference>,
    /// The node's targets as its report has them.
    pub(super) population: Population,
}

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
                 made from {planned}. Which ones differ is not known, because the plan does not \
                 hold all of them.",
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

impl Comparison {
    /// For a node that has nothing to compare its targets with.
    pub(super) fn without_plan(own: &[String]) -> Self {
        Self {
            difference: None,
            population: population(own.iter().map(String::as_str)),
        }
    }

    /// For a request that holds other targets than nodes discover: with tag filters, examples of
    /// some of the files.
    pub(super) fn impossible(own: &[String]) -> Self {
        let mut comparison = Self::without_plan(own);
        comparison.population.digest.clear();
        comparison
    }

    pub(super) fn with_plan(own: &[String], plan: &Plan, prefix: &str) -> Self {
        let mut comparison = Self::without_plan(own);
        let Some(requested) = &plan.population else {
            return comparison;
        };
        let reported = &mut comparison.population;
        if requested.digest.is_empty() || requested.digest == reported.digest {
            return comparison;
        }
        let matched = Planned::of(plan, prefix).matched(own, requested);
        match &matched {
            Matched::Equal => reported.clone_from(requested),
            Matched::Differs(Difference::Named { only_here, .. }) => {
                reported.only_here_count = only_here.len() as u64;
                let named = only_here.iter().take(MAX_REPORTED);
                reported.only_here = named.cloned().collect();
            }
            // At least one, since none of them can be named.
            Matched::Differs(Difference::Unnamed { planned }) => {
                reported.only_here_count = reported.count.saturating_sub(*planned).max(1);
            }
        }
        comparison.difference = match matched {
            Matched::Equal => None,
            Matched::Differs(difference) => Some(difference),
        };
        comparison
    }
}

/// The files and other targets of a plan, without the location prefix.
#[derive(Default)]
struct Planned<'a> {
    files: HashSet<&'a str>,
    /// Those of examples, which some runners name relative to a subdirectory.
    of_examples: HashSet<&'a str>,
    /// Files of skipped tests, of which the plan may hold no other test.
    of_skipped: HashSet<&'a str>,
}

enum Matched {
    /// Apart from how the plan names the files of examples.
    Equal,
    Differs(Difference),
}

impl<'a> Planned<'a> {
    fn of(plan: &'a Plan, prefix: &str) -> Self {
        let without_prefix = |path: &'a str| location_prefix::remove(prefix, path).unwrap_or(path);
        let mut planned = Self::default();
        for case in plan.tasks.values().flat_map(|task| &task.tests) {
            let target = case.target();
            let file = match case.format {
                CaseFormat::Selector => without_dot_slash(target),
                CaseFormat::File => without_dot_slash(without_prefix(target)),
                CaseFormat::Example | CaseFormat::Test => {
                    let file = without_dot_slash(file_of_target(without_prefix(target)));
                    planned.of_examples.insert(file);
                    file
                }
            };
            planned.files.insert(file);
        }
        let skipped = plan.skipped_tests.iter();
        let skipped =
            skipped.map(|test| without_dot_slash(file_of_target(without_prefix(&test.path))));
        planned.of_skipped = skipped.filter(|file| !file.is_empty()).collect();
        planned
    }

    /// Compares with the node's targets, whose digest differs from that of the request.
    fn matched(&self, own: &[String], requested: &Population) -> Matched {
        let own: BTreeSet<&str> = own.iter().map(|target| without_dot_slash(target)).collect();
        let renamed = self.renamed(&own);
        let in_plan = |target: &&str| self.files.contains(target) || renamed.contains_key(target);
        let (planned, others): (Vec<&str>, Vec<&str>) = own.iter().partition(|one| in_plan(one));
        // Skipped tests hide a file that only this node has if the request lacked it.
        let (skipped, only_here): (Vec<&str>, Vec<&str>) = others
            .iter()
            .partition(|file| self.of_skipped.contains(*file));
        let planned: HashSet<&str> = planned
            .into_iter()
            .map(|target| renamed.get(target).copied().unwrap_or(target))
            .collect();
        let only_planned = self.files.iter().filter(|file| !planned.contains(*file));
        let only_planned: BTreeSet<&str> = only_planned.copied().collect();
        let is_requested =
            |names: &mut dyn Iterator<Item = &str>| population_digest(names) == requested.digest;
        if only_here.is_empty() && only_planned.is_empty() {
            let mut names = planned.iter().chain(&skipped).copied();
            if is_requested(&mut names) {
                return Matched::Equal;
            }
        } else if self.files.len() as u64 == requested.count
            || is_requested(&mut self.files.iter().copied())
            || is_requested(&mut self.files.union(&self.of_skipped).copied())
        {
            return Matched::Differs(Difference::Named {
                only_here: owned(only_here),
                only_planned: owned(only_planned),
            });
        }
        Matched::Differs(Difference::Unnamed {
            planned: requested.count,
        })
    }

    /// The targets that the plan names by their ends. A name that is a target of the node itself
    /// stands for no other, and one that several targets end with for none.
    fn renamed<'o>(&self, own: &BTreeSet<&'o str>) -> HashMap<&'o str, &'a str> {
        let mut by_name: HashMap<&str, Vec<&str>> = HashMap::new();
        if !self.of_examples.is_empty() {
            for target in own.iter().filter(|target| !self.files.contains(*target)) {
                let name = ends(target).find_map(|end| self.of_examples.get(end));
                if let Some(name) = name.filter(|name| !own.contains(*name)) {
                    by_name.entry(name).or_default().push(target);
                }
            }
        }
        let names = by_name.into_iter();
        names
            .filter_map(|(name, targets)| match targets[..] {
                [target] => Some((target, name)),
                _ => None,
            })
            .collect()
    }
}

fn owned<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

/// The path relative to each of its parent directories, the longest first.
fn ends(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[at + 1..])
}

#[cfg(test)]
mod tests;
