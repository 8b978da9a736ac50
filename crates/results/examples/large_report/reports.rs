//! Large result files: same tests in every format, always the same bytes.

use std::fmt::{self, Write};

use test_engine_results::Format;

const TESTS_PER_FILE: usize = 50;
const TESTS_PER_FAILURE: usize = 100;

/// Writes a report of `tests` tests. Only RSpec, Jest and JUnit are known.
pub(crate) fn write(format: Format, tests: usize, out: &mut impl Write) -> fmt::Result {
    match format {
        Format::RspecJson => rspec(tests, out),
        Format::JestJson => jest(tests, out),
        Format::Junit => junit(tests, out),
        _ => Err(fmt::Error),
    }
}

fn fails(test: usize) -> bool {
    test.is_multiple_of(TESTS_PER_FAILURE)
}

fn comma(test: usize) -> &'static str {
    if test == 0 { "" } else { "," }
}

fn rspec(tests: usize, out: &mut impl Write) -> fmt::Result {
    out.write_str("{\"version\":\"3.13.0\",\"seed\":1234,\"examples\":[")?;
    for test in 0..tests {
        let file = test / TESTS_PER_FILE;
        let line = test % TESTS_PER_FILE * 4 + 5;
        write!(
            out,
            "{}{{\"id\":\"./spec/models/group_{}/record_{file}_spec.rb[1:{}:{}]\",\
             \"description\":\"returns the \\\"{test}\\\" value when asked\",\
             \"full_description\":\"Record{file} #value \
             returns the \\\"{test}\\\" value when asked\",\
             \"status\":\"{}\",\"file_path\":\"./spec/models/group_{}/record_{file}_spec.rb\",\
             \"line_number\":{line},\"run_time\":0.0{:06},\"pending_message\":null",
            comma(test),
            file % 40,
            test % TESTS_PER_FILE / 10 + 1,
            test % 10 + 1,
            if fails(test) { "failed" } else { "passed" },
            file % 40,
            test * 7919 % 1_000_000,
        )?;
        if fails(test) {
            out.write_str(
                ",\"exception\":{\"class\":\"RSpec::Expectations::ExpectationNotMetError\",\
                 \"message\":\"\\nexpected: 1\\n     got: 2\\n\\n(compared using ==)\\n\",\
                 \"backtrace\":[",
            )?;
            for frame in 0..20 {
                write!(
                    out,
                    "{}\"/gems/rspec-core-3.13.0/lib/rspec/core/example.rb:{frame}:\
                     in `block in run'\"",
                    comma(frame)
                )?;
            }
            out.write_str("]}")?;
        }
        out.write_char('}')?;
    }
    write!(
        out,
        "],\"summary\":{{\"duration\":9.5,\"example_count\":{tests},\"failure_count\":{},\
         \"pending_count\":0,\"errors_outside_of_examples_count\":0}},\"summary_line\":\"\"}}",
        tests.div_ceil(TESTS_PER_FAILURE)
    )
}

fn jest(tests: usize, out: &mut impl Write) -> fmt::Result {
    out.write_str("{\"numTotalTests\":1,\"success\":false,\"testResults\":[")?;
    for test in 0..tests {
        let file = test / TESTS_PER_FILE;
        if test.is_multiple_of(TESTS_PER_FILE) {
            write!(out, "{}{{\"assertionResults\":[", comma(test))?;
        }
        write!(
            out,
            "{}{{\"ancestorTitles\":[\"Record {file}\",\"value\"],\"duration\":{},\
             \"failing\":false,\
             \"failureDetails\":[],\"failureMessages\":[{}],\
             \"fullName\":\"Record {file} value returns the \\\"{test}\\\" value when asked\",\
             \"invocations\":1,\"location\":{{\"column\":3,\"line\":{}}},\"numPassingAsserts\":1,\
             \"retryReasons\":[],\"status\":\"{}\",\
             \"title\":\"returns the \\\"{test}\\\" value when asked\"}}",
            comma(test % TESTS_PER_FILE),
            test * 31 % 400,
            if fails(test) {
                "\"Error: expect(received).toBe(expected)\\n\\nExpected: 1\\nReceived: 2\\n    \
                 at Object.<anonymous> (/app/src/record.test.js:5:19)\""
            } else {
                ""
            },
            test % TESTS_PER_FILE * 4 + 5,
            if fails(test) { "failed" } else { "passed" },
        )?;
        if test % TESTS_PER_FILE == TESTS_PER_FILE - 1 || test + 1 == tests {
            write!(
                out,
                "],\"endTime\":1700000001000,\"message\":\"\",\
                 \"name\":\"/app/src/group_{}/record_{file}.test.js\",\"startTime\":1700000000000,\
                 \"status\":\"{}\",\"summary\":\"\"}}",
                file % 40,
                if file.is_multiple_of(2) {
                    "failed"
                } else {
                    "passed"
                }
            )?;
        }
    }
    out.write_str("]}")
}

fn junit(tests: usize, out: &mut impl Write) -> fmt::Result {
    writeln!(
        out,
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<testsuites>"
    )?;
    for test in 0..tests {
        let file = test / TESTS_PER_FILE;
        if test.is_multiple_of(TESTS_PER_FILE) {
            writeln!(
                out,
                "  <testsuite name=\"tests.group_{}.test_record_{file}\" \
                 tests=\"{TESTS_PER_FILE}\" time=\"1.5\" timestamp=\"2026-01-01T00:00:00\">",
                file % 40
            )?;
        }
        write!(
            out,
            "    <testcase classname=\"tests.group_{}.test_record_{file}.TestRecord\" \
             name=\"test_returns_the_value[&quot;{test}&quot; when asked nicely \
             and at some length]\" \
             file=\"tests/group_{}/test_record_{file}.py\" line=\"{}\" time=\"0.{:03}\"",
            file % 40,
            file % 40,
            test % TESTS_PER_FILE * 4 + 5,
            test * 31 % 1000,
        )?;
        if fails(test) {
            writeln!(
                out,
                ">\n      <failure message=\"assert 1 == 2\" type=\"AssertionError\">\
                 def test_value():\n\
                 &gt;       assert 1 == 2\nE       assert 1 == 2\n\n\
                 tests/test_record.py:5: AssertionError\
                 </failure>\n    </testcase>"
            )?;
        } else {
            writeln!(out, "/>")?;
        }
        if test % TESTS_PER_FILE == TESTS_PER_FILE - 1 || test + 1 == tests {
            writeln!(out, "  </testsuite>")?;
        }
    }
    writeln!(out, "</testsuites>")
}
