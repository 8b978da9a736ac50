//! Variants of reports that the fixtures do not cover.

use test_engine_duration::Micros;
use test_engine_results::{Detail, Format, Outcome, Report, parse, parse_with};

use Format::{CucumberJson, GoJsonl, JestJson, Json, Junit, PlaywrightJson, RspecJson};
use Outcome::{Failed, Passed, Skipped, Unknown};

fn outcomes(format: Format, text: &str) -> Vec<(String, Outcome)> {
    let report = parse(format, text.as_bytes()).expect("a report");
    assert_eq!(report.invalid, []);
    report
        .results
        .into_iter()
        .map(|result| (result.name.into_owned(), result.outcome))
        .collect()
}

fn errors(format: Format, text: &str) -> Vec<String> {
    // Both levels of detail must report errors outside of tests.
    let full = parse(format, text.as_bytes()).expect("a report");
    let reduced = parse_with(format, text.as_bytes(), Detail::Outcomes).expect("a report");
    assert_eq!(full.errors_outside_tests, reduced.errors_outside_tests);
    full.errors_outside_tests
}

fn first(format: Format, text: &str) -> test_engine_results::TestResult<'_> {
    let report: Report = parse(format, text.as_bytes()).expect("a report");
    report.results.into_iter().next().expect("a result")
}

#[test]
fn reads_junit_outcomes() {
    let text = r#"<?xml version="1.0"?>
        <testsuites><testsuite name="outer"><testsuite name="inner">
        <testcase name="plain"/>
        <testcase name="failure"><failure/></testcase>
        <testcase name="error"><error/></testcase>
        <testcase name="skipped"><skipped/></testcase>
        <testcase name="skipped and failed"><skipped/><failure/></testcase>
        <testcase name="GoogleTest ran" status="run" result="completed"/>
        <testcase name="GoogleTest disabled" status="notrun" result="suppressed"/>
        <testcase name="CTest failed" status="fail"/>
        <testcase name="CTest disabled" status="disabled"/>
        <testcase name="behave untested" status="untested"/>
        <testcase name="behave undefined" status="undefined"/>
        <testcase name="behave not reached" status="untested_undefined"/>
        <testcase name="behave hook" status="hook_error"/>
        <testcase name="behave cleanup" status="cleanup_error"/>
        <testcase name="properties"><properties><property name="failure" value="x"/></properties>
         </testcase>
        <testcase name="failure inside the text"><skipped><failure/></skipped></testcase>
        </testsuite></testsuite></testsuites>"#;
    let expected = [
        ("plain", Passed),
        ("failure", Failed),
        ("error", Failed),
        ("skipped", Skipped),
        ("skipped and failed", Failed),
        ("GoogleTest ran", Passed),
        ("GoogleTest disabled", Skipped),
        ("CTest failed", Failed),
        ("CTest disabled", Skipped),
        ("behave untested", Skipped),
        ("behave undefined", Failed),
        ("behave not reached", Skipped),
        ("behave hook", Failed),
        ("behave cleanup", Failed),
        ("properties", Passed),
        ("failure inside the text", Failed),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(name, o)| ((*name).to_owned(), *o))
        .collect();
    assert_eq!(outcomes(Junit, text), expected);
}

#[test]
fn reads_junit_texts_and_locations() {
    let text = r#"<testsuite file="suite.rb">
        <testcase classname="A &amp; B" name="&lt;a&gt; &#x1F600;&#10;b" line="3" time="0.5">
        <failure message="short &quot;one&quot;"
         type="Boom">long &lt;one&gt; &#38; <![CDATA[<raw> & ]]>end<b>bold</b>
          second</failure>
        <system-out>said</system-out><system-err><![CDATA[  ]]></system-err></testcase>
        <testcase name="own file" file="own.rb"/></testsuite>"#;
    let report = parse(Junit, text.as_bytes()).expect("a report");
    let result = report.results.first().expect("a result");
    assert_eq!(result.scope, "A & B");
    assert_eq!(result.name, "<a> \u{1F600}\nb");
    assert_eq!(result.location.as_deref(), Some("suite.rb:3"));
    assert_eq!(
        result.extras.failure_reason.as_deref(),
        Some("short \"one\"")
    );
    let lines: Vec<_> = result
        .extras
        .failure_expanded
        .iter()
        .map(|f| f.expanded.clone())
        .collect();
    assert_eq!(
        lines,
        [
            vec![
                "short \"one\"",
                "long <one> & <raw> & endbold",
                "          second"
            ],
            vec!["system-out:", "said"],
        ]
    );
    let own = report.results.get(1).expect("a second result");
    assert_eq!(own.file_name.as_deref(), Some("own.rb"));
    assert_eq!(own.location, None);
}

