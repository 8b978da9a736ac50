//! Properties of the parser for any input: no panics, and no lost results.

use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;
use test_engine_duration::Micros;
use test_engine_results::{Detail, Format, Outcome, ParseError, Report, parse, parse_with};

fn parse_with_both_details(format: Format, bytes: &[u8]) -> Result<Report<'_>, ParseError> {
    let reduced = parse_with(format, bytes, Detail::Outcomes);
    let full = parse(format, bytes);
    // With less detail, values and errors in them are skipped; the reverse must not happen.
    if full.is_ok() {
        assert!(reduced.is_ok(), "{format}: {reduced:?}");
    }
    full
}

/// Asserts what holds for every report.
fn check(report: &Report<'_>) {
    for result in &report.results {
        assert!(!result.name.trim().is_empty());
        let texts = [result.scope.as_ref(), result.name.as_ref()]
            .into_iter()
            .chain(result.extras.failure_reason.as_deref());
        for text in texts {
            assert!(!text.contains('\0'));
        }
    }
}

fn fixtures() -> Vec<(Format, Vec<u8>)> {
    let of = |path: &str, format| {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        (
            format,
            fs_err::read(directory.join(path)).expect("a fixture"),
        )
    };
    vec![
        of("pytest/collector.json", Format::Json),
        of("pytest/junit.xml", Format::Junit),
        of("go/junit.xml", Format::Junit),
        of("rspec/kinds.json", Format::RspecJson),
        of("jest/report.json", Format::JestJson),
        of("vitest/report.json", Format::JestJson),
        of("playwright/report.json", Format::PlaywrightJson),
        of("cucumber-ruby/report.json", Format::CucumberJson),
        of("cucumber-js/report.json", Format::CucumberJson),
        of("go/test-json.jsonl", Format::GoJsonl),
    ]
}

/// A change to a file: where, how many bytes to remove, and which to insert.
fn change() -> impl Strategy<Value = (prop::sample::Index, usize, Vec<u8>)> {
    let words = prop::sample::select(vec![
        "",
        "\"",
        "{",
        "}",
        "[",
        "]",
        "null",
        "-1",
        "1e308",
        "\\ud800",
        "\\u0000",
        "<",
        "</",
        "&",
        "&#0;",
        "&x;",
        "<![CDATA[",
        "]]>",
        "<!DOCTYPE a>",
        "<testcase>",
        "</testsuite>",
        "\n",
        "\0",
        "\u{FFFD}",
    ]);
    let inserted = prop_oneof![
        words.prop_map(|word| word.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    (any::<prop::sample::Index>(), 0_usize..40, inserted)
}

fn format() -> impl Strategy<Value = Format> {
    prop::sample::select(Format::ALL.to_vec())
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop::sample::select(vec![
        Outcome::Passed,
        Outcome::Failed,
        Outcome::Skipped,
        Outcome::Unknown,
    ])
}

/// Not blank, and without NUL, which is rejected.
fn name() -> impl Strategy<Value = String> {
    "[^\\x00]{0,20}[^\\x00\\s][^\\x00]{0,20}"
}

/// A JSON string, escaped by hand so that the reader is not tested against serde.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            ' '..='~' => out.push(character),
            other if other > '\u{7F}' && other.len_utf8() == 2 => out.push(other),
            other => {
                let mut units = [0; 2];
                for unit in other.encode_utf16(&mut units) {
                    write!(out, "\\u{unit:04x}").expect("a text");
                }
            }
        }
    }
    out.push('"');
    out
}

/// XML text or an attribute value, with references for all special characters.
fn escaped(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || character == ' ';
    let escape = |character: char| {
        if plain(character) {
            character.to_string()
        } else {
            format!("&#{};", u32::from(character))
        }
    };
    text.chars().map(escape).collect()
}

