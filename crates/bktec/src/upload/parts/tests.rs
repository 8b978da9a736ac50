//! All parts together have the content of the file, and none has too many results.

use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};
use test_engine_results::{Format, parse};

use super::*;

/// The content of a document, without its order.
#[derive(Debug, Default, PartialEq)]
struct Content {
    results: Vec<String>,
    invalid: Vec<String>,
    errors: Vec<String>,
}

impl Content {
    fn add(&mut self, format: Format, document: &[u8]) -> usize {
        let shown = String::from_utf8_lossy(document);
        let report = parse(format, document).unwrap_or_else(|error| panic!("{error}: {shown}"));
        let count = report.results.len() + report.invalid.len();
        let results = report.results.iter().map(|result| format!("{result:?}"));
        self.results.extend(results);
        let invalid = report.invalid.into_iter().map(|bad| bad.message);
        self.invalid.extend(invalid);
        self.errors.extend(report.errors_outside_tests);
        count
    }

    fn sorted(mut self) -> Self {
        for list in [&mut self.results, &mut self.invalid, &mut self.errors] {
            list.sort();
        }
        self
    }
}

/// Splits the file, checks the parts and returns their number.
fn check(format: Format, file: &[u8], max: usize) -> usize {
    let mut whole = Content::default();
    let count = whole.add(format, file);
    let parts = parts(format, file, max);
    let mut together = Content::default();
    for part in &parts {
        let bytes = part.bytes(file);
        assert_eq!(bytes.len() as u64, part.length());
        let count = together.add(format, &bytes);
        assert!(
            count <= max,
            "{count} results: {}",
            String::from_utf8_lossy(&bytes)
        );
    }
    assert!(parts.len() > 1 || count <= max, "{format} was not split");
    assert_eq!(together.sorted(), whole.sorted(), "{format} by {max}");
    parts.len()
}

#[test]
fn parts_of_node_tests_keep_their_scopes() {
    let cases = "<testcase name=\"works\" classname=\"test\"/>".repeat(3);
    let file = format!(
        "<testsuites><testsuite name=\"cart\" disabled=\"0\" tests=\"6\"><testsuite name=\"adds\" \
         disabled=\"0\">{cases}</testsuite>{cases}</testsuite></testsuites>"
    );
    assert_eq!(check(Format::Junit, file.as_bytes(), 2), 3);
}

#[rstest]
#[case(Format::Json, "pytest/collector.json")]
#[case(Format::Json, "pytest/collector-does-not-load.json")]
#[case(Format::Junit, "pytest/junit.xml")]
#[case(Format::Junit, "pytest/junit-xunit1.xml")]
#[case(Format::Junit, "pytest/junit-does-not-load.xml")]
#[case(Format::Junit, "go/junit.xml")]
#[case(Format::Junit, "vitest/junit.xml")]
#[case(Format::RspecJson, "rspec/kinds.json")]
#[case(Format::JestJson, "jest/report.json")]
#[case(Format::JestJson, "vitest/report.json")]
#[case(Format::JestJson, "vitest/hook.json")]
#[case(Format::JestJson, "vitest/unhandled.json")]
#[case(Format::GoJsonl, "go/test-json.jsonl")]
#[case(Format::GoJsonl, "go/gotestsum.jsonl")]
#[case(Format::GoJsonl, "go/rerun-fails.jsonl")]
fn splits_reports_of_real_runners_without_loss(#[case] format: Format, #[case] file: &str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/tests/fixtures");
    let bytes = fs_err::read(directory.join(file)).unwrap();
    let mut content = Content::default();
    let results = content.add(format, &bytes);
    for max in [2, 3, 7] {
        // One assertion of Jest can be several results, which stay together.
        if format == Format::JestJson && max == 2 {
            continue;
        }
        let parts = check(format, &bytes, max);
        assert!(parts >= results.div_ceil(max));
    }
    assert_eq!(check(format, &bytes, MAX_RESULTS), 1);
}

