//! Generated results, in the formats of collectors and runners.

use std::fmt::Write as _;

/// The array of an upload in Test Engine JSON. Tests are distributed over `files` files. IDs
/// contain `run`, so executions of different runs are distinct.
pub(crate) fn upload_data(run: usize, first: usize, count: usize, files: usize) -> String {
    upload_data_of((first..first + count).map(|number| GeneratedResult::new(run, number, files)))
}

/// The same of any results.
pub(crate) fn upload_data_of(results: impl Iterator<Item = GeneratedResult>) -> String {
    let mut data = String::with_capacity(results.size_hint().0 * 320);
    data.push('[');
    for result in results {
        if data.len() > 1 {
            data.push(',');
        }
        let _ = write!(
            data,
            concat!(
                r#"{{"id":"{id}","scope":"{scope}","name":"{name}","location":"{path}:{line}","#,
                r#""file_name":"{path}","result":"{result}","failure_reason":{reason},"#,
                r#""history":{{"section":"top","start_at":{start:.3},"end_at":{end:.3},"#,
                r#""duration":{duration:.6},"children":[]}}}}"#
            ),
            id = result.id,
            scope = result.scope,
            name = result.name,
            path = result.path,
            line = result.line,
            result = if result.failed { "failed" } else { "passed" },
            reason = if result.failed {
                r#""expected 200, got 500""#
            } else {
                "null"
            },
            start = 0.5,
            end = 0.5 + result.seconds,
            duration = result.seconds,
        );
    }
    data.push(']');
    data
}

/// A generated result.
pub(crate) struct GeneratedResult {
    pub(crate) id: String,
    pub(crate) scope: String,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) failed: bool,
    pub(crate) seconds: f64,
}

impl GeneratedResult {
    /// The result of a test in a run, where tests are distributed over `files` files.
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

/// The path of a generated test file.
pub(crate) fn path(file: usize) -> String {
    format!("spec/models/area_{}/thing_{file:06}_spec.rb", file / 100)
}

/// From a millisecond to several seconds, determined by the number.
fn duration(number: usize) -> f64 {
    let spread = number.wrapping_mul(2_654_435_761) >> 7 & 0xFFFF;
    #[expect(clippy::cast_precision_loss, reason = "16 bits")]
    let spread = spread as f64 / 65_536.0;
    0.001 + spread.powi(4) * 5.0
}

/// A report of RSpec's JSON formatter.
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
            concat!(
                r#"{{"id":"./{path}[1:{group}:{example}]","#,
                r#""description":"does what is expected in case {number}","#,
                r#""full_description":"Area thing number {file} when signed in "#,
                r#"does what is expected in case {number}","status":"passed","#,
                r#""file_path":"./{path}","line_number":{line},"run_time":{time:.9},"#,
                r#""pending_message":null,"note":"Umlaute: äöü"}}"#
            ),
            path = path,
            number = number,
            group = number % 20 / 5 + 1,
            example = number % 5 + 1,
            file = number / 20,
            line = 3 + number % 20 * 7,
            time = duration(number),
        );
    }
    let _ = write!(
        report,
        concat!(
            r#"],"summary":{{"duration":12.5,"example_count":{tests},"failure_count":0,"#,
            r#""pending_count":0,"errors_outside_of_examples_count":0}},"#,
            r#""summary_line":"{tests} examples, 0 failures"}}"#
        ),
        tests = tests,
    );
    report
}

/// A report of `jest --json`.
pub(crate) fn jest_json(tests: usize) -> String {
    let mut report = String::with_capacity(tests * 400);
    let _ = write!(
        report,
        concat!(
            r#"{{"numFailedTests":0,"numPassedTests":{tests},"numTotalTests":{tests},"#,
            r#""success":true,"testResults":["#
        ),
        tests = tests,
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
                concat!(
                    r#"{{"ancestorTitles":["Area thing number {file}","when signed in"],"#,
                    r#""duration":{duration},"failureDetails":[],"failureMessages":[],"#,
                    r#""fullName":"Area thing number {file} when signed in "#,
                    r#"does what is expected in case {number}","invocations":1,"#,
                    r#""location":{{"column":5,"line":{line}}},"numPassingAsserts":1,"#,
                    r#""retryReasons":[],"status":"passed","#,
                    r#""title":"does what is expected in case {number}"}}"#
                ),
                file = file,
                number = number,
                duration = number * 3 % 50,
                line = 3 + number * 7,
            );
        }
        let _ = write!(
            report,
            concat!(
                r#"],"endTime":1700000002000,"message":"","#,
                r#""name":"/app/src/area_{area}/thing_{file}.test.js","#,
                r#""startTime":1700000001000,"status":"passed","summary":""}}"#
            ),
            file = file,
            area = file / 100,
        );
    }
    report.push_str(r#"],"wasInterrupted":false}"#);
    report
}

/// A JUnit report with 20 cases per suite.
pub(crate) fn junit(tests: usize) -> String {
    let mut report = String::with_capacity(tests * 240);
    let _ = writeln!(report, r#"<?xml version="1.0" encoding="UTF-8"?>"#);
    let _ = writeln!(report, r#"<testsuites tests="{tests}" failures="0">"#);
    for suite in 0..tests / 20 {
        let _ = writeln!(
            report,
            concat!(
                r#"<testsuite name="com.example.area{suite}.ThingTest" tests="20" "#,
                r#"failures="0" time="1.5">"#
            ),
            suite = suite
        );
        for number in 0..20 {
            let _ = writeln!(
                report,
                concat!(
                    r#"  <testcase classname="com.example.area{suite}.ThingTest" "#,
                    r#"name="does what is expected &amp; more in case {number} of suite {suite}" "#,
                    r#"file="src/test/java/com/example/area{suite}/ThingTest.java" "#,
                    r#"line="{line}" time="{time:.6}"/>"#
                ),
                suite = suite,
                number = number,
                line = 10 + number * 7,
                time = duration(suite * 20 + number),
            );
        }
        report.push_str("</testsuite>\n");
    }
    report.push_str("</testsuites>\n");
    report
}
