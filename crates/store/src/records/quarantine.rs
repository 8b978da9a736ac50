//! Muted and skipped tests: why, for how long, and for which code.

use std::collections::HashSet;

use test_engine_insights::clean_passes_needed;

use super::audit::Actor;
use super::tests::Test;
use super::values::Timestamp;

/// The code that a mute or skip is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum QuarantineScope {
    #[default]
    Everywhere,
    /// Runs of the suite's default branch only.
    DefaultBranch,
    /// Everywhere but on branches that change the file of the test, if the changed files are known.
    NotTouched,
}

impl QuarantineScope {
    pub const ALL: [Self; 3] = [Self::Everywhere, Self::DefaultBranch, Self::NotTouched];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Everywhere => "everywhere",
            Self::DefaultBranch => "default_branch",
            Self::NotTouched => "not_touched",
        }
    }

    /// Whether a mute or skip with this scope applies to a test in this file.
    pub fn applies_to(self, file_name: Option<&str>, code: &TestedCode) -> bool {
        match self {
            Self::Everywhere => true,
            Self::DefaultBranch => code.is_default_branch,
            Self::NotTouched => {
                code.is_default_branch || !file_name.is_some_and(|file| code.changes(file))
            }
        }
    }
}

/// The branch that a plan or run tests, and what it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestedCode {
    is_default_branch: bool,
    changed: HashSet<String>,
}

impl TestedCode {
    /// `files_changed` has the files that differ from the merge base with the default branch, one
    /// per line, if they are known.
    pub fn new(branch: Option<&str>, default_branch: &str, files_changed: Option<&str>) -> Self {
        let changed = files_changed.unwrap_or_default().lines();
        Self {
            is_default_branch: branch == Some(default_branch),
            changed: changed.map(|file| without_dot(file).to_owned()).collect(),
        }
    }

    /// Whether the file is one of the changed ones.
    pub fn changes(&self, file: &str) -> bool {
        self.changed.contains(without_dot(file))
    }

    /// The same for a path that may begin with the directory of a checkout.
    pub fn changes_anywhere(&self, path: &str) -> bool {
        let path = without_dot(path);
        let mut ends = path.match_indices('/').map(|(at, _)| &path[at + 1..]);
        self.changed.contains(path) || ends.any(|end| self.changed.contains(end))
    }
}

fn without_dot(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}

/// What a mute or skip is to look like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewQuarantine {
    pub scope: QuarantineScope,
    pub reason: String,
    /// The person or team that looks after the test.
    pub owner: Option<String>,
    /// An id or address in an issue tracker.
    pub ticket: Option<String>,
    /// `None`: until somebody enables the test.
    pub ends_at: Option<Timestamp>,
}

/// Why a test is muted or skipped. Tests muted or skipped by versions before 0.2 have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    pub details: NewQuarantine,
    pub since: Timestamp,
    /// How often the end has been postponed.
    pub extensions: u64,
    /// The actor of the last change.
    pub actor: Actor,
    pub proof: FixProof,
}

/// How far a muted test has proven that it is fixed. A skipped test proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixProof {
    /// Passes in a row since the mute began or the test last failed. Only executions that were
    /// muted count, and none of outages.
    pub clean_passes: u64,
    pub passes_needed: u64,
    /// When the release was proposed; `None` again after a failure.
    pub proposed_at: Option<Timestamp>,
}

impl FixProof {
    /// None yet, of a test that fails at this rate, in parts per million.
    pub(crate) fn none(rate: u32) -> Self {
        Self {
            clean_passes: 0,
            passes_needed: u64::from(clean_passes_needed(rate)),
            proposed_at: None,
        }
    }
}

/// A muted or skipped test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantinedTest {
    pub test: Test,
    pub quarantine: Option<Quarantine>,
}

impl QuarantinedTest {
    /// Whether the test is muted or skipped in runs of this code.
    pub fn applies_to(&self, code: &TestedCode) -> bool {
        let scope = self.quarantine.as_ref().map(|known| known.details.scope);
        let file = self.test.file_name.as_deref();
        scope.unwrap_or_default().applies_to(file, code)
    }
}

/// How long a suite mutes and skips, in days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuarantineSettings {
    /// Unless somebody chooses an end.
    pub days: u32,
    /// The longest that somebody can choose.
    pub max_days: u32,
    /// For requests of the API that give no details; `None` for no end.
    pub api_days: Option<u32>,
}

impl Default for QuarantineSettings {
    fn default() -> Self {
        Self {
            days: 14,
            max_days: 90,
            api_days: None,
        }
    }
}

impl QuarantineSettings {
    /// [`Self::days`], limited by [`Self::max_days`].
    pub fn default_days(self) -> u32 {
        self.days.min(self.max_days)
    }
}

/// What the passing of time changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuarantineEvents {
    /// Muted tests that are enabled again.
    pub expired: u64,
    /// Skipped tests whose end has come; they stay skipped.
    pub due: u64,
    /// Ends announced.
    pub announced: u64,
}

#[cfg(test)]
mod tests {
    use super::{QuarantineScope, TestedCode};

    #[test]
    fn scopes_limit_mutes_to_branches_and_unchanged_files() {
        use QuarantineScope::{DefaultBranch, Everywhere, NotTouched};
        let file = Some("spec/cart_spec.rb");
        let touching = Some("lib/cart.rb\n./spec/cart_spec.rb");
        for (scope, branch, changed, file, expected) in [
            (Everywhere, Some("topic"), touching, file, true),
            (Everywhere, None, None, None, true),
            (DefaultBranch, Some("main"), touching, file, true),
            (DefaultBranch, Some("topic"), None, file, false),
            (DefaultBranch, None, None, file, false),
            (NotTouched, Some("main"), touching, file, true),
            (NotTouched, Some("topic"), touching, file, false),
            (
                NotTouched,
                Some("topic"),
                touching,
                Some("./spec/cart_spec.rb"),
                false,
            ),
            (NotTouched, Some("topic"), Some("lib/cart.rb"), file, true),
            (
                NotTouched,
                Some("topic"),
                touching,
                Some("cart_spec.rb"),
                true,
            ),
            // Unknown files or an unknown file: as everywhere.
            (NotTouched, Some("topic"), None, file, true),
            (NotTouched, Some("topic"), touching, None, true),
        ] {
            let code = TestedCode::new(branch, "main", changed);
            let applies = scope.applies_to(file, &code);
            assert_eq!(
                applies, expected,
                "{scope:?} {branch:?} {changed:?} {file:?}"
            );
        }
    }
}
