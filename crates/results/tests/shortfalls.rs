//! Evidence in reports that tests did not run, and errors that hide behind failed tests.

use rstest::rstest;
use test_engine_results::{Detail, Format, Outcome, Remark, Report, parse_with};

use Format::{CucumberJson, GoJsonl, JestJson, Junit, PlaywrightJson, RspecJson};

fn report(format: Format, text: &str) -> Report<'_> {
    parse_with(format, text.as_bytes(), Detail::Outcomes).expect("a report")
}

fn shortfalls<'r>(report: &'r Report<'_>) -> Vec<(Option<&'r str>, &'r str)> {
    let all = report.shortfalls.iter();
    all.map(|shortfall| (shortfall.file.as_deref(), shortfall.reason.as_str()))
        .collect()
}

fn remarks<'r>(report: &'r Report<'_>) -> Vec<(&'r str, Option<Remark>)> {
    let results = report.results.iter();
    results
        .map(|result| (result.name.as_ref(), result.remark))
        .collect()
}

const JEST_FILE: &str = r#"{"name":"/app/a.test.js","status":"failed",
    "message":"● cart › fails\n\n    no\n\n● Test suite failed to run\n\n    orders left open",
    "assertionResults":[
        {"title":"fails","ancestorTitles":["cart"],"status":"failed"},
        {"title":"waits","ancestorTitles":["cart"],"status":"pending"}]}"#;

#[test]
fn jest_errors_in_after_all_are_outside_the_tests() {
    let text =
        format!(r#"{{"numRuntimeErrorTestSuites":1,"success":false,"testResults":[{JEST_FILE}]}}"#);
    let report = report(JestJson, &text);
    assert_eq!(
        report.errors_outside_tests,
        ["/app/a.test.js failed outside its tests: orders left open"]
    );
    // Jest reports a test as pending that its file skips.
    assert_eq!(remarks(&report)[1], ("waits", None));
}

#[test]
fn a_failed_jest_file_without_an_error_of_its_own_has_none() {
    let text = format!(r#"{{"numRuntimeErrorTestSuites":0,"testResults":[{JEST_FILE}]}}"#);
    assert!(report(JestJson, &text).errors_outside_tests.is_empty());
}

#[test]
fn an_interrupted_jest_is_incomplete() {
    let text = r#"{"testResults":[],"wasInterrupted":true,"numRuntimeErrorTestSuites":0}"#;
    assert_eq!(report(JestJson, text).shortfalls[0].file, None);
}

#[test]
fn vitest_errors_of_a_file_with_failed_tests_are_outside_the_tests() {
    let text = r#"{"testResults":[{"name":"/app/a.test.js","status":"failed",
        "message":"orders left open","assertionResults":[
            {"title":"fails","ancestorTitles":[],"status":"failed"}]}]}"#;
    assert_eq!(
        report(JestJson, text).errors_outside_tests,
        ["/app/a.test.js failed outside its tests: orders left open"]
    );
}

#[rstest]
fn vitest_tests_after_a_bail_did_not_run(
    // Vitest 5 and older ones.
    #[values("failed", "passed")] file_status: &str,
) {
    let file = format!(
        r#"{{"name":"/app/b.test.js","status":"{file_status}","message":"","assertionResults":[]}}"#
    );
    let of_status = |status: &str| {
        format!(
            r#"{{"testResults":[{{"name":"/app/a.test.js","status":"{status}","message":"",
                "assertionResults":[
                    {{"title":"first","ancestorTitles":[],"status":"{status}"}},
                    {{"title":"second","ancestorTitles":[],"status":"pending"}},
                    {{"title":"skipped","ancestorTitles":[],"status":"skipped"}}]}},{file}]}}"#
        )
    };
    let text = of_status("failed");
    let report = report(JestJson, &text);
    let reason = "/app/b.test.js has no results: the runner stopped before it";
    assert_eq!(shortfalls(&report), [(Some("/app/b.test.js"), reason)]);
    let expected = [
        ("first", None),
        ("second", Some(Remark::UnexplainedSkip)),
        ("skipped", None),
    ];
    assert_eq!(remarks(&report), expected);
    assert_eq!(report.errors_outside_tests, [""; 0]);
    // Without a failure it did not stop.
    let text = of_status("passed");
    let report = self::report(JestJson, &text);
    assert_eq!(report.shortfalls, []);
    let has_failed = file_status == "failed";
    assert_eq!(report.errors_outside_tests.len(), usize::from(has_failed));
}

