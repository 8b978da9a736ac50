//! What is read of the process beside its options: what CIs say in their variables, and the folder.
//!
//! What it means is `ci`'s business.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::env_vars;

/// Where the program was started.
#[derive(Clone, Debug, Default)]
pub struct CiEnvironment {
    /// The variables of CIs that are set, by their names in `env_vars`.
    pub variables: BTreeMap<&'static str, String>,
    /// The working directory; empty where the system does not say.
    pub directory: PathBuf,
}

pub(super) fn ci_environment() -> CiEnvironment {
    let read = |&(name, _): &(&'static str, &str)| {
        #[expect(
            clippy::disallowed_methods,
            reason = "`cli` is where the environment is read"
        )]
        let value = std::env::var_os(name)?;
        Some((name, value.to_string_lossy().into_owned()))
    };
    CiEnvironment {
        variables: env_vars::CI.iter().filter_map(read).collect(),
        directory: std::env::current_dir().unwrap_or_default(),
    }
}
