//! Limits of what a report or a plan may claim.

/// As in plan requests.
pub(crate) const MAX_NODES: u32 = 1_000;

/// What is wrong with the index of a node or the number of nodes, if anything is. A job that runs
/// missing targets uses `parallelism` as its index.
pub fn node_problem(node: u32, parallelism: u32) -> Option<String> {
    if !(1..=MAX_NODES).contains(&parallelism) {
        Some(format!("parallelism must be between 1 and {MAX_NODES}"))
    } else if node > parallelism {
        Some(format!(
            "node must be between 0 and parallelism, which is {parallelism}"
        ))
    } else {
        None
    }
}
