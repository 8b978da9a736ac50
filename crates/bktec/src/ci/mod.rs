//! Detects the CI and reads what it reports about the build.
//!
//! Pure, over a map of variables that `cli` reads. Options and `BUILDKITE_` variables win over
//! these values. What a CI does not report, or reports differently on different nodes, is left out
//! rather than guessed: a wrong guess means tests that no node runs.

mod counted_jobs;
mod providers;
mod run_env;
#[cfg(test)]
mod tests;
mod uncounted_jobs;
mod variables;

use std::collections::BTreeMap;

pub use self::providers::PROVIDERS;
pub use self::run_env::RunEnvironment;
pub use self::variables::{Value, Variables};
use crate::env_vars as var;

#[derive(Debug)]
pub struct Provider {
    /// The name in uploads and plan identifiers.
    pub name: &'static str,
    /// The name in messages.
    pub title: &'static str,
    pub detected_by: Detection,
    /// The variable with the directory of the repository; empty if there is none.
    pub workspace: &'static str,
    pub folding: Folding,
    read: fn(Variables<'_>) -> BuildDetails,
}

/// What identifies a CI. A variable that is `false` counts as not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detection {
    Set(&'static str),
    /// A variable with this text.
    Text(&'static str, &'static str),
    AllSet(&'static [&'static str]),
}

impl Detection {
    fn holds(self, variables: Variables<'_>) -> bool {
        match self {
            Self::Set(name) => variables.is_set(name),
            Self::Text(name, text) => variables.text(name).eq_ignore_ascii_case(text),
            Self::AllSet(names) => names.iter().all(|name| variables.is_set(name)),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Folding {
    /// Lines that begin with `+++`, `---` or `~~~`. Also the default without a CI, since scripts
    /// look for these lines.
    #[default]
    Marks,
    /// `::group::` and `::endgroup::`.
    GitHub,
    /// `section_start` and `section_end` with a time and a name.
    GitLab,
    /// `##[group]` and `##[endgroup]`.
    Azure,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildDetails {
    /// The owner of the repository: a good guess for the organization's slug.
    pub organization: Option<Value>,
    /// The same on all nodes of a build, even after a retry of some of them.
    pub build: Option<Value>,
    /// The same on all nodes of a step.
    pub step: Option<Value>,
    pub job: Option<Value>,
    pub number: Option<Value>,
    pub url: Option<Value>,
    /// For a pull request, the source branch.
    pub branch: Option<Value>,
    /// The tag that is built; for most CIs, the branch has the same name then.
    pub tag: Option<Value>,
    /// For a pull request, the head of the source branch: the merge commit that some CIs check out
    /// belongs to no branch.
    pub commit: Option<Value>,
    pub message: Option<Value>,
    pub retry_count: Option<Value>,
    pub nodes: Nodes,
    /// The same for all uploads of a run; empty if the CI does not report enough.
    pub key: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nodes {
    pub index: Option<Value>,
    pub count: Option<Value>,
    /// The index of the first job: 0 or 1.
    pub first: i64,
    /// Why the counted jobs may not all run the same tests.
    pub uncertainty: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub struct Ci {
    pub provider: &'static Provider,
    pub details: BuildDetails,
}

/// `None` without a CI, and on Buildkite, whose variables are options.
pub fn detect(variables: &BTreeMap<&'static str, String>) -> Option<Ci> {
    let variables = Variables::new(variables);
    if variables.is_set(var::BUILDKITE) {
        return None;
    }
    let provider = PROVIDERS
        .iter()
        .find(|provider| provider.detected_by.holds(variables))?;
    Some(Ci {
        provider,
        details: (provider.read)(variables),
    })
}
