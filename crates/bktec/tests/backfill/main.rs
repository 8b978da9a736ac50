//! `bktec tools backfill-commit-metadata` and the commit metadata of plans, against a test server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod export;
mod invalid;
mod metadata;
#[path = "../../../commit-history/tests/history/plain_git.rs"]
#[expect(dead_code, reason = "the tests of the crate use more of it")]
mod plain_git;
#[path = "../../../commit-history/tests/history/sample.rs"]
mod sample;
mod server;
mod support;
mod upload;
