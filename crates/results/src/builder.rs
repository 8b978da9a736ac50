//! Collects the results of a file, and checks what every format has in common.
//!
//! Names are not blank, durations are plausible, texts contain no NUL (databases reject it, so
//! U+FFFD replaces it), failure texts have no color codes, and the limit on results holds. What
//! counts as failed is up to the format.

use std::borrow::Cow;

use memchr::memchr;
use test_engine_duration::Micros;

use crate::Detail;
use crate::bounded::{BoundedText, MAX_TEXT_BYTES};
use crate::model::{FailureDetail, InvalidResult, Outcome, Report, Shortfall, TestResult};

/// The longest plausible duration: 30 days. A longer one is an error of a clock or a unit, and
/// counts as unknown.
pub const MAX_DURATION_SECONDS: f64 = 30.0 * 24.0 * 60.0 * 60.0;

/// Typical in JSON; XML has less.
const BYTES_PER_RESULT: usize = 400;

/// Takes over what is large about results while the file is read, so that it is in memory for one
/// result at a time only.
pub trait ResultSink {
    /// The file is read again from the start.
    fn restart(&self);

    /// A result of the report, by its index among those. May move its extras elsewhere or cut them.
    fn add(&self, index: usize, result: &mut TestResult<'_>);
}

/// Leaves results as they are.
pub(crate) struct NoSink;

impl ResultSink for NoSink {
    fn restart(&self) {}

    fn add(&self, _: usize, _: &mut TestResult<'_>) {}
}

/// The texts that may contain NUL. Searching each of them is a large part of reading a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nuls {
    Anywhere,
    InOwned,
    Nowhere,
}

pub(crate) struct ReportBuilder<'a> {
    sink: &'a dyn ResultSink,
    detail: Detail,
    max_results: usize,
    remaining: usize,
    /// Of the errors outside of tests.
    error_bytes: usize,
    next_index: usize,
    nuls: Nuls,
    report: Report<'a>,
}

impl<'a> ReportBuilder<'a> {
    pub(crate) fn new(detail: Detail, max_results: usize, sink: &'a dyn ResultSink) -> Self {
        sink.restart();
        Self {
            sink,
            detail,
            max_results,
            remaining: max_results,
            error_bytes: 0,
            next_index: 0,
            nuls: Nuls::Anywhere,
            report: Report::default(),
        }
    }

    /// Makes room for the results of a text of this many bytes. It takes no memory
    /// until results are written to it.
    pub(crate) fn expect_bytes(&mut self, bytes: usize) {
        let expected = (bytes / BYTES_PER_RESULT).min(self.max_results);
        self.report.results.reserve_exact(expected);
    }

    /// For a file that neither contains NUL nor can escape it.
    pub(crate) const fn without_nul(&mut self) {
        self.nuls = Nuls::Nowhere;
    }

    /// For JSON, where NUL is always escaped: texts that are borrowed from the file contain no
    /// escape.
    pub(crate) const fn with_escaped_nul(&mut self) {
        self.nuls = Nuls::InOwned;
    }

    /// Drops everything, to read the file again.
    pub(crate) fn restart(&mut self) {
        *self = Self {
            nuls: self.nuls,
            ..Self::new(self.detail, self.max_results, self.sink)
        };
    }

    /// Whether failure texts, spans, tags and single attempts are needed.
    pub(crate) fn is_full(&self) -> bool {
        self.detail == Detail::Full
    }

    /// Whether a result after the first `results_before` has failed. Omitted results do not count.
    pub(crate) fn has_failed_since(&self, results_before: usize) -> bool {
        self.failed_since(results_before).next().is_some()
    }

    /// How many results after the first `results_before` have failed.
    pub(crate) fn count_failed_since(&self, results_before: usize) -> usize {
        self.failed_since(results_before).count()
    }

