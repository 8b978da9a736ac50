//! Integration tests of the server: real HTTP on a free port, a real database in a temporary
//! directory. One file per subject; those about results, plans and tests also run `on_postgres`.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod access;
mod accounting;
mod accounting_history;
mod attacks;
mod audit;
mod auth;
mod backfills;
mod backfills_on_s3;
mod bad_files;
mod bad_input;
mod browsing;
mod cli;
mod cli_changes;
mod cli_serve;
mod cli_tokens;
mod database_tls;
mod docs;
mod estimates;
mod forms;
mod hostile_texts;
mod limits;
mod metrics;
mod node_reports;
mod oidc;
mod on_postgres;
mod plan_commits;
mod plan_endpoints;
mod plans;
mod private_files;
mod process;
mod quarantine;
mod raw_uploads;
mod recorded;
mod rest;
mod retention;
mod run_summary;
mod runs;
mod secrets;
mod several_servers;
mod several_servers_at_work;
mod strict;
mod suites;
mod support;
mod tests_api;
mod trouble;
mod upgrade;
mod uploads;
mod web;

use support::TestServer;
