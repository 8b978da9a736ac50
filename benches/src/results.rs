//! Made-up results, as collectors and runners write them.

use std::fmt::Write as _;

/// Test Engine JSON: the array of an upload. Tests are spread over `files` files; `run` goes into
/// the ids, so that no two uploads hold the same execution.
pub(crate) fn upload_data(run: usize, first: usize, count: usize, files: usize) -> String {
    let mut data = String::with_capacity(count * 320);
    data.push('[');
    for number in first..first + count {
        if number > first {
            data.push(',');
        }
        let made = Made::new(run, number, files);
        let _ = write!(
            data,
            r#"{{"id":"{id}","scope":"{scope}","name":"{name}","location":"{path}:{line}","file_name":"{path}","result":"{result}","failure_reason":{reason},"history":{{"section":"top","start_at":{start:.3},"end_at":{end:.3},"duration":{duration:.6},"children":[]}}}}"#,
            id = made.id,
            scope = made.scope,
            name = made.name,
            path = made.path,
            line = made.line,
            result = if made.failed { "failed" } else { "passed" },
            reason = if made.failed {
                r#""expected 200, got 500""#
            } else {
                "null"
            },
            start = 0.5,
            end = 0.5 + made.seconds,
            duration = made.seconds,
        );
    }
    data.push(']');
    data
}

/// One made-up result.
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) scope: String,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) failed: bool,
    pub(crate) seconds: f64,
}

impl Made {
    /// Of the test with this number, spread over so many files, in this run.
    pub(crate) fn new(run: usize, number: usize, files: usize) -> Self {
        let file = number % files;
        Self {
            id: format!("{run:08x}-0000-4000-8000-{number:012x}"),
            scope: format!("Area {} thing {file}", file / 100),
            name: format!("does what is expected in case {number}"),
            path: path(file),
            line: 10 + number % 300,
            failed: number.is_multiple_of(97),
            seconds: duration(number + run),
        }
    }
}

/// The path of a made-up test file.
pub(crate) fn path(file: usize) -> String {
    format!("spec/models/area_{}/thing_{file:06}_spec.rb", file / 100)
}

/// Seconds, from a millisecond to some seconds, the same for the same number.
fn duration(number: usize) -> f64 {
    let spread = number.wrapping_mul(2_654_435_761) >> 7 & 0xFFFF;
    #[expect(clippy::cast_precision_loss, reason = "16 bits")]
    let spread = spread as f64 / 65_536.0;
    0.001 + spread.powi(4) * 5.0
}

/// The report of RSpec's JSON formatter.
pub(crate) fn rspec_json(tests: usize) -> String {
    let mut report = String::with_capacity(tests * 400);
    report.push_str(r#"{"version":"3.13.0","seed":12345,"examples":["#);
    for number in 0..tests {
        if number > 0 {
            report.push(',');
        }
        let path = path(number / 20);
        let _ = write!(
            report,
            r#"{{"id":"./{path}[1:{group}:{example}]","description":"does what is expected in case {number}","full_description":"Area thing number {file} when signed in does what is expected in case {number}","status":"passed","file_path":"./{path}","line_number":{line},"run_time":{time:.9},"pending_message":null,"note":"Umlaute: äöü"}}"#,
            group = number % 20 / 5 + 1,
            example = number % 5 + 1,
            file = number / 20,
            line = 3 + number % 20 * 7,
            time = duration(number),
        );
    }
    let _ = write!(
        report,
        r#"],"summary":{{"duration":12.5,"example_count":{tests},"failure_count":0,"pending_count":0,"errors_outside_of_examples_count":0}},"summary_line":"{tests} examples, 0 failures"}}"#,
    );
    report
}

/// The report of Jest's `--json`.
pub(crate) fn jest_json(tests: usize) -> String {
    let mut report = String::with_capacity(tests * 400);
    let _ = write!(
        report,
        r#"{{"numFailedTests":0,"numPassedTests":{tests},"numTotalTests":{tests},"success":true,"testResults":["#,
    );
    for file in 0..tests / 20 {
        if file > 0 {
            report.push(',');
        }
        report.push_str(r#"{"assertionResults":["#);
        for number in 0..20 {
            if number > 0 {
                report.push(',');
            }
            let _ = write!(
                report,
                r#"{{"ancestorTitles":["Area thing number {file}","when signed in"],"duration":{duration},"failureDetails":[],"failureMessages":[],"fullName":"Area thing number {file} when signed in does what is expected in case {number}","invocations":1,"location":{{"column":5,"line":{line}}},"numPassingAsserts":1,"retryReasons":[],"status":"passed","title":"does what is expected in case {number}"}}"#,
                duration = number * 3 % 50,
                line = 3 + number * 7,
            );
        }
        let _ = write!(
            report,
            r#"],"endTime":1700000002000,"message":"","name":"/app/src/area_{area}/thing_{file}.test.js","startTime":1700000001000,"status":"passed","summary":""}}"#,
            area = file / 100,
        );
    }
    report.push_str(r#"],"wasInterrupted":false}"#);
    report
}

/// A JUnit report, with a suite for every 20 cases.
pub(crate) fn junit(tests: usize) -> String {
    let mut report = String::with_capacity(tests * 240);
    let _ = writeln!(report, r#"<?xml version="1.0" encoding="UTF-8"?>"#);
    let _ = writeln!(report, r#"<testsuites tests="{tests}" failures="0">"#);
    for suite in 0..tests / 20 {
        let _ = writeln!(
            report,
            r#"<testsuite name="com.example.area{suite}.ThingTest" tests="20" failures="0" time="1.5">"#
        );
        for number in 0..20 {
            let _ = writeln!(
                report,
                r#"  <testcase classname="com.example.area{suite}.ThingTest" name="does what is expected &amp; more in case {number} of suite {suite}" file="src/test/java/com/example/area{suite}/ThingTest.java" line="{line}" time="{time:.6}"/>"#,
                line = 10 + number * 7,
                time = duration(suite * 20 + number),
            );
        }
        report.push_str("</testsuite>\n");
    }
    report.push_str("</testsuites>\n");
    report
}
