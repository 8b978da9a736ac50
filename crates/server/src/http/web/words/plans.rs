//! The sentences of the pages of plans.

use std::fmt::Write as _;

use test_engine_duration::Micros;
use test_engine_store::{Pace, RequestedNodes};

use crate::http::web::format;

/// The first line of the list of plans: the newest plans whose nodes have all ended.
pub(in crate::http::web) fn plans(has_plans: bool, paces: &[Pace]) -> String {
    let Some((node, times)) = most_frequent(paces) else {
        return if has_plans {
            "No plan has been run to its end by several nodes yet.".to_owned()
        } else {
            "No plan has been requested yet.".to_owned()
        };
    };
    let number = paces.len();
    let longer = longer(paces);
    if number == 1 {
        return format!(
            "Node {node} set the pace of the only plan that has ended: it took {longer} than the \
             fastest."
        );
    }
    if times * 2 > number {
        format!(
            "Node {node} set the pace of {times} of the last {number} plans. The slowest node took \
             {longer} than the fastest."
        )
    } else {
        format!(
            "No node sets the pace of most plans. In the last {number}, the slowest node took \
             {longer} than the fastest."
        )
    }
}

/// The node that set the pace most often, and how often.
fn most_frequent(paces: &[Pace]) -> Option<(u32, usize)> {
    let times = |node| paces.iter().filter(|pace| pace.node == node).count();
    let nodes = paces.iter().map(|pace| (times(pace.node), pace.node));
    nodes.max().map(|(times, node)| (node, times))
}

/// By how much the slowest nodes took longer than the fastest ones, over all plans.
fn longer(paces: &[Pace]) -> String {
    let slowest: Micros = paces.iter().map(|pace| pace.took).sum();
    let fastest: Micros = paces.iter().map(|pace| pace.fastest).sum();
    format!("{} longer", more(slowest, fastest))
}

/// By how much one duration is more than another, such as `23%`.
fn more(long: Micros, short: Micros) -> String {
    if short == Micros::ZERO {
        return format::duration(long);
    }
    let percent = (long.seconds() / short.seconds() - 1.0) * 100.0;
    format!("{percent:.0}%")
}

/// Which node ended last, and how that differs from its plan and from the fastest node.
pub(in crate::http::web) fn pace(pace: &Pace) -> String {
    let planned = pace.planned.map_or_else(String::new, |planned| {
        format!(", planned {}", format::duration(planned))
    });
    format!(
        "Node {} set the pace: {}{planned}. The fastest node took {}.",
        pace.node,
        format::duration(pace.took),
        format::duration(pace.fastest),
    )
}

/// The first line of the page of a plan.
pub(in crate::http::web) struct PlanFacts<'a> {
    pub(in crate::http::web) pace: Option<Pace>,
    /// Nodes that have ended, of all.
    pub(in crate::http::web) ended: u64,
    pub(in crate::http::web) nodes: u64,
    /// The longest item of the node that set the pace, if it is most of its time.
    pub(in crate::http::web) cause: Option<(&'a str, Micros)>,
    /// Of the longest node.
    pub(in crate::http::web) planned: Micros,
}

pub(in crate::http::web) fn plan(facts: &PlanFacts<'_>) -> String {
    let Some(known) = &facts.pace else {
        let planned = format::duration(facts.planned);
        let nodes = format::counted(facts.nodes, "node");
        return match facts.ended {
            _ if facts.nodes == 0 => "The request had no tests, so the plan has no nodes.".into(),
            0 => format!("{nodes}, planned to take {planned}. None has ended."),
            ended if ended < facts.nodes => format!(
                "{nodes}, planned to take {planned}. {} of them ended.",
                format::count(ended)
            ),
            _ => format!("{nodes}, planned to take {planned}."),
        };
    };
    let mut text = pace(known);
    if let Some((name, took)) = facts.cause {
        let _infallible = write!(
            text,
            " One item is why: {} takes {}.",
            format::shortened(name, 100),
            format::duration(took)
        );
    }
    text
}

