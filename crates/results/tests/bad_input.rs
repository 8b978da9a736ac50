//! What is not a result file, or only half of one: told by format, place and reason, or taken with
//! the bad parts named. Never a panic, never a guess.

use rstest::rstest;
use test_engine_duration::Micros;
use test_engine_results::{Detail, Format, Outcome, Report, parse, parse_at_most, parse_with};

use Format::{CucumberJson, GoJsonl, JestJson, Json, Junit, PlaywrightJson, RspecJson};

#[rstest]
// Nothing, or something else.
#[case(Json, "", "not valid json at the start: the file is empty")]
#[case(Junit, " \n", "not valid junit at the start: the file is empty")]
#[case(GoJsonl, "\n\n", "not valid go-jsonl at the start: the file is empty")]
#[case(
    Json,
    "{}",
    "not valid json at line 1, column 1: expected an array of results, found an object"
)]
#[case(
    Json,
    "\n  \"x\"",
    "not valid json at line 2, column 3: expected an array of results, found a text"
)]
#[case(
    Json,
    "<a/>",
    "not valid json at line 1, column 1: expected an array of results, found XML"
)]
#[case(
    Json,
    "null",
    "not valid json at line 1, column 1: expected an array of results, found null"
)]
#[case(
    Json,
    "pytest: error",
    "not valid json at line 1, column 1: expected an array of results, found something that is not JSON"
)]
#[case(
    RspecJson,
    "[]",
    "not valid rspec-json at line 1, column 1: expected an object with the key \"examples\", found an array"
)]
#[case(
    RspecJson,
    "{}",
    "not valid rspec-json at line 1, column 2: the key \"examples\" is missing; is this a report of RSpec's JSON formatter?"
)]
#[case(
    RspecJson,
    "{\"examples\": {}}",
    "not valid rspec-json at line 1, column 13: invalid type: map, expected an array of examples"
)]
#[case(
    JestJson,
    "{\"examples\": []}",
    "not valid jest-json at line 1, column 16: the key \"testResults\" is missing; is this a report of Jest or Vitest?"
)]
#[case(
    PlaywrightJson,
    "{}",
    "not valid playwright-json at line 1, column 2: the key \"suites\" is missing; is this a report of Playwright's JSON reporter?"
)]
#[case(
    CucumberJson,
    "{}",
    "not valid cucumber-json at line 1, column 1: expected an array of features, found an object"
)]
#[case(
    GoJsonl,
    "ok  \tpkg\t0.1s",
    "not valid go-jsonl at line 1: expected an event, found something that is not JSON"
)]
#[case(
    GoJsonl,
    "{}\n{\"a\":1}",
    "not valid go-jsonl at line 1, column 1: no test event found; is this the output of go test -json?"
)]
#[case(
    Junit,
    "{}",
    "not valid junit at line 1, column 1: expected XML, found text"
)]
#[case(
    Junit,
    "<html></html>",
    "not valid junit at line 1, column 1: expected testsuites or testsuite as the root element, found html"
)]
#[case(
    Junit,
    "<!-- only this -->",
    "not valid junit at line 1, column 19: no element found, expected testsuites or testsuite"
)]
#[case(
    Junit,
    "<testsuite/>\n<testsuite/>",
    "not valid junit at line 2, column 1: a second root element"
)]
#[case(
    Junit,
    "<testsuite/>\nand so on",
    "not valid junit at line 2, column 1: expected XML, found text after the last element"
)]
// Cut off.
#[case(
    Json,
    "[{\"name\": \"a\"}",
    "not valid json at line 1, column 14: the file ends too early (EOF while parsing a list)"
)]
#[case(
    Json,
    "[{\"name\": \"a",
    "not valid json at line 1, column 12: the file ends too early (EOF while parsing a string)"
)]
#[case(
    Junit,
    "<testsuite><testcase name='a'>",
    "not valid junit at line 1, column 31: unexpected end of file inside a test case"
)]
#[case(
    Junit,
    "<testsuite><testcase name='a",
    "not valid junit at line 1, column 12: unexpected end of file inside the value of attribute `name`"
)]
#[case(
    GoJsonl,
    "{\"Action\":\"start\"}\n{\"Action\":\"pa",
    "not valid go-jsonl at line 2, column 13: the line ends too early (EOF while parsing a string)"
)]
// Malformed.
#[case(
    Json,
    "[{]",
    "not valid json at line 1, column 3: key must be a string"
)]
#[case(
    Json,
    "[] []",
    "not valid json at line 1, column 4: trailing characters"
)]
#[case(
    Json,
    "[{\"name\": NaN}]",
    "not valid json at line 1, column 11: expected value"
)]
#[case(
    Json,
    "[{\"history\": {\"duration\": 1e999}}]",
    "not valid json at line 1, column 31: number out of range"
)]
#[case(
    Json,
    "[{\"name\": \"a\nb\"}]",
    "not valid json at line 2, column 1: control character (\\u0000-\\u001F) found while parsing a string"
)]
#[case(
    Json,
    "[{\"name\": \"a\", \"name\": \"b\"}]",
    "not valid json at line 1, column 21: duplicate field `name`"
)]
#[case(
    RspecJson,
    "{\"examples\": [], \"examples\": []}",
    "not valid rspec-json at line 1, column 27: duplicate field `examples`"
)]
#[case(
    Junit,
    "<testsuite></testcase></testsuite>",
    "not valid junit at line 1, column 12: expected `</testsuite>`, found `</testcase>`"
)]
#[case(
    Junit,
    "<testsuite><testcase name='a' name='b'/></testsuite>",
    "not valid junit at line 1, column 12: attribute `name` appears twice"
)]
#[case(
    Junit,
    "<testsuite><testcase name=a/></testsuite>",
    "not valid junit at line 1, column 12: value of attribute `name` is not quoted"
)]
#[case(
    Junit,
    "<testsuite><testcase name='&nbsp;'/></testsuite>",
    "not valid junit at line 1, column 12: unknown entity `&nbsp;`"
)]
#[case(
    Junit,
    "<testsuite><testcase classname='c' name='a'><failure>&nbsp;</failure></testcase></testsuite>",
    "not valid junit at line 1, column 54: unknown entity `&nbsp;`"
)]
#[case(
    Junit,
    "<testsuite><testcase classname='c' name='a'><failure>&#xD800;</failure></testcase></testsuite>",
    "not valid junit at line 1, column 54: `&#xD800;` is not a character"
)]
#[case(
    Junit,
    "<testsuite><testcase><testcase/></testcase></testsuite>",
    "not valid junit at line 1, column 22: a test case inside a test case"
)]
#[case(
    Junit,
    "<testsuite><testcase><testsuite/></testcase></testsuite>",
    "not valid junit at line 1, column 22: a test suite inside a test case"
)]
// Hostile.
#[case(
    Junit,
    "<!DOCTYPE x [<!ENTITY a \"aa\"><!ENTITY b \"&a;&a;\">]><testsuite name='&b;'/>",
    "not valid junit at line 1, column 1: document type definitions (`<!DOCTYPE`) are not supported: write the report without one"
)]
#[case(
    Junit,
    "<!DOCTYPE x SYSTEM 'file:///etc/passwd'><testsuite/>",
    "not valid junit at line 1, column 1: document type definitions (`<!DOCTYPE`) are not supported: write the report without one"
)]
fn whole_file(#[case] format: Format, #[case] text: &str, #[case] told: &str) {
    for detail in [Detail::Full, Detail::Outcomes] {
        if detail == Detail::Outcomes && text.contains("<failure>&") {
            // Failure texts are not read.
            assert!(parse_with(format, text.as_bytes(), detail).is_ok());
            continue;
        }
        match parse_with(format, text.as_bytes(), detail) {
            Ok(report) => panic!("accepted as {report:?}"),
            Err(error) => assert_eq!(error.to_string(), told),
        }
    }
}

