//! The server through its front door: real HTTP on a free port, a real database in a temporary
//! folder. One file a subject.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod auth;
mod cli;
mod docs;
mod durability;
mod limits;
mod plans;
mod runs;
mod suites;
mod support;
mod tests_api;
mod uploads;
mod web;
