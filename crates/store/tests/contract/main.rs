//! What the store promises, on every engine there is: each test that has a database runs once
//! per engine. One file a subject; `support` makes the databases and what is put into them.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails where it stands"
)]

mod backfills;
mod backup;
mod daily_sums;
mod deletion;
mod ingest;
mod leases;
mod migrations;
mod plans;
mod reading;
mod request_counts;
mod rest;
mod retention;
mod support;
mod tenancy;
mod timings;
mod trouble;
mod upgrade;
