//! The sentences that pages begin with. Pure.

mod compare;
mod failures;
mod lists;
mod main_branch;
mod plans;
mod rules;
mod run;
mod selection;
mod test;
mod uploads;

use test_engine_store::BranchCounts;

use super::format;

pub(super) use compare::{Differences, build, comparison};
pub(super) use failures::{CauseCounts, failures};
pub(super) use lists::{
    FlakyCounts, QuarantineCounts, flaky, owners, quarantine, runs, tests_of_suite,
};
pub(super) use main_branch::{MainBranch, main_branch};
pub(super) use plans::{
    EstimateFacts, NodesFacts, PlanFacts, estimates, pace, plan, plans, why_nodes,
};
pub(super) use rules::{action, filter, monitor, rule, rules};
pub(super) use run::{RunCounts, Verdict, run, why};
pub(super) use selection::{
    at_least, full_reason, item_reason, origin, place_in_plan, selection, selection_class,
    selection_of_plan, selections_of_test, value,
};
pub(super) use test::{TestFacts, rate, test};
pub(super) use uploads::{UploadCounts, uploads};

/// The first line of a list of runs.
pub(super) fn branches(counts: BranchCounts, days: i64) -> String {
    let BranchCounts { branches, failed } = counts;
    match (branches, failed) {
        (0, _) => format!("No branch had a run in the last {days} days."),
        (1, 0) => "The only branch of the last weeks is green.".to_owned(),
        (1, _) => "The only branch of the last weeks is red.".to_owned(),
        (_, 0) => format!("All {} branches are green.", format::count(branches)),
        (_, failed) if failed == branches => {
            format!("All {} branches are red.", format::count(branches))
        }
        (_, 1) => format!("1 of {} branches is red.", format::count(branches)),
        _ => format!(
            "{} of {} branches are red.",
            format::count(failed),
            format::count(branches)
        ),
    }
}

/// `1 test fails`, `4 tests fail`.
fn tests_fail(number: u64) -> String {
    let verb = if number == 1 { "fails" } else { "fail" };
    format!("{} {verb}", format::counted(number, "test"))
}

#[cfg(test)]
mod tests {
    use test_engine_store::BranchCounts;

    use super::branches;

    #[test]
    fn a_list_of_runs_begins_with_the_state_of_the_branches() {
        for (branches_count, failed, sentence) in [
            (0, 0, "No branch had a run in the last 28 days."),
            (1, 0, "The only branch of the last weeks is green."),
            (1, 1, "The only branch of the last weeks is red."),
            (40, 0, "All 40 branches are green."),
            (40, 40, "All 40 branches are red."),
            (40, 1, "1 of 40 branches is red."),
            (40, 12, "12 of 40 branches are red."),
        ] {
            let counts = BranchCounts {
                branches: branches_count,
                failed,
            };
            assert_eq!(branches(counts, 28), sentence);
        }
    }
}