#[rstest]
#[case(Json, b"\xFF\xFE[\x00]\x00".as_slice(), "not valid json at the start: the file is UTF-16; write it as UTF-8")]
#[case(Junit, b"\xFE\xFF\x00<".as_slice(), "not valid junit at the start: the file is UTF-16; write it as UTF-8")]
#[case(Junit, b"<?xml version='1.0' encoding='ISO-8859-1'?>\n<testsuite name='caf\xE9'/>".as_slice(), "not valid junit at line 2, column 21: byte 0xE9 is not UTF-8 text; write the file as UTF-8")]
#[case(GoJsonl, b"{\"Action\":\"output\",\"Output\":\"\xC3\x28\"}".as_slice(), "not valid go-jsonl at line 1, column 30: byte 0xC3 is not UTF-8 text; write the file as UTF-8")]
fn encoding(#[case] format: Format, #[case] bytes: &[u8], #[case] told: &str) {
    let error = parse(format, bytes).expect_err("not UTF-8");
    assert_eq!(error.to_string(), told);
}

#[rstest]
#[case(Json, "[{\"name\":\"a\",\"x\":", "[", "]", "}]")]
#[case(Json, "[{\"name\":\"a\",\"x\":", "{\"x\":", "}", "}]")]
#[case(Json, "[{\"name\":\"a\",\"tags\":", "[", "]", "}]")]
#[case(RspecJson, "{\"examples\":[],\"x\":", "[", "]", "}")]
fn deep_values_that_nobody_wants_do_no_harm(
    #[case] format: Format,
    #[case] before: &str,
    #[case] open: &str,
    #[case] close: &str,
    #[case] after: &str,
) {
    let depth = 100_000;
    let inner = if open == "[" { "" } else { "1" };
    let text = [
        before,
        &open.repeat(depth),
        inner,
        &close.repeat(depth),
        after,
    ]
    .concat();
    // Either is fine; a stack overflow is not.
    let _ = parse(format, text.as_bytes());
}

