//! Validates plan requests. Reports all problems together.

use test_engine_duration::Micros;
use test_engine_selection::{Problem, Settings};
use test_engine_store::RequestedNodes;
use test_engine_wire::{FilePath, PlanRequest};

const MAX_NODES: i64 = 1_000;
/// A day, in seconds.
const MAX_TARGET_TIME: f64 = 86_400.0;
const MAX_IDENTIFIER_BYTES: usize = 1_024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeCount {
    Fixed(usize),
    /// The server chooses.
    UpTo {
        max: usize,
        /// Microseconds that a node should take.
        target: Option<u64>,
    },
}

impl NodeCount {
    /// As it is stored with the plan.
    pub(super) fn requested(self) -> RequestedNodes {
        let number = |nodes| u32::try_from(nodes).unwrap_or(u32::MAX);
        match self {
            Self::Fixed(nodes) => RequestedNodes::Fixed(number(nodes)),
            Self::UpTo { max, target } => RequestedNodes::UpTo {
                max: number(max),
                target: target.map(Micros::new),
            },
        }
    }
}

/// The node count of a valid request, or all problems of an invalid one.
pub(crate) fn validate(request: &PlanRequest) -> Result<NodeCount, Vec<String>> {
    let mut problems = Vec::new();
    if request.runner.trim().is_empty() {
        problems.push("runner is required".to_owned());
    }
    if request.identifier.trim().is_empty() {
        problems.push("identifier is required".to_owned());
    } else if request.identifier.len() > MAX_IDENTIFIER_BYTES {
        problems.push(format!(
            "identifier must be at most {MAX_IDENTIFIER_BYTES} bytes long"
        ));
    }
    // Clients send 0 for unset values.
    let max = request.max_parallelism.filter(|max| *max != 0);
    let target = request.target_time.filter(|target| *target != 0.0);
    match max {
        Some(max) if !(1..=MAX_NODES).contains(&max) => {
            problems.push(format!("max_parallelism must be between 1 and {MAX_NODES}"));
        }
        Some(_) if !(0..=MAX_NODES).contains(&request.parallelism) => {
            problems.push(format!("parallelism must be between 0 and {MAX_NODES}"));
        }
        None if !(1..=MAX_NODES).contains(&request.parallelism) => {
            problems.push(format!(
                "parallelism must be between 1 and {MAX_NODES}, unless max_parallelism is given"
            ));
        }
        _ => {}
    }
    if let Some(target) = target {
        if !(target > 0.0 && target <= MAX_TARGET_TIME) {
            problems
                .push("target_time must be more than 0 seconds and at most 24 hours".to_owned());
        }
        if max.is_none() {
            problems.push("target_time can only be used with max_parallelism".to_owned());
        }
    }
    problems.extend(blank_tests(request));
    if let Some(selection) = &request.selection
        && let Err(found) = Settings::parse(&selection.strategy, &selection.params)
    {
        problems.extend(found.iter().map(in_one_line));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(match max {
        Some(max) => NodeCount::UpTo {
            max: usize::try_from(max).unwrap_or(1),
            target: target.map(|seconds| duration(seconds).get()),
        },
        None => NodeCount::Fixed(usize::try_from(request.parallelism).unwrap_or(1)),
    })
}

/// The problem with its hint, because all problems of a request are one sentence.
fn in_one_line(problem: &Problem) -> String {
    let text = problem.to_string();
    match text.split_once("\nhint: ") {
        Some((what, hint)) => format!("{what} ({hint})"),
        None => text,
    }
}

/// The first selector, file and example that names nothing: a runner that is started with an empty
/// argument runs everything or nothing.
fn blank_tests(request: &PlanRequest) -> impl Iterator<Item = String> {
    let tests = &request.tests;
    let is_blank = |text: &str| text.trim().is_empty();
    let selector = tests.selectors.iter().position(|it| is_blank(&it.value));
    let example = tests.examples.iter().position(|it| {
        [&it.path, &it.value, &it.identifier, &it.name]
            .into_iter()
            .all(|text| is_blank(text))
    });
    let named = [
        ("selectors", "value", selector),
        ("examples", "path", example),
    ];
    let named = named.into_iter().filter_map(|(list, field, index)| {
        index.map(|index| format!("tests.{list}[{index}].{field} can't be blank"))
    });
    named.chain(blank_file(&tests.files).map(|problem| format!("tests.{problem}")))
}

/// Names the first file without a path.
pub(super) fn blank_file(files: &[FilePath]) -> Option<String> {
    let index = files.iter().position(|it| it.path.trim().is_empty())?;
    Some(format!("files[{index}].path can't be blank"))
}

/// A target in seconds; at least one microsecond.
pub(crate) fn duration(seconds: f64) -> Micros {
    Micros::from_seconds(seconds).max(Micros::ONE)
}

#[cfg(test)]
mod tests {
    use test_engine_wire::{PlanRequest, Selection};

    use super::{NodeCount, validate};

    fn request(parallelism: i64, max: Option<i64>, target: Option<f64>) -> PlanRequest {
        PlanRequest {
            runner: "rspec".to_owned(),
            identifier: "build/step".to_owned(),
            parallelism,
            max_parallelism: max,
            target_time: target,
            ..PlanRequest::default()
        }
    }

    #[test]
    fn accepts_valid_requests() {
        let up_to = |max, target| NodeCount::UpTo { max, target };
        for (parallelism, max, target, expected) in [
            (3, None, None, NodeCount::Fixed(3)),
            (1000, Some(0), Some(0.0), NodeCount::Fixed(1000)),
            (0, Some(10), None, up_to(10, None)),
            (2, Some(10), Some(1.5), up_to(10, Some(1_500_000))),
            (
                0,
                Some(1000),
                Some(86_400.0),
                up_to(1000, Some(86_400_000_000)),
            ),
        ] {
            assert_eq!(validate(&request(parallelism, max, target)), Ok(expected));
        }
    }

    #[test]
    fn rejects_numbers_out_of_range() {
        for (parallelism, max, target, field) in [
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
            let problems = validate(&request(parallelism, max, target)).unwrap_err();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].starts_with(field), "{problems:?}");
        }
    }

    #[test]
    fn reports_all_problems() {
        let invalid = PlanRequest {
            target_time: Some(1.0),
            selection: Some(Selection {
                strategy: "guess".to_owned(),
                ..Selection::default()
            }),
            ..PlanRequest::default()
        };
        let problems = validate(&invalid).unwrap_err();
        assert_eq!(problems.len(), 5, "{problems:?}");
    }
}
