//! Findings of an accounting as titled lists, for terminals, Markdown and pages.

use std::collections::BTreeSet;

use test_engine_wire::{ExcuseReason, ExcusedTest};

use crate::finding::{Finding, VanishedTest};
use crate::group::GroupAccounting;

/// Entries shown of a long list; the rest is counted.
const MAX_SHOWN: usize = 20;

/// How much a list matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Makes the build incomplete.
    Failure,
    /// Worth a look; the build can be complete.
    Warning,
    /// Expected, and named because the tests do not count.
    Note,
}

/// One titled list.
#[derive(Debug, PartialEq, Eq)]
pub struct Section {
    /// Without a colon.
    pub title: &'static str,
    /// The same for all entries.
    pub level: Level,
    /// At most 20.
    pub entries: Vec<String>,
    /// Number of entries that are not shown.
    pub hidden: usize,
}

impl Section {
    fn add(&mut self, entry: String) {
        if self.entries.len() < MAX_SHOWN {
            self.entries.push(entry);
        } else {
            self.hidden += 1;
        }
    }
}

/// All lists of a group, failures first; findings of one kind are one list.
pub fn sections(group: &GroupAccounting) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut add = |title, level, entries: Vec<String>| {
        let is_same = |section: &Section| section.title == title && section.level == level;
        let at = sections.iter().position(is_same).unwrap_or_else(|| {
            sections.push(Section {
                title,
                level,
                entries: Vec::new(),
                hidden: 0,
            });
            sections.len() - 1
        });
        for entry in entries {
            sections[at].add(entry);
        }
    };
    for finding in &group.failures {
        add(title(finding), Level::Failure, entries(finding));
    }
    for finding in &group.warnings {
        add(title(finding), Level::Warning, entries(finding));
    }
    for reason in [
        ExcuseReason::Muted,
        ExcuseReason::Skipped,
        ExcuseReason::NotSelected,
    ] {
        let tests = group.excused_tests.iter();
        for test in tests.filter(|test| test.reason == reason) {
            add(excuse(reason), Level::Note, vec![excused(test)]);
        }
    }
    sections
}

fn title(finding: &Finding) -> &'static str {
    match finding {
        Finding::TargetNotRun { .. } => "No node ran these targets",
        Finding::TargetIncomplete { .. } => "Tests of these targets did not run",
        Finding::TargetWithoutResults {
            had_results: true, ..
        } => "These targets have no results, but had some in earlier builds",
        Finding::TargetWithoutResults { .. } => "These targets have no results",
        Finding::TargetRanTwice { .. } => "More than one job ran these targets",
        Finding::TargetShrank { .. } => "These targets have fewer tests than before",
        Finding::TargetFailed { .. } => "Tests of these targets failed",
        Finding::RepairFailed { .. } => {
            "These targets were missing, and the job that ran them failed"
        }
        Finding::GroupSilent => "No node of this group sent a report",
        Finding::TargetsNotPlanned { .. } => "The plan leaves out some of the discovered targets",
        Finding::NodeSilent { .. } => "These nodes sent no report",
        Finding::NodeUnfinished { .. } => "These nodes started and did not report their end",
        Finding::NodeIndexUsedTwice { .. } => "Several jobs ran as the same node",
        Finding::PopulationDiffers { .. } => "These nodes discovered other targets",
        Finding::NoTestRan => "No test ran",
        Finding::TestsVanished { .. } => "These tests ran in earlier builds, but not in this one",
        Finding::Focus { .. } => "Only focused tests ran on these nodes, by their results",
        Finding::NoTargets => "There are no targets to account for",
        Finding::Other => "Findings that this version does not know",
    }
}

