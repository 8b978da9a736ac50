//! Summarizes the timings behind the server's plan in a few lines for the log. Pure.
//!
//! Shows which part of the plan is based on history and how long the nodes should take. The
//! fallback plan has no timings, so it has no summary.

use std::fmt::Write as _;

use test_engine_wire::{Case, CaseFormat, Plan, TimingDefaults, TimingMetadata};

use crate::runners::Definition;

/// Starts a log section.
const TITLE: &str = "+++ Buildkite Test Engine Client: 📊 Split summary";

const FORMATS: [CaseFormat; 3] = [CaseFormat::File, CaseFormat::Example, CaseFormat::Selector];

/// `None` if the plan has no timings or no cases. `node` is this node, if the plan is used on one.
pub fn split_summary(plan: &Plan, node: Option<usize>, runner: &Definition) -> Option<String> {
    let cases: Vec<&Case> = plan.tasks.values().flat_map(|task| &task.tests).collect();
    if plan.timing_metadata.is_empty() || cases.is_empty() {
        return None;
    }
    let groups: Vec<(CaseFormat, Vec<&Case>)> = FORMATS
        .into_iter()
        .map(|format| {
            let has_format = |case: &&Case| grouped(case.format) == format;
            (format, cases.iter().copied().filter(has_format).collect())
        })
        .filter(|(_, cases): &(_, Vec<_>)| !cases.is_empty())
        .collect();
    let mut text = format!("{TITLE}\n");
    totals(&mut text, &groups, plan.tasks.len(), runner);
    histories(
        &mut text,
        &plan.timing_metadata,
        &groups,
        cases.len(),
        runner,
    );
    estimated_time(&mut text, plan, node);
    let is_first_build = cases
        .iter()
        .all(|case| grouped(case.format) == CaseFormat::Selector && !has_history(case));
    if plan.tasks.len() > 1 && is_first_build {
        let noun = runner.target_noun.trim_start_matches("test ");
        let _ = write!(
            text,
            "\n⚠️ First build of this suite: split by number of {noun}s. Timings apply from the \
             next build."
        );
    }
    Some(text)
}

fn totals(
    text: &mut String,
    groups: &[(CaseFormat, Vec<&Case>)],
    nodes: usize,
    runner: &Definition,
) {
    let counts: Vec<String> = groups
        .iter()
        .map(|(format, cases)| counted(cases.len(), noun(*format, runner)))
        .collect();
    let nodes = counted(nodes, "node");
    if let [only] = &counts[..] {
        let _ = write!(text, "{only} on {nodes}");
    } else {
        let total = groups.iter().map(|(_, cases)| cases.len()).sum();
        let total = counted(total, "test");
        let _ = write!(text, "{total} on {nodes}: {}", counts.join(", "));
    }
}

fn histories(
    text: &mut String,
    timings: &TimingMetadata,
    groups: &[(CaseFormat, Vec<&Case>)],
    total: usize,
    runner: &Definition,
) {
    let mut known = 0;
    let mut unknown = String::new();
    for (format, cases) in groups {
        let Some(defaults) = defaults(timings, *format) else {
            continue;
        };
        let with_history = cases.iter().filter(|case| has_history(case)).count();
        known += with_history;
        if with_history == cases.len() {
            continue;
        }
        let (assumed, origin) = match defaults.median_duration {
            Some(median) => (median, "the median of the others"),
            None => (defaults.default_duration, "the default"),
        };
        let _ = write!(
            unknown,
            "\n  {} without history, assumed to take {} each ({origin})",
            counted(cases.len() - with_history, noun(*format, runner)),
            duration(assumed)
        );
    }
    if known > 0 {
        let _ = write!(
            text,
            "\n  {known} ({}) estimated from past historical durations",
            percentage(known, total)
        );
    }
    text.push_str(&unknown);
}