#[test]
fn reads_junit_errors_outside_tests() {
    // What jest-junit writes for a file that does not load.
    let text = r#"<testsuites errors="1"><testsuite name="broken.test.js" errors="1" tests="0"/>
         </testsuites>"#;
    assert_eq!(
        errors(Junit, text),
        ["test suite broken.test.js reports 1 failures or errors, but none of its tests failed"]
    );
    let text = r#"<testsuite name="S" errors="1"><error message="no database">at start</error>
         <testcase name="a"/></testsuite>"#;
    assert_eq!(
        errors(Junit, text),
        ["test suite S failed outside its tests: no database\nat start"]
    );
    let text = r#"<testsuite failures="1"><testsuite failures="1"><testcase name="a"><failure/>
         </testcase></testsuite></testsuite>"#;
    assert_eq!(errors(Junit, text), [""; 0]);
    // The failure of an invalid result must not be lost.
    let text = r#"<testsuite failures="1"><testcase name=""><failure/></testcase></testsuite>"#;
    assert_eq!(
        errors(Junit, text),
        ["an unnamed test suite reports 1 failures or errors, but none of its tests failed"]
    );
}

/// node:test gives every case the class "test".
#[test]
fn junit_cases_of_node_belong_to_their_suites() {
    let text = r#"<testsuites>
        <testsuite name="cart" disabled="0" errors="0" tests="2">
         <testsuite name="prices" disabled="0"><testcase name="works" classname="test"/></testsuite>
         <testcase name="works" classname="test"/></testsuite>
        <testcase name="works" classname="test"/>
        <testsuite name="pytest"><testcase name="works" classname="test"/></testsuite>
        <testsuite name="C" disabled="0"><testcase name="works" classname="CartTest"/></testsuite>
        </testsuites>"#;
    let report = parse(Junit, text.as_bytes()).expect("a report");
    let results = report.results.iter();
    let scopes: Vec<&str> = results.map(|result| result.scope.as_ref()).collect();
    let expected = ["cart prices", "cart", "test", "test", "CartTest"];
    assert_eq!(scopes, expected);
}

#[test]
fn accepts_json_of_all_collectors() {
    let text = r#"[
        {"name": "bare"},
        {"name": "all", "id": "not a uuid", "scope": null, "location": null, "file_name": "",
         "result": "pending",
         "failure_reason": "", "failure_expanded": [{"expanded": []}, {"backtrace": ["b"]}, {}],
         "history": {"section": "top", "start_at": 1, "duration": null}, "tags": {"a": "b",
          "n": 1, "x": null}, "more": [1]},
        {"name": "ruby", "external_id": "0199", "failure_expanded": null, "history": null,
         "tags": null},
        {"name": "number", "id": 18446744073709551615, "failure_expanded": "one\ntwo"}
    ]"#;
    let report = parse(Json, text.as_bytes()).expect("a report");
    insta::assert_debug_snapshot!(report);
}

#[test]
fn reads_json_spans() {
    let text = r#"[{"name": "a", "history": {"section": "top", "start_at": 1.0, "end_at": 2.0,
         "duration": 1.0, "children": [
        {"section": "sql", "start_at": 1.1, "end_at": 1.2, "duration": 0.1,
         "detail": {"query": "SELECT 1"}},
        {"section": "http", "duration": 0.5, "detail": {"method": "GET",
         "url": "https://example.test", "lib": "curl"}, "children": [
            {"section": "annotation", "duration": -1, "detail": {"content": "note"}}]},
        {"duration": 1}, null
    ]}}]"#;
    insta::assert_debug_snapshot!(first(Json, text).extras.spans);
}

