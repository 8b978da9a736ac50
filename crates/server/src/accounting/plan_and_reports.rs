//! What is stored of one plan, and what follows from it without further queries. Pure.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::BufReader;

use flate2::read::GzDecoder;
use test_engine_accounting::{Accounting, Input, VanishedTest, account, test_counts};
use test_engine_store::{NewTestCounts, PlanOrigin, StoredPlan, Test};
use test_engine_wire::{
    CaseFormat, ExcuseReason, ExcusedTest, NodeReport, Plan, TargetOutcome, TargetReport,
    without_dot_slash,
};

use super::AccountingError;
use crate::selection::Scored;
use crate::selectors;

/// Of JSON, decompressed together.
const PIECE_BYTES: usize = 64 * 1024;

/// A plan and the reports of its nodes.
pub(super) struct PlanAndReports {
    plan: Option<Plan>,
    origin: PlanOrigin,
    reports: Vec<NodeReport>,
}

/// What earlier runs say of a plan.
#[derive(Default)]
pub(super) struct Earlier {
    pub(super) targets_with_history: BTreeSet<String>,
    pub(super) vanished: Vec<VanishedTest>,
    pub(super) unchanged_targets: BTreeSet<String>,
}

impl PlanAndReports {
    pub(super) fn decode(
        stored: Option<StoredPlan>,
        bodies: Vec<Vec<u8>>,
    ) -> Result<Self, AccountingError> {
        let reports = bodies
            .into_iter()
            .map(|body| from_gzip(&body))
            .collect::<Result<Vec<NodeReport>, _>>()?;
        let (plan, origin) = match stored {
            Some(stored) => (Some(from_gzip(&stored.body)?), stored.origin),
            None => (None, without_plan(&reports)),
        };
        Ok(Self {
            plan,
            origin,
            reports,
        })
    }

    pub(super) const fn has_plan(&self) -> bool {
        self.plan.is_some()
    }

