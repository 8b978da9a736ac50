//! Validates the reports of nodes. Reports all problems together. Pure.

use std::collections::HashSet;

use test_engine_accounting::node_problem;
use test_engine_wire::{NodeReport, NodeState, TargetReport};

const MAX_KEY_BYTES: usize = 1_024;
const MAX_GROUP_BYTES: usize = 256;
const MAX_TARGETS: usize = 200_000;
const MAX_EXCUSED: usize = 200_000;
/// A day.
const MAX_LOADING_US: u64 = 24 * 60 * 60 * 1_000_000;
const MAX_NAMED_TARGETS: usize = 1_000;
/// Tests of one target; sums over all targets and groups stay far from overflow.
const MAX_TESTS: u64 = 1_000_000_000;
/// Targets in a message.
const MAX_SHOWN: usize = 3;
/// Characters of each of them.
const MAX_SHOWN_CHARS: usize = 100;

pub(super) fn report(report: &NodeReport) -> Result<(), Vec<String>> {
    let mut problems = Vec::new();
    texts(report, &mut problems);
    numbers(report, &mut problems);
    times(report, &mut problems);
    targets(report, &mut problems);
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

fn texts(report: &NodeReport, problems: &mut Vec<String>) {
    for (name, value) in [
        ("identifier", &report.identifier),
        ("job_id", &report.job_id),
    ] {
        if value.trim().is_empty() {
            problems.push(format!("{name} is required"));
        }
    }
    for (name, value, limit) in [
        ("identifier", &report.identifier, MAX_KEY_BYTES),
        ("build_id", &report.build_id, MAX_KEY_BYTES),
        ("run_key", &report.run_key, MAX_KEY_BYTES),
        ("job_id", &report.job_id, MAX_KEY_BYTES),
        ("location_prefix", &report.location_prefix, MAX_KEY_BYTES),
        ("group", &report.group, MAX_GROUP_BYTES),
    ] {
        if value.len() > limit {
            problems.push(format!("{name} must be at most {limit} bytes long"));
        }
    }
    let digest = &report.population.digest;
    let is_digest = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !digest.is_empty() && !is_digest {
        problems.push("population.digest must have 64 hexadecimal digits".to_owned());
    }
}

fn numbers(report: &NodeReport, problems: &mut Vec<String>) {
    problems.extend(node_problem(report.node, report.parallelism));
    for (name, count) in [
        ("population.count", report.population.count),
        (
            "population.only_here_count",
            report.population.only_here_count,
        ),
    ] {
        if count > MAX_TESTS {
            problems.push(format!("{name} must be at most {MAX_TESTS}"));
        }
    }
    let loading = report.loading.unwrap_or_default();
    if loading.duration_us > MAX_LOADING_US {
        problems.push(format!(
            "loading.duration_us must be at most {MAX_LOADING_US}"
        ));
    }
    for (name, count, limit) in [
        ("loading.files", loading.files as usize, MAX_TARGETS),
        ("targets", report.targets.len(), MAX_TARGETS),
        ("excused_tests", report.excused_tests.len(), MAX_EXCUSED),
        (
            "population.only_here",
            report.population.only_here.len(),
            MAX_NAMED_TARGETS,
        ),
    ] {
        if count > limit {
            problems.push(format!("{name} has {count} items; the maximum is {limit}"));
        }
    }
}

fn times(report: &NodeReport, problems: &mut Vec<String>) {
    let finished_at = report.finished_at.as_deref();
    if report.state != NodeState::Started && finished_at.is_none() {
        problems.push("finished_at is required, except in a start report".to_owned());
    }
    let times = [
        ("started_at", Some(report.started_at.as_str())),
        ("finished_at", finished_at),
    ];
    for (name, time) in times {
        if time.is_some_and(|time| time.parse::<jiff::Timestamp>().is_err()) {
            problems.push(format!("{name} is not a time like 2026-06-20T04:46:13Z"));
        }
    }
}

fn targets(report: &NodeReport, problems: &mut Vec<String>) {
    let mut seen = HashSet::with_capacity(report.targets.len());
    let mut repeated = Vec::new();
    for target in &report.targets {
        if target.value.is_empty() {
            problems.push("a target has no value".to_owned());
            return;
        }
        if !seen.insert(target.value.as_str()) && repeated.len() < MAX_SHOWN {
            repeated.push(shown(&target.value));
        }
    }
    if !repeated.is_empty() {
        problems.push(format!(
            "targets has {} more than once",
            repeated.join(", ")
        ));
    }
    let has_too_many = |target: &&TargetReport| {
        let counts = [
            target.tests,
            target.failed,
            target.not_selected,
            target.expected_tests.unwrap_or(0),
        ];
        counts.iter().any(|count| *count > MAX_TESTS)
    };
    if let Some(target) = report.targets.iter().find(has_too_many) {
        problems.push(format!(
            "target {} has more than {MAX_TESTS} tests",
            shown(&target.value)
        ));
    }
}

/// A quoted value, cut if it is long.
fn shown(value: &str) -> String {
    let mut chars = value.chars();
    let start: String = chars.by_ref().take(MAX_SHOWN_CHARS).collect();
    let rest = if chars.next().is_some() { "…" } else { "" };
    format!("{start:?}{rest}")
}

#[cfg(test)]
mod tests {
    use test_engine_wire::{NodeReport, NodeState, Population, TargetReport};

    use super::report;

    fn valid() -> NodeReport {
        NodeReport {
            identifier: "b/s".to_owned(),
            job_id: "j".to_owned(),
            parallelism: 2,
            node: 1,
            started_at: "2026-06-20T04:46:13.5Z".to_owned(),
            targets: vec![target("a"), target("b")],
            ..NodeReport::default()
        }
    }

    fn target(value: &str) -> TargetReport {
        TargetReport {
            value: value.to_owned(),
            ..TargetReport::default()
        }
    }

    #[test]
    fn accepts_valid_reports() {
        assert_eq!(report(&valid()), Ok(()));
        let finished = NodeReport {
            state: NodeState::Finished,
            finished_at: Some("2026-06-20T04:47:13+02:00".to_owned()),
            // A job that runs missing targets.
            node: 2,
            ..valid()
        };
        assert_eq!(report(&finished), Ok(()));
    }

    #[test]
    fn rejects_each_invalid_field() {
        type Change = fn(&mut NodeReport);
        let changes: [(&str, Change); 17] = [
            ("identifier is required", |it| it.identifier.clear()),
            ("identifier must be", |it| it.identifier = "i".repeat(1025)),
            ("job_id is required", |it| it.job_id = " ".to_owned()),
            ("group must be", |it| it.group = "g".repeat(257)),
            ("parallelism must be", |it| it.parallelism = 0),
            ("parallelism must be", |it| it.parallelism = 1001),
            ("node must be", |it| it.node = 3),
            ("population.digest", |it| {
                it.population.digest = "abc".to_owned();
            }),
            ("population.only_here has 1001", |it| {
                it.population = Population {
                    only_here: vec!["x".to_owned(); 1001],
                    ..Population::default()
                };
            }),
            ("finished_at is required", |it| it.state = NodeState::Failed),
            ("started_at is not", |it| it.started_at.clear()),
            ("a target has no value", |it| it.targets[0].value.clear()),
            ("targets has \"b\" more than once", |it| {
                it.targets[0] = target("b");
            }),
            ("location_prefix must be", |it| {
                it.location_prefix = "p".repeat(1025);
            }),
            ("target \"a\" has more than 1000000000 tests", |it| {
                it.targets[0].tests = u64::MAX;
            }),
            ("target \"b\" has more than 1000000000 tests", |it| {
                it.targets[1].failed = 1_000_000_001;
            }),
            ("target \"b\" has more than 1000000000 tests", |it| {
                it.targets[1].expected_tests = Some(u64::MAX);
            }),
        ];
        for (expected, change) in changes {
            let mut invalid = valid();
            change(&mut invalid);
            let problems = report(&invalid).unwrap_err();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].starts_with(expected), "{problems:?}");
        }
    }

    #[test]
    fn long_values_are_cut() {
        let long = "é".repeat(100_000);
        let invalid = NodeReport {
            targets: vec![target(&long), target(&long)],
            ..valid()
        };
        let problems = report(&invalid).unwrap_err();
        let expected = format!("targets has \"{}\"… more than once", "é".repeat(100));
        assert_eq!(problems, [expected]);
    }

    #[test]
    fn reports_all_problems() {
        let problems = report(&NodeReport::default()).unwrap_err();
        assert_eq!(problems.len(), 4, "{problems:?}");
    }
}
