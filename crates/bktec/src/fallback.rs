//! The fallback plan: sorted targets, assigned to the nodes round-robin.
//!
//! Every node computes it from the same list, so it may depend on nothing else. It has no durations
//! and no muted tests.

use test_engine_wire::{Case, CaseFormat};

/// Part of the warning about this plan; pipelines search for it.
pub const WARNING: &str = "Falling back to non-intelligent splitting";

/// The share of `node`, counted from 0.
pub fn cases(targets: &[String], node: usize, nodes: usize) -> Vec<Case> {
    let sorted: Vec<&str> = targets.iter().map(String::as_str).collect();
    test_engine_planner::round_robin(sorted, nodes)
        .into_iter()
        .nth(node)
        .unwrap_or_default()
        .into_iter()
        .map(|target| case(target.to_owned()))
        .collect()
}

/// A target that is in no plan.
pub fn case(target: String) -> Case {
    Case {
        value: target,
        format: CaseFormat::Selector,
        ..Case::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(cases: &[Case]) -> Vec<&str> {
        cases.iter().map(|case| case.value.as_str()).collect()
    }

    #[test]
    fn target_i_goes_to_node_i_modulo_nodes() {
        let targets: Vec<String> = ["d", "b", "a", "c", "Z"].map(str::to_owned).to_vec();
        assert_eq!(values(&cases(&targets, 0, 2)), ["Z", "b", "d"]);
        assert_eq!(values(&cases(&targets, 1, 2)), ["a", "c"]);
    }

    #[test]
    fn a_node_has_no_targets_if_there_are_fewer_than_nodes() {
        assert!(cases(&["a".to_owned()], 1, 2).is_empty());
    }
}
