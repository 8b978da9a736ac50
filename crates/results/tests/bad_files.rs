//! What is not a result file, or only half of one: told by format, place and reason. Never a panic,
//! never a guess.

use rstest::rstest;
use test_engine_results::{Detail, Format, parse, parse_with};

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
    "not valid json at line 1, column 1: expected an array of results, found something that is not \
     JSON"
)]
#[case(
    RspecJson,
    "[]",
    "not valid rspec-json at line 1, column 1: expected an object with the key \"examples\", found \
     an array"
)]
#[case(
    RspecJson,
    "{}",
    "not valid rspec-json at line 1, column 2: the key \"examples\" is missing; is this a report \
     of RSpec's JSON formatter?"
)]
#[case(
    RspecJson,
    "{\"examples\": {}}",
    "not valid rspec-json at line 1, column 13: invalid type: map, expected an array of examples"
)]
#[case(
    JestJson,
    "{\"examples\": []}",
    "not valid jest-json at line 1, column 16: the key \"testResults\" is missing; is this a \
     report of Jest or Vitest?"
)]
#[case(
    PlaywrightJson,
    "{}",
    "not valid playwright-json at line 1, column 2: the key \"suites\" is missing; is this a \
     report of Playwright's JSON reporter?"
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
    "not valid go-jsonl at line 1, column 1: no test event found; is this the output of go test \
     -json?"
)]
#[case(
    Junit,
    "{}",
    "not valid junit at line 1, column 1: expected XML, found text"
)]
#[case(
    Junit,
    "<html></html>",
    "not valid junit at line 1, column 1: expected testsuites or testsuite as the root element, \
     found html"
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
    "not valid junit at line 1, column 12: unexpected end of file inside the value of attribute \
     `name`"
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
    "not valid json at line 2, column 1: control character (\\u0000-\\u001F) found while parsing a \
     string"
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
    "<testsuite><testcase classname='c' name='a'><failure>&#xD800;\
     </failure></testcase></testsuite>",
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
    "not valid junit at line 1, column 1: document type definitions (`<!DOCTYPE`) are not \
     supported: write the report without one"
)]
#[case(
    Junit,
    "<!DOCTYPE x SYSTEM 'file:///etc/passwd'><testsuite/>",
    "not valid junit at line 1, column 1: document type definitions (`<!DOCTYPE`) are not \
     supported: write the report without one"
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
#[case(
    Json,
    b"\xFF\xFE[\x00]\x00".as_slice(),
    "not valid json at the start: the file is UTF-16; write it as UTF-8"
)]
#[case(
    Junit,
    b"\xFE\xFF\x00<".as_slice(),
    "not valid junit at the start: the file is UTF-16; write it as UTF-8"
)]
#[case(
    Junit,
    b"<?xml version='1.0' encoding='ISO-8859-1'?>\n<testsuite name='caf\xE9'/>".as_slice(),
    "not valid junit at line 2, column 21: byte 0xE9 is not UTF-8 text; write the file as UTF-8"
)]
#[case(
    GoJsonl,
    b"{\"Action\":\"output\",\"Output\":\"\xC3\x28\"}".as_slice(),
    "not valid go-jsonl at line 1, column 30: byte 0xC3 is not UTF-8 text; write the file as UTF-8"
)]
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
