//! Which CI runs this, and what it says of the build: one table, a row for each CI.
//!
//! Pure, over a map of variables that `cli` reads. `settings` takes from it what was not given by
//! an option or a `BUILDKITE_` variable, `upload` what a run belongs to, `terminal` how logs fold.
//! What a CI does not say, or says in a way that nodes would disagree on, is left out here rather
//! than guessed: a wrong guess is tests that nobody runs.

mod providers;
mod run_env;
#[cfg(test)]
mod tests;
mod variables;

use std::collections::BTreeMap;

pub use self::providers::PROVIDERS;
pub use self::run_env::RunEnvironment;
pub use self::variables::{Value, Variables};
use crate::env_vars as var;

/// A CI: a row of the table.
#[derive(Debug)]
pub struct Provider {
    /// As uploads name it.
    pub name: &'static str,
    /// As people name it.
    pub title: &'static str,
    /// Where this variable is set, and not to `false`, this CI runs us.
    pub detected_by: &'static str,
    /// The variable with the folder of the repository on this machine.
    pub workspace: &'static str,
    /// How its logs fold.
    pub folding: Folding,
    read: fn(Variables<'_>) -> BuildDetails,
}

/// How a CI folds its log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Folding {
    /// By lines that begin with `+++`, `---` or `~~~`; also where there is no CI, since scripts look
    /// for these lines.
    #[default]
    Marks,
    /// `::group::` and `::endgroup::`.
    GitHub,
    /// `section_start` and `section_end` with a time and a name.
    GitLab,
    /// `##[group]` and `##[endgroup]`.
    Azure,
}

/// What a CI says of the build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildDetails {
    /// Whose repository it is, which is a good guess for the organization's slug.
    pub organization: Option<Value>,
    /// What all nodes of one build share, also after a retry of some of them.
    pub build: Option<Value>,
    /// What all nodes of one step share.
    pub step: Option<Value>,
    /// The job.
    pub job: Option<Value>,
    /// The build's number.
    pub number: Option<Value>,
    /// The build's page.
    pub url: Option<Value>,
    /// The branch, of a pull request the one that is to be merged.
    pub branch: Option<Value>,
    /// The branch as uploads tell it, where that is another text.
    pub uploaded_branch: Option<Value>,
    /// The commit.
    pub commit: Option<Value>,
    /// The commit's message.
    pub message: Option<Value>,
    /// How often the job was retried.
    pub retry_count: Option<Value>,
    /// Which of the parallel jobs this is.
    pub nodes: Nodes,
    /// What uploads of one run share; empty where the CI does not say enough.
    pub key: String,
}

/// Which of the parallel jobs this is, as the CI says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nodes {
    /// This job's number.
    pub index: Option<Value>,
    /// How many there are.
    pub count: Option<Value>,
    /// The number of the first job: 0 or 1.
    pub first: i64,
    /// Why the jobs counted here may not all run the same tests.
    pub uncertainty: Option<&'static str>,
}

/// The CI that runs us, and what it says.
#[derive(Clone, Debug)]
pub struct Ci {
    /// Which one.
    pub provider: &'static Provider,
    /// What it says.
    pub details: BuildDetails,
}

/// The CI that these variables tell of. `None` on Buildkite, whose variables are options of ours,
/// and where there is no CI.
pub fn detect(variables: &BTreeMap<&'static str, String>) -> Option<Ci> {
    let variables = Variables::new(variables);
    if variables.is_set(var::BUILDKITE) {
        return None;
    }
    let provider = PROVIDERS
        .iter()
        .find(|provider| variables.is_set(provider.detected_by))?;
    Some(Ci {
        provider,
        details: (provider.read)(variables),
    })
}