    fn input<'a>(&'a self, identifier: &'a str, earlier: &'a Earlier) -> Input<'a> {
        Input {
            identifier,
            plan: self.plan.as_ref(),
            reports: &self.reports,
            targets_with_history: &earlier.targets_with_history,
            vanished: &earlier.vanished,
            unchanged_targets: &earlier.unchanged_targets,
        }
    }

    /// `left_out` are the items that a selection left out of the plan, to be named.
    pub(super) fn account(
        &self,
        identifier: &str,
        earlier: &Earlier,
        left_out: &[Scored],
    ) -> Accounting {
        let mut accounting = account(&self.input(identifier, earlier));
        // Reports of nodes with the server's plan are stored without them.
        for group in accounting.groups.iter_mut().filter(|group| {
            let mut reports = self.reports.iter();
            reports.any(|report| report.group == group.group)
        }) {
            group.excused_tests.extend(self.skipped_tests());
            group
                .excused_tests
                .extend(left_out.iter().map(not_selected));
            group.excused_tests.sort();
            group.excused_tests.dedup();
        }
        accounting
    }

    fn skipped_tests(&self) -> impl Iterator<Item = ExcusedTest> {
        let skipped = self.plan.iter().flat_map(|plan| &plan.skipped_tests);
        skipped.map(|test| ExcusedTest {
            scope: test.scope.clone(),
            name: test.name.clone(),
            reason: ExcuseReason::Skipped,
        })
    }

    /// The counts that later plans expect; of a complete plan only.
    pub(super) fn test_counts(&self, earlier: &Earlier) -> NewTestCounts {
        let by_target = test_counts(&self.input("", earlier));
        let mut counts = BTreeMap::new();
        let tasks = self.plan.iter().flat_map(|plan| plan.tasks.values());
        for case in tasks.flat_map(|task| &task.tests) {
            let name = match case.format {
                CaseFormat::Example | CaseFormat::Test => continue,
                // Paths of files include the prefix.
                CaseFormat::File => selectors::with_prefix("", case.target()),
                CaseFormat::Selector => {
                    selectors::with_prefix(&self.origin.location_prefix, case.target())
                }
            };
            let count = by_target.get(without_dot_slash(case.target()));
            counts.extend(count.map(|count| (name, *count)));
        }
        let mut builds = self.reports.iter().map(|report| &report.build_id);
        let build = builds.find(|build| !build.is_empty()).cloned();
        let run_key = || self.run_keys().first().map(|key| (*key).to_owned());
        NewTestCounts {
            branch: self.origin.branch.clone(),
            build: build.or_else(run_key).unwrap_or_default(),
            counts,
        }
    }

    fn targets(&self) -> impl Iterator<Item = &TargetReport> {
        self.reports.iter().flat_map(|report| &report.targets)
    }

    /// Targets without results, by the names under which earlier results are stored.
    pub(super) fn targets_without_results(&self) -> BTreeMap<String, &str> {
        let targets = self.targets();
        let without = targets.filter(|target| target.outcome == TargetOutcome::NoResults);
        without
            .map(|target| (self.stored_name(&target.value), target.value.as_str()))
            .collect()
    }

    /// Selectors are reported without the prefix, paths of files with it. Only the name with it is
    /// this project's: another one may have a file of the same name.
    fn stored_name(&self, target: &str) -> String {
        selectors::with_prefix_once(&self.origin.location_prefix, target)
    }

    /// The keys of the runs to which the nodes upload their results, in order.
    pub(super) fn run_keys(&self) -> Vec<&str> {
        let keys: BTreeSet<&str> = self.reports.iter().map(run_key).collect();
        keys.into_iter().filter(|key| !key.is_empty()).collect()
    }

    pub(super) fn origin(&self) -> &PlanOrigin {
        &self.origin
    }

    /// The tests under the names that the plan uses for their targets, without those whose target
    /// is not in a report, and without examples that were left out.
    pub(super) fn in_targets(&self, tests: Vec<Test>, left_out: &[Scored]) -> Vec<VanishedTest> {
        let targets: BTreeMap<String, &str> = self
            .targets()
            .map(|target| (self.stored_name(&target.value), target.value.as_str()))
            .collect();
        let left_out = left_out.iter().filter_map(|item| item.example.as_ref());
        let left_out: HashSet<(&str, &str)> = left_out
            .map(|(scope, name)| (scope.as_str(), name.as_str()))
            .collect();
        let is_expected = |test: &Test| !left_out.contains(&(&*test.scope, &*test.name));
        let tests = tests.into_iter().filter(is_expected).filter_map(|test| {
            let target = targets.get(test.selector.as_deref()?)?;
            Some(VanishedTest {
                target: (*target).to_owned(),
                scope: test.scope,
                name: test.name,
            })
        });
        tests.collect()
    }

    /// The targets with fewer tests than before whose file is not among the changed ones.
    pub(super) fn unchanged_targets(
        &self,
        vanished: &[VanishedTest],
        files_changed: &str,
    ) -> BTreeSet<String> {
        let mut reports = self.reports.iter();
        if !reports.all(|report| has_file_targets(&report.runner)) {
            return BTreeSet::new();
        }
        let changed: HashSet<_> = files_changed.lines().map(selectors::canonical).collect();
        let shrank = self.targets().filter(|target| {
            let expected = target.expected_tests;
            expected.is_some_and(|count| target.tests < count)
        });
        let shrank = shrank.map(|target| target.value.as_str());
        let vanished = vanished.iter().map(|test| test.target.as_str());
        shrank
            .chain(vanished)
            .filter(|target| !changed.contains(self.stored_name(target).as_str()))
            .map(str::to_owned)
            .collect()
    }
}

/// A left-out example by scope and name, another item by its target.
fn not_selected(item: &Scored) -> ExcusedTest {
    let (scope, name) = match &item.example {
        Some((scope, name)) => (scope.clone(), name.clone()),
        None => (String::new(), item.target.clone()),
    };
    ExcusedTest {
        scope,
        name,
        reason: ExcuseReason::NotSelected,
    }
}

/// The key of the run to which a node uploads its results; may be empty.
pub(super) fn run_key(report: &NodeReport) -> &str {
    if report.run_key.is_empty() {
        &report.build_id
    } else {
        &report.run_key
    }
}

/// What the nodes know of a request that was not made.
fn without_plan(reports: &[NodeReport]) -> PlanOrigin {
    let mut prefixes = reports.iter().map(|report| &report.location_prefix);
    let location_prefix = prefixes.find(|prefix| !prefix.is_empty()).cloned();
    PlanOrigin {
        location_prefix: location_prefix.unwrap_or_default(),
        ..PlanOrigin::default()
    }
}

