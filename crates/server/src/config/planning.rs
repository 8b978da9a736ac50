//! The section of planning: how long plans live, and what loading a file costs.

/// Days a plan is kept; a job may be retried that long after its build began.
pub(crate) const DEFAULT_PLAN_RETENTION_DAYS: u32 = 7;

/// Milliseconds a runner takes to load a file of tests before the first of them runs. No result
/// tells it; this is what a middling RSpec or pytest file takes.
pub(crate) const DEFAULT_FILE_LOAD_MS: u32 = 100;

/// How the server plans.
#[derive(Clone, Copy, Debug)]
pub struct Planning {
    /// Days after which a plan is forgotten.
    pub plan_retention_days: u32,
    /// Milliseconds a node is charged for loading a file of which it runs examples.
    pub file_load_ms: u32,
}

impl Default for Planning {
    fn default() -> Self {
        Self {
            plan_retention_days: DEFAULT_PLAN_RETENTION_DAYS,
            file_load_ms: DEFAULT_FILE_LOAD_MS,
        }
    }
}