fn entries(finding: &Finding) -> Vec<String> {
    match finding {
        Finding::TargetNotRun { target, nodes } if nodes.is_empty() => {
            vec![format!("{target} (in no node's share)")]
        }
        Finding::RepairFailed { target, exit_code } => {
            let exit = exit_code.map_or_else(String::new, |code| format!(" (exit {code})"));
            vec![format!("{target}{exit}")]
        }
        Finding::GroupSilent => vec!["every target of the plan is missing".to_owned()],
        Finding::TargetNotRun { target, nodes } | Finding::TargetRanTwice { target, nodes } => {
            vec![format!("{target} ({})", listed(nodes))]
        }
        Finding::TargetIncomplete {
            target,
            node,
            tests,
            expected_tests,
        } => {
            let expected = expected_tests.map_or_else(String::new, |count| format!(" of {count}"));
            vec![format!(
                "{target} (node {node}): {tests}{expected} tests have results"
            )]
        }
        Finding::TargetShrank {
            target,
            node,
            tests,
            expected_tests,
            ..
        } => vec![format!(
            "{target} (node {node}): {tests} tests instead of {expected_tests}"
        )],
        Finding::TargetFailed {
            target,
            node,
            failed,
        } => vec![format!("{target} (node {node}): {failed} failed")],
        Finding::TargetWithoutResults { target, node, .. } => {
            vec![format!("{target} (node {node})")]
        }
        Finding::TargetsNotPlanned { count } => vec![format!(
            "{count} targets: not selected, or all of their tests are skipped"
        )],
        Finding::NodeSilent {
            node,
            is_share_known: false,
        } => vec![format!("node {node}, and its share is unknown")],
        Finding::NodeSilent { node, .. }
        | Finding::NodeUnfinished { node }
        | Finding::Focus { node } => vec![format!("node {node}")],
        Finding::NodeIndexUsedTwice { node, jobs } => {
            vec![format!("node {node}: jobs {}", jobs.join(", "))]
        }
        Finding::PopulationDiffers {
            node,
            count,
            only_here,
            is_covered,
        } => {
            let proof = if *is_covered {
                ""
            } else {
                ", and some of them may have run on no node"
            };
            let mut lines = vec![format!("node {node}: {count} targets{proof}")];
            lines.extend(
                only_here
                    .iter()
                    .map(|target| format!("only on node {node}: {target}")),
            );
            lines
        }
        Finding::NoTestRan => vec!["no node has a result of any test".to_owned()],
        Finding::TestsVanished { tests, .. } => tests.iter().map(vanished).collect(),
        Finding::NoTargets => vec!["the runner chooses its tests itself".to_owned()],
        Finding::Other => vec!["upgrade to see them".to_owned()],
    }
}

fn excuse(reason: ExcuseReason) -> &'static str {
    match reason {
        ExcuseReason::Muted => "Muted tests that failed",
        ExcuseReason::Skipped => "Tests that the plan skips",
        ExcuseReason::NotSelected => "Tests that were not selected",
    }
}

fn excused(test: &ExcusedTest) -> String {
    scoped(&test.scope, &test.name)
}

fn vanished(test: &VanishedTest) -> String {
    format!("{} ({})", scoped(&test.scope, &test.name), test.target)
}

fn scoped(scope: &str, name: &str) -> String {
    if scope.is_empty() {
        name.to_owned()
    } else {
        format!("{scope} {name}")
    }
}

fn listed(nodes: &[u32]) -> String {
    let distinct: BTreeSet<&u32> = nodes.iter().collect();
    let numbers: Vec<String> = distinct.iter().map(ToString::to_string).collect();
    match numbers.len() {
        // Several jobs used its index.
        1 if nodes.len() > 1 => format!("node {}, {} times", numbers[0], nodes.len()),
        1 => format!("node {}", numbers[0]),
        _ => format!("nodes {}", numbers.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_listed_once() {
        assert_eq!(listed(&[0]), "node 0");
        assert_eq!(listed(&[1, 0, 1]), "nodes 0, 1");
        assert_eq!(listed(&[0, 0]), "node 0, 2 times");
    }

    #[test]
    fn findings_of_one_kind_form_one_list_and_long_lists_are_counted() {
        let missing = |target: usize| Finding::TargetNotRun {
            target: format!("t{target}"),
            nodes: vec![1],
        };
        let group = GroupAccounting {
            failures: (0..MAX_SHOWN + 5).map(missing).collect(),
            warnings: vec![Finding::NodeSilent {
                node: 1,
                is_share_known: true,
            }],
            excused_tests: vec![ExcusedTest {
                scope: "cart".to_owned(),
                name: "adds".to_owned(),
                reason: ExcuseReason::Skipped,
            }],
            ..GroupAccounting::default()
        };
        let sections = sections(&group);
        let shape: Vec<_> = sections
            .iter()
            .map(|section| (section.level, section.entries.len(), section.hidden))
            .collect();
        assert_eq!(
            shape,
            [
                (Level::Failure, MAX_SHOWN, 5),
                (Level::Warning, 1, 0),
                (Level::Note, 1, 0)
            ]
        );
        assert_eq!(sections[0].entries[0], "t0 (node 1)");
        assert_eq!(sections[2].entries, ["cart adds"]);
    }
}
