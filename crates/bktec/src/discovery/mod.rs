//! Test files: found by pattern, or read from a list.
//!
//! Deterministic: the same tree gives the same paths in the same order on every node.

mod list;
mod pattern;
mod walk;

pub use list::{ListError, read_list};
pub use pattern::{Pattern, PatternError};
pub use walk::walk;
