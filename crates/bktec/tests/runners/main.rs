//! Every runner with its real tool, from discovery to the last retry.
//!
//! Each test writes a small project of its own. The tools are installed by `bin/setup`; tests whose
//! tool is missing fail.

#![expect(clippy::unwrap_used, reason = "a test stops at what must not happen")]

mod attempt;
mod cucumber;
mod custom;
mod discovery;
mod early_stops;
mod evidence;
mod fail_fast;
mod fail_fast_samples;
mod gotest;
mod gotest_evidence;
mod jest;
mod long;
mod names;
mod overlap;
mod playwright;
mod project;
mod proof;
mod pytest;
mod pytest_evidence;
mod pytest_proof;
mod pytest_samples;
mod pytest_selection;
mod retry_proof;
mod rspec;
mod signals;
mod stand_ins;
mod tools;
mod unrun_tests;
mod vitest;
