//! Damaged files are read as far as possible: what is damaged costs its own text, and is noted.

use rstest::rstest;
use test_engine_results::{Detail, Format, Outcome, parse, parse_with};

use Format::{CucumberJson, GoJsonl, JestJson, Json, Junit, PlaywrightJson, RspecJson};

/// Names, outcomes and reasons, each on a line.
fn summary(format: Format, bytes: &[u8]) -> String {
    let report = parse(format, bytes).expect("a report");
    assert_eq!(report.invalid, []);
    let lines = report.results.iter().map(|result| {
        let reason = result.extras.failure_reason.as_deref().unwrap_or_default();
        format!("{} {} {reason}", result.name, result.outcome.name())
    });
    let notes = report.notes.iter().map(|note| format!("note: {note}"));
    let lines: Vec<String> = lines.chain(notes).collect();
    let reduced = parse_with(format, bytes, Detail::Outcomes).expect("a report");
    let outcomes = |results: &[test_engine_results::TestResult<'_>]| {
        results
            .iter()
            .map(|r| (r.name.to_string(), r.outcome))
            .collect::<Vec<_>>()
    };
    assert_eq!(outcomes(&report.results), outcomes(&reduced.results));
    assert_eq!(report.notes, reduced.notes);
    lines.join("\n")
}

#[rstest]
#[case(
    Junit,
    b"<testsuite failures='1'><testcase classname='c' name='a'><failure message='x&#0;y'>was \
      abc&#x0;def</failure></testcase><testcase classname='c' name='b'/></testsuite>",
    "a failed x\u{FFFD}y\nb passed "
)]
#[case(
    Junit,
    b"<testsuite><testcase name='&nbsp;a & b &#xD800;'><failure>&&nbsp;</failure></testcase>\
      </testsuite>",
    "&nbsp;a & b \u{FFFD} failed &&nbsp;"
)]
#[case(
    Junit,
    b"<testsuite><testcase name='a\0\x01'><failure>\x02</failure></testcase></testsuite>",
    "a\u{FFFD}\x01 failed \x02"
)]
#[case(
    Junit,
    b"<!DOCTYPE testsuite SYSTEM 'file:///etc/passwd'><testsuite><testcase name='a'/></testsuite>",
    "a passed "
)]
#[case(
    Junit,
    b"<testsuite><testcase name='caf\xE9'/><testcase name='b'><failure>\xC3\x28</failure>\
      </testcase></testsuite>",
    "caf\u{FFFD} passed \nb failed \u{FFFD}(\n\
     note: 2 invalid UTF-8 sequences were replaced by U+FFFD, the first at line 1, column 31"
)]
#[case(
    Junit,
    b"<?xml version='1.0' encoding='ISO-8859-1'?><testsuite><testcase name='Pr\xFCfung'/>\
      </testsuite>",
    "Prüfung passed "
)]
#[case(
    Json,
    b"[{\"name\":\"a\x01\n\",\"result\":\"failed\"}]",
    "a\u{1}\n failed "
)]
#[case(
    RspecJson,
    b"{\"examples\":[{\"description\":\"a\xFF\",\"status\":\"failed\"}]}",
    "a\u{FFFD} failed \n\
     note: 1 invalid UTF-8 sequence was replaced by U+FFFD, the first at line 1, column 31"
)]
#[case(
    JestJson,
    b"{\"testResults\":[{\"assertionResults\":[{\"title\":\"a\tb\",\"status\":\"passed\"}]}]}",
    "a\tb passed "
)]
#[case(
    CucumberJson,
    b"[{\"elements\":[{\"name\":\"a\",\"steps\":[{\"result\":{\"status\":\"failed\",\
      \"error_message\":\"x\ny\"}}]}]}]",
    "a failed x"
)]
#[case(
    PlaywrightJson,
    b"{\"suites\":[{\"specs\":[{\"title\":\"a\x02\",\"ok\":false}]}]}",
    "a\u{2} failed "
)]
#[case(
    GoJsonl,
    b"{\"Action\":\"output\",\"Package\":\"p\",\"Test\":\"T\",\"Output\":\"a\x02\xC3\x28\"}\n\
      {\"Action\":\"fail\",\"Package\":\"p\",\"Test\":\"T\"}\n\
      {\"Action\":\"fail\",\"Package\":\"p\"}",
    "T failed a\u{2}\u{FFFD}(\n\
     note: 1 invalid UTF-8 sequence was replaced by U+FFFD, the first at line 1, column 57"
)]
fn reads_the_rest(#[case] format: Format, #[case] bytes: &[u8], #[case] expected: &str) {
    assert_eq!(summary(format, bytes), expected);
}

#[test]
fn decodes_utf_16() {
    let little: Vec<u8> = "\u{FEFF}[{\"name\":\"é\"}]"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(summary(Json, &little), "é unknown ");
    let big: Vec<u8> = "\u{FEFF}<testsuite><testcase name='é'/></testsuite>"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    assert_eq!(summary(Junit, &big), "é passed ");
}

/// A line break in a string must not merge the events before and after it.
#[test]
fn a_line_that_is_cut_off_does_not_swallow_the_next() {
    let text = r#"{"Action":"fail","Package":"p","Test":"T
{"Action":"pass","Package":"p"}"#;
    let error = parse(GoJsonl, text.as_bytes()).expect_err("a line is cut off");
    assert!(error.to_string().contains("at line 1, column"), "{error}");
}

#[test]
fn cut_off_files_are_still_rejected() {
    for (format, bytes) in [
        (Junit, &b"<testsuite><testcase name='a\xC3"[..]),
        (Json, b"[{\"name\":\"a\nb\xC3"),
    ] {
        let error = parse(format, bytes).expect_err("cut off").to_string();
        assert!(error.contains("unexpected end of file"), "{error}");
    }
}

#[test]
fn outcomes_do_not_depend_on_damage() {
    let text = b"<testsuite><testcase name='a'><failure>&#0;</failure></testcase></testsuite>";
    let report = parse(Junit, text).expect("a report");
    let outcomes: Vec<_> = report.results.iter().map(|result| result.outcome).collect();
    assert_eq!(outcomes, [Outcome::Failed]);
}