#[rstest]
#[case(
    Json,
    "[{\"name\":\"a\",\"history\":{\"children\":[",
    "{\"section\":\"sql\",\"children\":[",
    "]}",
    "]}}]"
)]
#[case(PlaywrightJson, "{\"suites\":[", "{\"suites\":[", "]}", "]}")]
fn deep_spans_and_suites_are_refused(
    #[case] format: Format,
    #[case] before: &str,
    #[case] open: &str,
    #[case] close: &str,
    #[case] after: &str,
) {
    let nested = |depth: usize| [before, &open.repeat(depth), &close.repeat(depth), after].concat();
    assert!(parse(format, nested(50).as_bytes()).is_ok());
    let error = parse(format, nested(100_000).as_bytes()).expect_err("too deep");
    assert!(
        error
            .to_string()
            .ends_with(": values are nested too deeply"),
        "{error}"
    );
}

#[test]
fn deep_elements_are_refused() {
    let nested =
        |depth: usize| ["<testsuite>".repeat(depth), "</testsuite>".repeat(depth)].concat();
    assert!(parse(Junit, nested(128).as_bytes()).is_ok());
    assert_eq!(
        parse(Junit, nested(129).as_bytes())
            .expect_err("too deep")
            .to_string(),
        "not valid junit at line 1, column 1409: elements are nested more than 128 deep"
    );
    assert!(parse(Junit, nested(100_000).as_bytes()).is_err());
}

#[test]
fn a_very_long_line_is_a_line() {
    let long = "x".repeat(3 << 20);
    let text = format!(
        "{{\"Action\":\"run\",\"Package\":\"p\",\"Test\":\"T\"}}\n\
         {{\"Action\":\"output\",\"Package\":\"p\",\"Test\":\"T\",\"Output\":\"{long}\\n\"}}\n\
         {{\"Action\":\"fail\",\"Package\":\"p\",\"Test\":\"T\"}}\n\
         {{\"Action\":\"fail\",\"Package\":\"p\"}}"
    );
    let report = parse(GoJsonl, text.as_bytes()).expect("long lines");
    let reason = report
        .results
        .first()
        .and_then(|result| result.extras.failure_reason.clone());
    assert_eq!(reason.map(|reason| reason.len()), Some(long.len()));
}

fn bad(report: &Report) -> Vec<String> {
    let told = report
        .bad
        .iter()
        .map(|bad| format!("{}: {}", bad.index, bad.message));
    told.collect()
}

#[test]
fn bad_results_are_named_and_good_ones_kept() {
    let text = r#"[
        {"name": "good", "result": "passed"},
        {"name": " "},
        {"scope": "no name"},
        {"name": null},
        {"name": 5},
        {"name": ["a"]},
        {"name": "x", "scope": {}},
        {"name": "x", "result": "exploded"},
        {"name": "x", "result": true},
        {"name": "nul \u0000"},
        17,
        null,
        [["name", "x"]],
        {"name": "good too", "result": "FAILED"}
    ]"#;
    let report = parse(Json, text.as_bytes()).expect("an array");
    let names: Vec<_> = report
        .results
        .iter()
        .map(|r| (r.name.as_ref(), r.outcome))
        .collect();
    assert_eq!(
        names,
        [("good", Outcome::Passed), ("good too", Outcome::Failed)]
    );
    assert_eq!(
        bad(&report),
        [
            "1: name is blank",
            "2: name is missing",
            "3: name is missing",
            "4: name is a number, expected a text",
            "5: name is an array, expected a text",
            "6: scope is an object, expected a text",
            "7: result is \"exploded\", expected passed, failed, skipped, pending or unknown",
            "8: result is true or false, expected a text",
            "9: name holds a NUL character",
            "10: expected an object, found a number",
            "11: expected an object, found null",
            "12: expected an object, found an array",
        ]
    );
}