fn estimated_time(text: &mut String, plan: &Plan, node: Option<usize>) {
    let estimate = |tests: &[Case]| {
        let milliseconds: i64 = tests
            .iter()
            .map(|case| case.estimated_duration.unwrap_or(0).max(0))
            .fold(0, i64::saturating_add);
        #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
        let milliseconds = milliseconds as f64;
        milliseconds
    };
    let tasks = plan.tasks.values();
    let estimates: Vec<f64> = tasks.map(|task| estimate(&task.tests)).collect();
    let longest = estimates.iter().copied().fold(0.0, f64::max);
    if longest <= 0.0 {
        return;
    }
    let shortest = estimates.iter().copied().fold(f64::INFINITY, f64::min);
    let (shortest, longest) = (duration(shortest), duration(longest));
    text.push_str("\nEstimated time: ");
    if shortest == longest {
        let scope = if estimates.len() > 1 {
            " on every node"
        } else {
            ""
        };
        let _ = write!(text, "{longest}{scope}");
        return;
    }
    let _ = write!(text, "{shortest} to {longest} per node");
    if let Some(own) = node.and_then(|node| plan.tasks.get(&node.to_string())) {
        let _ = write!(text, ", {} on this node", duration(estimate(&own.tests)));
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

fn noun(format: CaseFormat, runner: &Definition) -> &'static str {
    match format {
        CaseFormat::File => "test file",
        CaseFormat::Example | CaseFormat::Test => "example",
        CaseFormat::Selector => runner.target_noun,
    }
}

pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// `5210` as `5,210`.
pub fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// At most one decimal. 0% and 100% are exact, never rounded.
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

    fn summary(plan: &Plan, node: Option<usize>, runner: &str) -> Option<String> {
        let definition = crate::runners::RUNNERS
            .iter()
            .find(|other| other.name == runner);
        split_summary(plan, node, definition.unwrap())
    }

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
    fn counts_targets_with_and_without_history() {
        use CaseFormat::Selector;
        let plan = plan(
            vec![
                vec![case(Selector, 3000, 7), case(Selector, 1750, 0)],
                vec![case(Selector, 500, 1)],
            ],
            selectors(Some(1750.0)),
        );
        insta::assert_snapshot!(summary(&plan, Some(1), "jest").unwrap(), @"
        +++ Buildkite Test Engine Client: 📊 Split summary
        3 test files on 2 nodes
          2 (66.7%) estimated from past historical durations
          1 test file without history, assumed to take 1.8s each (the median of the others)
        Estimated time: 500ms to 4.8s per node, 500ms on this node
        ");
    }

    #[test]
    fn mixed_formats_have_one_total_and_one_percentage() {
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
        insta::assert_snapshot!(summary(&plan, None, "rspec").unwrap(), @"
        +++ Buildkite Test Engine Client: 📊 Split summary
        3 tests on 1 node: 1 test file, 2 examples
          2 (66.7%) estimated from past historical durations
          1 example without history, assumed to take 1.0s each (the default)
        Estimated time: 1m02s
        ");
    }

    #[test]
    fn the_first_build_warns_unless_it_has_one_node() {
        use CaseFormat::Selector;
        let nodes = || vec![vec![case(Selector, 1000, 0)], vec![case(Selector, 1000, 0)]];
        let text = summary(&plan(nodes(), selectors(None)), Some(0), "gotest").unwrap();
        let text = text.replace(". Timings", ".\nTimings");
        insta::assert_snapshot!(text, @"
        +++ Buildkite Test Engine Client: 📊 Split summary
        2 packages on 2 nodes
          2 packages without history, assumed to take 1.0s each (the default)
        Estimated time: 1.0s on every node
        ⚠️ First build of this suite: split by number of packages.
        Timings apply from the next build.
        ");
        let mut one_node = nodes();
        one_node.truncate(1);
        let text = summary(&plan(one_node, selectors(None)), None, "jest").unwrap();
        assert!(!text.contains("⚠️"), "{text}");
    }

    #[test]
    fn no_summary_without_timings_or_cases() {
        let without_timings = plan(
            vec![vec![case(CaseFormat::File, 1, 1)]],
            TimingMetadata::default(),
        );
        assert_eq!(summary(&without_timings, None, "jest"), None);
        assert_eq!(
            summary(&plan(vec![vec![], vec![]], selectors(None)), None, "jest"),
            None
        );
    }

    #[rstest]
    #[case(0, "0")]
    #[case(999, "999")]
    #[case(1000, "1,000")]
    #[case(1_234_567, "1,234,567")]
    fn large_numbers_have_commas(#[case] number: u64, #[case] expected: &str) {
        assert_eq!(with_commas(number), expected);
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
