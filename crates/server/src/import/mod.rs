//! Imports results that were recorded elsewhere, as if each had been uploaded at its own time.
//!
//! First everything is read and checked ([`Plan`]), so that an import that cannot succeed stores
//! nothing. Then it is stored, oldest first, because a suite's lists, timings and judgements follow
//! the order in which uploads arrive. Each upload is a transaction of its own and recognized by its
//! digest, so an import that was interrupted can be repeated.

mod date;
mod files;
mod junit;
mod offline;
mod plan;
mod rest_export;
mod skipped;
mod store_plan;
mod upload_file;

use std::collections::BTreeMap;
use std::path::PathBuf;

use test_engine_store::{StoreError, Timestamp};

pub(crate) use self::date::parse_time;
pub(crate) use self::offline::refuse_server_at;
pub(crate) use self::plan::{Plan, Sources};
pub(crate) use self::store_plan::{Imported, store_plan};
use crate::ingest::Submission;

/// What files lack.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) now: Timestamp,
    /// Of files without a time.
    pub(crate) received_at: Option<Timestamp>,
    /// Of files without these keys.
    pub(crate) run_env: BTreeMap<String, String>,
}

impl Settings {
    /// Adds keys that are missing, in any case.
    fn complete(&self, run_env: &mut BTreeMap<String, String>) {
        for (key, value) in &self.run_env {
            let is_same = |known: &&String| known.trim().eq_ignore_ascii_case(key);
            let present = run_env.keys().find(is_same).cloned();
            match present {
                Some(present) if !run_env[&present].trim().is_empty() => {}
                _ => {
                    run_env.retain(|known, _| Some(known) != present.as_ref());
                    run_env.insert(key.clone(), value.clone());
                }
            }
        }
    }
}

/// The content of a file.
struct Loaded {
    received_at: Timestamp,
    submission: Submission,
}

/// Reads after "failed to import: ".
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    #[error(
        "a server uses the database and can be reached at {url}\n\
         hint: stop it, and start it again after the import"
    )]
    ServerAt { url: String },
    #[error(
        "a server uses the database\n\
         hint: stop every server on it, import again, and then start them"
    )]
    Server,
    #[error("another import uses the database\nhint: wait until it has ended")]
    Another,
    /// The message names the file.
    #[error("{0}")]
    Read(String),
    #[error("{count} of the files cannot be imported, so nothing was stored:\n{listed}")]
    Files {
        count: usize,
        /// One per line.
        listed: String,
    },
    #[error(
        "{file} is from {received_at}, but the suite already has an upload from {newest}, and \
         uploads must be stored in the order of their time; nothing was stored\n\
         hint: import all files together, into a new suite, before anything newer is uploaded to it"
    )]
    Older {
        file: PathBuf,
        received_at: String,
        newest: String,
    },
    #[error("{file} has changed since it was checked: {problem}")]
    Changed { file: PathBuf, problem: String },
    #[error(
        "the counts differ: {expected} {what} were imported, but the suite has {found} more than \
         before"
    )]
    Counts {
        what: &'static str,
        expected: u64,
        found: u64,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_complete_what_is_missing_or_empty() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            pairs.iter().map(owned).collect()
        };
        let settings = Settings {
            run_env: map(&[("branch", "main"), ("ci", "generic"), ("key", "k")]),
            ..Settings::default()
        };
        let mut run_env = map(&[("CI", "buildkite"), ("BRANCH", " ")]);
        settings.complete(&mut run_env);
        let expected = map(&[("CI", "buildkite"), ("branch", "main"), ("key", "k")]);
        assert_eq!(run_env, expected);
    }
}
