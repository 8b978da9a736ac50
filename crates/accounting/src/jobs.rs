//! Which of several reports of one node count.

use std::collections::BTreeMap;

use test_engine_wire::NodeReport;

/// Whether a job ran targets that the nodes of the step had missed, instead of a share of its own.
pub(crate) fn runs_missing_targets(report: &NodeReport) -> bool {
    report.node >= report.parallelism
}

/// The reports that count, by node index: for each node those of its latest retry, one per job.
/// Several reports of one node remain only if several jobs used its index. All jobs that ran
/// missing targets count, because each ran others.
pub(crate) fn latest_per_node<'r>(
    reports: impl IntoIterator<Item = &'r NodeReport>,
) -> BTreeMap<u32, Vec<&'r NodeReport>> {
    let mut per_job: BTreeMap<(u32, &str, u32), &NodeReport> = BTreeMap::new();
    for report in reports {
        let is_extra = runs_missing_targets(report);
        let retry = if is_extra { report.job_retry_count } else { 0 };
        let key = (report.node, report.job_id.as_str(), retry);
        let kept = per_job.entry(key).or_insert(report);
        if rank(report) > rank(kept) {
            *kept = report;
        }
    }
    let mut per_node: BTreeMap<u32, Vec<&NodeReport>> = BTreeMap::new();
    for ((node, ..), report) in per_job {
        per_node.entry(node).or_default().push(report);
    }
    for reports in per_node.values_mut() {
        let shares = reports
            .iter()
            .filter(|report| !runs_missing_targets(report));
        let latest = shares.map(|report| report.job_retry_count).max();
        reports.retain(|report| {
            runs_missing_targets(report) || Some(report.job_retry_count) == latest
        });
    }
    per_node
}

/// A later retry outranks an earlier one, and an end report the start report of the same job.
fn rank(report: &NodeReport) -> (u32, test_engine_wire::NodeState) {
    (report.job_retry_count, report.state)
}

#[cfg(test)]
mod tests {
    use test_engine_wire::{NodeReport, NodeState};

    use super::latest_per_node;

    fn report(node: u32, job_id: &str, job_retry_count: u32, state: NodeState) -> NodeReport {
        NodeReport {
            node,
            parallelism: 3,
            job_id: job_id.to_owned(),
            job_retry_count,
            state,
            ..NodeReport::default()
        }
    }

    #[test]
    fn the_latest_retry_counts_and_the_end_report_replaces_the_start_report() {
        use NodeState::{Finished, Started};
        let reports = [
            report(0, "a", 0, Finished),
            report(0, "a", 0, Started),
            report(1, "b", 0, Finished),
            report(1, "c", 1, Started),
            report(2, "d", 0, Finished),
            report(2, "e", 0, Finished),
            report(3, "f", 0, Finished),
            report(3, "f", 1, Finished),
        ];
        let kept: Vec<Vec<(&str, NodeState)>> = latest_per_node(&reports)
            .values()
            .map(|reports| {
                let each = reports.iter();
                each.map(|report| (report.job_id.as_str(), report.state))
                    .collect()
            })
            .collect();
        assert_eq!(
            kept,
            [
                vec![("a", Finished)],
                vec![("c", Started)],
                vec![("d", Finished), ("e", Finished)],
                vec![("f", Finished), ("f", Finished)],
            ]
        );
    }
}