#[test]
fn junit_failures_of_every_kind_explain_the_counts_of_their_suite() {
    for case in [
        "<testcase name='a' status='error'/>",
        "<testcase name='a'><rerunFailure/></testcase>",
        "<testcase name='a'><failure/></testcase>",
    ] {
        let text = format!("<testsuite tests='1' errors='1' failures='0'>{case}</testsuite>");
        let report = report(Junit, &text);
        assert_eq!(report.errors_outside_tests, [""; 0], "{case}");
        assert_eq!(report.results[0].outcome, Outcome::Failed, "{case}");
    }
    let text = "<testsuite errors='2' failures='0'><testcase name='a' status='error'/></testsuite>";
    let report = report(Junit, text);
    assert_eq!(
        report.errors_outside_tests,
        ["an unnamed test suite reports 2 errors, but not all of them belong to a test"]
    );
}

#[test]
fn rspec_announces_focus() {
    let of_messages = |messages: &str| {
        let text = format!(r#"{{"examples":[],"messages":[{messages}],"summary":{{}}}}"#);
        report(RspecJson, &text).has_focus
    };
    for (messages, has_focus) in [
        (r#""Run options: include {:focus=>true}""#, true),
        (r#""Run options: include {focus: true}""#, true),
        (
            r#""Run options:\n  include {:focus=>true}\n  exclude {:slow=>true}""#,
            true,
        ),
        (r#""Run options: exclude {:focus=>true}""#, false),
        (r#""Run options: include {:slow=>true}""#, false),
        // No example ran.
        (
            r#""Run options: include {:focus=>true}", "\nAll examples were filtered out""#,
            true,
        ),
    ] {
        assert_eq!(of_messages(messages), has_focus, "{messages}");
    }
}

#[test]
fn rspec_ignores_the_filter_for_focused_examples_if_none_is_focused() {
    let report_with = |messages: &str| {
        format!(
            r#"{{"version":"3.12.0",{messages}"examples":[{{"id":"./spec/a_spec.rb[1:1]",
            "description":"one","full_description":"A one","status":"passed",
            "file_path":"./spec/a_spec.rb","line_number":2,"run_time":8.4274e-05,
            "pending_message":null}}],"summary":{{"duration":0.0004,"example_count":1,
            "failure_count":0,"pending_count":0,"errors_outside_of_examples_count":0}},
            "summary_line":"1 example, 0 failures"}}"#
        )
    };
    for (messages, has_focus) in [
        // filter_run focus: true, with run_all_when_everything_filtered
        (
            r#""messages":["Run options: include {:focus=>true}",
            "\nAll examples were filtered out; ignoring {:focus=>true}"],"#,
            false,
        ),
        (
            r#""messages":["Run options:\n  include {:focus=>true}\n  exclude {:slow=>true}",
            "\nAll examples were filtered out; ignoring {:focus=>true}"],"#,
            false,
        ),
        (
            r#""messages":["Run options: include {focus: true}",
            "\nAll examples were filtered out; ignoring {focus: true}"],"#,
            false,
        ),
        (
            r#""messages":["Run options: include {:focus=>true}"],"#,
            true,
        ),
        // filter_run_when_matching :focus
        ("", false),
    ] {
        let text = report_with(messages);
        assert_eq!(report(RspecJson, &text).has_focus, has_focus, "{messages}");
    }
}

#[test]
fn jest_marks_focused_tests() {
    let of_status = |status: &str| {
        let text = format!(
            r#"{{"testResults":[{{"name":"/app/a.test.js","status":"passed","message":"",
            "assertionResults":[{{"title":"a","ancestorTitles":[],"status":"{status}"}}]}}]}}"#
        );
        report(JestJson, &text).has_focus
    };
    assert!(of_status("focused"));
    assert!(!of_status("passed"));
}

#[test]
fn an_rspec_example_without_an_outcome_ended_the_run() {
    let text = r#"{"examples":[{"description":"exits","full_description":"A exits","status":""}]}"#;
    let report = report(RspecJson, text);
    assert_eq!(report.invalid.len(), 1);
    assert_eq!(report.shortfalls.len(), 1);
}

#[test]
fn playwright_tests_that_did_not_run_are_remarked() {
    let test = |title: &str, expected: &str, status: &str| {
        format!(
            r#"{{"title":"{title}","ok":true,"file":"a.spec.js","line":1,"tests":[
                {{"expectedStatus":"{expected}","status":"{status}","results":[]}}]}}"#
        )
    };
    let text = format!(
        r#"{{"suites":[{{"title":"a.spec.js","specs":[{},{},{}]}}],"errors":[
            {{"message":"Testing stopped early after 1 maximum allowed failures."}}]}}"#,
        test("runs", "passed", "expected"),
        test("unrun", "passed", "skipped"),
        test("skipped", "skipped", "skipped"),
    );
    let report = report(PlaywrightJson, &text);
    let expected = [
        ("runs", None),
        ("unrun", Some(Remark::UnexplainedSkip)),
        ("skipped", None),
    ];
    assert_eq!(remarks(&report), expected);
    let reason = "Testing stopped early after 1 maximum allowed failures";
    assert_eq!(shortfalls(&report), [(None, reason)]);
    assert_eq!(report.errors_outside_tests, [""; 0]);
}

