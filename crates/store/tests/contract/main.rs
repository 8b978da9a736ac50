//! Contract tests of the store: each runs on every engine. `support` creates databases and test
//! data.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod accounting;
mod accounting_runs;
mod accounting_upgrade;
mod audit;
mod backfills;
mod backup;
mod build_failures;
mod daily_sums;
mod deletion;
mod duplicates;
mod ingest;
mod leases;
mod migrations;
mod plans;
mod quarantine_upgrade;
mod quarantines;
mod reading;
mod request_counts;
mod rest;
mod retention;
mod support;
mod tenancy;
mod timings;
mod trouble;
mod upgrade;
