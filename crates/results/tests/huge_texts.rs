//! Of one failure, span tree or set of tags at most a bounded part is read, and texts say so.

use rstest::rstest;
use test_engine_results::{
    Extra, Format, MAX_TEXT_BYTES, Outcome, TestResult, bytes_of_line, parse,
};

const HUGE: usize = 3 * MAX_TEXT_BYTES;

fn lines(extra: &Extra) -> impl Iterator<Item = &str> {
    let details = extra.failure_expanded.iter();
    let lines = details.flat_map(|detail| detail.expanded.iter().chain(&detail.backtrace));
    lines.map(String::as_str)
}

/// The only result of the file.
fn only(format: Format, file: &str) -> TestResult<'static> {
    let report = parse(format, file.as_bytes())
        .expect("a report")
        .into_owned();
    assert_eq!(report.results.len(), 1, "{:?}", report.invalid);
    report.results.into_iter().next().expect("a result")
}

fn text() -> String {
    "0123456789\n".repeat(HUGE / 11)
}

fn escaped() -> String {
    text().replace('\n', "\\n")
}

fn junit(inside: &str) -> String {
    format!("<testsuite><testcase name='a'>{inside}</testcase></testsuite>")
}

fn json(expanded: &str) -> String {
    format!(r#"[{{"name":"a","result":"failed","failure_expanded":{expanded}}}]"#)
}

/// Many elements or strings of a thousand lines each.
fn parts(before: &str, line: &str, after: &str) -> String {
    format!("{before}{}{after}", line.repeat(1_000)).repeat(HUGE / 11_000)
}

fn jest(test: &str) -> String {
    format!(r#"{{"testResults":[{{"name":"/a.js","assertionResults":[{{"title":"a",{test}}}]}}]}}"#)
}

fn go() -> String {
    let output = escaped();
    format!(
        "{{\"Action\":\"output\",\"Package\":\"p\",\"Test\":\"TestA\",\"Output\":\"{output}\"}}\n\
         {{\"Action\":\"fail\",\"Package\":\"p\",\"Test\":\"TestA\"}}\n\
         {{\"Action\":\"fail\",\"Package\":\"p\"}}\n"
    )
}

const LINE: &str = "0123456789\n";
const ESCAPED: &str = "0123456789\\n";

#[rstest]
#[case::text(Format::Junit, junit(&format!("<failure>{}</failure>", text())))]
#[case::sections(
    Format::Junit,
    junit(&format!("<failure>{}</failure>", format!("<![CDATA[{LINE}]]>").repeat(HUGE / 11)))
)]
#[case::outputs(
    Format::Junit,
    junit(&format!("<failure/>{}", parts("<system-out>", LINE, "</system-out>")))
)]
#[case::failures(Format::Junit, junit(&parts("<failure>", LINE, "</failure>")))]
#[case::string(Format::Json, json(&format!("\"{}\"", escaped())))]
#[case::lines(
    Format::Json,
    json(&format!("[{{\"expanded\":[\"{}\"]}}]", escaped().replace("\\n", "\",\"")))
)]
#[case::backtrace(Format::Json, json(&format!("[{{\"backtrace\":\"{}\"}}]", escaped())))]
#[case::details(Format::Json, json(&format!("[\"x\"{}]", parts(",\"", ESCAPED, "\""))))]
#[case::jest(
    Format::JestJson,
    jest(&format!("\"status\":\"failed\",\"failureMessages\":[\"{}\"]", escaped()))
)]
#[case::go(Format::GoJsonl, go())]
fn a_huge_text_is_cut_and_says_so(#[case] format: Format, #[case] file: String) {
    let result = only(format, &file);
    assert_eq!(result.outcome, Outcome::Failed);
    let kept: usize = lines(&result.extras).map(str::len).sum();
    assert!(kept > MAX_TEXT_BYTES / 10, "{kept}");
    assert!(kept < MAX_TEXT_BYTES + 20_000, "{kept}");
    // Nothing is lost without a word; line breaks do not count.
    let told: usize = lines(&result.extras).map(bytes_of_line).sum();
    assert!(told > HUGE / 11 * 10 - 30_000, "{told} of {HUGE}");
}

#[test]
fn a_huge_message_of_jest_is_one_message() {
    let test = format!("\"status\":\"passed\",\"retryReasons\":[\"{}\"]", escaped());
    let file = jest(&test);
    let report = parse(Format::JestJson, file.as_bytes()).expect("a report");
    let outcomes: Vec<Outcome> = report.results.iter().map(|result| result.outcome).collect();
    assert_eq!(outcomes, [Outcome::Failed, Outcome::Passed]);
}

#[test]
fn attempts_beyond_ten_thousand_are_named() {
    let attempts = "<rerunFailure/>".repeat(10_003);
    let file = format!("<testsuite><testcase name='a'><failure/>{attempts}</testcase></testsuite>");
    let report = parse(Format::Junit, file.as_bytes()).expect("a report");
    assert_eq!(report.results.len(), 10_001);
    let message = &report.invalid[0].message;
    assert!(
        message.starts_with("3 of its attempts were not read"),
        "{message}"
    );
}

#[test]
fn errors_outside_of_tests_are_counted() {
    let errors = "<error>0123456789</error>".repeat(100_000);
    let file = format!("<testsuite><testcase name='a'/>{errors}</testsuite>");
    let report = parse(Format::Junit, file.as_bytes()).expect("a report");
    assert_eq!(
        report.errors_outside_tests.len() + report.more_errors,
        100_000
    );
    let bytes: usize = report.errors_outside_tests.iter().map(String::len).sum();
    assert!(bytes <= MAX_TEXT_BYTES, "{bytes}");
}

#[test]
fn spans_and_tags_are_limited() {
    let span = r#"{"section":"sql","children":[{"section":"http"}]}"#;
    let spans = vec![span; 20_000].join(",");
    let tags: Vec<String> = (0..5_000).map(|tag| format!("\"t{tag}\":\"v\"")).collect();
    let file = format!(
        r#"[{{"name":"a","result":"failed","history":{{"children":[{spans}]}},"tags":{{{}}}}}]"#,
        tags.join(",")
    );
    let result = only(Format::Json, &file);
    assert_eq!(result.extras.spans.len(), 5_000);
    assert_eq!(result.extras.tags.len(), 1_000);
}

#[test]
fn packages_of_one_failed_build_repeat_its_output_up_to_a_limit() {
    let errors = |output: &str| {
        let build = format!(
            "{{\"Action\":\"build-output\",\"ImportPath\":\"b\",\"Output\":\"{output}\"}}\n\
             {{\"Action\":\"build-fail\",\"ImportPath\":\"b\"}}\n"
        );
        let packages = ["p", "q", "r"].map(|package| {
            format!("{{\"Action\":\"fail\",\"Package\":\"{package}\",\"FailedBuild\":\"b\"}}\n")
        });
        let file = build + &packages.concat();
        let report = parse(Format::GoJsonl, file.as_bytes()).expect("a report");
        report.errors_outside_tests
    };
    assert_eq!(errors("no such name").len(), 3);
    assert!(
        errors("no such name")
            .iter()
            .all(|error| error.ends_with("not build:\nno such name"))
    );
    let long = errors(&"x".repeat(600 * 1024));
    assert_eq!(long[0].len() >> 10, 600);
    let total: usize = long.iter().map(String::len).sum();
    assert!(total < MAX_TEXT_BYTES + 1024, "{total}");
}