#[test]
fn rspec_shared_examples_belong_to_the_file_that_runs_them() {
    let text = r#"{"examples": [{"id": "./spec/a_spec.rb[1:2:1]", "description": "works",
         "full_description": "A works",
        "status": "passed", "file_path": "./spec/support/shared.rb", "line_number": 3,
         "run_time": 0.25}]}"#;
    let result = first(RspecJson, text);
    assert_eq!(result.file_name.as_deref(), Some("./spec/a_spec.rb"));
    assert_eq!(
        result.location.as_deref(),
        Some("./spec/support/shared.rb:3")
    );
    assert_eq!(result.scope, "A");
}

#[test]
fn counts_rspec_errors_without_messages() {
    let text = r#"{"examples": [], "summary": {"errors_outside_of_examples_count": 2},
         "messages": ["\nRun options: x"]}"#;
    assert_eq!(
        errors(RspecJson, text),
        ["2 errors occurred outside of examples"]
    );
}

#[test]
fn reports_failed_jest_runs_without_failed_tests() {
    let text = r#"{"success": false, "testResults": [{"status": "passed", "assertionResults": [
         {"title": "a", "status": "passed"}]}]}"#;
    assert_eq!(
        errors(JestJson, text),
        ["the run failed, but no test in it failed"]
    );
    let text = r#"{"success": false, "testResults": [{"name": "a.js", "status": "failed",
         "message": "", "assertionResults": []}]}"#;
    assert_eq!(errors(JestJson, text), ["a.js failed outside its tests"]);
    let text = r#"{"success": false, "numFailedTestSuites": 1, "testResults": [{"name": "a.js",
         "status": "failed",
        "assertionResults": [{"ancestorTitles": ["x", "y"], "title": "a", "status": "failed"}]}]}"#;
    assert_eq!(errors(JestJson, text), [""; 0]);
}

#[test]
fn limits_jest_attempts() {
    let text = r#"{"testResults": [{"assertionResults": [{"title": "a", "status": "passed",
         "invocations": 1e15}]}]}"#;
    assert_eq!(outcomes(JestJson, text).len(), 21);
}

#[test]
fn playwright_specs_without_tests_do_not_pass() {
    let text = r#"{"suites": [{"title": "a.spec.js", "specs": [
        {"title": "not ok", "ok": false, "file": "a.spec.js", "line": 1},
        {"title": "ok", "ok": true, "tests": []},
        {"title": "interrupted", "ok": true, "tests": [{"expectedStatus": "passed",
         "status": "skipped", "results": [{"status": "interrupted"}]}]},
        {"title": "not ok, whatever its tests say", "ok": false, "tests": [{"status": "expected",
         "results": [{"status": "passed"}]}]}
    ]}], "errors": []}"#;
    let expected = [
        ("not ok".to_owned(), Failed),
        ("ok".to_owned(), Unknown),
        ("interrupted".to_owned(), Unknown),
        ("not ok, whatever its tests say".to_owned(), Failed),
    ];
    assert_eq!(outcomes(PlaywrightJson, text), expected);
    let reduced = parse_with(PlaywrightJson, text.as_bytes(), Detail::Outcomes).expect("a report");
    let reduced: Vec<_> = reduced
        .results
        .into_iter()
        .map(|r| (r.name.into_owned(), r.outcome))
        .collect();
    assert_eq!(reduced, expected);
}

#[test]
fn reports_failed_cucumber_backgrounds_without_a_scenario() {
    let text = r#"[{"name": "F", "elements": [
        {"type": "background", "steps": [{"keyword": "Given ", "name": "a shop",
         "result": {"status": "failed", "error_message": "closed"}}]},
        {"type": "background", "steps": [{"result": {"status": "passed", "duration": 1500000000}}]},
        {"type": "scenario", "name": "a", "steps": [{"result": {"status": "passed",
         "duration": 500000000}}]},
        {"name": "no status", "steps": [{"result": {"status": "passed"}}, {}]}
    ]}]"#;
    let expected = [("a".to_owned(), Passed), ("no status".to_owned(), Unknown)];
    assert_eq!(outcomes(CucumberJson, text), expected);
    assert_eq!(
        first(CucumberJson, text).duration,
        Some(Micros::new(2_000_000))
    );
    assert_eq!(
        errors(CucumberJson, text),
        ["the background of a scenario in F failed at Given a shop: closed"]
    );
}

