//! The settings of the server, one section per file.
//!
//! A section declares its flags, variables, defaults and help once, as arguments of clap; `cli`
//! parses them. Nothing here opens anything: [`crate::serve`] takes a [`Config`].

mod access;
mod blob_store;
mod limits;
mod logs;
mod mail;
mod network;
mod planning;
mod retention;
mod sign_in;
mod storage;
mod webhooks;

use clap::Args;
use clap::builder::{OsStr, Resettable};

pub use access::{MetricsAccess, Oidc, Web};
pub use blob_store::{BlobStore, S3Keys, S3Settings};
pub(crate) use blob_store::{BlobStoreError, BlobStoreInput};
pub use limits::Limits;
pub use logs::{LogFormat, Logs};
pub use mail::Mail;
pub use network::Network;
pub(crate) use network::{DEFAULT_LISTEN, PublicUrlError, parse_listen};
pub use planning::Planning;
pub use retention::Retention;
pub use sign_in::SignIn;
pub(crate) use sign_in::SignInError;
pub use storage::Storage;
pub(crate) use storage::{DATABASE_FILE, DEFAULT_ORGANIZATION, SECRET_KEY_FILE};
pub use webhooks::Webhooks;

/// Every setting of `test-engine serve`.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each type has its own documentation")]
pub struct Config {
    pub network: Network,
    pub oidc: Oidc,
    pub sign_in: SignIn,
    pub storage: Storage,
    pub limits: Limits,
    pub planning: Planning,
    pub retention: Retention,
    pub webhooks: Webhooks,
    pub mail: Mail,
    pub web: Web,
    pub metrics: MetricsAccess,
    pub logs: Logs,
}

impl Config {
    /// The defaults with this data directory.
    pub fn in_directory(data_dir: impl Into<std::path::PathBuf>) -> Self {
        let storage = Storage {
            data_dir: data_dir.into(),
            ..defaults()
        };
        Self {
            network: defaults(),
            oidc: defaults(),
            sign_in: defaults(),
            storage,
            limits: defaults(),
            planning: defaults(),
            retention: defaults(),
            webhooks: defaults(),
            mail: defaults(),
            web: defaults(),
            metrics: defaults(),
            logs: defaults(),
        }
    }
}

/// The defaults that a section declares, whatever the environment contains.
pub(crate) fn defaults<Section: Args>() -> Section {
    Section::augment_args(clap::Command::new("defaults"))
        .mut_args(|argument| argument.env(Resettable::<OsStr>::Reset))
        .try_get_matches_from(["defaults"])
        .and_then(|matches| Section::from_arg_matches(&matches))
        .expect("every required setting has a default")
}
