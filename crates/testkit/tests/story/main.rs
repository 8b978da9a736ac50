//! End-to-end tests with the real server, the real client and real runners on the sample projects:
//! concurrent nodes, several builds.
//!
//! Witnesses inside the runners record what ran, the server's database shows what was stored, and
//! `expected.json` of each project says what is right.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backfill;
mod backup;
mod build;
mod collector;
mod curl;
mod doctor;
mod durability;
mod fallback;
mod faults;
mod go_library;
mod javascript;
mod load_errors;
mod oidc;
mod one_plan;
mod selection;
mod shutdown;
mod stand_ins;
mod two_builds;
