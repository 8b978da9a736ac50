//! Exports of real repositories, compared with plain git.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bases;
mod export;
mod fetch;
mod plain_git;
mod records;
mod sample;
