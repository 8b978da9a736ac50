//! Parses result files of real runners, and compares them with snapshots.
//!
//! Each fixture is printed as a table with a line per result. Durations differ between runs, so a
//! table contains only whether there is one.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use rstest::rstest;
use test_engine_results::{Detail, Format, Report, parse_with};

fn fixture(path: &str) -> Vec<u8> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fs_err::read(directory.join(path)).expect("a fixture")
}

fn table(report: &Report<'_>) -> String {
    let mut text = String::new();
    for result in &report.results {
        let field = |value: &Option<Cow<'_, str>>| value.as_deref().unwrap_or("-").to_owned();
        let expanded: usize = result
            .extras
            .failure_expanded
            .iter()
            .map(|f| f.expanded.len())
            .sum();
        let backtrace: usize = result
            .extras
            .failure_expanded
            .iter()
            .map(|f| f.backtrace.len())
            .sum();
        let name = result.outcome.name();
        write!(text, "{name}: {:?} {:?}", result.scope, result.name).expect("text");
        match result.failed_before {
            0 => writeln!(text),
            count => writeln!(text, " after {count} failures"),
        }
        .expect("text");
        writeln!(
            text,
            "    at {} in {} rerun {} {}",
            field(&result.location),
            field(&result.file_name),
            field(&result.identifier),
            if result.duration.is_some() {
                "timed"
            } else {
                "untimed"
            },
        )
        .expect("text");
        if let Some(reason) = &result.extras.failure_reason {
            writeln!(
                text,
                "    because {reason:?}, {expanded} lines and {backtrace} of backtrace"
            )
            .expect("text");
        }
        if !result.extras.tags.is_empty() {
            writeln!(text, "    tags {:?}", result.extras.tags).expect("text");
        }
    }
    for result in &report.invalid {
        writeln!(text, "invalid result {}: {}", result.index, result.message).expect("text");
    }
    for error in &report.errors_outside_tests {
        writeln!(text, "error outside tests: {error:?}").expect("text");
    }
    text
}

#[rstest]
#[case("pytest/collector.json", Format::Json)]
#[case("pytest/collector-does-not-load.json", Format::Json)]
#[case("pytest/junit.xml", Format::Junit)]
#[case("pytest/junit-xunit1.xml", Format::Junit)]
#[case("pytest/junit-does-not-load.xml", Format::Junit)]
#[case("rspec/kinds.json", Format::RspecJson)]
#[case("rspec/does-not-load.json", Format::RspecJson)]
#[case("jest/report.json", Format::JestJson)]
#[case("vitest/report.json", Format::JestJson)]
#[case("vitest/hook.json", Format::JestJson)]
#[case("vitest/unhandled.json", Format::JestJson)]
#[case("vitest/junit.xml", Format::Junit)]
#[case("playwright/report.json", Format::PlaywrightJson)]
#[case("playwright/does-not-load.json", Format::PlaywrightJson)]
#[case("cucumber-ruby/report.json", Format::CucumberJson)]
#[case("cucumber-js/report.json", Format::CucumberJson)]
#[case("go/test-json.jsonl", Format::GoJsonl)]
#[case("go/gotestsum.jsonl", Format::GoJsonl)]
#[case("go/rerun-fails.jsonl", Format::GoJsonl)]
#[case("go/junit.xml", Format::Junit)]
fn reads_all_details(#[case] path: &str, #[case] format: Format) {
    let bytes = fixture(path);
    let report = parse_with(format, &bytes, Detail::Full).expect(path);
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(path.replace(['/', '.'], "-"), table(&report));
    });

    // With less detail there are the same tests, without failure texts, tags and spans.
    let reduced = parse_with(format, &bytes, Detail::Outcomes).expect(path);
    assert_eq!(named(&report), named(&reduced));
    assert_eq!(report.invalid.len(), reduced.invalid.len());
    assert_eq!(
        report.errors_outside_tests.len(),
        reduced.errors_outside_tests.len()
    );
    for result in &reduced.results {
        assert_eq!(result.extras.failure_reason, None, "{}", result.name);
        assert!(result.extras.failure_expanded.is_empty(), "{}", result.name);
        assert!(
            result.extras.tags.is_empty() && result.extras.spans.is_empty(),
            "{}",
            result.name
        );
    }
}

fn named<'r>(report: &'r Report<'_>) -> BTreeSet<(&'r str, &'r str)> {
    report
        .results
        .iter()
        .map(|result| (result.scope.as_ref(), result.name.as_ref()))
        .collect()
}

/// Reports with retries by the runner: with less detail, they contain verdicts instead of attempts.
#[rstest]
#[case("jest/report.json", Format::JestJson)]
#[case("vitest/report.json", Format::JestJson)]
#[case("playwright/report.json", Format::PlaywrightJson)]
#[case("go/rerun-fails.jsonl", Format::GoJsonl)]
fn reads_only_outcomes(#[case] path: &str, #[case] format: Format) {
    let bytes = fixture(path);
    let report = parse_with(format, &bytes, Detail::Outcomes).expect(path);
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        let name = format!("{}-outcomes", path.replace(['/', '.'], "-"));
        insta::assert_snapshot!(name, table(&report));
    });
}