#[test]
fn cucumber_scenarios_without_any_step_run_are_remarked() {
    let scenario = |name: &str, steps: &[(&str, u32)]| {
        let steps: Vec<String> = steps
            .iter()
            .map(|(status, duration)| {
                format!(r#"{{"result":{{"status":"{status}","duration":{duration}}}}}"#)
            })
            .collect();
        format!(
            r#"{{"type":"scenario","name":"{name}","steps":[{}]}}"#,
            steps.join(",")
        )
    };
    let text = format!(
        r#"[{{"name":"A","uri":"a.feature","elements":[{},{},{},{},{},{}]}}]"#,
        scenario("unrun", &[("skipped", 0), ("skipped", 0)]),
        scenario("skips itself", &[("skipped", 7), ("skipped", 0)]),
        scenario("pending", &[("pending", 0), ("skipped", 0)]),
        scenario("undefined", &[("undefined", 0), ("skipped", 0)]),
        scenario("failed", &[("failed", 3), ("undefined", 0)]),
        scenario("empty", &[]),
    );
    let report = report(CucumberJson, &text);
    let expected = [
        ("unrun", Some(Remark::UnexplainedSkip)),
        ("skips itself", None),
        ("pending", None),
        ("undefined", Some(Remark::UndefinedStep)),
        ("failed", None),
        ("empty", None),
    ];
    assert_eq!(remarks(&report), expected);
    assert_eq!(report.results[3].outcome, Outcome::Failed);
}

/// Events of the package `m`, each with a test or none, and with output or an action.
fn go(events: &[(&str, &str, &str)]) -> String {
    let line = |(action, test, output): &(&str, &str, &str)| {
        format!(r#"{{"Action":"{action}","Package":"m","Test":"{test}","Output":"{output}"}}"#)
    };
    events.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_go_package_that_ends_normally_is_complete() {
    let text = go(&[
        ("run", "TestA", ""),
        ("output", "TestA", "panic: just a log line\\n"),
        ("fail", "TestA", ""),
        ("output", "", "FAIL\\n"),
        ("output", "", "FAIL\\tm\\t0.1s\\n"),
        ("fail", "", ""),
    ]);
    assert_eq!(report(GoJsonl, &text).shortfalls, []);
}

#[test]
fn a_go_package_that_panics_is_incomplete() {
    let text = go(&[
        ("run", "TestA", ""),
        ("output", "TestA", "panic: no map\\n"),
        ("fail", "TestA", ""),
        ("output", "", "FAIL\\tm\\t0.1s\\n"),
        ("fail", "", ""),
    ]);
    let report = report(GoJsonl, &text);
    let reason = "the test binary of m did not finish (panic: no map), so tests of it did not run";
    assert_eq!(shortfalls(&report), [(Some("m"), reason)]);
}

#[test]
fn a_go_package_without_output_may_be_complete() {
    let text = go(&[("fail", "TestA", ""), ("fail", "", "")]);
    assert_eq!(report(GoJsonl, &text).shortfalls, []);
}

#[test]
fn go_tests_that_fail_without_output_are_remarked() {
    let text = go(&[
        ("output", "TestA", "=== RUN   TestA\\n"),
        ("output", "TestA/b", "    a_test.go:1: no\\n"),
        ("fail", "TestA/b", ""),
        ("output", "TestA", "--- FAIL: TestA (0.00s)\\n"),
        ("fail", "TestA", ""),
        ("output", "", "FAIL\\n"),
        ("fail", "", ""),
    ]);
    let expected = [("TestA/b", None), ("TestA", Some(Remark::SilentFailure))];
    assert_eq!(remarks(&report(GoJsonl, &text)), expected);
}

#[test]
fn junit_suites_must_list_their_errors() {
    let of_suite = |attributes: &str, cases: &str| {
        let text = format!("<testsuite name='s' {attributes}>{cases}</testsuite>");
        report(Junit, &text).errors_outside_tests.len()
    };
    let failed = "<testcase name='a'><failure/></testcase>";
    let error = "<testcase name='b'><error/></testcase>";
    assert_eq!(of_suite("failures='1' errors='1'", failed), 1);
    assert_eq!(
        of_suite("failures='1' errors='2'", &format!("{failed}{error}")),
        1
    );
    assert_eq!(
        of_suite("failures='1' errors='1'", &format!("{failed}{error}")),
        0
    );
    // Mocha's xunit reporter counts failures as errors.
    assert_eq!(of_suite("failures='0' errors='1'", failed), 0);
    // A nested suite counts again what its parent counts.
    let nested = format!("<testsuite errors='1'>{error}</testsuite>{failed}");
    assert_eq!(of_suite("failures='1' errors='1'", &nested), 0);
}
