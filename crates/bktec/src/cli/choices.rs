//! Options whose value is one of a few words.

use super::option::OptionValue;

/// What a node does without a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fallback {
    /// Runs its share of a split by number. All nodes must do the same.
    #[default]
    Split,
    /// Runs every target.
    All,
    /// Stops.
    Fail,
}

/// What happens to targets that this node finds and the plan lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnplannedTargets {
    /// This node runs them as well.
    Run,
    #[default]
    Warn,
    /// Stops before any test.
    Fail,
}

impl OptionValue for Fallback {
    fn read(text: &str) -> Result<Self, String> {
        match text.trim() {
            "split" => Ok(Self::Split),
            "all" => Ok(Self::All),
            "fail" => Ok(Self::Fail),
            _ => Err("split, all or fail".to_owned()),
        }
    }
}

impl OptionValue for UnplannedTargets {
    fn read(text: &str) -> Result<Self, String> {
        match text.trim() {
            "run" => Ok(Self::Run),
            "warn" => Ok(Self::Warn),
            "fail" => Ok(Self::Fail),
            _ => Err("run, warn or fail".to_owned()),
        }
    }
}
