//! What the server's plan rests on, in a few lines for the log. Pure: a plan in, text out.
//!
//! Says how much of the plan is measured and how much is assumed, and how long the nodes should
//! take. The fallback plan has no such thing.

use std::fmt::Write as _;

use test_engine_wire::{Case, CaseFormat, Plan, TimingDefaults, TimingMetadata};

/// The first line, which folds the log.
const TITLE: &str = "+++ Buildkite Test Engine Client: 📊 Split summary";

/// The summary of a plan, or `None` when the plan says nothing about timings or has no cases.
///
/// `node` is the number of this node, where there is one.
pub fn split_summary(plan: &Plan, node: Option<usize>) -> Option<String> {
    let cases: Vec<&Case> = plan.tasks.values().flat_map(|task| &task.tests).collect();
    if plan.timing_metadata.is_empty() || cases.is_empty() {
        return None;
    }
    let nodes = plan.tasks.len();
    let mut text = format!(
        "{TITLE}\n{} across {}",
        counted(cases.len(), noun(&cases)),
        counted(nodes, "node")
    );
    for format in [CaseFormat::File, CaseFormat::Example, CaseFormat::Selector] {
        if let Some(defaults) = defaults(&plan.timing_metadata, format) {
            let of_format: Vec<&Case> = cases
                .iter()
                .copied()
                .filter(|case| grouped(case.format) == format)
                .collect();
            describe(&mut text, &of_format, format, defaults);
        }
    }
    expected_durations(&mut text, plan, node);
    let nothing_known = cases
        .iter()
        .all(|case| grouped(case.format) == CaseFormat::Selector && !has_history(case));
    if nodes > 1 && nothing_known {
        text.push_str(
            "\n⚠️ No selector has timings yet, so the split is by number, not by duration. \
             Check that results are uploaded to this suite.",
        );
    }
    Some(text)
}

fn describe(text: &mut String, cases: &[&Case], format: CaseFormat, defaults: TimingDefaults) {
    if cases.is_empty() {
        return;
    }
    let known = cases.iter().filter(|case| has_history(case)).count();
    let unknown = cases.len() - known;
    let line = |count: usize| {
        format!(
            "\n  {} ({})",
            counted(count, noun_of(format)),
            percentage(count, cases.len())
        )
    };
    if known > 0 {
        text.push_str(&line(known));
        text.push_str(" estimated from past historical durations");
    }
    if unknown > 0 {
        text.push_str(&line(unknown));
        let (assumed, origin) = match defaults.median_duration {
            Some(median) => (median, "the median of the others"),
            None => (defaults.default_duration, "the default"),
        };
        let _ = write!(
            text,
            " without history, assumed to take {} each ({origin})",
            duration(assumed)
        );
    }
}

fn expected_durations(text: &mut String, plan: &Plan, node: Option<usize>) {
    let expected = |tests: &[Case]| {
        let milliseconds: i64 = tests
            .iter()
            .map(|case| case.estimated_duration.unwrap_or(0).max(0))
            .fold(0, i64::saturating_add);
        #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
        let milliseconds = milliseconds as f64;
        milliseconds
    };
    let durations: Vec<f64> = plan
        .tasks
        .values()
        .map(|task| expected(&task.tests))
        .collect();
    let shortest = durations.iter().copied().fold(f64::INFINITY, f64::min);
    let longest = durations.iter().copied().fold(0.0, f64::max);
    if longest <= 0.0 {
        return;
    }
    let _ = write!(
        text,
        "\nExpected duration of a node: {} to {}",
        duration(shortest),
        duration(longest)
    );
    let own = node.and_then(|node| plan.tasks.get(&node.to_string()));
    if let Some(own) = own {
        let _ = write!(text, "; of this node: {}", duration(expected(&own.tests)));
    }
}

/// Older servers call an example a test.
fn grouped(format: CaseFormat) -> CaseFormat {
    match format {
        CaseFormat::Test => CaseFormat::Example,
        other => other,
    }
}

fn defaults(timings: &TimingMetadata, format: CaseFormat) -> Option<TimingDefaults> {
    match format {
        CaseFormat::File => timings.file,
        CaseFormat::Example | CaseFormat::Test => timings.example,
        CaseFormat::Selector => timings.selector,
    }
}

fn has_history(case: &Case) -> bool {
    case.timing_sample_size.is_some_and(|size| size > 0)
}

fn noun(cases: &[&Case]) -> &'static str {
    let mut formats = cases.iter().map(|case| grouped(case.format));
    let first = formats.next().unwrap_or_default();
    if formats.all(|format| format == first) {
        noun_of(first)
    } else {
        "test"
    }
}

fn noun_of(format: CaseFormat) -> &'static str {
    match format {
        CaseFormat::File => "file",
        CaseFormat::Example | CaseFormat::Test => "example",
        CaseFormat::Selector => "selector",
    }
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// A share with at most one decimal, which says 0% and 100% only when it is so.
fn percentage(part: usize, whole: usize) -> String {
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of tests, shown with one decimal"
    )]
    let percent = part as f64 * 100.0 / whole.max(1) as f64;
    if part > 0 && percent < 0.1 {
        "<0.1%".to_owned()
    } else if part < whole && percent > 99.9 {
        ">99.9%".to_owned()
    } else {
        let rounded = format!("{percent:.1}");
        format!("{}%", rounded.strip_suffix(".0").unwrap_or(&rounded))
    }
}

