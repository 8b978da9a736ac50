use test_engine_results::{Format, Outcome, parse};

use super::*;

/// `scope | name | outcome | seconds | reason | place` of each result.
fn converted(format: ConvertedFormat, text: &str) -> String {
    let (json, note) = convert(format, text.as_bytes()).unwrap();
    assert_eq!(note, None);
    let report = parse(Format::Json, &json).unwrap();
    assert_eq!(report.invalid, []);
    let lines = report.results.iter().map(|result| {
        let seconds = result
            .duration
            .map_or_else(String::new, |duration| duration.get().to_string());
        let reason = result.extras.failure_reason.as_deref().unwrap_or_default();
        let lines = result.extras.failure_expanded.iter();
        let lines: usize = lines.map(|f| f.expanded.len() + f.backtrace.len()).sum();
        assert_eq!(lines > 0, !reason.is_empty(), "{result:?}");
        let place = result.location.as_deref().unwrap_or_default();
        let (scope, name, outcome) = (&result.scope, &result.name, result.outcome.name());
        let line = format!("{scope} | {name} | {outcome} | {seconds} | {reason} | {place}");
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn converts_trx() {
    let text = r#"<?xml version="1.0" encoding="utf-8"?>
<TestRun id="1" xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010">
  <Results>
    <UnitTestResult testId="a" testName="Shop.CartTests.Adds" duration="00:00:01.5000000"
      outcome="Passed"/>
    <UnitTestResult testId="b" testName="Removes" duration="1.00:00:00" outcome="Failed">
      <Output><ErrorInfo><Message>Expected 1 &lt; 2</Message>
      <StackTrace>at Shop.CartTests.Removes()</StackTrace></ErrorInfo></Output></UnitTestResult>
    <UnitTestResult testId="c" testName="Waits" outcome="NotExecuted"/>
    <UnitTestResult testId="d" testName="Rows" outcome="Failed"><InnerResults>
      <UnitTestResult testId="d" testName="Rows (1)" outcome="Passed"/>
      <UnitTestResult testId="d" testName="Rows (2)" outcome="Timeout"/></InnerResults>
    </UnitTestResult>
    <UnitTestResult testId="e" testName="Odd"/>
  </Results>
  <TestDefinitions>
    <UnitTest id="a"><TestMethod className="Shop.CartTests" name="Adds"/></UnitTest>
    <UnitTest id="b"><TestMethod className="Shop.CartTests, Shop" name="Removes"/></UnitTest>
    <UnitTest id="d"><TestMethod className="Shop.CartTests" name="Rows"/></UnitTest>
  </TestDefinitions>
  <ResultSummary outcome="Failed"><RunInfos>
    <RunInfo outcome="Warning"><Text>slow</Text></RunInfo>
    <RunInfo outcome="Error"><Text>host crashed</Text></RunInfo></RunInfos></ResultSummary>
</TestRun>"#;
    insta::assert_snapshot!(converted(ConvertedFormat::Trx, text), @r"
    Shop.CartTests | Adds | passed | 1500000 |  |
    Shop.CartTests | Removes | failed | 86400000000 | Expected 1 < 2 |
     | Waits | skipped |  |  |
    Shop.CartTests | Rows (1) | passed |  |  |
    Shop.CartTests | Rows (2) | failed |  |  |
     | Odd | unknown |  |  |
     | test run | failed |  | host crashed |
    ");
}

#[test]
fn converts_nunit() {
    let text = r#"<test-run id="2" result="Failed"><test-suite type="Assembly" result="Failed"
    site="Child" name="shop.dll" fullname="/x/shop.dll"><failure><message>One or more child tests
    had errors</message></failure><test-suite type="TestFixture" name="Cart"
    fullname="Shop.Cart" result="Failed" site="SetUp"><failure><message>no database</message>
    <stack-trace>at Cart.SetUp()</stack-trace></failure>
    <test-case name="Adds" fullname="Shop.Cart.Adds" classname="Shop.Cart" result="Passed"
     duration="0.012"/>
    <test-case name="Sums(1,2)" fullname="Shop.Cart.Sums(1,2)" result="Failed" label="Error">
     <failure><message><![CDATA[Boom < 1]]></message></failure></test-case>
    <test-case name="Waits" classname="Shop.Cart" result="Skipped" label="Ignored"><reason>
     <message>later</message></reason></test-case>
    <test-case name="Maybe" classname="Shop.Cart" result="Inconclusive"/>
    </test-suite></test-suite></test-run>"#;
    insta::assert_snapshot!(converted(ConvertedFormat::Nunit3, text), @r"
    Shop.Cart | Cart (SetUp) | failed |  | no database |
    Shop.Cart | Adds | passed | 12000 |  |
    Shop.Cart | Sums(1,2) | failed |  | Boom < 1 |
    Shop.Cart | Waits | skipped |  |  |
    Shop.Cart | Maybe | skipped |  |  |
    ");
}

#[test]
fn converts_xunit() {
    let text = r#"<assemblies><assembly name="C:\shop\Shop.dll"><errors>
    <error type="assembly-cleanup" name="Shop"><failure><message>locked</message></failure></error>
    </errors><collection name="c">
    <test name="Shop.Cart.Adds(x: 1)" type="Shop.Cart" method="Adds" time="0.25" result="Pass"/>
    <test name="fails" type="Shop.Cart" method="Removes" time="1" result="Fail"
     source-file="Cart.cs" source-line="7"><failure exception-type="E"><message>no</message>
     <stack-trace>at Cart.cs:7</stack-trace></failure></test>
    <test name="Shop.Cart.Waits" type="Shop.Cart" result="Skip"><reason>later</reason></test>
    </collection></assembly></assemblies>"#;
    insta::assert_snapshot!(converted(ConvertedFormat::Xunit2, text), @r"
    Shop.dll | Shop (assembly-cleanup) | failed |  | locked |
    Shop.Cart | Adds(x: 1) | passed | 250000 |  |
    Shop.Cart | fails | failed | 1000000 | no | Cart.cs:7
    Shop.Cart | Waits | skipped |  |  |
    ");
}

#[test]
fn converts_ctest() {
    let results = |time: &str, completion: &str, output: &str| {
        format!(
            r#"<Results><NamedMeasurement type="numeric/double" name="Execution Time"><Value>{time}
            </Value></NamedMeasurement><NamedMeasurement type="text/string"
            name="Completion Status"><Value>{completion}</Value></NamedMeasurement><Measurement>
            <Value>{output}</Value></Measurement></Results>"#
        )
    };
    let text = format!(
        r#"<Site Name="x"><Testing><TestList><Test>./a</Test></TestList>
        <Test Status="passed"><Name>adds</Name><Path>./core</Path>{}</Test>
        <Test Status="failed"><Name>removes</Name><Path>.</Path>{}</Test>
        <Test Status="notrun"><Name>off</Name><Path>.</Path>{}</Test>
        <Test Status="notrun"><Name>gone</Name><Path>.</Path>{}</Test>
        </Testing></Site>"#,
        results("0.5", "Completed", "ok"),
        results("2", "Completed", "boom"),
        results("0", "Disabled", ""),
        results("0", "Unable to find executable", ""),
    );
    insta::assert_snapshot!(converted(ConvertedFormat::Ctest, &text), @r"
    core | adds | passed | 500000 |  |
     | removes | failed | 2000000 | Completed |
     | off | skipped | 0 |  |
     | gone | failed | 0 | Unable to find executable |
    ");
}

#[test]
fn converts_tap() {
    let text = "TAP version 14\n# comment\n1..9\nok 1 - adds\n  ---\n  duration_ms: 12.5\n  ...\n\
                not ok 2 - removes\n  ---\n  error: |-\n    Expected 1\n  at: a.js:3\n  ...\n\
                ok 3 - waits # SKIP later\nnot ok 4 - one day # TODO\nok 5 # time=5ms\nnot ok\n\
                # Subtest: group\n    ok 1 - in\n    not ok 2 - out\n    1..2\nnot ok 7 - group\n  \
                ---\n  duration_ms: 99\n  ...\nok 8 - node-tap {\n    1..2\n    ok 1 - a # b\n}\n\
                ok 9 - hash \\# 1\n";
    insta::assert_snapshot!(converted(ConvertedFormat::Tap, text), @r"
     | adds | passed | 12500 |  |
     | removes | failed |  | Expected 1 |
     | waits | skipped |  |  |
     | one day | skipped |  |  |
     | test 5 | passed | 5000 |  |
     | test | failed |  |  |
    group | in | passed |  |  |
    group | out | failed |  |  |
    node-tap | a | passed |  |  |
    node-tap | plan | failed |  | planned 2 tests, found 1 |
     | hash # 1 | passed |  |  |
    ");
}

/// As `bats --tap` and `node --test --test-reporter=tap` print them.
#[test]
fn converts_tap_of_bats_and_node() {
    let bats = r#"1..3
ok 1 adds
not ok 2 fails
# (in test file a.bats, line 2)
#   `@test "fails" { echo hello; echo ---; [ 1 -eq 2 ]; }' failed
# hello
# ---
ok 3 skips # skip later
"#;
    insta::assert_snapshot!(converted(ConvertedFormat::Tap, bats), @r"
     | adds | passed |  |  |
     | fails | failed |  |  |
     | skips | skipped |  |  |
    ");
    let node = r"TAP version 13
# ---
# Subtest: cart
    # Subtest: adds
    ok 1 - adds
      ---
      duration_ms: 1.232265
      ...
    # Subtest: fails
    not ok 2 - fails
      ---
      duration_ms: 5.876711
      error: '1 == 2'
      stack: |-
        TestContext.<anonymous> (file:///tmp/a.test.mjs:2:69)
      ...
    # Subtest: later
    ok 3 - later # SKIP
      ---
      duration_ms: 0.320113
      ...
    1..3
not ok 1 - cart
  ---
  duration_ms: 14.648294
  type: 'suite'
  error: '1 subtest failed'
  ...
# Subtest: top
ok 2 - top
  ---
  duration_ms: 7.364418
  ...
1..2
# tests 4
";
    insta::assert_snapshot!(converted(ConvertedFormat::Tap, node), @r"
    cart | adds | passed | 1232 |  |
    cart | fails | failed | 5877 | 1 == 2 |
    cart | later | skipped | 320 |  |
     | top | passed | 7364 |  |
    ");
}

#[test]
fn missing_tap_tests_are_failures() {
    for (text, reason) in [
        ("1..3\nok 1\n", "planned 3 tests, found 1"),
        ("1..1\nok 1\nok 2\n", "planned 1 tests, found 2"),
        (
            "1..2\nok 1\nBail out! no database\n",
            "Bail out! no database",
        ),
        (
            "    1..2\n    ok 1\nok 1 - group\n1..1\n",
            "planned 2 tests, found 1",
        ),
        (
            "TAP version 13\nok 1\nok 2\n",
            "there is no plan (1..N), so tests may be missing",
        ),
        (
            "ok 1\n    1..1\n    ok 1\n",
            "there is no plan (1..N), so tests may be missing",
        ),
    ] {
        let results = converted(ConvertedFormat::Tap, text);
        assert!(
            results.contains(&format!(" | failed |  | {reason} |")),
            "{text}: {results}"
        );
    }
    let skipped = converted(ConvertedFormat::Tap, "1..0 # SKIP no database\n");
    assert_eq!(skipped, "");
    // A bail-out explains why there is no plan.
    let aborted = converted(ConvertedFormat::Tap, "ok 1\nBail out!\n");
    assert_eq!(aborted.lines().count(), 2, "{aborted}");
}

#[test]
fn only_an_indented_block_directly_after_a_tap_result_is_yaml() {
    for (text, expected) in [
        // Output of a test, such as a front matter or a diff.
        (
            "ok 1 - a\n---\nnot ok 2 - b\n1..2\n",
            ["a passed", "b failed"],
        ),
        (
            "---\nok 1 - a\n---\nnot ok 2 - b\n1..2\n",
            ["a passed", "b failed"],
        ),
        (
            "ok 1 - a\n# log\n  ---\nnot ok 2 - b\n1..2\n",
            ["a passed", "b failed"],
        ),
        // Cut off.
        (
            "ok 1 - a\n  ---\n  duration_ms: 1\nnot ok 2 - b\n1..2\n",
            ["a passed", "b failed"],
        ),
        // A document inside the block.
        (
            "ok 1 - a\n  ---\n  output: |\n    ---\n    ok 7 - x\n    ...\n\n  ...\n\
             ok 2 - b\n1..2\n",
            ["a passed", "b passed"],
        ),
    ] {
        let (json, _) = convert(ConvertedFormat::Tap, text.as_bytes()).unwrap();
        let report = parse(Format::Json, &json).unwrap();
        let found = report.results.iter();
        let found = found.map(|result| format!("{} {}", result.name, result.outcome.name()));
        assert_eq!(found.collect::<Vec<_>>(), expected, "{text}");
    }
}

#[test]
fn names_what_is_wrong_with_a_file() {
    use ConvertedFormat::{Ctest, Nunit3, Tap, Trx, Xunit2};
    for (format, text, expected) in [
        (
            Trx,
            "<a/>",
            "not valid trx at line 1: expected TestRun as the root element, found a",
        ),
        (
            Nunit3,
            "<test-run>\n<test-case",
            "not valid nunit3 at line 2: unexpected end of file inside a tag",
        ),
        (
            Xunit2,
            "<assemblies>\n<test>\n",
            "not valid xunit2 at line 3: unexpected end of file inside test",
        ),
        (
            Ctest,
            "",
            "not valid ctest at line 1: no element found, expected Site",
        ),
        (
            Tap,
            "hello\n",
            "not valid tap at line 1: no plan and no result found",
        ),
    ] {
        let error = convert(format, text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let deep = format!("<TestRun>{}", "<UnitTestResult>".repeat(200));
    let error = convert(Trx, deep.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("nested more than 128 deep"), "{error}");
}

#[test]
fn unknown_outcomes_do_not_pass() {
    for (format, text) in [
        (
            ConvertedFormat::Trx,
            "<TestRun><UnitTestResult testName='a' outcome='x'/></TestRun>",
        ),
        (
            ConvertedFormat::Nunit3,
            "<test-run><test-case name='a' result='x'/></test-run>",
        ),
        (
            ConvertedFormat::Xunit2,
            "<assembly><test name='a' result='x'/></assembly>",
        ),
        (
            ConvertedFormat::Ctest,
            "<Site><Testing><Test Status='x'><Name>a</Name></Test></Testing></Site>",
        ),
    ] {
        let (json, _) = convert(format, text.as_bytes()).unwrap();
        let report = parse(Format::Json, &json).unwrap();
        assert_eq!(report.results[0].outcome, Outcome::Unknown, "{text}");
    }
}