/// What the number of nodes was chosen from.
#[derive(Clone, Copy, Debug)]
pub(in crate::http::web) struct NodesFacts {
    /// Unknown for plans of earlier versions.
    pub(in crate::http::web) requested: Option<RequestedNodes>,
    pub(in crate::http::web) nodes: u64,
    pub(in crate::http::web) has_enough_history: bool,
    /// The planned time of the longest node.
    pub(in crate::http::web) longest_node: Micros,
    pub(in crate::http::web) longest_item: Micros,
}

/// Why a plan has as many nodes as it has.
pub(in crate::http::web) fn why_nodes(facts: NodesFacts) -> String {
    let nodes = format::counted(facts.nodes, "node");
    let item = format::duration(facts.longest_item);
    let Some(requested) = facts.requested else {
        return "The plan was made by a version that did not store what was requested.".to_owned();
    };
    let (max, target) = match requested {
        RequestedNodes::Fixed(_) => return format!("The request asked for {nodes}."),
        RequestedNodes::UpTo { max, target } => (format::count(max.into()), target),
    };
    if !facts.has_enough_history {
        return format!(
            "Fewer than half of the items have history, which is too little to choose a number. So \
             the plan has {nodes}: one for each item, and at most {max}."
        );
    }
    match target {
        Some(target) if facts.longest_node <= target => format!(
            "{nodes} are the fewest that are expected to end within {}; at most {max} were \
             allowed.",
            format::duration(target)
        ),
        Some(target) if facts.longest_item > target => format!(
            "No number of nodes reaches {}: the longest item alone takes {item}. More than {nodes} \
             would hardly end earlier; at most {max} were allowed.",
            format::duration(target)
        ),
        Some(target) => format!(
            "No number of nodes up to {max} reaches {}. More than {nodes} would hardly end \
             earlier.",
            format::duration(target)
        ),
        None if max == format::count(facts.nodes) => {
            format!("All {max} nodes that were allowed make the run shorter.")
        }
        None => format!(
            "More than {nodes} would not end earlier: the longest item takes {item}. At most {max} \
             were allowed."
        ),
    }
}

/// How far the estimates were off.
#[derive(Clone, Copy, Debug)]
pub(in crate::http::web) struct EstimateFacts {
    /// Items whose time in the run is known.
    pub(in crate::http::web) compared: u64,
    pub(in crate::http::web) planned: Micros,
    pub(in crate::http::web) took: Micros,
    /// The median of the errors of single items, as a share of what they took.
    pub(in crate::http::web) median_error: f64,
}

