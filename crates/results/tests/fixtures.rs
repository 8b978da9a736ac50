//! What the result files of real runners become.
//!
//! Each fixture is shown as a table, one line a result, and compared with the table beside it in
//! `snapshots/`: that is where the expected outcome of every file stands, as data. Durations differ
//! from run to run, so a table says only whether there is one.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use rstest::rstest;
use test_engine_results::{Detail, Format, Report, parse_with};

fn fixture(path: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fs_err::read(folder.join(path)).expect("a fixture")
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
        writeln!(text, "{name}: {:?} {:?}", result.scope, result.name).expect("text");
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
    for bad in &report.bad {
        writeln!(text, "bad result {}: {}", bad.index, bad.message).expect("text");
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
fn full(#[case] path: &str, #[case] format: Format) {
    let bytes = fixture(path);
    let report = parse_with(format, &bytes, Detail::Full).expect(path);
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(path.replace(['/', '.'], "-"), table(&report));
    });

    // The short reading tells of the same tests, without the costly parts.
    let brief = parse_with(format, &bytes, Detail::Outcomes).expect(path);
    assert_eq!(named(&report), named(&brief));
    assert_eq!(report.bad.len(), brief.bad.len());
    assert_eq!(
        report.errors_outside_tests.len(),
        brief.errors_outside_tests.len()
    );
    for result in &brief.results {
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

/// Where the runner repeats tests itself, the short reading holds its verdicts, not the attempts.
#[rstest]
#[case("jest/report.json", Format::JestJson)]
#[case("vitest/report.json", Format::JestJson)]
#[case("playwright/report.json", Format::PlaywrightJson)]
#[case("go/rerun-fails.jsonl", Format::GoJsonl)]
fn outcomes(#[case] path: &str, #[case] format: Format) {
    let bytes = fixture(path);
    let report = parse_with(format, &bytes, Detail::Outcomes).expect(path);
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        let name = format!("{}-outcomes", path.replace(['/', '.'], "-"));
        insta::assert_snapshot!(name, table(&report));
    });
}
