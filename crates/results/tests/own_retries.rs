//! Retries by the runner itself: attempts with full detail, else a verdict with their number.

use rstest::rstest;
use test_engine_duration::Micros;
use test_engine_results::{Detail, Format, Outcome, Remark, parse, parse_with};

use Format::{CucumberJson, GoJsonl, JestJson, Junit, PlaywrightJson};

/// `name outcome` of each result, with the number of failures before it if there are any.
fn listed(format: Format, text: &str, detail: Detail) -> Vec<String> {
    let report = parse_with(format, text.as_bytes(), detail).expect("a report");
    assert_eq!(report.invalid, []);
    assert_eq!(report.errors_outside_tests, [""; 0]);
    let results = report.results.iter();
    results
        .map(|result| {
            let before = match result.failed_before {
                0 => String::new(),
                count => format!(" after {count}"),
            };
            format!("{} {}{before}", result.name, result.outcome.name())
        })
        .collect()
}

#[rstest]
// Surefire counts flaky failures in the totals of the suite.
#[case(
    Junit,
    r#"<testsuite name="shop.CartTest" time="2.1" tests="3" errors="0" failures="1" flakes="1">
    <testcase name="adds" classname="shop.CartTest" time="0.2"/>
    <testcase name="checksOut" classname="shop.CartTest" time="1.6"><flakyFailure
     message="expected 3 but was 2" type="AssertionError"><stackTrace>AssertionError</stackTrace>
     <system-out>boo</system-out></flakyFailure></testcase></testsuite>"#,
    &["adds passed", "checksOut failed", "checksOut passed"],
    &["adds passed", "checksOut passed after 1"]
)]
#[case(
    Junit,
    "<testsuites failures='3'><testsuite failures='3'>
    <testcase name='flaky'><flakyError/><flakyFailure/></testcase>
    <testcase name='bad'><failure/><rerunFailure/><rerunError/></testcase>
    <testcase name='only reruns'><rerunFailure/></testcase></testsuite></testsuites>",
    &[
        "flaky failed", "flaky failed", "flaky passed", "bad failed", "bad failed", "bad failed",
        "only reruns failed", "only reruns failed",
    ],
    &["flaky passed after 2", "bad failed after 2", "only reruns failed after 1"]
)]
#[case(
    JestJson,
    r#"{"testResults": [{"assertionResults": [
    {"title": "jest", "status": "passed", "invocations": 3, "failureMessages": [],
     "retryReasons": ["one"]},
    {"title": "vitest", "status": "passed", "failureMessages": ["one", "two"]},
    {"title": "bad", "status": "failed", "invocations": 2, "failureMessages": ["one"]}
    ]}]}"#,
    &[
        "jest failed", "jest failed", "jest passed", "vitest failed", "vitest failed",
        "vitest passed", "bad failed", "bad failed",
    ],
    &["jest passed after 2", "vitest passed after 2", "bad failed after 1"]
)]
#[case(
    PlaywrightJson,
    r#"{"suites": [{"specs": [{"title": "flaky", "ok": true, "tests": [{"status": "flaky",
     "expectedStatus": "passed", "results": [{"status": "failed"}, {"status": "timedOut"},
     {"status": "passed"}]}]}]}]}"#,
    &["flaky failed", "flaky failed", "flaky passed"],
    &["flaky passed after 2"]
)]
// Ruby's Cucumber: an element for each attempt, with the background before each.
#[case(
    CucumberJson,
    r#"[{"uri": "a.feature", "elements": [
    {"type": "background", "steps": [{"result": {"status": "passed"}}]},
    {"id": "f;a", "name": "a", "line": 2, "steps": [{"result": {"status": "failed"}}]},
    {"type": "background", "steps": [{"result": {"status": "passed"}}]},
    {"id": "f;a", "name": "a", "line": 2, "steps": [{"result": {"status": "passed"}}]},
    {"id": "f;b", "name": "row", "line": 7, "steps": [{"result": {"status": "failed"}}]},
    {"id": "f;b", "name": "row", "line": 8, "steps": [{"result": {"status": "passed"}}]},
    {"name": "no id", "line": 9, "steps": [{"result": {"status": "failed"}}]},
    {"name": "no id", "line": 9, "steps": [{"result": {"status": "passed"}}]},
    {"id": "f;c", "name": "c", "line": 10, "steps": [{"result": {"status": "failed"}}]}
    ]}]"#,
    &[
        "a failed", "a passed", "row failed", "row passed", "no id failed", "no id passed",
        "c failed",
    ],
    &[
        "a passed after 1", "row failed", "row passed", "no id failed", "no id passed", "c failed",
    ]
)]
// gotestsum --rerun-fails.
#[case(
    GoJsonl,
    r#"{"Action":"fail","Package":"p","Test":"TestA/x"}
{"Action":"pass","Package":"p","Test":"TestA/y"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestB"}
{"Action":"fail","Package":"p"}
{"Action":"fail","Package":"p","Test":"TestA/x"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}
{"Action":"pass","Package":"p","Test":"TestA/x"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}"#,
    &[
        "TestA/x failed", "TestA/y passed", "TestA failed", "TestB passed", "TestA/x failed",
        "TestA failed", "TestA/x passed", "TestA passed",
    ],
    &["TestA/x passed after 2", "TestA/y passed", "TestA passed after 2", "TestB passed"]
)]
// Not reruns of failed tests: repetitions in one run, and a second run of the whole package.
#[case(
    GoJsonl,
    r#"{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestB"}
{"Action":"fail","Package":"p"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestB"}
{"Action":"pass","Package":"p"}"#,
    &["TestA failed", "TestA passed", "TestB passed", "TestA passed", "TestB passed"],
    &["TestA failed", "TestB passed"]
)]
// A rerun that does not run the test repairs nothing.
#[case(
    GoJsonl,
    r#"{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}"#,
    &["TestA failed", "TestA skipped"],
    &["TestA failed"]
)]
fn retries_are_attempts(
    #[case] format: Format,
    #[case] text: &str,
    #[case] full: &[&str],
    #[case] outcomes: &[&str],
) {
    assert_eq!(listed(format, text, Detail::Full), full);
    assert_eq!(listed(format, text, Detail::Outcomes), outcomes);
}

