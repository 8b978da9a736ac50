//! The section of planning: how long plans live.

/// Days a plan is kept; a job may be retried that long after its build began.
pub(crate) const DEFAULT_PLAN_RETENTION_DAYS: u32 = 7;

/// How the server plans.
#[derive(Clone, Copy, Debug)]
pub struct Planning {
    /// Days after which a plan is forgotten.
    pub plan_retention_days: u32,
}

impl Default for Planning {
    fn default() -> Self {
        Self {
            plan_retention_days: DEFAULT_PLAN_RETENTION_DAYS,
        }
    }
}
