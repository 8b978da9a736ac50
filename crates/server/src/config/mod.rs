//! What the server is told before it starts: plain, checked values.
//!
//! One section a file. Nothing here reads the environment or the command line (`cli` does) and
//! nothing here opens anything; [`crate::serve`] takes a [`Config`] and acts on it.

mod blob_store;
mod limits;
mod logs;
mod metrics;
mod network;
mod oidc;
mod planning;
mod retention;
mod storage;
mod web;

pub use blob_store::{BlobStore, BlobStoreError, S3Keys, S3Settings};
pub use limits::Limits;
pub use logs::{LogFormat, Logs};
pub use metrics::MetricsAccess;
pub use network::{Network, PublicUrlError};
pub use oidc::Oidc;
pub use planning::Planning;
pub use retention::Retention;
pub use storage::Storage;
pub use web::Web;

use test_engine_store::DEFAULT_CONNECTIONS;

/// Every setting of `test-engine serve`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens and what it calls itself.
    pub network: Network,
    /// How it asks OIDC issuers for their keys.
    pub oidc: Oidc,
    /// Where it keeps things.
    pub storage: Storage,
    /// What it refuses.
    pub limits: Limits,
    /// How it plans.
    pub planning: Planning,
    /// How long it keeps what came in.
    pub retention: Retention,
    /// How its pages behave.
    pub web: Web,
    /// Who may read its metrics.
    pub metrics: MetricsAccess,
    /// What it says while it works.
    pub logs: Logs,
}

impl Config {
    /// The defaults, with this data directory. What tests start from.
    pub fn in_directory(data_dir: impl Into<std::path::PathBuf>) -> Self {
        let data_dir = data_dir.into();
        Self {
            network: Network::default(),
            oidc: Oidc::default(),
            storage: Storage {
                blobs: BlobStore::inside(&data_dir),
                data_dir,
                keep_raw_uploads: false,
                database_url: None,
                database_connections: DEFAULT_CONNECTIONS,
                organization: DEFAULT_ORGANIZATION.to_owned(),
            },
            limits: Limits::default(),
            planning: Planning::default(),
            retention: Retention::default(),
            web: Web::default(),
            metrics: MetricsAccess::default(),
            logs: Logs::default(),
        }
    }
}

pub(crate) use blob_store::{BlobStoreInput, DEFAULT_S3_REGION};
pub(crate) use limits::{
    DEFAULT_BACKFILL_LIMIT_MIB, DEFAULT_BODY_LIMIT_MIB, DEFAULT_PLAN_REQUESTS_PER_MINUTE,
    DEFAULT_REST_REQUESTS_PER_MINUTE, DEFAULT_RESULTS_LIMIT,
};
pub(crate) use network::{DEFAULT_LISTEN, DEFAULT_SHUTDOWN_SECONDS};
pub(crate) use planning::{DEFAULT_FILE_LOAD_MS, DEFAULT_PLAN_RETENTION_DAYS};
pub(crate) use retention::{DEFAULT_AGGREGATE_DAYS, DEFAULT_EXECUTION_DAYS};
pub(crate) use storage::{DATABASE_FILE, DEFAULT_DATA_DIR, DEFAULT_ORGANIZATION};
