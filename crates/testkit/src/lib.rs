//! What the tests of the workspace share, and nothing a program uses.
//!
//! A real server inside the test ([`TestServer`]) or as the program it ships as
//! ([`ServerProgram`]), the real client ([`Node`]) in a cleared environment, the sample projects of
//! `examples/` with their expected outcome as data ([`Example`]), and witnesses that write down
//! what really ran. A tool that is missing fails the test and names itself: nothing is skipped.

mod api;
mod command;
mod example;
mod kept_results;
mod local_issuer;
mod node;
mod programs;
mod repository;
mod s3_server;
mod server;
mod server_program;
mod torture;
mod witness;

pub use api::{Answer, Api, Connection};
pub use command::{Finished, Started, clean_command, installed, run_within, start, wait_within};
pub use example::{Example, ExpectedOutcome, ExpectedTest, OtherName};
pub use kept_results::{KeptExecution, KeptResults, KeptRun};
pub use local_issuer::{IssuerMood, LocalIssuer, SigningKey};
pub use node::{Node, RunningNode};
pub use programs::{bktec, test_engine};
pub use repository::{copy_tree, root, tool};
pub use rustix::process::Signal;
pub use s3_server::{BUCKET, KEY_ID, S3Server, SECRET};
pub use server::TestServer;
pub use server_program::ServerProgram;
pub use test_engine_store::OutcomeCounts;
pub use torture::{Survived, Torture};
pub use witness::Witness;
