//! What is read of the process besides its options: variables set by CIs, and the working
//! directory. `ci` interprets them.

use std::collections::BTreeMap;
use std::io::{BufReader, Read as _};
use std::path::PathBuf;

use serde::Deserialize;

use crate::env_vars;

/// GitHub's limit for the payload of a webhook.
const MAX_EVENT_BYTES: u64 = 25 * 1024 * 1024;

#[derive(Clone, Debug, Default)]
pub struct CiEnvironment {
    /// The variables of `env_vars::CI` that are set, but for `GITHUB_EVENT_PATH` the commit of the
    /// pull request in that file.
    pub variables: BTreeMap<&'static str, String>,
    /// The working directory; empty if it is not known.
    pub directory: PathBuf,
}

pub(super) fn ci_environment() -> CiEnvironment {
    let read = |&(name, _): &(&'static str, &str)| {
        let value = variable(name)?;
        let value = match name {
            env_vars::GITHUB_EVENT_PATH => pull_request_commit(&value)?,
            _ => value,
        };
        Some((name, value))
    };
    CiEnvironment {
        variables: env_vars::CI.iter().filter_map(read).collect(),
        directory: std::env::current_dir().unwrap_or_default(),
    }
}

#[derive(Deserialize)]
struct Event {
    pull_request: PullRequest,
}

#[derive(Deserialize)]
struct PullRequest {
    head: Head,
}

#[derive(Deserialize)]
struct Head {
    sha: String,
}

/// `None` for other events, and for a file that cannot be read: `GITHUB_SHA` is next.
fn pull_request_commit(event: &str) -> Option<String> {
    let file = fs_err::File::open(event).ok()?;
    let text = BufReader::new(file.take(MAX_EVENT_BYTES));
    let event: Event = serde_json::from_reader(text).ok()?;
    Some(event.pull_request.head.sha)
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
