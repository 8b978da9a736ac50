//! Weighted items and a number of nodes, as balanced nodes.
//!
//! Values in, values out: no clock, no files, no chance. The same items give the same plan in any
//! input order and on every machine, so that two servers (or two retries) can never disagree about
//! who runs what. It knows nothing of tests, suites or HTTP; the server and the client's fallback
//! bring those. Why this algorithm and not another: `docs/design/planning.md`.

mod balance;
mod bounds;
mod by_file;
mod change;
mod defaults;
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
pub use by_file::split_by_file;
pub use defaults::{Defaults, UNKNOWN_DURATION};
pub use estimate::{ENOUGH_SAMPLES, Estimate, Histories, Sample, choose, estimate};
pub use parallelism::{nodes_for_target, nodes_that_help};
pub use round_robin::round_robin;
pub use split::{Item, Node, split};
