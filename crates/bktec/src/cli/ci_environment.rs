//! What is read of the process besides its options: variables set by CIs, and the working
//! directory. `ci` interprets them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::env_vars;

#[derive(Clone, Debug, Default)]
pub struct CiEnvironment {
    /// The variables of `env_vars::CI` that are set.
    pub variables: BTreeMap<&'static str, String>,
    /// The working directory; empty if it is not known.
    pub directory: PathBuf,
}

pub(super) fn ci_environment() -> CiEnvironment {
    let read = |&(name, _): &(&'static str, &str)| Some((name, variable(name)?));
    CiEnvironment {
        variables: env_vars::CI.iter().filter_map(read).collect(),
        directory: std::env::current_dir().unwrap_or_default(),
    }
}

/// With replacement characters for what is not UTF-8.
#[expect(
    clippy::disallowed_methods,
    reason = "`cli` is where the environment is read"
)]
pub(super) fn variable(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?;
    Some(value.to_string_lossy().into_owned())
}
