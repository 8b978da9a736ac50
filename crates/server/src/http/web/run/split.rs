//! How the work of a plan was split: planned against actual time of each node, and what the nodes
//! spent it on. Pure.

use std::collections::BTreeMap;

use test_engine_accounting::NodeRow;
use test_engine_charts::{KeyMark, Node, Part, PartKind, Split, key};
use test_engine_duration::Micros;
use test_engine_store::{JobPart, Pace};

use crate::accounting::took;
use crate::http::web::{format, words};

/// What jobs spent the time of their tests on, longest first, by job.
pub(in crate::http::web) type Parts = BTreeMap<String, Vec<JobPart>>;

/// Files of a node that are drawn; the others are drawn together.
const MAX_PARTS: usize = 20;
/// Characters of the name of a file.
const MAX_NAME: usize = 120;

/// The nodes of the plan that have ended, on one scale; empty if there are none.
pub(super) fn split(rows: &[NodeRow], parts: &Parts) -> String {
    let pace = pace_file(rows, parts);
    let nodes = rows.iter().filter_map(|row| {
        let took = took(row)?.get();
        let own = parts.get(&row.job_id).map_or(&[][..], Vec::as_slice);
        let is_pace = |part: &JobPart| {
            pace.is_some_and(|(node, file)| node.node == row.node && std::ptr::eq(file, part))
        };
        Some(Node {
            label: format!("Node {}", row.node),
            planned: row
                .estimated_ms
                .map(|estimated| Micros::from_milliseconds(estimated).get()),
            parts: parts_of(took, own, is_pace),
        })
    });
    let split = Split {
        nodes: nodes.collect(),
        format: |micros| format::duration(Micros::new(micros)),
    };
    if split.nodes.is_empty() {
        String::new()
    } else {
        split.svg()
    }
}

/// What the marks of the picture mean.
pub(in crate::http::web) fn split_key() -> String {
    key(&[
        (KeyMark::Planned, "planned"),
        (KeyMark::File, "took, by file"),
        (KeyMark::Pace, "sets the pace"),
        (KeyMark::FailedFile, "with a failed test"),
        (KeyMark::Retry, "retries"),
    ])
}

/// Parts that add up to the time of a node. Tests that ran in parallel took longer together than
/// the node: then each has its share.
fn parts_of(took: u64, own: &[JobPart], is_pace: impl Fn(&JobPart) -> bool) -> Vec<Part> {
    let sum: u64 = own.iter().map(|part| part.duration.get()).sum();
    let share = |duration: u64| {
        if sum > took {
            let share = u128::from(duration) * u128::from(took) / u128::from(sum.max(1));
            u64::try_from(share).unwrap_or(duration)
        } else {
            duration
        }
    };
    let mut parts: Vec<Part> = own
        .iter()
        .take(MAX_PARTS)
        .map(|part| Part {
            label: format::shortened(&part.selector, MAX_NAME),
            duration: share(part.duration.get()),
            kind: match part {
                JobPart { is_retry: true, .. } => PartKind::Retry,
                part if is_pace(part) => PartKind::Pace,
                JobPart {
                    has_failed: true, ..
                } => PartKind::Failed,
                JobPart { .. } => PartKind::File,
            },
        })
        .collect();
    let drawn: u64 = parts.iter().map(|part| part.duration).sum();
    let rest = took.saturating_sub(drawn);
    if rest > 0 {
        let label = if own.is_empty() {
            "its tests".to_owned()
        } else {
            "other files, and the time outside of tests".to_owned()
        };
        parts.push(Part {
            label,
            duration: rest,
            kind: PartKind::File,
        });
    }
    parts
}

/// The nodes that have ended, fastest first; empty while one has not.
fn ended(rows: &[NodeRow]) -> Vec<(Micros, &NodeRow)> {
    let mut ended: Vec<(Micros, &NodeRow)> = rows
        .iter()
        .filter_map(|row| Some((took(row)?, row)))
        .collect();
    if ended.len() < rows.len() || ended.len() < 2 {
        return Vec::new();
    }
    ended.sort_by_key(|(took, _)| *took);
    ended
}

/// The file that bounds the run: more than half of the time of the slowest node, and no node is
/// faster than this file alone would be.
fn pace_file<'a>(rows: &'a [NodeRow], parts: &'a Parts) -> Option<(&'a NodeRow, &'a JobPart)> {
    let ended = ended(rows);
    let (slowest, row) = ended.last()?;
    let file = parts.get(&row.job_id)?.iter().find(|part| !part.is_retry)?;
    let is_most = file.duration.get().saturating_mul(2) > slowest.get();
    (is_most && file.duration <= *slowest).then_some((*row, file))
}

