//! A PostgreSQL server of one's own, for tests and measurements, and nothing a program uses.
//!
//! [`Cluster`] is a server in a temporary folder that answers on a Unix socket there; it can be
//! stopped and started. [`fresh_database`] is what most tests want: a place of its own on one
//! cluster that all tests of the process share. [`Networked`] is reached over TCP and TLS. However the process ends, its clusters end with it.
//! Without PostgreSQL installed this panics and says how to get it: nothing is skipped.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot have its database stops where it stands"
)]

mod cluster;
mod installation;
mod networked;
mod watchdog;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use cluster::{Cluster, Promise};
pub use networked::{Encryption, Networked};

/// The address of an empty place for tables: a schema of its own on a cluster that is started for
/// the first who asks. Give it to one test only.
pub fn fresh_database() -> String {
    static SHARED: LazyLock<Cluster> = LazyLock::new(|| Cluster::start(Promise::Speed));
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let schema = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    SHARED.say(&format!("CREATE SCHEMA {schema}"));
    format!("{}&options[search_path]={schema}", SHARED.url())
}
