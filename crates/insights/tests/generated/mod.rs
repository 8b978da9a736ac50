//! Generated histories of a suite whose flaky tests are known, reproducible by seed.
//!
//! `docs/design/flaky.md` describes them.

pub(crate) mod kinds;
pub(crate) mod numbers;
mod world;

pub(crate) use kinds::Truth;
pub(crate) use world::{Generated, World};
