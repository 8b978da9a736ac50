//! A sink sees each result of a report once, as soon as it is read.

use std::cell::RefCell;

use rstest::rstest;
use test_engine_results::{Detail, Format, ResultSink, TestResult, parse_text};

/// Moves the reasons of failures out of the report.
#[derive(Default)]
struct Reasons(RefCell<Vec<(usize, Option<String>)>>);

impl ResultSink for Reasons {
    fn restart(&self) {
        self.0.borrow_mut().clear();
    }

    fn add(&self, index: usize, result: &mut TestResult<'_>) {
        let reason = result.extras.failure_reason.take();
        self.0.borrow_mut().push((index, reason));
    }
}

#[rstest]
// The first decimal comma is proof that the file has to be read again.
#[case(
    Format::Junit,
    "<testsuite><testcase name='a' time='1,250'><failure message='one'/></testcase>\
     <testcase name=' '/><testcase name='b' time='0,5'><failure message='two'/></testcase>\
     </testsuite>"
)]
// So is a control character in the last string.
#[case(
    Format::Json,
    "[{\"name\":\"a\",\"result\":\"failed\",\"failure_reason\":\"one\"},{\"name\":\"\"},\
     {\"name\":\"b\",\"result\":\"failed\",\"failure_reason\":\"two\",\"scope\":\"\n\"}]"
)]
fn sinks_see_each_valid_result_once(#[case] format: Format, #[case] text: &str) {
    let reasons = Reasons::default();
    let report = parse_text(format, text, Detail::Full, 10, &reasons, &mut String::new()).unwrap();
    assert_eq!((report.results.len(), report.invalid.len()), (2, 1));
    let left = report.results.iter().map(|it| &it.extras.failure_reason);
    assert!(left.eq([&None, &None]));
    let expected = ["one", "two"].map(|reason| Some(reason.to_owned()));
    let seen = reasons.0.take();
    assert_eq!(seen, [0, 1].into_iter().zip(expected).collect::<Vec<_>>());
}