#[test]
fn other_formats_name_bad_results_too() {
    let table = [
        (
            RspecJson,
            r#"{"examples": [{"description": "a"}, {"status": "passed"}, {"description": "a", "status": "eh"}, 1]}"#,
            vec![
                "0: status is missing",
                "1: description is missing",
                "2: status is \"eh\", expected passed, failed or pending",
                "3: expected an object, found a number",
            ],
        ),
        (
            JestJson,
            r#"{"testResults": [{"assertionResults": [{"title": "a"}, {"title": "a", "status": "eh"}, null]}]}"#,
            vec![
                "0: status is missing",
                "1: status is \"eh\", expected passed, failed, pending, skipped, todo or disabled",
                "2: expected an object, found null",
            ],
        ),
        (
            Junit,
            "<testsuite><testcase/><testcase name=' '/><testcase name='good'/></testsuite>",
            vec!["0: name is missing", "1: name is blank"],
        ),
        (
            CucumberJson,
            r#"[{"elements": [{"name": ""}, {"name": 1}, 1]}, {"name": 1}]"#,
            vec![
                "0: name is blank",
                "1: name is a number, expected a text",
                "2: expected an object, found a number",
                "3: the feature's name is a number, expected a text",
            ],
        ),
        (
            PlaywrightJson,
            r#"{"suites": [{"specs": [{"ok": true}, 1]}]}"#,
            vec![
                "0: title is missing",
                "1: expected an object, found a number",
            ],
        ),
    ];
    for (format, text, expected) in table {
        let report = parse(format, text.as_bytes()).expect("a report");
        assert_eq!(bad(&report), expected, "{format}");
    }
}

#[test]
fn durations_that_cannot_be_are_left_out() {
    let table = [
        ("1.5", Some(1.5)),
        ("0", Some(0.0)),
        ("\"2.5\"", Some(2.5)),
        ("null", None),
        ("-1", None),
        ("1e300", None),
        ("1700000000", None),
        ("\"soon\"", None),
        ("[]", None),
    ];
    for (given, kept) in table {
        let text = format!("[{{\"name\": \"a\", \"history\": {{\"duration\": {given}}}}}]");
        let report = parse(Json, text.as_bytes()).expect("an array");
        assert_eq!(
            report.results.first().map(|r| r.duration),
            Some(kept.map(Micros::from_seconds)),
            "{given}"
        );
    }
    let table = [
        ("1.5", Some(1.5)),
        ("1,234.5", Some(1234.5)),
        ("1,234,567.5", Some(1_234_567.5)),
        ("1,234", Some(1234.0)),
        ("0,5", Some(0.5)),
        ("0,123", Some(0.123)),
        (" 2 ", Some(2.0)),
        ("-0.000000", Some(0.0)),
        ("-1", None),
        ("NaN", None),
        ("inf", None),
        ("1e40", None),
        ("", None),
        (",", None),
        ("1.2.3", None),
        ("fast", None),
    ];
    for (given, kept) in table {
        let text = format!("<testsuite><testcase name='a' time='{given}'/></testsuite>");
        let report = parse(Junit, text.as_bytes()).expect("a suite");
        assert_eq!(
            report.results.first().map(|r| r.duration),
            Some(kept.map(Micros::from_seconds)),
            "{given}"
        );
    }
}

#[test]
fn half_a_surrogate_pair_does_not_cost_the_report() {
    let text = r#"{"testResults": [{"assertionResults": [
        {"title": "cut \ud83d", "status": "failed", "failureMessages": ["Error: \udc00 \ud83d\ude00 \\ud83d"]}
    ]}]}"#;
    let report = parse(JestJson, text.as_bytes()).expect("a report");
    let result = report.results.first().expect("a result");
    assert_eq!(result.name, "cut \u{FFFD}");
    assert_eq!(result.outcome, Outcome::Failed);
    assert_eq!(
        result.extras.failure_reason.as_deref(),
        Some("Error: \u{FFFD} \u{1F600} \\ud83d")
    );
}

#[test]
fn a_limit_counts_what_it_leaves_out() {
    let text = r#"[{"name": "a"}, {}, {"name": "b"}, {"name": "c"}]"#;
    let at_most = |most| {
        let report = parse_at_most(Json, text.as_bytes(), Detail::Full, most).expect("an array");
        (report.results.len(), report.bad.len(), report.left_out)
    };
    assert_eq!(at_most(0), (0, 0, 4));
    assert_eq!(at_most(2), (1, 1, 2));
    assert_eq!(at_most(4), (3, 1, 0));
}
