//! From reports to the number of tests that later plans expect of each target. Pure.

use std::collections::BTreeMap;

use test_engine_store::{NewTestCounts, PlanOrigin};
use test_engine_wire::{NodeReport, NodeState, TargetOutcome};

use crate::selectors;

/// The counts of the targets that the node ran to their end.
pub(super) fn of_report(report: &NodeReport, origin: &PlanOrigin, run_key: &str) -> NewTestCounts {
    let mut counts = BTreeMap::new();
    if report.state != NodeState::Started {
        for target in &report.targets {
            let is_counted = target.outcome == TargetOutcome::Complete && target.tests > 0;
            if is_counted && !is_example(&target.value) {
                // Selectors are reported without the prefix, paths of files with it.
                let name = selectors::with_prefix_once(&origin.location_prefix, &target.value);
                counts.insert(name, target.tests);
            }
        }
    }
    NewTestCounts {
        branch: origin.branch.clone(),
        run_key: run_key.to_owned(),
        counts,
    }
}

/// Whether a target is a single test, such as `a.rb[1:2]`, `a.py::test` or `a.feature:3`.
fn is_example(target: &str) -> bool {
    let is_number = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b':')
    };
    let marked = target
        .strip_suffix(']')
        .and_then(|rest| rest.rsplit_once('['))
        .or_else(|| target.rsplit_once(':'));
    target.contains("::") || marked.is_some_and(|(_, mark)| is_number(mark))
}

#[cfg(test)]
mod tests {
    use test_engine_store::PlanOrigin;
    use test_engine_wire::{NodeReport, NodeState, TargetOutcome, TargetReport};

    use super::{is_example, of_report};

    #[test]
    fn single_tests_are_recognized() {
        for target in [
            "a.rb[1:2]",
            "./a.rb:12",
            "t.py::test_x",
            "t.py::T::x[a-b]",
            "a.feature:3",
        ] {
            assert!(is_example(target), "{target}");
        }
        for target in [
            "a.rb",
            "pages/[id].test.js",
            "example.com/pkg",
            "custom:all",
            "a[1",
            "",
        ] {
            assert!(!is_example(target), "{target}");
        }
    }

    #[test]
    fn counts_complete_targets_by_selector() {
        let target = |value: &str, outcome, tests| TargetReport {
            value: value.to_owned(),
            outcome,
            tests,
            ..TargetReport::default()
        };
        let report = NodeReport {
            state: NodeState::Finished,
            targets: vec![
                target("./a.py", TargetOutcome::Complete, 3),
                target("web/f.py", TargetOutcome::Complete, 4),
                target("b.py", TargetOutcome::Incomplete, 2),
                target("c.py::test", TargetOutcome::Complete, 1),
                target("d.py", TargetOutcome::NoResults, 0),
            ],
            ..NodeReport::default()
        };
        let origin = PlanOrigin {
            branch: "main".to_owned(),
            location_prefix: "web/".to_owned(),
            files_changed: None,
        };
        let counts = of_report(&report, &origin, "b");
        let expected = [("web/a.py".to_owned(), 3), ("web/f.py".to_owned(), 4)];
        assert_eq!(counts.counts, expected.into());
        assert_eq!(
            (counts.branch.as_str(), counts.run_key.as_str()),
            ("main", "b")
        );
        let started = NodeReport {
            state: NodeState::Started,
            ..report
        };
        assert!(of_report(&started, &origin, "b").counts.is_empty());
    }
}
