//! The number of tests of each target, which later plans expect.

use std::collections::{BTreeMap, BTreeSet};

use test_engine_wire::NodeReport;

use crate::input::Input;
use crate::jobs::latest_per_node;
use crate::targets::collect_targets;

/// The number of tests of each target that ran to its end in every group, without a leading `./`:
/// the smallest one, because a leg of a matrix may have fewer tests than another. Meaningful only
/// for a plan that is complete.
pub fn test_counts<'a>(input: &Input<'a>) -> BTreeMap<&'a str, u64> {
    let groups: BTreeSet<&str> = input.reports.iter().map(|one| one.group.as_str()).collect();
    let mut groups = groups.into_iter().map(|group| of_group(group, input));
    let mut smallest = groups.next().unwrap_or_default();
    for counts in groups {
        smallest.retain(|target, smallest| {
            let count = counts.get(target);
            *smallest = count.map_or(*smallest, |count| *count.min(smallest));
            count.is_some()
        });
    }
    smallest
}

fn of_group<'a>(group: &str, input: &Input<'a>) -> BTreeMap<&'a str, u64> {
    let of_group = |report: &&NodeReport| report.group == group;
    let reports: Vec<&NodeReport> = input.reports.iter().filter(of_group).collect();
    let nodes = latest_per_node(reports.iter().copied());
    let targets = collect_targets(input, &reports, &nodes).into_iter();
    let complete = targets.filter(|(_, facts)| facts.is_complete());
    complete
        .filter_map(|(target, facts)| Some((target, facts.best()?.1.tests)))
        .filter(|(_, tests)| *tests > 0)
        .collect()
}
