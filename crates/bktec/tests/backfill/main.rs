//! The backfill, from its git module to the command, against plain git and a server of the test's.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod command;
mod equal;
mod histories;
mod metadata;
mod reference;
mod sample;
mod server;
