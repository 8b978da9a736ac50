//! What is told about the build that results come from: `run_env` of an upload.
//!
//! Pure. Options win over what the CI says. The key decides which uploads are one run, so it is never
//! made of half of its parts: where a CI does not say enough, it stays empty and the caller makes one
//! up.

use crate::ci::{Ci, Facts, Value};
use crate::cli::BuildArgs;

/// A build, as uploads tell of it; empty where nothing is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunEnvironment {
    /// The CI's name.
    pub ci: &'static str,
    /// What uploads of one run share.
    pub key: String,
    /// The branch.
    pub branch: String,
    /// The commit.
    pub commit_sha: String,
    /// The build's number.
    pub number: String,
    /// The build's page.
    pub url: String,
    /// The job.
    pub job_id: String,
    /// The commit's or the build's message.
    pub message: String,
}

impl RunEnvironment {
    /// The build of `bktec upload`: what was given, else what the CI says. Without a CI, a build's id
    /// is Buildkite's.
    pub fn of_ci(given: &BuildArgs, ci: Option<&Ci>) -> Self {
        let nothing = Facts::default();
        let facts = ci.map_or(&nothing, |ci| &ci.facts);
        let text = |given: &Option<String>, value: &Option<Value>| {
            set(given.as_ref()).unwrap_or_else(|| {
                value
                    .as_ref()
                    .map_or_else(String::new, |value| value.text.clone())
            })
        };
        let branch = facts.uploaded_branch.as_ref().or(facts.branch.as_ref());
        Self {
            ci: match ci {
                Some(ci) => ci.provider.name,
                None if set(given.build_id.as_ref()).is_some() => "buildkite",
                None => "generic",
            },
            key: set(given.build_id.as_ref()).unwrap_or_else(|| facts.key.clone()),
            branch: text(&given.branch, &branch.cloned()),
            commit_sha: text(&given.commit, &facts.commit),
            number: text(&given.build_number, &facts.number),
            url: text(&given.build_url, &facts.url),
            job_id: text(&given.job_id, &facts.job),
            message: text(&given.message, &facts.message),
        }
    }

    /// The build of `run`: the same, and where nothing says which run this is, the plan does: its
    /// nodes are one run.
    pub(crate) fn of_plan(given: &BuildArgs, ci: Option<&Ci>, identifier: &str) -> Self {
        let mut run = Self::of_ci(given, ci);
        if run.key.is_empty() {
            identifier.clone_into(&mut run.key);
        }
        run
    }

    /// The pairs of `run_env` that are this build's, also the empty ones.
    pub(crate) fn pairs(&self) -> [(&'static str, &str); 8] {
        [
            ("CI", self.ci),
            ("key", &self.key),
            ("branch", &self.branch),
            ("commit_sha", &self.commit_sha),
            ("number", &self.number),
            ("url", &self.url),
            ("job_id", &self.job_id),
            ("message", &self.message),
        ]
    }
}

fn set(text: Option<&String>) -> Option<String> {
    text.cloned().filter(|text| !text.trim().is_empty())
}
