//! Incomplete files and files of other kinds: rejected with place and reason, without a panic.

use rstest::rstest;
use test_engine_results::{Detail, Format, MAX_TEXT_BYTES, parse, parse_with};

use Format::{CucumberJson, GoJsonl, JestJson, Json, Junit, PlaywrightJson, RspecJson};

#[rstest]
// Empty files and other kinds of files.
#[case(Json, "", "the start: the file is empty")]
#[case(Junit, " \n", "the start: the file is empty")]
#[case(GoJsonl, "\n\n", "the start: the file is empty")]
#[case(
    Json,
    "{}",
    "line 1, column 1: expected an array of results, found an object"
)]
#[case(
    Json,
    "\n  \"x\"",
    "line 2, column 3: expected an array of results, found a string"
)]
#[case(
    Json,
    "<a/>",
    "line 1, column 1: expected an array of results, found XML"
)]
#[case(
    Json,
    "null",
    "line 1, column 1: expected an array of results, found null"
)]
#[case(
    Json,
    "pytest: error",
    "line 1, column 1: expected an array of results, found something that is not JSON"
)]
#[case(
    RspecJson,
    "[]",
    "line 1, column 1: expected an object with the key \"examples\", found an array"
)]
#[case(
    RspecJson,
    "{}",
    "line 1, column 2: the key \"examples\" is missing; is this a report of RSpec's JSON formatter?"
)]
#[case(
    RspecJson,
    "{\"examples\": {}}",
    "line 1, column 13: invalid type: map, expected an array of examples"
)]
#[case(
    JestJson,
    "{\"examples\": []}",
    "line 1, column 16: the key \"testResults\" is missing; is this a report of Jest or Vitest?"
)]
#[case(
    PlaywrightJson,
    "{}",
    "line 1, column 2: the key \"suites\" is missing; is this a report of Playwright's JSON \
     reporter?"
)]
#[case(
    CucumberJson,
    "{}",
    "line 1, column 1: expected an array of features, found an object"
)]
#[case(
    GoJsonl,
    "ok  \tpkg\t0.1s",
    "line 1: expected an event, found something that is not JSON"
)]
#[case(
    GoJsonl,
    "{}\n{\"a\":1}",
    "line 1, column 1: no test event found; is this the output of go test -json?"
)]
#[case(Junit, "{}", "line 1, column 1: expected XML, found text")]
#[case(
    Junit,
    "<html></html>",
    "line 1, column 1: expected testsuites or testsuite as the root element, found html"
)]
#[case(
    Junit,
    "<!-- only this -->",
    "line 1, column 19: no element found, expected testsuites or testsuite"
)]
#[case(
    Junit,
    "<testsuite/>\n<testsuite/>",
    "line 2, column 1: a second root element"
)]
#[case(
    Junit,
    "<testsuite/>\nand so on",
    "line 2, column 1: expected XML, found text after the last element"
)]
// Cut off.
#[case(
    Json,
    "[{\"name\": \"a\"}",
    "line 1, column 14: unexpected end of file (EOF while parsing a list)"
)]
#[case(
    Json,
    "[{\"name\": \"a",
    "line 1, column 12: unexpected end of file (EOF while parsing a string)"
)]
#[case(
    Junit,
    "<testsuite><testcase name='a'>",
    "line 1, column 31: unexpected end of file inside a test case"
)]
#[case(
    Junit,
    "<testsuite><testcase name='a",
    "line 1, column 12: unexpected end of file inside the value of attribute `name`"
)]
#[case(
    GoJsonl,
    "{\"Action\":\"start\"}\n{\"Action\":\"pa",
    "line 2, column 13: unexpected end of line (EOF while parsing a string)"
)]
// Malformed.
#[case(Json, "[{]", "line 1, column 3: key must be a string")]
#[case(Json, "[] []", "line 1, column 4: trailing characters")]
#[case(Json, "[{\"name\": NaN}]", "line 1, column 11: expected value")]
#[case(
    Json,
    "[{\"history\": {\"duration\": 1e999}}]",
    "line 1, column 31: number out of range"
)]
#[case(
    Json,
    "[{\"name\": \"a\", \"name\": \"b\"}]",
    "line 1, column 21: duplicate field `name`"
)]
#[case(
    RspecJson,
    "{\"examples\": [], \"examples\": []}",
    "line 1, column 27: duplicate field `examples`"
)]
#[case(
    Junit,
    "<testsuite></testcase></testsuite>",
    "line 1, column 12: expected `</testsuite>`, found `</testcase>`"
)]
#[case(
    Junit,
    "<testsuite><testcase name='a' name='b'/></testsuite>",
    "line 1, column 12: attribute `name` appears twice"
)]
#[case(
    Junit,
    "<testsuite><testcase name=a/></testsuite>",
    "line 1, column 12: value of attribute `name` is not quoted"
)]
#[case(
    Junit,
    "<testsuite><testcase><testcase/></testcase></testsuite>",
    "line 1, column 22: a test case inside a test case"
)]
#[case(
    Junit,
    "<testsuite><testcase><testsuite/></testcase></testsuite>",
    "line 1, column 22: a test suite inside a test case"
)]
// Malicious.
#[case(
    Junit,
    "<!DOCTYPE x [<!ENTITY a \"aa\"><!ENTITY b \"&a;&a;\">]><testsuite name='&b;'/>",
    "line 1, column 1: document type definitions with entities are not supported: write the \
     report without them"
)]
fn rejects_the_whole_file(#[case] format: Format, #[case] text: &str, #[case] expected: &str) {
    for detail in [Detail::Full, Detail::Outcomes] {
        match parse_with(format, text.as_bytes(), detail) {
            Ok(report) => panic!("accepted: {report:?}"),
            Err(error) => assert_eq!(
                error.to_string(),
                format!("not valid {format} at {expected}")
            ),
        }
    }
}

#[rstest]
#[case(Json, "[{\"name\":\"a\",\"x\":", "[", "]", "}]")]
#[case(Json, "[{\"name\":\"a\",\"x\":", "{\"x\":", "}", "}]")]
#[case(Json, "[{\"name\":\"a\",\"tags\":", "[", "]", "}]")]
#[case(RspecJson, "{\"examples\":[],\"x\":", "[", "]", "}")]
fn survives_deep_values_of_unknown_keys(
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
    // Both results are correct, unlike a stack overflow.
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
fn rejects_deep_spans_and_suites(
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
fn rejects_deep_elements() {
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
fn accepts_very_long_lines() {
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
    assert_eq!(reason.map(|reason| reason.len()), Some(MAX_TEXT_BYTES));
}