#[test]
fn reports_unfinished_go_packages() {
    let text = r#"{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":0.5}
{"Action":"run","Package":"p","Test":"TestB"}
{"ImportPath":"q","Action":"build-output","Output":"broken\n"}
{"ImportPath":"q","Action":"build-fail"}"#;
    let expected = [("TestA".to_owned(), Passed), ("TestB".to_owned(), Unknown)];
    assert_eq!(outcomes(GoJsonl, text), expected);
    assert_eq!(
        errors(GoJsonl, text),
        [
            "package p did not finish: the report ends before the package",
            "q did not build:\nbroken"
        ]
    );
}

#[test]
fn accepts_go_output_without_build_events() {
    let text = r#"{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p","Elapsed":0}"#;
    assert_eq!(outcomes(GoJsonl, text), []);
    assert_eq!(errors(GoJsonl, text), ["package p did not build"]);
}

#[test]
fn a_decimal_comma_holds_for_the_whole_file() {
    let text = r#"<testsuite name="de.RechnungTest" tests="4" failures="0" time="14,160">
        <testcase name="a" time="0,160"/><testcase name="b" time="1,250"/>
        <testcase name="c" time="12,500"/><testcase name="d" time="1.234,5"/>
        <testcase name="e" time="1.250"/></testsuite>"#;
    for detail in [Detail::Full, Detail::Outcomes] {
        let report = parse_with(Junit, text.as_bytes(), detail).expect("a report");
        let seconds = report.results.iter().map(|result| result.duration);
        let expected = [0.16, 1.25, 12.5, 1234.5, 1250.0].map(Micros::from_seconds);
        assert!(seconds.eq(expected.map(Some)), "{:?}", report.results);
    }
}

#[test]
fn reads_cucumber_elements_of_any_type() {
    let step = |status: &str| format!("\"steps\": [{{\"result\": {{\"status\": \"{status}\"}}}}]");
    let (passed, failed) = (step("passed"), step("failed"));
    let text = format!(
        r#"[{{"uri": "features/a.feature", "name": "Cart", "elements": [
        {{"type": "scenario_outline", "name": "pulls", "line": 3, {failed}}},
        {{"type": "Scenario", "name": "capital", "line": 9, {failed}}},
        {{"type": "rule", "name": "Rule", "elements": [
            {{"type": "Background", {passed}}},
            {{"keyword": "Scenario", "name": "in a rule", "line": 12, {passed}}}]}},
        {{"type": "scenario", "keyword": "Scenario", "name": "", "line": 15, {failed}}},
        {{"type": "scenario_outline", "name": "without results", "line": 20, "steps": [{{}}]}}
        ]}}]"#
    );
    let expected = [
        ("pulls", Failed),
        ("capital", Failed),
        ("in a rule", Passed),
        ("Scenario at line 15", Failed),
        ("without results", Unknown),
    ];
    let expected = expected.map(|(name, outcome)| (name.to_owned(), outcome));
    assert_eq!(outcomes(CucumberJson, &text), expected);
}

