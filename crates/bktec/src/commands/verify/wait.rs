//! Waits for nodes that have not reported yet.

use std::time::{Duration, Instant};

use test_engine_accounting::{Accounting, Accountings, NodeRow, Verdict};
use test_engine_wire::NodeState;

use super::error::VerifyError;
use crate::commands::CommandError;
use crate::terminal::Terminal;

#[derive(Clone, Copy, Debug)]
pub(super) struct PollLimits {
    pub overall: Duration,
    pub interval: Duration,
}

/// Calls `read` until every node has reported its end, or the time is over. What can still change
/// is no error before that.
pub(super) fn until_reported(
    limits: PollLimits,
    terminal: &Terminal,
    read: impl Fn() -> Result<Accountings, CommandError>,
) -> Result<Accountings, CommandError> {
    let started = Instant::now();
    let mut printed = String::new();
    loop {
        let result = read();
        let waiting_for = match &result {
            Ok(accountings) => missing_reports(accountings),
            Err(CommandError::Verify(error)) if error.is_temporary() => Some(error.to_string()),
            Err(_) => None,
        };
        let left = limits.overall.saturating_sub(started.elapsed());
        let Some(waiting_for) = waiting_for.filter(|_| !left.is_zero()) else {
            return result;
        };
        if waiting_for != printed {
            terminal.stderr_line(&format!("Waiting: {waiting_for}"));
            printed = waiting_for;
        }
        std::thread::sleep(limits.interval.min(left));
    }
}

/// `None` if there is nothing to wait for.
fn missing_reports(accountings: &Accountings) -> Option<String> {
    let plans = &accountings.accountings;
    let is_settled = accountings.verdict() == Verdict::Complete
        || (!plans.is_empty() && plans.iter().all(Accounting::has_all_reports));
    if is_settled {
        return None;
    }
    let nodes: Vec<&NodeRow> = plans
        .iter()
        .flat_map(|plan| &plan.groups)
        .flat_map(|group| &group.nodes)
        .collect();
    let is_open = |row: &&&NodeRow| matches!(row.state, None | Some(NodeState::Started));
    let open = nodes.iter().filter(is_open).count();
    Some(format!(
        "{open} of {} nodes have not reported their end",
        nodes.len()
    ))
}

impl VerifyError {
    /// Whether more reports can make it go away.
    fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::NoReports { .. }
                | Self::OtherPlan { .. }
                | Self::NothingKnown { .. }
                | Self::TooFewPlans { .. }
        )
    }
}
