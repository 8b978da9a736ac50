//! Which test files there are: found by pattern, or read from a list.
//!
//! Knows no runner; `runners` ask it and `commands` read lists with it. Finding is deterministic:
//! the same tree gives the same paths in the same order on every node.

mod listed;
mod pattern;
mod walk;

pub use listed::{ListError, read_list};
pub use pattern::{Pattern, PatternError};
pub use walk::walk;
