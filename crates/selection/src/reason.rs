//! Why everything runs, and why an item runs whatever its value (§3 of the design).

use std::fmt;

use crate::settings::HostedStrategy;

/// Why selection is switched off for a suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Off {
    /// A person switched it off, and said why.
    Person(String),
    /// More failing builds are missed than promised.
    Drift,
    /// No failing build has become known for 90 days.
    NoHoldouts,
}

/// Why everything runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FullReason {
    /// The items are not those of the catalog or of the order of the rotating sample.
    InconsistentItems,
    /// A strategy of the hosted product without an equivalent.
    Unsupported(HostedStrategy),
    /// The branch is the suite's default branch.
    DefaultBranch,
    /// The branch matches `full_branch`.
    FullBranch,
    /// A tag is built.
    Tag,
    /// The branch is that of a merge queue.
    MergeQueue,
    /// The changed files are not known.
    NoChange,
    /// More files changed than are looked at.
    ManyFiles(usize),
    /// This changed file is configuration.
    Configuration(String),
    /// This changed file is of a kind of which nothing is known.
    UnknownKind(String),
    /// Selection is switched off.
    Off(Off),
    /// Too few failing builds are known.
    FewHoldouts {
        /// Known failing builds.
        known: u32,
        /// Necessary for this strategy.
        needed: u32,
    },
    /// The build is held out to measure selection.
    Holdout,
    /// The commit message demands all tests.
    Message,
    /// The last run of the branch failed.
    AfterRed,
    /// Every item is selected.
    AllSelected,
}

impl FullReason {
    /// The name in stored rows, metrics and responses.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::InconsistentItems => "inconsistent_items",
            Self::Unsupported(_) => "unsupported_strategy",
            Self::DefaultBranch => "default_branch",
            Self::FullBranch => "full_branch",
            Self::Tag => "tag",
            Self::MergeQueue => "merge_queue",
            Self::NoChange => "no_changed_files",
            Self::ManyFiles(_) => "many_changed_files",
            Self::Configuration(_) => "configuration_changed",
            Self::UnknownKind(_) => "unknown_kind_of_file",
            Self::Off(Off::Person(_)) => "switched_off",
            Self::Off(Off::Drift) => "drift",
            Self::Off(Off::NoHoldouts) => "no_holdouts",
            Self::FewHoldouts { .. } => "few_holdouts",
            Self::Holdout => "holdout",
            Self::Message => "message",
            Self::AfterRed => "after_red",
            Self::AllSelected => "all_selected",
        }
    }
}

impl fmt::Display for FullReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InconsistentItems => f.write_str("the items are not those of the catalog"),
            Self::Unsupported(strategy) => {
                write!(f, "strategy {} is not supported", strategy.as_str())
            }
            Self::DefaultBranch => f.write_str("default branch"),
            Self::FullBranch => f.write_str("branch matches full_branch"),
            Self::Tag => f.write_str("build of a tag"),
            Self::MergeQueue => f.write_str("merge queue"),
            Self::NoChange => f.write_str("changed files are not known"),
            Self::ManyFiles(count) => write!(f, "{count} files changed"),
            Self::Configuration(path) => write!(f, "{path} changed"),
            Self::UnknownKind(path) => {
                write!(
                    f,
                    "{path} changed, and nothing is known of files of its kind"
                )
            }
            Self::Off(Off::Person(reason)) if reason.is_empty() => {
                f.write_str("selection is switched off")
            }
            Self::Off(Off::Person(reason)) => write!(f, "selection is switched off: {reason}"),
            Self::Off(Off::Drift) => f.write_str("too many failing builds were missed"),
            Self::Off(Off::NoHoldouts) => {
                f.write_str("no failing build has become known for 90 days")
            }
            Self::FewHoldouts { known, needed } => {
                write!(
                    f,
                    "{known} failing builds are known, {needed} are necessary"
                )
            }
            Self::Holdout => f.write_str("held out to measure selection"),
            Self::Message => f.write_str("commit message has [all tests]"),
            Self::AfterRed => f.write_str("last run of the branch failed"),
            Self::AllSelected => f.write_str("all tests are selected"),
        }
    }
}

/// Why an item runs whatever its value. The first that applies, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlwaysReason {
    /// No execution is known.
    New,
    /// It was not executed for a long time.
    Stale,
    /// Its file is among the changed files.
    Changed,
    /// Its last result on the branch or on the default branch was a failure.
    Failing,
    /// It matches `always`.
    Pattern,
    /// It has no file, so that names say nothing, and never failed.
    Unknown,
    /// It is in the rotating sample.
    Rotation,
}

impl AlwaysReason {
    /// Every reason, in order.
    pub const ALL: [Self; 7] = [
        Self::New,
        Self::Stale,
        Self::Changed,
        Self::Failing,
        Self::Pattern,
        Self::Unknown,
        Self::Rotation,
    ];

    /// The name in stored rows and responses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Stale => "stale",
            Self::Changed => "changed",
            Self::Failing => "failing",
            Self::Pattern => "pattern",
            Self::Unknown => "unknown",
            Self::Rotation => "rotation",
        }
    }
}
