//! The test-engine server: plans test runs, stores their results and learns from them.
//!
//! [`serve`] is the server as a function, for tests; the program is `cli`. `http` routes requests
//! to the domain modules, above all `ingest` (uploaded results) and `planning` (plans).
//! `test-engine-store` contains all SQL.

mod access;
mod accounting;
mod app;
mod audit;
mod backfill_ingest;
mod backfills;
mod blobs;
mod build_summary;
mod causes;
mod commits;
mod error_chain;
mod events;
mod import;
mod ingest;
mod jobs;
mod judgements;
mod labels;
mod links;
mod metrics;
mod oidc;
mod owners;
mod passwords;
mod plan_metadata;
mod planning;
mod private_files;
mod quarantine;
mod rate_limits;
mod raw_uploads;
mod rules;
mod running;
mod sealing;
mod secrets;
mod selection;
mod selectors;
mod server;
mod sign_in_attempts;
mod spans;
mod spill;
mod webhooks;
mod write_health;

mod http;

pub mod admin;
pub mod backup;
pub mod cli;
pub mod clock;
pub mod config;
pub mod people;
pub mod retention;
pub mod scopes;

pub(crate) use app::App;
pub use http::{api_addresses, openapi_document, page_paths};
pub use oidc::PolicyError;
pub use passwords::PasswordError;
pub use server::{ServeError, Server, open_existing_store, open_store, serve};
