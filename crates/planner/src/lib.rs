//! Splits weighted items into balanced nodes.
//!
//! Pure and deterministic: the same items result in the same plan, in any input order and on every
//! machine, so that two servers or two retries cannot disagree about which node runs what. The
//! crate knows nothing of tests, suites or HTTP; the server and the client's fallback plan add
//! those. `docs/design/planning.md` explains the choice of algorithm.

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
pub use by_file::{Place, split_by_file};
pub use defaults::{Defaults, UNKNOWN_DURATION};
pub use estimate::{Estimate, Histories, MIN_BRANCH_SAMPLES, Sample, choose, estimate};
pub use parallelism::{nodes_for_target, nodes_that_help};
pub use round_robin::round_robin;
pub use split::{Item, Node, split};
