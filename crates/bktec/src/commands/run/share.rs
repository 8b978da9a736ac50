//! This node's share of a plan, if the plan fits the step. Pure.
//!
//! A plan that does not fit must stop the build: otherwise some tests run on no node and the build
//! passes.

use test_engine_wire::{Case, CaseFormat, Plan};

use crate::commands::location_prefix::{self, MissingPrefix};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ShareError {
    /// The plan has fewer nodes than the step, or is malformed.
    #[error(
        "the test plan has no node {node}: it has {planned}, but this step has {nodes} parallel \
         jobs. Give the plan and the step the same parallelism."
    )]
    NodeMissing {
        node: usize,
        planned: usize,
        nodes: usize,
    },
    /// The plan has tests for a node that the step does not have.
    #[error(
        "the test plan has tests for node {planned}, but this step has only {nodes} parallel \
         jobs, so they would never run. Give the plan and the step the same parallelism."
    )]
    TestsForMissingJob { planned: String, nodes: usize },
    #[error("the test plan contains a case without a path or a value, which cannot be run")]
    EmptyCase,
    #[error(transparent)]
    Prefix(#[from] MissingPrefix),
}

/// Paths in the result have no location prefix.
pub(super) fn of_node(
    plan: &Plan,
    node: usize,
    nodes: usize,
    prefix: &str,
) -> Result<Vec<Case>, ShareError> {
    let own = plan
        .tasks
        .get(&node.to_string())
        .ok_or(ShareError::NodeMissing {
            node,
            planned: plan.tasks.len(),
            nodes,
        })?;
    let is_a_node = |key: &str| {
        key.parse::<usize>()
            .is_ok_and(|number| number < nodes && number.to_string() == key)
    };
    let unassigned = plan
        .tasks
        .iter()
        .find(|(key, task)| !task.tests.is_empty() && !is_a_node(key));
    if let Some((key, _)) = unassigned {
        return Err(ShareError::TestsForMissingJob {
            planned: key.clone(),
            nodes,
        });
    }
    own.tests
        .iter()
        .map(|case| for_runner(case, prefix))
        .collect()
}

pub(super) fn for_runner(case: &Case, prefix: &str) -> Result<Case, ShareError> {
    let mut case = case.clone();
    if case.format == CaseFormat::Selector {
        if case.value.is_empty() {
            return Err(ShareError::EmptyCase);
        }
        return Ok(case);
    }
    let path = location_prefix::remove(prefix, &case.path)?.to_owned();
    case.path = path;
    if case.path.is_empty() {
        return Err(ShareError::EmptyCase);
    }
    Ok(case)
}

#[cfg(test)]
mod tests {
    use test_engine_wire::Task;

    use super::*;

    fn selector(value: &str) -> Case {
        Case {
            value: value.to_owned(),
            format: CaseFormat::Selector,
            ..Case::default()
        }
    }

    fn file(path: &str) -> Case {
        Case {
            path: path.to_owned(),
            ..Case::default()
        }
    }

    fn plan(tasks: Vec<(&str, Vec<Case>)>) -> Plan {
        let tasks = tasks
            .into_iter()
            .map(|(key, tests)| {
                let task = Task {
                    tests,
                    ..Task::default()
                };
                (key.to_owned(), task)
            })
            .collect();
        Plan {
            tasks,
            ..Plan::default()
        }
    }

    #[test]
    fn strips_the_prefix_from_paths_but_not_from_selectors() {
        let plan = plan(vec![
            ("0", vec![file("api/a.rb"), selector("api/b.rb")]),
            ("1", vec![]),
        ]);
        let share = of_node(&plan, 0, 2, "api").unwrap();
        assert_eq!(share, [file("a.rb"), selector("api/b.rb")]);
        assert_eq!(of_node(&plan, 1, 2, "api"), Ok(Vec::new()));
    }

    #[test]
    fn rejects_a_plan_without_this_node() {
        let plan = plan(vec![("0", vec![selector("a")])]);
        let error = of_node(&plan, 1, 2, "").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the test plan has no node 1: it has 1, but this step has 2 parallel jobs. Give the \
             plan and the step the same parallelism."
        );
    }

    #[test]
    fn rejects_tests_for_a_job_that_does_not_exist() {
        let plan = plan(vec![
            ("0", vec![]),
            ("1", vec![]),
            ("2", vec![selector("a")]),
        ]);
        let error = of_node(&plan, 0, 2, "").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the test plan has tests for node 2, but this step has only 2 parallel jobs, so they \
             would never run. Give the plan and the step the same parallelism."
        );
    }

    #[test]
    fn rejects_node_names_that_are_not_canonical_numbers() {
        for name in ["00", "+0", "x", "-1", ""] {
            let plan = plan(vec![("0", vec![]), (name, vec![selector("a")])]);
            let error = of_node(&plan, 0, 1, "").unwrap_err();
            assert!(
                matches!(error, ShareError::TestsForMissingJob { .. }),
                "{name}"
            );
        }
    }

    #[test]
    fn accepts_extra_nodes_without_tests() {
        let plan = plan(vec![("0", vec![selector("a")]), ("1", vec![])]);
        assert_eq!(of_node(&plan, 0, 1, "").unwrap().len(), 1);
    }

    #[test]
    fn rejects_an_empty_case() {
        for case in [selector(""), file("")] {
            let plan = plan(vec![("0", vec![case])]);
            assert_eq!(of_node(&plan, 0, 1, ""), Err(ShareError::EmptyCase));
        }
    }

    #[test]
    fn rejects_a_path_without_the_location_prefix() {
        let plan = plan(vec![("0", vec![file("web/a.rb")])]);
        assert!(matches!(
            of_node(&plan, 0, 1, "api"),
            Err(ShareError::Prefix(_))
        ));
    }
}
