//! The backfill, from its git module to the command, against plain git and a server of the test's.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod equal;
mod histories;
mod reference;
mod sample;