/// Says which node ended last, how that differs from its plan and from the fastest node, and
/// whether a single file is why.
pub(super) fn pace(rows: &[NodeRow], parts: &Parts) -> String {
    let ended = ended(rows);
    let (Some((fastest, _)), Some((slowest, row))) = (ended.first(), ended.last()) else {
        return String::new();
    };
    let mut text = words::pace(&Pace {
        node: row.node,
        took: *slowest,
        planned: row.estimated_ms.map(Micros::from_milliseconds),
        fastest: *fastest,
    });
    if let Some((_, file)) = pace_file(rows, parts) {
        let name = format::shortened(&file.selector, MAX_NAME);
        let took = format::duration(file.duration);
        text += &[
            " ",
            &name,
            " alone took ",
            &took,
            ": more nodes do not help.",
        ]
        .concat();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(node: u32, seconds: u32, estimated: u64) -> NodeRow {
        NodeRow {
            node,
            job_id: format!("job-{node}"),
            estimated_ms: Some(estimated),
            started_at: "2026-06-20T04:46:00Z".to_owned(),
            finished_at: Some(format!("2026-06-20T04:46:{seconds:02}Z")),
            ..NodeRow::default()
        }
    }

    fn part(file: &str, seconds: u64) -> JobPart {
        JobPart {
            selector: file.to_owned(),
            duration: Micros::new(seconds * 1_000_000),
            has_failed: false,
            is_retry: false,
        }
    }

    fn of_job(node: u32, parts: Vec<JobPart>) -> Parts {
        Parts::from([(format!("job-{node}"), parts)])
    }

    #[test]
    fn the_slowest_node_sets_the_pace() {
        let both = [row(0, 40, 44_000), row(1, 51, 44_000)];
        let sentence = "Node 1 set the pace: 51.0 s, planned 44.0 s. The fastest node took 40.0 s.";
        assert_eq!(pace(&both, &Parts::new()), sentence);
        assert!(split(&both, &Parts::new()).contains("Node 1"));
        let running = [row(0, 40, 44_000), NodeRow::default()];
        assert_eq!(pace(&running, &Parts::new()), "");
        assert!(!split(&running, &Parts::new()).is_empty());
        assert_eq!(split(&[NodeRow::default()], &Parts::new()), "");
        // A file is why if it takes most of the time of that node.
        let slow = of_job(1, vec![part("a.py", 30), part("b.py", 9)]);
        let expected = format!("{sentence} a.py alone took 30.0 s: more nodes do not help.");
        assert_eq!(pace(&both, &slow), expected);
        assert!(split(&both, &slow).contains("sets the pace with 30.0 s"));
        let even = of_job(1, vec![part("a.py", 25), part("b.py", 20)]);
        assert_eq!(pace(&both, &even), sentence);
        let other = of_job(0, vec![part("a.py", 39)]);
        assert_eq!(pace(&both, &other), sentence);
    }

    #[test]
    fn the_parts_of_a_node_add_up_to_its_time() {
        let seconds = |parts: &[Part]| -> Vec<u64> {
            parts.iter().map(|part| part.duration / 1_000_000).collect()
        };
        let second = 1_000_000;
        let none = |_: &JobPart| false;
        let own = [part("a.py", 6), part("b.py", 2)];
        assert_eq!(seconds(&parts_of(10 * second, &own, none)), [6, 2, 2]);
        assert_eq!(
            seconds(&parts_of(4 * second, &own, none)),
            [3, 1],
            "in parallel"
        );
        assert_eq!(seconds(&parts_of(9 * second, &[], none)), [9]);
        let many: Vec<JobPart> = (0..30).map(|_| part("a.py", 1)).collect();
        let drawn = parts_of(40 * second, &many, none);
        assert_eq!(
            (drawn.len(), seconds(&drawn)[MAX_PARTS]),
            (MAX_PARTS + 1, 20)
        );
        let kinds = [
            part("a.py", 3),
            JobPart {
                has_failed: true,
                ..part("b.py", 2)
            },
            JobPart {
                is_retry: true,
                has_failed: true,
                ..part("b.py", 1)
            },
        ];
        let drawn = parts_of(6 * second, &kinds, |part| part.selector == "a.py");
        let kinds: Vec<PartKind> = drawn.iter().map(|part| part.kind).collect();
        assert_eq!(kinds, [PartKind::Pace, PartKind::Failed, PartKind::Retry]);
    }
}