/// Milliseconds as `350ms`, `1.2s` or `2m05s`.
fn duration(milliseconds: f64) -> String {
    let milliseconds = milliseconds.max(0.0).round();
    if milliseconds < 1000.0 {
        return format!("{milliseconds}ms");
    }
    let tenths = (milliseconds / 100.0).round() / 10.0;
    if tenths < 60.0 {
        return format!("{tenths:.1}s");
    }
    let seconds = (milliseconds / 1000.0).round();
    let minutes = (seconds / 60.0).floor();
    format!("{minutes}m{:02}s", seconds - minutes * 60.0)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use test_engine_wire::Task;

    use super::*;

    fn case(format: CaseFormat, milliseconds: i64, samples: i64) -> Case {
        Case {
            format,
            estimated_duration: Some(milliseconds),
            timing_sample_size: Some(samples),
            ..Case::default()
        }
    }

    fn plan(nodes: Vec<Vec<Case>>, timing_metadata: TimingMetadata) -> Plan {
        let tasks = nodes
            .into_iter()
            .enumerate()
            .map(|(node, tests)| {
                let node_number = i64::try_from(node).unwrap();
                (node.to_string(), Task { node_number, tests })
            })
            .collect();
        Plan {
            tasks,
            timing_metadata,
            ..Plan::default()
        }
    }

    fn timings(median: Option<f64>) -> TimingDefaults {
        TimingDefaults {
            median_duration: median,
            default_duration: 1000.0,
        }
    }

    fn selectors(median: Option<f64>) -> TimingMetadata {
        TimingMetadata {
            selector: Some(timings(median)),
            ..TimingMetadata::default()
        }
    }

    #[test]
    fn selectors_with_and_without_history() {
        use CaseFormat::Selector;
        let plan = plan(
            vec![
                vec![case(Selector, 3000, 7), case(Selector, 1750, 0)],
                vec![case(Selector, 500, 1)],
            ],
            selectors(Some(1750.0)),
        );
        insta::assert_snapshot!(split_summary(&plan, Some(1)).unwrap(), @"
        +++ Buildkite Test Engine Client: 📊 Split summary
        3 selectors across 2 nodes
          2 selectors (66.7%) estimated from past historical durations
          1 selector (33.3%) without history, assumed to take 1.8s each (the median of the others)
        Expected duration of a node: 500ms to 4.8s; of this node: 500ms
        ");
    }

    #[test]
    fn mixed_formats_are_tests() {
        let timing = TimingMetadata {
            file: Some(timings(Some(900.0))),
            example: Some(timings(None)),
            selector: None,
        };
        let plan = plan(
            vec![vec![
                case(CaseFormat::File, 61_000, 3),
                case(CaseFormat::Example, 10, 4),
                case(CaseFormat::Test, 1000, 0),
            ]],
            timing,
        );
        insta::assert_snapshot!(split_summary(&plan, None).unwrap(), @"
        +++ Buildkite Test Engine Client: 📊 Split summary
        3 tests across 1 node
          1 file (100%) estimated from past historical durations
          1 example (50%) estimated from past historical durations
          1 example (50%) without history, assumed to take 1.0s each (the default)
        Expected duration of a node: 1m02s to 1m02s
        ");
    }

    #[test]
    fn a_plan_without_any_history_warns() {
        use CaseFormat::Selector;
        let nodes = || vec![vec![case(Selector, 1000, 0)], vec![case(Selector, 1000, 0)]];
        let summary = split_summary(&plan(nodes(), selectors(None)), Some(0)).unwrap();
        insta::assert_snapshot!(summary, @"
        +++ Buildkite Test Engine Client: 📊 Split summary
        2 selectors across 2 nodes
          2 selectors (100%) without history, assumed to take 1.0s each (the default)
        Expected duration of a node: 1.0s to 1.0s; of this node: 1.0s
        ⚠️ No selector has timings yet, so the split is by number, not by duration. Check that results are uploaded to this suite.
        ");
        let mut one_node = nodes();
        one_node.truncate(1);
        let summary = split_summary(&plan(one_node, selectors(None)), None).unwrap();
        assert!(!summary.contains("⚠️"), "{summary}");
    }

    #[test]
    fn nothing_to_say() {
        let without_timings = plan(
            vec![vec![case(CaseFormat::File, 1, 1)]],
            TimingMetadata::default(),
        );
        assert_eq!(split_summary(&without_timings, None), None);
        assert_eq!(
            split_summary(&plan(vec![vec![], vec![]], selectors(None)), None),
            None
        );
    }

    #[rstest]
    #[case(0, 10, "0%")]
    #[case(10, 10, "100%")]
    #[case(1, 2, "50%")]
    #[case(1, 3, "33.3%")]
    #[case(1, 100_000, "<0.1%")]
    #[case(99_999, 100_000, ">99.9%")]
    #[case(1, 1000, "0.1%")]
    #[case(999, 1000, "99.9%")]
    fn percentages(#[case] part: usize, #[case] whole: usize, #[case] expected: &str) {
        assert_eq!(percentage(part, whole), expected);
    }

    #[rstest]
    #[case(0.0, "0ms")]
    #[case(350.4, "350ms")]
    #[case(999.6, "1.0s")]
    #[case(1234.0, "1.2s")]
    #[case(59_949.0, "59.9s")]
    #[case(59_951.0, "1m00s")]
    #[case(3_600_000.0, "60m00s")]
    #[case(-5.0, "0ms")]
    fn durations(#[case] milliseconds: f64, #[case] expected: &str) {
        assert_eq!(duration(milliseconds), expected);
    }
}