/// A part has at least one feature or file.
#[rstest]
#[case(Format::CucumberJson, "cucumber-ruby/report.json", 8, 2)]
#[case(Format::CucumberJson, "cucumber-js/report.json", 11, 2)]
#[case(Format::PlaywrightJson, "playwright/report.json", 25, 2)]
fn bundles_stay_whole(
    #[case] format: Format,
    #[case] file: &str,
    #[case] max: usize,
    #[case] expected: usize,
) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/tests/fixtures");
    let bytes = fs_err::read(directory.join(file)).unwrap();
    assert_eq!(check(format, &bytes, max), expected);
    // The largest bundle exceeds the limit, so the file stays whole.
    assert_eq!(parts(format, &bytes, 1).len(), 1);
    assert_eq!(check(format, &bytes, MAX_RESULTS), 1);
}

#[test]
fn splits_a_file_with_a_byte_order_mark() {
    let file = "\u{feff}[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]";
    assert_eq!(check(Format::Json, file.as_bytes(), 2), 2);
}

#[test]
fn text_of_the_parts() {
    let show = |format, file: &str, max| {
        parts(format, file.as_bytes(), max)
            .iter()
            .map(|part| String::from_utf8(part.bytes(file.as_bytes())).unwrap())
            .collect::<Vec<_>>()
            .join("\n-----\n")
    };
    let rspec = concat!(
        r#"{"version":"3","examples":[{"id":1}, {"id":2}, {"id":3}],"#,
        r#""summary":{"errors_outside_of_examples_count":1}}"#
    );
    insta::assert_snapshot!(show(Format::RspecJson, rspec, 2), @r#"
    {"version":"3","examples":[{"id":1}, {"id":2}],"summary":{"errors_outside_of_examples_count":1}}
    -----
    {"version":"3","examples":[{"id":3}],"summary":{"errors_outside_of_examples_count":0}}
    "#);
    let jest = concat!(
        r#"{"numFailedTestSuites":1,"success":false,"testResults":[{"name":"/a","#,
        r#""status":"failed","assertionResults":[{"title":"1","status":"passed"},"#,
        r#"{"title":"2","status":"failed"},{"title":"3","status":"passed"}]},{"name":"/b","#,
        r#""status":"passed","assertionResults":[{"title":"4","status":"passed"}]}]}"#
    );
    let jest = show(Format::JestJson, jest, 2).replace("\"assertion", "\n\"assertion");
    insta::assert_snapshot!(jest, @r#"
    {"numFailedTestSuites":1,"success":false,"testResults":[{"name":"/a","status":"failed",
    "assertionResults":[{"title":"1","status":"passed"},{"title":"2","status":"failed"}]}]}
    -----
    {"numFailedTestSuites":0,"success":true,"testResults":[{"name":"/a","status":"passed",
    "assertionResults":[{"title":"3","status":"passed"}]},{"name":"/b","status":"passed",
    "assertionResults":[{"title":"4","status":"passed"}]}]}
    "#);
    let junit = r#"<?xml version="1.0"?>
<testsuites tests="3" failures="1"><testsuite name='a "b"' tests='2' failures='1' file="a.py">
<testcase name="1"/><testcase name="2"><failure/></testcase>
</testsuite><testsuite name="c" tests="1"><testcase name="3"/></testsuite></testsuites>
"#;
    insta::assert_snapshot!(show(Format::Junit, junit, 1), @r#"
    <?xml version="1.0"?>
    <testsuites  ><testsuite name='a "b"'   file="a.py">
    <testcase name="1"/></testsuite></testsuites>
    -----
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites  ><testsuite name='a "b"'   file="a.py"><testcase name="2"><failure/></testcase>
    </testsuite></testsuites>
    -----
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites  ><testsuite name="c" tests="1"><testcase name="3"/></testsuite></testsuites>
    "#);
    let go = concat!(
        "{\"Action\":\"run\",\"Package\":\"p\",\"Test\":\"A\"}\n",
        "{\"Action\":\"run\",\"Package\":\"p\",\"Test\":\"B\"}\n",
        "{\"Action\":\"fail\",\"Package\":\"p\",\"Test\":\"B\"}\n",
        "{\"Action\":\"pass\",\"Package\":\"p\",\"Test\":\"A\"}\n",
        "{\"Action\":\"output\",\"Package\":\"p\",\"Output\":\"FAIL\"}\n",
        "{\"Action\":\"fail\",\"Package\":\"p\"}\n",
    );
    insta::assert_snapshot!(show(Format::GoJsonl, go, 1), @r#"
    {"Action":"run","Package":"p","Test":"B"}
    {"Action":"fail","Package":"p","Test":"B"}
    {"Action":"output","Package":"p","Output":"FAIL"}
    {"Action":"fail","Package":"p"}

    -----
    {"Action":"run","Package":"p","Test":"A"}
    {"Action":"pass","Package":"p","Test":"A"}
    {"Action":"pass","Package":"p"}
    "#);
}

#[test]
fn what_cannot_be_split_stays_whole() {
    for (format, file) in [
        (Format::Json, "not json"),
        (Format::Json, "{}"),
        (Format::RspecJson, r#"{"examples":null}"#),
        (Format::JestJson, r#"{"testResults":[1,2]}"#),
        (Format::Junit, "<testsuite><testcase/><testcase>"),
        (Format::GoJsonl, "{\"Action\":\"pass\",\"Package\":1}\n"),
        (Format::PlaywrightJson, r#"{"suites":[]}"#),
        (Format::CucumberJson, "[]"),
    ] {
        let parts = parts(format, file.as_bytes(), 1);
        assert!(!parts.is_empty(), "{file}");
        if parts.len() == 1 {
            assert_eq!(parts[0].bytes(file.as_bytes()), file.as_bytes());
        }
    }
}

#[test]
fn small_files_are_recognized_by_their_size() {
    for format in Format::ALL {
        assert!(surely_fits(format, 9_999, 5_000), "{format}");
    }
    // The shortest possible results.
    for (format, head, result, tail) in [
        (Format::Json, "[", r#"{"name":"a"},"#, r#"{"name":"a"}]"#),
        (
            Format::Junit,
            "<testsuite>",
            r#"<testcase name="a"/>"#,
            "</testsuite>",
        ),
        (
            Format::GoJsonl,
            "",
            "{\"Action\":\"pass\",\"Package\":\"a\",\"Test\":\"T\"}\n",
            "",
        ),
        (
            Format::RspecJson,
            r#"{"examples":["#,
            r#"{"description":"a","status":"passed"},"#,
            r#"{"description":"a","status":"passed"}]}"#,
        ),
    ] {
        let file = format!("{head}{}{tail}", result.repeat(6));
        let mut content = Content::default();
        let count = content.add(format, file.as_bytes());
        assert!(content.invalid.is_empty() && count >= 6, "{content:?}");
        assert!(!surely_fits(format, file.len() as u64, 5), "{format}");
    }
}

fn outcome() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["passed", "failed", "pending", "odd"])
}

fn json_file() -> impl Strategy<Value = String> {
    let result =
        (outcome(), any::<bool>(), 0..4_u8).prop_map(|(outcome, valid, kind)| match kind {
            0 => json!({"name": if valid { "n" } else { "" }, "result": outcome}),
            1 => json!({"name": "[,]\"", "scope": "{é", "result": outcome,
                    "history": {"children": [{}]}}),
            2 => json!({"name": "n", "failure_reason": "\u{1f600}\\",
                    "tags": {"test.pytest_collection_error": "true"}}),
            _ => json!(7),
        });
    prop::collection::vec(result, 1..12).prop_map(|results| Value::from(results).to_string())
}

fn rspec_file() -> impl Strategy<Value = String> {
    let example = (outcome(), 0..3_u32).prop_map(|(status, kind)| {
        json!({"id": format!("./a_spec.rb[{kind}]"), "description": "d", "full_description": "S d",
               "status": status, "exception": {"message": "m]"}})
    });
    (
        prop::collection::vec(example, 1..12),
        0..3_u32,
        any::<bool>(),
    )
        .prop_map(|(examples, errors, has_message)| {
            let messages = if has_message {
                vec!["An error occurred"]
            } else {
                vec![]
            };
            json!({"summary": {"errors_outside_of_examples_count": errors}, "examples": examples,
                   "messages": messages, "version": "3"})
            .to_string()
        })
}

fn jest_file() -> impl Strategy<Value = String> {
    let assertion = (outcome(), 0..2_u32, any::<bool>()).prop_map(|(status, extra, titled)| {
        // A failed test without a title is invalid and yet explains the failure of its file.
        let titled = titled || status == "failed";
        let messages = if status == "failed" {
            vec!["m"]
        } else {
            vec![]
        };
        json!({"title": if titled { "t" } else { "" }, "status": status, "ancestorTitles": ["A"],
               "invocations": 1 + extra, "failureMessages": messages})
    });
    let entry =
        (prop::collection::vec(assertion, 0..9), any::<bool>()).prop_map(|(assertions, broken)| {
            let failed = broken || assertions.iter().any(|one| one["status"] == "failed");
            json!({"assertionResults": assertions, "name": "/p/a.test.js", "message": "M",
                   "status": if failed { "failed" } else { "passed" }})
        });
    (
        prop::collection::vec(entry, 1..5),
        prop::option::of(any::<bool>()),
        0..4_u32,
    )
        .prop_map(|(entries, success, failed_suites)| {
            let mut report = json!({"numFailedTestSuites": failed_suites, "testResults": entries});
            if let Some(success) = success {
                report["success"] = success.into();
            }
            report.to_string()
        })
}

fn junit_file() -> impl Strategy<Value = String> {
    let case = (0..10_u8).prop_map(|kind| match kind {
        0 => r#"<testcase classname="C" name="n"/>"#,
        1 => r#"<testcase classname="C" name="n"><failure message="m">t</failure></testcase>"#,
        2 => r#"<testcase name="n"><skipped/><system-out>]]&gt;</system-out></testcase>"#,
        3 => r#"<testcase name="n" status="failed" line="3"></testcase>"#,
        4 => "<testcase/>",
        5 => r#"<testcase name="flaky"><flakyFailure message="m"/><flakyError/></testcase>"#,
        6 => r#"<testcase name="n"><failure/><rerunFailure>t</rerunFailure></testcase>"#,
        7 => r#"<testcase name="n" time="1,250"/>"#,
        8 => r#"<testcase name="n" time="0,5"/>"#,
        _ => r#"<x:testcase name='n "q"' time="1"/>"#,
    });
    let counts = (0..3_u32, 0..2_u32, any::<bool>());
    let suite = (
        prop::collection::vec(case, 0..7),
        counts.clone(),
        any::<bool>(),
    );
    let suite = suite.prop_map(|(cases, (failures, errors, has_error), inner)| {
        let mut text = format!(
            r#"<testsuite file="f.py" tests='{}' failures="{failures}" {}  name="s&amp;">"#,
            cases.len(),
            format_args!("errors = \"{errors}\"")
        );
        text.push_str("<properties><property name=\"p\"/></properties>\n");
        let middle = cases.len() / 2;
        for (number, case) in cases.iter().enumerate() {
            if inner && number == middle {
                let _ = write!(text, "<testsuite failures='1'>{case}</testsuite>");
            } else {
                text.push_str(case);
            }
        }
        if has_error {
            text.push_str("<error>whole</error>");
        }
        text.push_str("</testsuite>");
        text
    });
    (prop::collection::vec(suite, 1..4), counts).prop_map(|(suites, (failures, errors, _))| {
        format!(
            "<?xml version=\"1.0\"?>\n<!-- c -->\n\
             <testsuites failures=\"{failures}\" errors=\"{errors}\">{}</testsuites>\n",
            suites.concat()
        )
    })
}

fn cucumber_file() -> impl Strategy<Value = String> {
    let element = (outcome(), 0..4_u8).prop_map(|(status, kind)| match kind {
        0 => json!({"type": "background", "name": "",
                    "steps": [{"keyword": "Given ", "name": "b", "result": {"status": status}}]}),
        1 => json!({"type": "scenario", "name": "],", "line": 3,
                    "steps": [{"result": {"status": status}}]}),
        2 => json!({"type": "scenario"}),
        _ => json!(7),
    });
    let feature =
        (prop::collection::vec(element, 0..4), 0..9_u8).prop_map(|(elements, kind)| match kind {
            0 => json!(null),
            1 => json!({"name": 5, "elements": elements}),
            _ => json!({"uri": "features/a.feature", "name": "F", "elements": elements}),
        });
    prop::collection::vec(feature, 1..9).prop_map(|features| Value::from(features).to_string())
}

fn playwright_file() -> impl Strategy<Value = String> {
    let attempts = prop::collection::vec(
        prop::sample::select(vec!["passed", "failed", "timedOut"]),
        0..3,
    );
    let spec = (attempts, any::<bool>(), any::<bool>()).prop_map(|(attempts, titled, ok)| {
        let results: Vec<_> = attempts
            .iter()
            .map(|status| json!({"status": status, "duration": 5}))
            .collect();
        json!({"title": if titled { "t]" } else { "" }, "ok": ok, "file": "a.spec.ts", "line": 3,
               "tests": [{"projectName": "p", "expectedStatus": "passed", "results": results}]})
    });
    let suite = (prop::collection::vec(spec, 0..3), 0..6_u8).prop_map(|(specs, kind)| match kind {
        0 => json!(3),
        1 => json!({"title": "a.spec.ts", "suites": [{"title": "inner", "specs": specs}]}),
        _ => json!({"title": "a.spec.ts", "specs": specs}),
    });
    (prop::collection::vec(suite, 1..8), 0..3_usize).prop_map(|(suites, errors)| {
        json!({"config": {}, "errors": vec![json!({"message": "outside"}); errors],
               "stats": {}, "suites": suites})
        .to_string()
    })
}

fn go_file() -> impl Strategy<Value = String> {
    let line = (0..3_u8, 0..4_u8, 0..9_u8).prop_map(|(package, test, action)| {
        let package = format!("p{package}");
        let test = format!("T{test}");
        let line = match action {
            0 => json!({"Action": "pass", "Package": package, "Test": test, "Elapsed": 0.5}),
            1 => json!({"Action": "fail", "Package": package, "Test": test}),
            2 => json!({"Action": "skip", "Package": package, "Test": test}),
            3 => json!({"Action": "run", "Package": package, "Test": test}),
            4 => json!({"Action": "output", "Package": package, "Test": test, "Output": "text"}),
            5 => json!({"Action": "pause", "Package": package, "Test": test}),
            6 => match test.as_str() {
                "T0" => json!({"Action": "pass", "Package": package}),
                "T1" => json!({"Action": "fail", "Package": package}),
                "T2" => json!({"Action": "fail", "Package": package, "FailedBuild": "b"}),
                _ => json!({"Action": "skip", "Package": package}),
            },
            7 => match test.as_str() {
                "T0" => json!({"Action": "build-output", "ImportPath": "b", "Output": "o"}),
                "T1" => json!({"Action": "build-fail", "ImportPath": "c"}),
                _ => json!({"Action": "output", "Package": package, "Output": "[build failed]"}),
            },
            _ => json!({"Action": "start", "Package": package}),
        };
        line.to_string()
    });
    prop::collection::vec(line, 1..40).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn splits_without_loss_json(file in json_file(), max in 1..6_usize) {
        check(Format::Json, file.as_bytes(), max);
    }

    #[test]
    fn splits_without_loss_rspec(file in rspec_file(), max in 1..6_usize) {
        check(Format::RspecJson, file.as_bytes(), max);
    }

    // An assertion is at max three results here, which stay together.
    #[test]
    fn splits_without_loss_jest(file in jest_file(), max in 3..8_usize) {
        check(Format::JestJson, file.as_bytes(), max);
    }

    // A case is at max three results here, which stay together.
    #[test]
    fn splits_without_loss_junit(file in junit_file(), max in 3..8_usize) {
        check(Format::Junit, file.as_bytes(), max);
    }

    #[test]
    fn splits_without_loss_go(file in go_file(), max in 1..6_usize) {
        check(Format::GoJsonl, file.as_bytes(), max);
    }

    // A feature is at max three results here, a file of Playwright's six; they stay together.
    #[test]
    fn splits_without_loss_cucumber(file in cucumber_file(), max in 3..7_usize) {
        check(Format::CucumberJson, file.as_bytes(), max);
    }

    #[test]
    fn splits_without_loss_playwright(file in playwright_file(), max in 6..9_usize) {
        check(Format::PlaywrightJson, file.as_bytes(), max);
    }

    #[test]
    fn no_input_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..60),
        text in "[\\[\\]{}<>/\"a:, 1n]{0,60}",
    ) {
        for format in Format::ALL {
            parts(format, &bytes, 1);
            parts(format, text.as_bytes(), 1);
        }
    }
}
