//! Which node of a plan ended last, and how long each took. Pure.

use jiff::Timestamp as Time;
use test_engine_accounting::{Accounting, NodeRow};
use test_engine_duration::Micros;
use test_engine_store::Pace;

/// The time from the start to the end of a node; `None` until it has ended.
pub(crate) fn took(row: &NodeRow) -> Option<Micros> {
    let started: Time = row.started_at.parse().ok()?;
    let finished: Time = row.finished_at.as_deref()?.parse().ok()?;
    let took = finished.as_microsecond() - started.as_microsecond();
    u64::try_from(took).ok().map(Micros::new)
}

/// The slowest node of a group; `None` until all have ended, and for a single node.
pub(crate) fn pace(rows: &[NodeRow]) -> Option<Pace> {
    let mut slowest: Option<(Micros, &NodeRow)> = None;
    let mut fastest: Option<Micros> = None;
    let shares = rows.iter().filter(|row| !row.runs_missing_targets);
    let mut nodes = 0;
    for row in shares {
        let took = took(row)?;
        nodes += 1;
        if slowest.is_none_or(|(longest, _)| took > longest) {
            slowest = Some((took, row));
        }
        fastest = Some(fastest.map_or(took, |shortest| shortest.min(took)));
    }
    let ((took, row), fastest) = slowest.zip(fastest).filter(|_| nodes > 1)?;
    Some(Pace {
        node: row.node,
        took,
        planned: row.estimated_ms.map(Micros::from_milliseconds),
        fastest,
    })
}

/// Of the slowest group of a plan. The legs of a matrix build share their plan.
pub(super) fn of_plan(accounting: &Accounting) -> Option<Pace> {
    let groups = accounting.groups.iter();
    let paces = groups.filter_map(|group| pace(&group.nodes));
    paces.max_by_key(|pace| pace.took)
}

#[cfg(test)]
mod tests {
    use test_engine_accounting::NodeRow;
    use test_engine_duration::Micros;
    use test_engine_store::Pace;

    use super::pace;

    fn row(node: u32, seconds: Option<u32>) -> NodeRow {
        NodeRow {
            node,
            estimated_ms: Some(44_000),
            started_at: "2026-06-20T04:46:00Z".to_owned(),
            finished_at: seconds.map(|seconds| format!("2026-06-20T04:46:{seconds:02}Z")),
            ..NodeRow::default()
        }
    }

    #[test]
    fn the_slowest_node_sets_the_pace_once_all_have_ended() {
        let seconds = |seconds: u64| Micros::from_milliseconds(seconds * 1_000);
        let expected = Pace {
            node: 1,
            took: seconds(51),
            planned: Some(seconds(44)),
            fastest: seconds(40),
        };
        let both = [row(0, Some(40)), row(1, Some(51))];
        assert_eq!(pace(&both), Some(expected));
        assert_eq!(pace(&[row(0, Some(40)), row(1, None)]), None);
        assert_eq!(pace(&both[..1]), None);
        // A job that ran what was missing is no share of the plan.
        let extra = NodeRow {
            runs_missing_targets: true,
            ..row(2, Some(59))
        };
        let [first, second] = both;
        assert_eq!(pace(&[first, second, extra]), Some(expected));
    }
}
