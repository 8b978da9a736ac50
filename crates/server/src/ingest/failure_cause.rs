//! What identifies the cause of a failure: a fingerprint, and the first frame of the project's own
//! code.

use test_engine_insights::{Fingerprint, Frame, own_frame};
use test_engine_results::{Extra, Outcome, TestResult};
use test_engine_store::FailureCause;

use super::run_env::truncated;

/// Of the path in a frame. Longer ones are cut at the front, where machines differ.
const MAX_FRAME_BYTES: usize = 500;

/// Of a failed result; `None` for others, and for failures without any text.
pub(super) fn of(result: &TestResult<'_>) -> Option<FailureCause> {
    if result.outcome != Outcome::Failed || result.extras.is_untouched() {
        return None;
    }
    let extras: &Extra = &result.extras;
    let reason = reason(extras);
    if lines(extras).all(|line| line.trim().is_empty()) {
        return None;
    }
    Some(FailureCause {
        fingerprint: Fingerprint::of(reason, lines(extras)),
        frame: own_frame(lines(extras)).map(|frame| described(&frame)),
    })
}

/// The short reason, or the first line of the long one.
fn reason(extras: &Extra) -> &str {
    let mut details = extras.failure_expanded.iter();
    let mut first_line = || details.find_map(|detail| detail.expanded.first());
    match extras.failure_reason.as_deref() {
        Some(reason) if !reason.trim().is_empty() => reason,
        _ => first_line().map_or("", String::as_str),
    }
}

/// The lines of backtraces, then the other lines, which contain the backtraces of some runners.
fn lines(extras: &Extra) -> impl Iterator<Item = &str> {
    let details = &extras.failure_expanded;
    let traces = details.iter().flat_map(|detail| &detail.backtrace);
    let texts = details.iter().flat_map(|detail| &detail.expanded);
    let lines = traces.chain(texts).map(String::as_str);
    lines.chain(
        extras
            .failure_reason
            .iter()
            .flat_map(|reason| reason.lines()),
    )
}

fn described(frame: &Frame<'_>) -> String {
    let file = frame.file;
    let from = file.len().saturating_sub(MAX_FRAME_BYTES);
    let file = &file[file.ceil_char_boundary(from)..];
    format!("{}:{}", truncated(file, MAX_FRAME_BYTES), frame.line)
}

#[cfg(test)]
mod tests {
    use test_engine_results::FailureDetail;

    use super::*;

    fn failed(reason: Option<&str>, expanded: &[&str], backtrace: &[&str]) -> TestResult<'static> {
        let owned = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        TestResult {
            outcome: Outcome::Failed,
            extras: Extra {
                failure_reason: reason.map(str::to_owned),
                failure_expanded: vec![FailureDetail {
                    expanded: owned(expanded),
                    backtrace: owned(backtrace),
                }],
                ..Extra::default()
            }
            .into(),
            ..TestResult::default()
        }
    }

    fn frame(result: &TestResult<'_>) -> Option<String> {
        of(result).unwrap().frame
    }

    #[test]
    fn the_first_own_frame_is_found_in_traces_and_texts() {
        let library = "/usr/lib/ruby/gems/rspec/a.rb:1:in 'run'";
        let traced = failed(Some("e"), &["x.py:1: text"], &[library, "./a_spec.rb:7"]);
        assert_eq!(frame(&traced).as_deref(), Some("./a_spec.rb:7"));
        let in_text = failed(Some("e"), &["text", "tests/a.py:3: Error"], &[library]);
        assert_eq!(frame(&in_text).as_deref(), Some("tests/a.py:3"));
        assert_eq!(frame(&failed(Some("expected 1"), &[], &[])), None);
    }

    #[test]
    fn failures_of_one_cause_have_one_fingerprint() {
        let of_reason = |reason: &str, line: &str| of(&failed(Some(reason), &[], &[line]));
        let one = of_reason("expected 1, got 2", "a.py:3: Error").unwrap();
        let other = of_reason("expected 3, got 4", "a.py:9: Error").unwrap();
        assert_eq!(one.fingerprint, other.fingerprint);
        let elsewhere = of_reason("expected 1, got 2", "b.py:3: Error").unwrap();
        assert_ne!(one.fingerprint, elsewhere.fingerprint);
        let long_only = of(&failed(None, &["expected 1, got 2"], &["a.py:3: Error"])).unwrap();
        assert_eq!(one.fingerprint, long_only.fingerprint);
    }

    #[test]
    fn results_without_a_text_have_no_cause() {
        assert_eq!(of(&failed(Some(" "), &[], &[])), None);
        let passed = TestResult {
            outcome: Outcome::Passed,
            ..failed(Some("e"), &[], &[])
        };
        assert_eq!(of(&passed), None);
    }

    #[test]
    fn long_paths_are_cut_at_the_front() {
        let line = format!("{}é/lib/cart.py:3: Error", "x/".repeat(400));
        let frame = frame(&failed(Some("e"), &[], &[&line])).unwrap();
        assert!(frame.len() < MAX_FRAME_BYTES + 10);
        assert!(frame.ends_with("é/lib/cart.py:3"), "{frame}");
    }
}
