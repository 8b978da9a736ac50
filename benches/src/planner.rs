//! The quality and speed of plans, measured by the planner's examples.

use crate::figure::{Figure, milliseconds, times};
use crate::programs::{Programs, read_value};

const PACKAGE: &str = "test-engine-planner";

pub(crate) fn measure(programs: Programs) -> anyhow::Result<Vec<Figure>> {
    let plans = programs.example(PACKAGE, "plan_time")?;
    let mut figures = vec![
        Figure::of(
            "planner >= 20 items/node, worst",
            times(read_value(&plans, "ratio_20_items_a_node")?),
        )
        .must_goal(1.005, 1.001),
        Figure::of(
            "planner 4 items/node, worst",
            times(read_value(&plans, "ratio_4_items_a_node")?),
        )
        .must_goal(1.02, 1.005),
        Figure::of(
            "planner 100,000 on 200",
            milliseconds(read_value(&plans, "plan_100000_on_200_ms")?),
        )
        .must_goal(60.0, 25.0),
    ];
    let replays = programs.example(PACKAGE, "simulate")?;
    for line in replays.lines() {
        let Some((name, [plain, ours, at_best])) = replay(line) else {
            continue;
        };
        let figure = Figure::of(format!("replay {name}"), times(ours))
            .beside("longest-first on means", times(plain))
            .judged_by_share();
        // Only the scenario with nothing but noise has limits; the others are for information.
        figures.push(if name == "noise" {
            figure.must_goal(1.0, 0.95)
        } else {
            figure
        });
        // The result of a plan that knows the true means: the possible gain.
        let at_best = Figure::of(format!("replay {name}, true means"), times(at_best))
            .beside("longest-first on means", times(plain))
            .judged_by_share();
        figures.push(at_best);
    }
    Ok(figures)
}

/// Parses a line `scenario: plain ours truth`.
fn replay(line: &str) -> Option<(&str, [f64; 3])> {
    let (name, numbers) = line.split_once(": ")?;
    let mut numbers = numbers.split(' ').map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some((name, [next()?, next()?, next()?]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_lines_of_the_examples() {
        assert_eq!(
            replay("noise: 1.5 1.25 1.1"),
            Some(("noise", [1.5, 1.25, 1.1]))
        );
        assert_eq!(replay("# about: words"), None);
    }
}
