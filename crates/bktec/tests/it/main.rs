//! Tests of the real binary in a cleared environment against a scripted server.
//!
//! One test binary, so that it links once. Real runners are tested elsewhere.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod bad_input;
mod bktec;
mod ci;
mod command_line;
mod configuration;
mod doctor;
mod events;
mod missing_results;
mod options;
mod plan;
mod plan_for_ci;
mod reference;
mod run;
mod runner_pages;
mod secrets;
mod selection;
mod server;
mod server_failures;
mod streams;
mod summary;
mod tokens;
mod untrusted;
mod upload;
mod upload_failures;
mod upload_inputs;
mod verify;
mod verify_missing;
mod verify_server;