fn from_gzip<T: serde::de::DeserializeOwned>(gzip: &[u8]) -> Result<T, AccountingError> {
    // In pieces: the JSON may be many times as large as what is kept of it.
    let json = BufReader::with_capacity(PIECE_BYTES, GzDecoder::new(gzip));
    Ok(serde_json::from_reader(json)?)
}

/// A package contains files whose changes its name does not tell.
fn has_file_targets(runner: &str) -> bool {
    !matches!(runner, "gotest" | "custom")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use test_engine_store::PlanOrigin;
    use test_engine_wire::{
        Case, CaseFormat, NodeReport, NodeState, Plan, TargetOutcome, TargetReport, Task,
    };

    use super::{Earlier, PlanAndReports};

    fn case(format: CaseFormat, target: &str) -> Case {
        let (path, value) = match format {
            CaseFormat::Selector => (String::new(), target.to_owned()),
            _ => (target.to_owned(), String::new()),
        };
        Case {
            path,
            value,
            format,
            ..Case::default()
        }
    }

    fn of_one_node(cases: Vec<Case>, targets: &[(&str, u64)], groups: &[&str]) -> PlanAndReports {
        let task = Task {
            node_number: 0,
            tests: cases,
        };
        let reports = groups.iter().zip(0..).map(|(group, fewer)| NodeReport {
            build_id: "b".to_owned(),
            group: (*group).to_owned(),
            parallelism: 1,
            state: NodeState::Finished,
            targets: targets
                .iter()
                .map(|(value, tests)| TargetReport {
                    value: (*value).to_owned(),
                    outcome: TargetOutcome::Complete,
                    tests: tests - fewer,
                    ..TargetReport::default()
                })
                .collect(),
            ..NodeReport::default()
        });
        PlanAndReports {
            plan: Some(Plan {
                tasks: BTreeMap::from([("0".to_owned(), task)]),
                ..Plan::default()
            }),
            origin: PlanOrigin {
                branch: "main".to_owned(),
                location_prefix: "web/".to_owned(),
                ..PlanOrigin::default()
            },
            reports: reports.collect(),
        }
    }

    #[test]
    fn counts_files_and_selectors_by_stored_name() {
        use CaseFormat::{Example, File, Selector, Test};
        let known = of_one_node(
            vec![
                case(Selector, "./a.py"),
                case(File, "web/f.py"),
                case(Selector, "suite:1"),
                case(Selector, "a::b"),
                case(Selector, "not-reported"),
                case(Example, "c.py::test"),
                case(Test, "d.py::test"),
            ],
            &[
                ("./a.py", 3),
                ("web/f.py", 4),
                ("suite:1", 5),
                ("a::b", 6),
                ("c.py::test", 1),
                ("d.py::test", 1),
                ("not-planned", 9),
            ],
            &[""],
        );
        let counts = known.test_counts(&Earlier::default());
        let expected = [
            ("web/a.py", 3),
            ("web/f.py", 4),
            ("web/suite:1", 5),
            ("web/a::b", 6),
        ];
        let expected = expected.map(|(name, count)| (name.to_owned(), count));
        assert_eq!(counts.counts, expected.into());
        assert_eq!(
            (counts.branch.as_str(), counts.build.as_str()),
            ("main", "b")
        );
    }

    #[test]
    fn the_group_with_the_fewest_tests_counts() {
        let cases = || vec![case(CaseFormat::Selector, "a.py")];
        for groups in [&["3.9", "3.10", "3.11"][..], &["", "3.9", "3.10"]] {
            let known = of_one_node(cases(), &[("a.py", 8)], groups);
            let counts = known.test_counts(&Earlier::default());
            assert_eq!(counts.counts, [("web/a.py".to_owned(), 6)].into());
        }
        // A group in which the target did not run to its end.
        let mut known = of_one_node(cases(), &[("a.py", 8)], &["3.9", "3.10"]);
        known.reports[1].targets[0].outcome = TargetOutcome::NoResults;
        assert!(known.test_counts(&Earlier::default()).counts.is_empty());
    }

    #[test]
    fn without_a_plan_the_nodes_tell_the_location_prefix() {
        let report = NodeReport {
            location_prefix: "web".to_owned(),
            ..NodeReport::default()
        };
        let origin = super::without_plan(&[NodeReport::default(), report]);
        assert_eq!(origin.location_prefix, "web");
    }
}
