//! This node's share of a plan, and whether all shares together are the whole plan. Pure.
//!
//! A plan that does not fit the step must stop the build: the alternative is tests that no node
//! runs in a build that passes.

use test_engine_wire::{Case, CaseFormat, Plan};

use crate::commands::location_prefix::{self, MissingPrefix};

/// Why there is no share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ShareError {
    /// The plan has fewer nodes than the step, or is broken.
    #[error(
        "the test plan has no node {node}: it has {planned}, but this step has {nodes} parallel \
         jobs. Give the plan and the step the same parallelism."
    )]
    NodeMissing {
        node: usize,
        planned: usize,
        nodes: usize,
    },
    /// The plan has more nodes than the step, with tests that nobody would run.
    #[error(
        "the test plan has tests for node {planned}, but this step has only {nodes} parallel \
         jobs, so they would never run. Give the plan and the step the same parallelism."
    )]
    TestsForNobody { planned: String, nodes: usize },
    /// A case that names nothing.
    #[error("the test plan holds a case without a path or a value, so it cannot be run")]
    Nameless,
    /// A path outside the project.
    #[error(transparent)]
    Prefix(#[from] MissingPrefix),
}

/// The cases of node `node` of `nodes`, with paths as the runner knows them.
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
    let for_nobody = plan
        .tasks
        .iter()
        .find(|(key, task)| !task.tests.is_empty() && !is_a_node(key));
    if let Some((key, _)) = for_nobody {
        return Err(ShareError::TestsForNobody {
            planned: key.clone(),
            nodes,
        });
    }
    own.tests
        .iter()
        .map(|case| for_runner(case, prefix))
        .collect()
}

fn for_runner(case: &Case, prefix: &str) -> Result<Case, ShareError> {
    let mut case = case.clone();
    if case.format == CaseFormat::Selector {
        if case.value.is_empty() {
            return Err(ShareError::Nameless);
        }
        return Ok(case);
    }
    let path = location_prefix::remove(prefix, &case.path)?.to_owned();
    case.path = path;
    if case.path.is_empty() {
        return Err(ShareError::Nameless);
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
    fn paths_lose_the_prefix_and_selectors_stay() {
        let plan = plan(vec![
            ("0", vec![file("api/a.rb"), selector("api/b.rb")]),
            ("1", vec![]),
        ]);
        let share = of_node(&plan, 0, 2, "api").unwrap();
        assert_eq!(share, [file("a.rb"), selector("api/b.rb")]);
        assert_eq!(of_node(&plan, 1, 2, "api"), Ok(Vec::new()));
    }

    #[test]
    fn a_plan_without_this_node_is_an_error() {
        let plan = plan(vec![("0", vec![selector("a")])]);
        let error = of_node(&plan, 1, 2, "").unwrap_err();
        insta::assert_snapshot!(error, @"the test plan has no node 1: it has 1, but this step has 2 parallel jobs. Give the plan and the step the same parallelism.");
    }

    #[test]
    fn tests_that_nobody_would_run_are_an_error() {
        let plan = plan(vec![
            ("0", vec![]),
            ("1", vec![]),
            ("2", vec![selector("a")]),
        ]);
        let error = of_node(&plan, 0, 2, "").unwrap_err();
        insta::assert_snapshot!(error, @"the test plan has tests for node 2, but this step has only 2 parallel jobs, so they would never run. Give the plan and the step the same parallelism.");
    }

    #[test]
    fn a_node_by_another_name_is_nobody() {
        for name in ["00", "+0", "x", "-1", ""] {
            let plan = plan(vec![("0", vec![]), (name, vec![selector("a")])]);
            let error = of_node(&plan, 0, 1, "").unwrap_err();
            assert!(matches!(error, ShareError::TestsForNobody { .. }), "{name}");
        }
    }

    #[test]
    fn more_empty_nodes_than_jobs_are_fine() {
        let plan = plan(vec![("0", vec![selector("a")]), ("1", vec![])]);
        assert_eq!(of_node(&plan, 0, 1, "").unwrap().len(), 1);
    }

    #[test]
    fn a_case_that_names_nothing_is_an_error() {
        for case in [selector(""), file("")] {
            let plan = plan(vec![("0", vec![case])]);
            assert_eq!(of_node(&plan, 0, 1, ""), Err(ShareError::Nameless));
        }
    }

    #[test]
    fn a_path_outside_the_project_is_an_error() {
        let plan = plan(vec![("0", vec![file("web/a.rb")])]);
        assert!(matches!(
            of_node(&plan, 0, 1, "api"),
            Err(ShareError::Prefix(_))
        ));
    }
}