    fn failed_since(&self, results_before: usize) -> impl Iterator<Item = &TestResult<'a>> {
        let results = self.report.results.get(results_before..);
        results
            .unwrap_or_default()
            .iter()
            .filter(|result| result.outcome == Outcome::Failed)
    }

    /// The number of valid results.
    pub(crate) fn count(&self) -> usize {
        self.report.results.len()
    }

    /// Adds the next result of the file, or its error.
    pub(crate) fn push(&mut self, result: Result<TestResult<'a>, String>) {
        let index = self.next_index;
        self.next_index += 1;
        if self.remaining == 0 {
            self.report.omitted += 1;
            return;
        }
        self.remaining -= 1;
        // A result is large: check it in place, to avoid another move.
        let message = match result {
            Ok(result) => {
                self.report.results.push(result);
                let nuls = self.nuls;
                let last = self.report.results.last_mut();
                match last.map(|result| check(result, nuls)) {
                    Some(Err(message)) => {
                        self.report.results.pop();
                        message
                    }
                    _ => return self.hand_over(),
                }
            }
            Err(message) => message,
        };
        self.report.invalid.push(InvalidResult { index, message });
    }

    /// Shows the last result to the sink.
    fn hand_over(&mut self) {
        let index = self.report.results.len().saturating_sub(1);
        if let Some(result) = self.report.results.last_mut() {
            self.sink.add(index, result);
        }
    }

    /// Adds an error that belongs to no test.
    pub(crate) fn push_error(&mut self, mut text: String) {
        make_readable(&mut text);
        let end = text.trim_end().len();
        text.truncate(end);
        if self.is_full() {
            let room = MAX_TEXT_BYTES.saturating_sub(self.error_bytes);
            if room == 0 {
                self.report.more_errors += 1;
                return;
            }
            let mut bounded = BoundedText::new(room);
            bounded.push(&text);
            text = bounded.into_string();
            self.error_bytes += text.len() + size_of::<String>();
        }
        self.report.errors_outside_tests.push(text);
    }

    pub(crate) fn has_errors(&self) -> bool {
        !self.report.errors_outside_tests.is_empty()
    }

    /// Adds evidence that tests of this file, or of any file if `None`, did not run.
    pub(crate) fn push_shortfall(&mut self, file: Option<&str>, mut reason: String) {
        make_readable(&mut reason);
        self.report.shortfalls.push(Shortfall {
            file: file.map(str::to_owned),
            reason,
        });
    }

    pub(crate) fn set_focus(&mut self) {
        self.report.has_focus = true;
    }

    /// Removes the remarks of all results, where the producer turns out to mean something else.
    pub(crate) fn clear_remarks(&mut self) {
        for result in &mut self.report.results {
            result.remark = None;
        }
    }

    pub(crate) fn into_report(self) -> Report<'a> {
        self.report
    }
}

fn check(result: &mut TestResult<'_>, nuls: Nuls) -> Result<(), String> {
    if result.name.trim_start().is_empty() {
        return Err("name is blank".to_owned());
    }
    if nuls != Nuls::Nowhere {
        replace_nuls(result, nuls);
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

fn replace_nuls(result: &mut TestResult<'_>, nuls: Nuls) {
    let options = [
        &mut result.id,
        &mut result.identifier,
        &mut result.location,
        &mut result.file_name,
    ];
    let names = [&mut result.name, &mut result.scope];
    for text in names.into_iter().chain(options.into_iter().flatten()) {
        if nuls == Nuls::InOwned && matches!(text, Cow::Borrowed(_)) {
            continue;
        }
        if let Some(readable) = replace_nul(text) {
            *text = Cow::Owned(readable);
        }
    }
}

/// `path:line`
pub(crate) fn place(file: Option<&str>, line: Option<u64>) -> Option<String> {
    let (file, line) = file.zip(line)?;
    Some(place_of(file, itoa::Buffer::new().format(line)))
}

/// [`place`] with a line that is a string already.
pub(crate) fn place_of(file: &str, line: &str) -> String {
    let mut place = String::with_capacity(file.len() + 1 + line.len());
    place.push_str(file);
    place.push(':');
    place.push_str(line);
    place
}

/// `None` for negative and non-finite durations and those above [`MAX_DURATION_SECONDS`].
pub(crate) fn plausible_duration(seconds: f64) -> Option<Micros> {
    (0.0..=MAX_DURATION_SECONDS)
        .contains(&seconds)
        .then(|| Micros::from_seconds(seconds))
}

/// Removes NULs and the color codes that runners print.
fn make_readable(text: &mut String) {
    if let Some(readable) = replace_nul(text) {
        *text = readable;
    }
    if memchr(0x1B, text.as_bytes()).is_some() {
        *text = anstream::adapter::strip_str(text).to_string();
    }
}

/// `None` if the text contains no NUL.
fn replace_nul(text: &str) -> Option<String> {
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
    fn keeps_indexes_of_invalid_results_and_counts_omitted_ones() {
        let mut builder = ReportBuilder::new(Detail::Full, 3, &NoSink);
        builder.push(Ok(named("a")));
        builder.push(Ok(named(" \t")));
        builder.push(Ok(named("b\0")));
        builder.push(Ok(named("c")));
        let report = builder.into_report();
        let names: Vec<_> = report.results.iter().map(|r| r.name.as_ref()).collect();
        assert_eq!(names, ["a", "b\u{FFFD}"]);
        assert_eq!(
            report.invalid,
            [InvalidResult {
                index: 1,
                message: "name is blank".to_owned()
            }]
        );
        assert_eq!(report.omitted, 1);
    }

    #[test]
    fn removes_nul_and_color_codes() {
        let mut builder = ReportBuilder::new(Detail::Full, usize::MAX, &NoSink);
        let mut result = named("a");
        result.extras.failure_reason = Some("x\0\u{1b}[31my\u{1b}[0m".to_owned());
        builder.push(Ok(result));
        builder.push_error("boom\0\n".to_owned());
        let report = builder.into_report();
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
