//! Where every format hands in its results, and the rules that hold for all of them.
//!
//! The rules: a name is never blank, a duration is plausible, no text holds a NUL (databases
//! refuse it), what explains a failure has no colour codes, and no more is kept than was asked for.
//! What a format means by "failed" is its own affair.

use std::borrow::Cow;

use memchr::memchr;
use test_engine_duration::Micros;

use crate::Detail;
use crate::model::{BadResult, FailureDetail, Outcome, Report, TestResult};

/// The longest duration that is believed, in seconds: 30 days. A longer, negative or non-finite one
/// is a clock's or a unit's mistake, and the result is kept without a duration.
pub const MAX_DURATION_SECONDS: f64 = 30.0 * 24.0 * 60.0 * 60.0;

/// Collects a report.
pub(crate) struct Intake<'a> {
    detail: Detail,
    room: usize,
    next_index: usize,
    report: Report<'a>,
}

impl<'a> Intake<'a> {
    pub(crate) fn new(detail: Detail, room: usize) -> Self {
        Self {
            detail,
            room,
            next_index: 0,
            report: Report::default(),
        }
    }

    /// Whether failure texts, spans, tags and single attempts are wanted.
    pub(crate) fn is_full(&self) -> bool {
        self.detail == Detail::Full
    }

    /// How many tests have failed so far, left-out ones not counted.
    pub(crate) fn has_failed_since(&self, results_before: usize) -> bool {
        self.report
            .results
            .get(results_before..)
            .unwrap_or_default()
            .iter()
            .any(|result| result.outcome == Outcome::Failed)
    }

    /// How many good results there are.
    pub(crate) fn count(&self) -> usize {
        self.report.results.len()
    }

    /// Takes the next result of the file, or what is wrong with it.
    pub(crate) fn take(&mut self, offered: Result<TestResult<'a>, String>) {
        let index = self.next_index;
        self.next_index += 1;
        if self.room == 0 {
            self.report.left_out += 1;
            return;
        }
        self.room -= 1;
        // A result is large; it is checked where it ends up, to be moved no more than once.
        let message = match offered {
            Ok(result) => {
                self.report.results.push(result);
                match self.report.results.last_mut().map(check) {
                    Some(Err(message)) => {
                        self.report.results.pop();
                        message
                    }
                    _ => return,
                }
            }
            Err(message) => message,
        };
        self.report.bad.push(BadResult { index, message });
    }

    /// Takes an error that belongs to no test.
    pub(crate) fn take_error(&mut self, mut text: String) {
        make_readable(&mut text);
        let end = text.trim_end().len();
        text.truncate(end);
        self.report.errors_outside_tests.push(text);
    }

    /// Whether an error outside tests has been taken.
    pub(crate) fn has_errors(&self) -> bool {
        !self.report.errors_outside_tests.is_empty()
    }

    pub(crate) fn into_report(self) -> Report<'a> {
        self.report
    }
}

fn check(result: &mut TestResult<'_>) -> Result<(), String> {
    if result.name.trim().is_empty() {
        return Err("name is blank".to_owned());
    }
    for (field, text) in [("name", &result.name), ("scope", &result.scope)] {
        if memchr(0, text.as_bytes()).is_some() {
            return Err(format!("{field} holds a NUL character"));
        }
    }
    for text in [
        &mut result.id,
        &mut result.identifier,
        &mut result.location,
        &mut result.file_name,
    ]
    .into_iter()
    .flatten()
    {
        if let Some(readable) = without_nul(text) {
            *text = Cow::Owned(readable);
        }
    }
    if result.extras.is_untouched() {
        return Ok(());
    }
    let extra = &mut *result.extras;
    extra.failure_reason.iter_mut().for_each(make_readable);
    for FailureDetail {
        expanded,
        backtrace,
    } in &mut extra.failure_expanded
    {
        expanded.iter_mut().chain(backtrace).for_each(make_readable);
    }
    Ok(())
}

/// `path:line`, the one way to write a place.
pub(crate) fn place(file: Option<&str>, line: Option<u64>) -> Option<String> {
    let (file, line) = file.zip(line)?;
    Some(place_of(file, itoa::Buffer::new().format(line)))
}

/// As [`place`], of a line that is a text already.
pub(crate) fn place_of(file: &str, line: &str) -> String {
    let mut place = String::with_capacity(file.len() + 1 + line.len());
    place.push_str(file);
    place.push(':');
    place.push_str(line);
    place
}

/// Negative, non-finite and longer durations than [`MAX_DURATION_SECONDS`] count as unknown.
pub(crate) fn plausible_duration(seconds: f64) -> Option<Micros> {
    (0.0..=MAX_DURATION_SECONDS)
        .contains(&seconds)
        .then(|| Micros::from_seconds(seconds))
}

/// Runners colour what they print; in a file the codes are noise.
fn make_readable(text: &mut String) {
    if let Some(readable) = without_nul(text) {
        *text = readable;
    }
    if memchr(0x1B, text.as_bytes()).is_some() {
        *text = anstream::adapter::strip_str(text).to_string();
    }
}

/// The text with every NUL replaced; `None` if it holds none.
fn without_nul(text: &str) -> Option<String> {
    memchr(0, text.as_bytes()).map(|_| text.replace('\0', "\u{FFFD}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> TestResult<'_> {
        TestResult {
            name: name.into(),
            ..TestResult::default()
        }
    }

    #[test]
    fn drops_implausible_durations() {
        let table = [
            (0.0, Some(0)),
            (-0.0, Some(0)),
            (1.5, Some(1_500_000)),
            (MAX_DURATION_SECONDS, Some(2_592_000_000_000)),
            (MAX_DURATION_SECONDS * 1.01, None),
            (-0.001, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
            (f64::NEG_INFINITY, None),
        ];
        for (seconds, expected) in table {
            let expected = expected.map(Micros::new);
            assert_eq!(plausible_duration(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn bad_results_keep_their_place_and_room_is_counted() {
        let mut intake = Intake::new(Detail::Full, 3);
        intake.take(Ok(named("a")));
        intake.take(Ok(named(" \t")));
        intake.take(Ok(named("b\0")));
        intake.take(Ok(named("c")));
        let report = intake.into_report();
        assert_eq!(report.results.len(), 1);
        assert_eq!(
            report.bad,
            [
                BadResult {
                    index: 1,
                    message: "name is blank".to_owned()
                },
                BadResult {
                    index: 2,
                    message: "name holds a NUL character".to_owned()
                },
            ]
        );
        assert_eq!(report.left_out, 1);
    }

    #[test]
    fn nul_and_colours_in_a_text_are_replaced() {
        let mut intake = Intake::new(Detail::Full, usize::MAX);
        let mut result = named("a");
        result.extras.failure_reason = Some("x\0\u{1b}[31my\u{1b}[0m".to_owned());
        intake.take(Ok(result));
        intake.take_error("boom\0\n".to_owned());
        let report = intake.into_report();
        assert_eq!(
            report
                .results
                .first()
                .and_then(|r| r.extras.failure_reason.as_deref()),
            Some("x\u{FFFD}y")
        );
        assert_eq!(report.errors_outside_tests, ["boom\u{FFFD}"]);
    }
}