// A short version of `bin/fuzz` in every test run.
proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn accepts_or_rejects_any_bytes(
        format in format(),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        if let Ok(report) = parse_with_both_details(format, &bytes) {
            check(&report);
        }
    }

    #[test]
    fn accepts_or_rejects_any_text(
        format in format(),
        text in "[\\[\\]{}\",:<>/&;a-z0-9 \\\\\n]{0,200}",
    ) {
        if let Ok(report) = parse_with_both_details(format, text.as_bytes()) {
            check(&report);
        }
    }

    #[test]
    fn accepts_or_rejects_changed_fixtures(
        which in any::<prop::sample::Index>(),
        as_another in prop::option::weighted(0.1, format()),
        changes in prop::collection::vec(change(), 1..4),
        end in prop::option::weighted(0.3, any::<prop::sample::Index>()),
    ) {
        let fixtures = fixtures();
        let (format, mut bytes) = which.get(&fixtures).clone();
        for (place, cut, inserted) in changes {
            let start = place.index(bytes.len() + 1);
            let stop = (start + cut).min(bytes.len());
            bytes.splice(start..stop, inserted);
        }
        if let Some(end) = end {
            bytes.truncate(end.index(bytes.len() + 1));
        }
        if let Ok(report) = parse_with_both_details(as_another.unwrap_or(format), &bytes) {
            check(&report);
        }
    }
}

proptest! {
    #[test]
    fn rejects_truncated_fixtures(
        which in any::<prop::sample::Index>(),
        end in any::<prop::sample::Index>(),
    ) {
        let fixtures = fixtures();
        let (format, bytes) = which.get(&fixtures);
        let text = std::str::from_utf8(bytes).expect("text").trim_end();
        let end = end.index(text.len());
        let read = parse(*format, text.as_bytes().get(..end).expect("a part"));
        if *format == Format::GoJsonl {
            // Lines are independent: a file cut between packages is valid.
            return Ok(());
        }
        prop_assert!(read.is_err(), "{format} cut at {end} was read");
    }

    #[test]
    fn reads_all_json_results(
        results in prop::collection::vec(
            (
                name(),
                "[^\\x00]{0,30}",
                outcome(),
                prop::option::of(0.0..1e6_f64),
                any::<Option<u32>>(),
            ),
            0..20,
        ),
    ) {
        let text: Vec<String> = results
            .iter()
            .map(|(name, scope, outcome, seconds, line)| {
                format!(
                    "{{\"extra\": [{{}}, 1], \"name\": {}, \"scope\": {}, \"result\": \"{}\", \
                     \"location\": {}, \"history\": {{\"duration\": {}}}}}",
                    quoted(name),
                    quoted(scope),
                    outcome.name(),
                    line.map_or("null".to_owned(), |line| format!("\"a.rb:{line}\"")),
                    seconds.map_or("null".to_owned(), |seconds| format!("{seconds:?}")),
                )
            })
            .collect();
        let text = format!("[{}]", text.join(","));
        let report = parse_with_both_details(Format::Json, text.as_bytes()).expect("an array");
        prop_assert_eq!(&report.invalid, &[]);
        prop_assert_eq!(report.results.len(), results.len());
        for (read, (name, scope, outcome, seconds, line)) in report.results.iter().zip(&results) {
            prop_assert_eq!(&read.name, name);
            prop_assert_eq!(&read.scope, scope);
            prop_assert_eq!(read.outcome, *outcome);
            prop_assert_eq!(read.duration, seconds.map(Micros::from_seconds));
            let location = line.map(|line| format!("a.rb:{line}"));
            prop_assert_eq!(read.location.as_deref(), location.as_deref());
        }
    }

    #[test]
    fn reads_all_junit_results(
        results in prop::collection::vec(
            (
                name(),
                "[^\\x00]{0,30}",
                prop::sample::select(vec!["passed", "failed", "skipped"]),
                "[^\\x00]{0,30}",
            ),
            0..20,
        ),
    ) {
        let cases: Vec<String> = results
            .iter()
            .map(|(name, scope, outcome, text)| {
                let child = match *outcome {
                    "failed" => format!("<failure message=\"{0}\">{0}</failure>", escaped(text)),
                    "skipped" => "<skipped/>".to_owned(),
                    _ => String::new(),
                };
                let (name, scope) = (escaped(name), escaped(scope));
                format!("<testcase name='{name}' classname=\"{scope}\">{child}</testcase>\n")
            })
            .collect();
        let cases = cases.concat();
        let text =
            format!("<testsuites>\n<testsuite name='s'>{cases}</testsuite></testsuites>");
        let report = parse_with_both_details(Format::Junit, text.as_bytes()).expect("a suite");
        prop_assert_eq!(&report.invalid, &[]);
        let read: Vec<_> = report
            .results
            .iter()
            .map(|result| (result.name.as_ref(), result.scope.as_ref(), result.outcome.name()))
            .collect();
        let written: Vec<_> = results
            .iter()
            .map(|(name, scope, outcome, _)| (name.as_str(), scope.as_str(), *outcome))
            .collect();
        prop_assert_eq!(read, written);
    }
}
