//! Limits the texts of failures, so that no single failure makes pages, lists or the database slow.
//!
//! Runners print whatever a failed assertion compares, which may be many megabytes. The text itself
//! says that it was cut.

use test_engine_results::{Extra, FailureDetail, bytes_of_line, cut_note, start_of_line};

use super::run_env::truncated;

/// Of the reason and all lines of one failure.
const MAX_FAILURE_BYTES: usize = 64 * 1_024;
/// Of these, for stack traces: they follow a text that may be long.
const RESERVED_FOR_BACKTRACE: usize = MAX_FAILURE_BYTES / 4;
/// Of the reason, which is shown in lists.
const MAX_REASON_BYTES: usize = MAX_FAILURE_BYTES / 4;
/// What a line costs beside its text when it is stored.
const LINE_OVERHEAD: usize = 3;
const MAX_ERRORS_OUTSIDE_TESTS: usize = 50;
const MAX_ERROR_OUTSIDE_BYTES: usize = 5 * 1_024;

/// Cuts the texts of one execution.
pub(super) fn limit(extra: &mut Extra) {
    let mut left = MAX_FAILURE_BYTES;
    if let Some(reason) = &mut extra.failure_reason {
        cut(reason, MAX_REASON_BYTES);
        left = left.saturating_sub(reason.len());
    }
    let size = |lines: &[String]| lines.iter().map(|line| cost(line)).sum::<usize>();
    let details = &mut extra.failure_expanded;
    let total: usize = details
        .iter()
        .map(|detail| size(&detail.expanded) + size(&detail.backtrace))
        .sum();
    if total <= left {
        return;
    }
    let traces: usize = details.iter().map(|detail| size(&detail.backtrace)).sum();
    let reserved = traces.min(RESERVED_FOR_BACKTRACE);
    let mut for_texts = Budget::new(left.saturating_sub(reserved));
    let mut for_traces = Budget::new(reserved);
    for FailureDetail {
        expanded,
        backtrace,
    } in &mut *details
    {
        for_texts.spend(expanded);
        for_traces.spend(backtrace);
    }
    details.retain(|detail| *detail != FailureDetail::default());
}

/// Cuts the errors of an upload that belong to no test. `more` were not read.
pub(super) fn limit_errors_outside_tests(errors: &mut Vec<String>, more: usize) {
    let count = errors.len() + more;
    errors.truncate(MAX_ERRORS_OUTSIDE_TESTS);
    if count > MAX_ERRORS_OUTSIDE_TESTS {
        let more = count - MAX_ERRORS_OUTSIDE_TESTS;
        errors.push(format!("… and {more} more errors outside of tests"));
    }
    for error in errors {
        cut(error, MAX_ERROR_OUTSIDE_BYTES);
    }
}

fn cost(line: &str) -> usize {
    line.len() + LINE_OVERHEAD
}

/// Bytes for the lines of all details of a failure.
struct Budget {
    left: usize,
    is_spent: bool,
}

impl Budget {
    fn new(left: usize) -> Self {
        Self {
            left,
            is_spent: false,
        }
    }

    /// Keeps whole lines and the start of the first line that is too long; says how much is missing
    /// where the text ends, and drops everything after it.
    fn spend(&mut self, lines: &mut Vec<String>) {
        if self.is_spent {
            lines.clear();
            return;
        }
        let mut kept = 0;
        for line in &*lines {
            if cost(line) > self.left {
                break;
            }
            self.left -= cost(line);
            kept += 1;
        }
        let Some(first_cut) = lines.get(kept) else {
            return;
        };
        let missing: usize = lines[kept..].iter().map(|line| bytes_of_line(line)).sum();
        let start = start_of_line(first_cut, self.left).to_owned();
        let missing = missing - start.len();
        lines.truncate(kept);
        if !start.is_empty() {
            lines.push(start);
        }
        lines.push(cut_note(missing));
        self.is_spent = true;
    }
}

fn cut(text: &mut String, limit: usize) {
    if text.len() <= limit {
        return;
    }
    let end = truncated(text, limit).len();
    let missing = text.len() - end;
    text.truncate(end);
    text.push('\n');
    text.push_str(&cut_note(missing));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize, length: usize) -> Vec<String> {
        (0..count).map(|_| "é".repeat(length / 2)).collect()
    }

    fn size(extra: &Extra) -> usize {
        let details = extra.failure_expanded.iter();
        let lines = details.flat_map(|detail| detail.expanded.iter().chain(&detail.backtrace));
        lines.map(|line| line.len() + 1).sum::<usize>()
            + extra.failure_reason.as_ref().map_or(0, String::len)
    }

    fn extra(reason: &str, expanded: Vec<String>, backtrace: Vec<String>) -> Extra {
        Extra {
            failure_reason: Some(reason.to_owned()),
            failure_expanded: vec![FailureDetail {
                expanded,
                backtrace,
            }],
            ..Extra::default()
        }
    }

    #[test]
    fn keeps_what_is_short() {
        let mut short = extra("reason", lines(100, 100), lines(100, 100));
        let before = short.clone();
        limit(&mut short);
        assert_eq!(short, before);
    }

    #[test]
    fn cuts_long_texts_but_keeps_stack_traces() {
        for mut long in [
            extra("r", lines(1, 10_000_000), lines(20, 100)),
            extra("r", lines(100_000, 100), lines(20, 100)),
            extra("r", lines(2_000_000, 0), lines(20, 100)),
        ] {
            limit(&mut long);
            assert!(size(&long) < MAX_FAILURE_BYTES + 500, "{}", size(&long));
            let detail = &long.failure_expanded[0];
            let last = detail.expanded.last().unwrap();
            assert!(last.contains("more bytes were not stored"), "{last}");
            assert_eq!(detail.backtrace.len(), 20);
        }
    }

    #[test]
    fn cuts_long_reasons_and_traces() {
        let mut long = extra(&"x".repeat(200_000), lines(10, 100), lines(100_000, 100));
        limit(&mut long);
        assert!(size(&long) < MAX_FAILURE_BYTES + 500, "{}", size(&long));
        let reason = long.failure_reason.unwrap();
        assert!(
            reason.ends_with("183616 more bytes were not stored"),
            "{reason}"
        );
        assert_eq!(long.failure_expanded[0].expanded.len(), 10);
    }

    #[test]
    fn many_details_share_the_limit() {
        let mut many = extra("r", Vec::new(), Vec::new());
        many.failure_expanded = (0..10_000)
            .map(|_| FailureDetail {
                expanded: lines(1, 100),
                backtrace: Vec::new(),
            })
            .collect();
        limit(&mut many);
        assert!(size(&many) < MAX_FAILURE_BYTES + 500, "{}", size(&many));
    }

    #[test]
    fn limits_errors_outside_of_tests() {
        let mut errors = vec!["e".repeat(1_000_000); 60];
        limit_errors_outside_tests(&mut errors, 3);
        assert_eq!(errors.len(), 51);
        assert!(errors.iter().map(String::len).sum::<usize>() < 300_000);
        assert_eq!(errors[50], "… and 13 more errors outside of tests");
    }
}