pub(in crate::http::web) fn estimates(facts: EstimateFacts) -> String {
    if facts.compared == 0 {
        return "No item of the plan has both an estimate and a known time in the run.".to_owned();
    }
    let items = format::counted(facts.compared, "item");
    let (planned, took) = (
        format::duration(facts.planned),
        format::duration(facts.took),
    );
    format!(
        "{items} took {took} together, estimated {planned}. The median error of an estimate is \
         {:.0}%.",
        facts.median_error * 100.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Micros {
        Micros::from_milliseconds(seconds * 1_000)
    }

    fn paced(node: u32, took: u64, fastest: u64) -> Pace {
        Pace {
            node,
            took: seconds(took),
            planned: Some(seconds(44)),
            fastest: seconds(fastest),
        }
    }

    #[test]
    fn a_list_of_plans_begins_with_the_node_that_sets_the_pace() {
        for (has_plans, paces, expected) in [
            (false, vec![], "No plan has been requested yet."),
            (
                true,
                vec![],
                "No plan has been run to its end by several nodes yet.",
            ),
            (
                true,
                vec![paced(1, 60, 40)],
                "Node 1 set the pace of the only plan that has ended: it took 50% longer than the \
                 fastest.",
            ),
            (
                true,
                vec![paced(4, 60, 40), paced(4, 60, 40), paced(0, 30, 20)],
                "Node 4 set the pace of 2 of the last 3 plans. The slowest node took 50% longer \
                 than the fastest.",
            ),
            (
                true,
                vec![paced(4, 60, 60), paced(3, 60, 60)],
                "No node sets the pace of most plans. In the last 2, the slowest node took 0% \
                 longer than the fastest.",
            ),
        ] {
            assert_eq!(plans(has_plans, &paces), expected);
        }
    }

    #[test]
    fn a_plan_begins_with_its_pace_or_what_is_known_before() {
        let facts = |pace, ended, nodes, cause| PlanFacts {
            pace,
            ended,
            nodes,
            cause,
            planned: seconds(44),
        };
        for (facts, expected) in [
            (
                facts(None, 0, 0, None),
                "The request had no tests, so the plan has no nodes.",
            ),
            (
                facts(None, 0, 2, None),
                "2 nodes, planned to take 44.0 s. None has ended.",
            ),
            (
                facts(None, 1, 2, None),
                "2 nodes, planned to take 44.0 s. 1 of them ended.",
            ),
            (facts(None, 1, 1, None), "1 node, planned to take 44.0 s."),
            (
                facts(Some(paced(1, 51, 40)), 2, 2, None),
                "Node 1 set the pace: 51.0 s, planned 44.0 s. The fastest node took 40.0 s.",
            ),
            (
                facts(Some(paced(1, 51, 40)), 2, 2, Some(("slow.rb", seconds(30)))),
                "Node 1 set the pace: 51.0 s, planned 44.0 s. The fastest node took 40.0 s. One \
                 item is why: slow.rb takes 30.0 s.",
            ),
        ] {
            assert_eq!(plan(&facts), expected);
        }
    }

    #[test]
    fn the_number_of_nodes_has_a_reason() {
        let up_to = |max, target: Option<u64>| {
            Some(RequestedNodes::UpTo {
                max,
                target: target.map(seconds),
            })
        };
        for (requested, has_enough_history, longest_node, expected) in [
            (
                None,
                true,
                10,
                "The plan was made by a version that did not store",
            ),
            (
                Some(RequestedNodes::Fixed(4)),
                false,
                10,
                "The request asked for 4 nodes.",
            ),
            (
                up_to(9, None),
                false,
                10,
                "Fewer than half of the items have history",
            ),
            (
                up_to(9, Some(60)),
                true,
                60,
                "4 nodes are the fewest that are expected to end within 1 min 0 s; at most 9",
            ),
            (
                up_to(9, Some(20)),
                true,
                60,
                "No number of nodes reaches 20.0 s: the longest item alone takes 30.0 s.",
            ),
            (
                up_to(4, Some(40)),
                true,
                60,
                "No number of nodes up to 4 reaches 40.0 s. More than 4 nodes",
            ),
            (
                up_to(4, None),
                true,
                60,
                "All 4 nodes that were allowed make the run shorter.",
            ),
            (
                up_to(9, None),
                true,
                60,
                "More than 4 nodes would not end earlier: the longest item takes 30.0 s.",
            ),
        ] {
            let text = why_nodes(NodesFacts {
                requested,
                nodes: 4,
                has_enough_history,
                longest_node: seconds(longest_node),
                longest_item: seconds(30),
            });
            assert!(text.starts_with(expected), "{text}");
        }
    }

    #[test]
    fn estimates_are_compared_with_what_items_took() {
        let facts = |compared| EstimateFacts {
            compared,
            planned: seconds(50),
            took: seconds(40),
            median_error: 0.256,
        };
        assert!(estimates(facts(0)).starts_with("No item of the plan has"));
        assert_eq!(
            estimates(facts(12)),
            "12 items took 40.0 s together, estimated 50.0 s. The median error of an estimate is \
             26%."
        );
    }
}
