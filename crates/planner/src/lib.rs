//! Weighted items and a number of nodes, as balanced nodes.
//!
//! Values in, values out: no clock, no files, no chance. The same items give the same plan in any
//! input order and on every machine, so that two servers (or two retries) can never disagree about
//! who runs what. It knows nothing of tests, suites or HTTP; the server and the client's fallback
//! bring those. Why this algorithm and not another: `docs/design/planning.md`.

mod balance;
mod bounds;
mod estimate;
mod exact;
mod exchange;
mod first_fit;
mod longest_first;
mod parallelism;
mod round_robin;
mod shares;
mod split;

pub use bounds::lower_bound;
pub use estimate::{
    Defaults, ENOUGH_OWN_SAMPLES, Estimate, Sample, UNKNOWN_MICROS, choose, estimate,
};
pub use parallelism::{nodes_for_target, nodes_that_help};
pub use round_robin::round_robin;
pub use split::{Item, Node, split};