#[test]
fn attempts_in_junit_have_their_own_texts_and_times() {
    let text = r#"<testsuite><testcase name="a" classname="c" time="1.5"><flakyFailure
     message="first" time="0.5">trace<system-out>said</system-out></flakyFailure></testcase>
     <testcase name="b" classname="c" time="1"><error message="one"/><rerunError message="two"/>
     <system-out>out</system-out></testcase></testsuite>"#;
    let report = parse(Junit, text.as_bytes()).expect("a report");
    let lines: Vec<String> = report
        .results
        .iter()
        .map(|result| {
            let seconds = result.duration.map(Micros::get);
            let details = result.extras.failure_expanded.iter();
            let details: Vec<_> = details.flat_map(|detail| &detail.expanded).collect();
            format!(
                "{} {} {seconds:?} {details:?}",
                result.name,
                result.outcome.name()
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            r#"a failed Some(500000) ["first", "trace", "said"]"#,
            "a passed Some(1500000) []",
            r#"b failed Some(1000000) ["one", "system-out:", "out"]"#,
            r#"b failed None ["two"]"#,
        ]
    );
}

#[test]
fn a_suite_with_more_failures_than_flaky_attempts_has_failed() {
    for detail in [Detail::Full, Detail::Outcomes] {
        let text = "<testsuite name='s' errors='2'><testcase name='a'><flakyError/></testcase>\
                    </testsuite>";
        let report = parse_with(Junit, text.as_bytes(), detail).expect("a report");
        assert_eq!(
            report.errors_outside_tests,
            ["test suite s reports 2 failures or errors, but none of its tests failed"]
        );
        assert!(
            report
                .results
                .iter()
                .any(|result| result.outcome == Outcome::Passed)
        );
    }
}

/// A failure without output may be that of a subtest, so it must not hide one of the test itself.
#[rstest]
#[case(&["", "own"], None)]
#[case(&["own", ""], None)]
#[case(&["", ""], Some(Remark::SilentFailure))]
fn a_go_test_that_failed_by_itself_once_did_so(
    #[case] outputs: &[&str],
    #[case] expected: Option<Remark>,
) {
    let lines = outputs.iter().map(|output| {
        format!(
            r#"{{"Action":"output","Package":"p","Test":"TestA","Output":"{output}"}}
{{"Action":"fail","Package":"p","Test":"TestA"}}
"#
        )
    });
    let mut text = lines.collect::<String>();
    text.push_str(r#"{"Action":"fail","Package":"p"}"#);
    let report = parse_with(GoJsonl, text.as_bytes(), Detail::Outcomes).expect("a report");
    let remarks: Vec<_> = report.results.iter().map(|result| result.remark).collect();
    assert_eq!(remarks, [expected]);
}
