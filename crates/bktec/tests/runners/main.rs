//! Every runner with its real tool, from discovery to the last retry.
//!
//! Small projects are written for each test, so that what is expected stands beside what is run.
//! The tools come from `bin/setup`; one that is missing fails its tests and says so.

#![expect(clippy::unwrap_used, reason = "a test stops at what must not happen")]

mod cucumber;
mod custom;
mod fail_fast;
mod gotest;
mod honesty;
mod jest;
mod long;
mod names;
mod overlap;
mod playwright;
mod project;
mod pytest;
mod rspec;
mod signals;
mod stand_ins;
mod tools;
mod vitest;
