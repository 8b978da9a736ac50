//! PostgreSQL servers for tests and measurements.
//!
//! Most tests use [`fresh_database`]: an empty schema on a cluster that all tests of the process
//! share. [`Cluster`] is a separate server on a Unix socket that can be stopped and restarted;
//! [`TcpCluster`] listens on TCP, with or without TLS. However the process ends, its clusters end
//! with it. Without PostgreSQL, tests fail with a hint: nothing is skipped.

#![expect(
    clippy::unwrap_used,
    reason = "a test without its database fails immediately"
)]

mod cluster;
mod installation;
mod tcp;
mod watchdog;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use cluster::{Cluster, Durability};
pub use tcp::{Encryption, TcpCluster};

/// The URL of a new, empty schema on the shared cluster, which the first call starts. Use it in one
/// test only.
pub fn fresh_database() -> String {
    static SHARED: LazyLock<Cluster> = LazyLock::new(|| Cluster::start(Durability::Off));
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let schema = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    SHARED.execute(&format!("CREATE SCHEMA {schema}"));
    format!("{}&options[search_path]={schema}", SHARED.url())
}