#[test]
fn go_tests_without_an_event_for_their_end_keep_their_outcome() {
    let lines = |package_end: &str| {
        format!(
            r#"{{"Action":"run","Package":"p","Test":"TestA"}}
{{"Action":"output","Package":"p","Test":"TestA","Output":"OK--- PASS: TestA (0.25s)\n"}}
{{"Action":"run","Package":"p","Test":"TestS"}}
{{"Action":"output","Package":"p","Test":"TestS","Output":"sk--- SKIP: TestS (0.00s)\n"}}
{{"Action":"run","Package":"p","Test":"BenchmarkB"}}
{{"Action":"run","Package":"p","Test":"BenchmarkB/x"}}
{{"Action":"output","Package":"p","Test":"BenchmarkB/x","Output":"BenchmarkB/x-2  \t"}}
{{"Action":"output","Package":"p","Test":"BenchmarkB/x","Output":"  10\t  14.10 ns/op\n"}}
{{"Action":"run","Package":"p","Test":"BenchmarkOld"}}
{{"Action":"bench","Package":"p","Test":"BenchmarkOld"}}
{{"Action":"run","Package":"p","Test":"TestCut"}}
{package_end}"#
        )
    };
    let expected = |cut| {
        let expected = [
            ("TestA", Passed),
            ("TestS", Skipped),
            ("BenchmarkB", Passed),
            ("BenchmarkB/x", Passed),
            ("BenchmarkOld", Passed),
            ("TestCut", cut),
        ];
        expected.map(|(name, outcome)| (name.to_owned(), outcome))
    };
    let failed = lines(r#"{"Action":"fail","Package":"p"}"#);
    assert_eq!(outcomes(GoJsonl, &failed), expected(Failed));
    // From the cache.
    let cached = lines(
        r#"{"Action":"output","Package":"p","Output":"ok  \tp\t(cached)\n"}
{"Action":"pass","Package":"p","Elapsed":0}"#,
    );
    assert_eq!(outcomes(GoJsonl, &cached), expected(Unknown));
    assert_eq!(first(GoJsonl, &cached).duration, Some(Micros::new(250_000)));
}

#[test]
fn a_failed_go_package_whose_tests_all_passed_has_failed() {
    let text = r#"{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"OK--- PASS: TestA (0.25s)\n"}
{"Action":"output","Package":"p","Output":"exit status 3\n"}
{"Action":"fail","Package":"p"}"#;
    let expected = [
        ("TestA".to_owned(), Passed),
        ("TestMain".to_owned(), Failed),
    ];
    assert_eq!(outcomes(GoJsonl, text), expected);
}

#[test]
fn reads_focused_jest_tests() {
    let text = r#"{"testResults": [{"status": "focused", "assertionResults": [
         {"title": "a", "status": "passed"},
         {"title": "b", "status": "focused"},
         {"title": "c", "status": "focused", "failureMessages": ["no"]}]}]}"#;
    let expected = [("a", Passed), ("b", Unknown), ("c", Failed)];
    let expected = expected.map(|(name, outcome)| (name.to_owned(), outcome));
    assert_eq!(outcomes(JestJson, text), expected);
}

/// Timings are kept for files, so what tools add to the `file` attribute must go.
#[test]
fn reads_the_file_of_junit_cases_from_its_variants() {
    let case = |attributes: &str| {
        let text = format!(r#"<testsuite><testcase name="t" {attributes}/></testsuite>"#);
        let result = first(Junit, &text).into_owned();
        (
            result.file_name.unwrap_or_default().into_owned(),
            result.location.unwrap_or_default().into_owned(),
        )
    };
    for (attributes, file, location) in [
        (
            r#"file="tests/SumTest.php::it adds""#,
            "tests/SumTest.php",
            "",
        ),
        (
            r#"file="tests/SumTest.php::it adds &quot;1:2&quot; numbers::x" line="7""#,
            "tests/SumTest.php",
            "tests/SumTest.php:7",
        ),
        (
            r#"file="test/sum_test.exs:12""#,
            "test/sum_test.exs",
            "test/sum_test.exs:12",
        ),
        (
            r#"file="tests\Unit\ATest.php" line="3""#,
            "tests/Unit/ATest.php",
            "tests/Unit/ATest.php:3",
        ),
        (r#"file="C:\app\ATest.php""#, r"C:\app\ATest.php", ""),
        (r#"file="a/odd\name.rb""#, r"a/odd\name.rb", ""),
        (r#"file="/b/app/ATest.php""#, "/b/app/ATest.php", ""),
        (r#"file="::t""#, "::t", ""),
        (r#"file="a.rb:x""#, "a.rb:x", ""),
    ] {
        assert_eq!(
            case(attributes),
            (file.to_owned(), location.to_owned()),
            "{attributes}"
        );
    }
}

#[test]
fn mochas_suites_inherit_the_file_of_the_root_suite_before_them() {
    let text = r#"<testsuites name="Mocha Tests">
        <testsuite name="Root Suite" file="/app/test/a.js" tests="0"/>
        <testsuite name="A"><testcase name="A one" classname="one"/></testsuite>
        <testsuite name="A inner"><testcase name="A inner two" classname="two"/></testsuite>
        <testsuite name="Root Suite" file="/app/test/b.js" tests="0"/>
        <testsuite name="B"><testcase name="B three" classname="three"/></testsuite>
        <testsuite name="Root Suite" tests="0"/>
        <testsuite name="C"><testcase name="C four" classname="four"/></testsuite>
        </testsuites>"#;
    let report = parse(Junit, text.as_bytes()).unwrap();
    let files = report
        .results
        .iter()
        .map(|result| result.file_name.as_deref());
    let [a, b] = [Some("/app/test/a.js"), Some("/app/test/b.js")];
    assert_eq!(files.collect::<Vec<_>>(), [a, a, b, None]);
}
