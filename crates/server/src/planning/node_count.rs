//! What a plan request asks for, checked: every problem is named at once.

use test_engine_wire::PlanRequest;

/// The most nodes of a plan.
const MOST_NODES: i64 = 1_000;
/// The longest target time, in seconds: a day.
const LONGEST_TARGET: f64 = 86_400.0;
/// The longest identifier, in bytes.
const LONGEST_IDENTIFIER: usize = 1_024;

/// How many nodes a plan shall have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nodes {
    /// Exactly so many.
    Fixed(usize),
    /// The server chooses.
    UpTo {
        /// The most.
        most: usize,
        /// Microseconds a node should take.
        target: Option<u64>,
    },
}

/// The nodes of a request, or everything that is wrong with it.
pub(crate) fn nodes(request: &PlanRequest) -> Result<Nodes, Vec<String>> {
    let mut problems = Vec::new();
    if request.runner.trim().is_empty() {
        problems.push("runner is required".to_owned());
    }
    if request.identifier.trim().is_empty() {
        problems.push("identifier is required".to_owned());
    } else if request.identifier.len() > LONGEST_IDENTIFIER {
        problems.push(format!(
            "identifier must be at most {LONGEST_IDENTIFIER} bytes long"
        ));
    }
    // Clients write "not set" as 0.
    let most = request.max_parallelism.filter(|most| *most != 0);
    let target = request.target_time.filter(|target| *target != 0.0);
    match most {
        Some(most) if !(1..=MOST_NODES).contains(&most) => {
            problems.push(format!(
                "max_parallelism must be between 1 and {MOST_NODES}"
            ));
        }
        Some(_) if !(0..=MOST_NODES).contains(&request.parallelism) => {
            problems.push(format!("parallelism must be between 0 and {MOST_NODES}"));
        }
        None if !(1..=MOST_NODES).contains(&request.parallelism) => {
            problems.push(format!(
                "parallelism must be between 1 and {MOST_NODES}, unless max_parallelism is given"
            ));
        }
        _ => {}
    }
    if let Some(target) = target {
        if !(target > 0.0 && target <= LONGEST_TARGET) {
            problems
                .push("target_time must be more than 0 seconds and at most 24 hours".to_owned());
        }
        if most.is_none() {
            problems.push("target_time can only be used with max_parallelism".to_owned());
        }
    }
    if let Some(selection) = &request.selection {
        problems.push(format!(
            "the selection strategy {:?} is not known; leave selection out to plan every test",
            selection.strategy
        ));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(match most {
        Some(most) => Nodes::UpTo {
            most: usize::try_from(most).unwrap_or(1),
            target: target.map(micros),
        },
        None => Nodes::Fixed(usize::try_from(request.parallelism).unwrap_or(1)),
    })
}

/// Seconds as microseconds; at least one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a target is positive and at most a day"
)]
pub(crate) fn micros(seconds: f64) -> u64 {
    ((seconds * 1_000_000.0) as u64).max(1)
}

#[cfg(test)]
mod tests {
    use test_engine_wire::{PlanRequest, Selection};

    use super::{Nodes, nodes};

    fn request(parallelism: i64, most: Option<i64>, target: Option<f64>) -> PlanRequest {
        PlanRequest {
            runner: "rspec".to_owned(),
            identifier: "build/step".to_owned(),
            parallelism,
            max_parallelism: most,
            target_time: target,
            ..PlanRequest::default()
        }
    }

    #[test]
    fn good_requests() {
        for (parallelism, most, target, expected) in [
            (3, None, None, Nodes::Fixed(3)),
            (1000, Some(0), Some(0.0), Nodes::Fixed(1000)),
            (
                0,
                Some(10),
                None,
                Nodes::UpTo {
                    most: 10,
                    target: None,
                },
            ),
            (
                2,
                Some(10),
                Some(1.5),
                Nodes::UpTo {
                    most: 10,
                    target: Some(1_500_000),
                },
            ),
            (
                0,
                Some(1000),
                Some(86_400.0),
                Nodes::UpTo {
                    most: 1000,
                    target: Some(86_400_000_000),
                },
            ),
        ] {
            assert_eq!(nodes(&request(parallelism, most, target)), Ok(expected));
        }
    }

    #[test]
    fn bad_numbers_are_named() {
        for (parallelism, most, target, field) in [
            (0, None, None, "parallelism"),
            (-1, None, None, "parallelism"),
            (1001, None, None, "parallelism"),
            (-1, Some(5), None, "parallelism"),
            (1, Some(-1), None, "max_parallelism"),
            (1, Some(1001), None, "max_parallelism"),
            (1, None, Some(60.0), "target_time"),
            (1, Some(5), Some(-1.0), "target_time"),
            (1, Some(5), Some(86_401.0), "target_time"),
            (1, Some(5), Some(f64::NAN), "target_time"),
        ] {
            let problems = nodes(&request(parallelism, most, target)).unwrap_err();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].starts_with(field), "{problems:?}");
        }
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let bad = PlanRequest {
            target_time: Some(1.0),
            selection: Some(Selection {
                strategy: "guess".to_owned(),
                ..Selection::default()
            }),
            ..PlanRequest::default()
        };
        let problems = nodes(&bad).unwrap_err();
        assert_eq!(problems.len(), 5, "{problems:?}");
    }
}
