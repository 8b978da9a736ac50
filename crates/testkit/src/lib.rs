//! Helpers that tests of several crates share.
//!
//! A real server inside the test process ([`TestServer`]) or as the shipped program
//! ([`ServerProgram`]), the real client ([`Node`]) in a cleared environment, the sample projects of
//! `examples/` with their expected outcomes ([`Example`]), and witnesses that record which tests
//! really ran. A missing tool fails the test with its name: nothing is skipped.

mod api;
mod browser;
mod command;
mod example;
mod hostile;
mod local_issuer;
mod node;
mod process_memory;
mod programs;
mod repository;
mod s3_server;
mod server;
mod server_program;
mod stored_results;
mod torture;
mod unused_address;
mod witness;

pub use api::{Api, Connection, Response};
pub use browser::{Browser, Visit};
pub use command::{
    Finished, Started, clean_command, installed, run_within, search_path, search_path_after, start,
    wait_within,
};
pub use example::{CollectorName, Example, ExpectedOutcome, ExpectedTest};
pub use hostile::{HOSTILE_TO_READ, HOSTILE_TO_STORE, HostileKind, HostileUpload};
pub use local_issuer::{
    CLIENT_ID, CLIENT_SECRET, IdTokens, IssuerBehavior, LocalIssuer, SigningKey,
};
pub use node::{Node, RunningNode};
pub use process_memory::{allocated_memory, growth_of_memory};
pub use programs::{bktec, test_engine};
pub use repository::{copy_tree, root, tool};
pub use rustix::process::Signal;
pub use s3_server::{BUCKET, KEY_ID, S3Server, SECRET};
pub use server::TestServer;
pub use server_program::ServerProgram;
pub use stored_results::{StoredExecution, StoredResults, StoredRun};
pub use test_engine_store::OutcomeCounts;
pub use torture::{Torture, TortureReport};
pub use unused_address::{NO_SERVER, free_address};
pub use witness::Witness;
