//! A test case: its attributes, its failures, and the result that they make up.

use std::borrow::Cow;

use crate::bounded::{self, MAX_TEXT_BYTES, bytes_of_line, cut_note};
use crate::builder::{place_of, plausible_duration};
use crate::go_output::{PACKAGE_TEST, first_own_line};
use crate::lenient::{explained, first_line, split_lines};
use crate::model::{Extras, FailureDetail, Outcome, TestResult};
use crate::xml::{Attribute, Tokens};

use super::file_name;
use super::numbers::Numbers;

#[derive(Default)]
pub(super) struct Case<'a> {
    pub(super) class_name: Option<Cow<'a, str>>,
    pub(super) name: Option<Cow<'a, str>>,
    pub(super) file: Option<Cow<'a, str>>,
    pub(super) line: Option<Cow<'a, str>>,
    pub(super) seconds: Option<f64>,
    /// The outcome according to an attribute; see [`status_of`].
    pub(super) status: Option<Outcome>,
    pub(super) failed: bool,
    pub(super) skipped: bool,
    pub(super) problems: Vec<Problem<'a>>,
    /// Failed attempts before a pass, by the runner's own retries.
    pub(super) flaky: u32,
    /// Failed attempts after the failure.
    pub(super) reruns: u32,
    /// The failures of these attempts, if the detail is full.
    pub(super) attempts: Vec<Problem<'a>>,
    outputs: Vec<FailureDetail>,
    /// Bytes of texts so far, with what each element takes in memory.
    size: usize,
    /// Bytes of texts that are not kept.
    missing: usize,
    /// Attempts that are not kept.
    more_attempts: usize,
}

/// What an element takes in memory beside its text.
const ELEMENT_OVERHEAD: usize = 128;
/// Attempts of one case that are read. No runner retries as often.
const MAX_ATTEMPTS: usize = 10_000;

#[derive(Default)]
pub(super) struct Problem<'a> {
    pub(super) message: Option<Cow<'a, str>>,
    pub(super) kind: Option<Cow<'a, str>>,
    /// Only attempts have a time of their own.
    pub(super) seconds: Option<f64>,
    pub(super) text: String,
}

/// The outcome of dialects that use an attribute instead of `failure` and `skipped` elements:
/// GoogleTest marks disabled tests `notrun`, CTest writes `fail` and `disabled`, behave `untested`
/// for scenarios after an abort, `undefined` for those without step definitions, and `hook_error`
/// and `cleanup_error` for those whose hooks failed.
fn status_of(word: &str) -> Option<Outcome> {
    match word.to_ascii_lowercase().as_str() {
        "fail" | "failed" | "failure" | "error" | "errored" | "broken" | "undefined"
        | "ambiguous" | "timeout" | "timedout" | "timed out" | "crashed" | "aborted"
        | "hook_error" | "cleanup_error" => Some(Outcome::Failed),
        "notrun" | "not run" | "not_run" | "not-run" | "notexecuted" | "skip" | "skipped"
        | "disabled" | "ignored" | "pending" | "suppressed" | "untested" | "untested_pending"
        | "untested_undefined" | "todo" | "inconclusive" => Some(Outcome::Skipped),
        _ => None,
    }
}

fn worse(one: Option<Outcome>, other: Option<Outcome>) -> Option<Outcome> {
    if one == Some(Outcome::Failed) {
        one
    } else {
        other.or(one)
    }
}

/// gotestsum's placeholder for a package that failed as a whole.
pub(super) fn is_go_package(case: &Case<'_>) -> bool {
    case.has_no_class() && case.name.as_deref() == Some(PACKAGE_TEST)
}

impl<'a> Case<'a> {
    /// Reads the attributes of the start tag.
    pub(super) fn read(
        &mut self,
        tokens: &mut Tokens<'a>,
        numbers: &mut Numbers,
        is_full: bool,
    ) -> Result<(), String> {
        while let Some(attribute) = tokens.next_attribute()? {
            match attribute.name {
                "name" => keep(&mut self.name, &attribute)?,
                "classname" => keep(&mut self.class_name, &attribute)?,
                "file" => keep(&mut self.file, &attribute)?,
                "line" if is_full => keep(&mut self.line, &attribute)?,
                "time" => self.seconds = numbers.read(&attribute.value()),
                "status" | "result" => {
                    self.status = worse(self.status, status_of(&attribute.value()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Bytes of further texts that are kept.
    pub(super) const fn room(&self) -> usize {
        MAX_TEXT_BYTES.saturating_sub(self.size)
    }

    /// Cuts an attribute to what there is room for.
    pub(super) fn cut(&mut self, attribute: &mut Attribute<'a>) {
        self.missing += attribute.cut(self.room());
    }

    pub(super) fn add_problem(&mut self, problem: Problem<'a>) {
        if self.room() == 0 {
            self.missing += bytes_of(&problem.text);
            return;
        }
        self.size += problem.text.len() + ELEMENT_OVERHEAD;
        self.size += problem.message.as_ref().map_or(0, |message| message.len());
        self.problems.push(problem);
    }

    pub(super) fn add_attempt(&mut self, attempt: Problem<'a>) {
        if self.attempts.len() == MAX_ATTEMPTS {
            self.more_attempts += 1;
            return;
        }
        self.size += attempt.text.len();
        self.attempts.push(attempt);
    }

    pub(super) fn add_output(&mut self, heading: &str, lines: Vec<String>) {
        if self.room() == 0 {
            self.missing += lines.iter().map(|line| bytes_of_line(line)).sum::<usize>();
            return;
        }
        self.size += bounded::size(&lines) + ELEMENT_OVERHEAD;
        let heading = std::iter::once(heading.to_owned());
        self.outputs.push(FailureDetail {
            expanded: heading.chain(lines).collect(),
            backtrace: Vec::new(),
        });
    }

    /// The case's result; leaves the case empty.
    pub(super) fn take_result(
        &mut self,
        suite_file: Option<&Cow<'a, str>>,
        is_full: bool,
    ) -> Result<TestResult<'a>, String> {
        let outcome = if self.failed || self.reruns > 0 || self.status == Some(Outcome::Failed) {
            Outcome::Failed
        } else if self.skipped || self.status == Some(Outcome::Skipped) {
            Outcome::Skipped
        } else {
            Outcome::Passed
        };
        let file_name = self
            .file
            .take()
            .filter(|file| !file.is_empty())
            .or_else(|| suite_file.cloned());
        let (file_name, line_of_file) = match file_name.map(file_name::split) {
            Some((file, line)) => (Some(file), line.map(Cow::Owned)),
            None => (None, None),
        };
        let line = self.line.take().filter(|line| !line.is_empty());
        let line = line.or(line_of_file.filter(|_| is_full));
        let mut result = TestResult {
            scope: self.class_name.take().unwrap_or_default(),
            name: self.name.take().ok_or("name is missing")?,
            location: file_name
                .as_deref()
                .zip(line.as_deref())
                .map(|(file, line)| Cow::Owned(place_of(file, line))),
            file_name,
            outcome,
            failed_before: if is_full { 0 } else { self.flaky + self.reruns },
            duration: self.seconds.and_then(plausible_duration),
            ..TestResult::default()
        };
        if outcome == Outcome::Failed && is_full {
            explain(&mut result, std::mem::take(&mut self.problems));
            let outputs = std::mem::take(&mut self.outputs);
            result.extras.failure_expanded.extend(outputs);
            if self.missing > 0 {
                let note = explained(&cut_note(self.missing));
                result.extras.failure_expanded.push(note);
            }
        }
        Ok(result)
    }

    /// The failed attempts beside `result`, in order.
    pub(super) fn take_attempts(&mut self, result: &TestResult<'a>) -> Vec<TestResult<'a>> {
        let attempts = std::mem::take(&mut self.attempts).into_iter();
        let attempt_of = |problem: Problem<'a>| {
            let mut attempt = TestResult {
                outcome: Outcome::Failed,
                duration: problem.seconds.and_then(plausible_duration),
                extras: Extras::default(),
                ..result.clone()
            };
            explain(&mut attempt, vec![problem]);
            attempt
        };
        attempts.map(attempt_of).collect()
    }

    /// An error if the case has more attempts than are read.
    pub(super) fn more_attempts(&self) -> Option<String> {
        (self.more_attempts > 0).then(|| {
            format!(
                "{} of its attempts were not read: a test has at most {MAX_ATTEMPTS}",
                self.more_attempts
            )
        })
    }

    pub(super) fn has_no_class(&self) -> bool {
        self.class_name.as_deref().unwrap_or_default().is_empty()
    }
}

impl Problem<'_> {
    /// Ignores the message "Failed", which gotestsum writes for every failure.
    fn reason(&self) -> Option<String> {
        let message = self.message.as_deref().and_then(first_line);
        message
            .filter(|message| message != "Failed")
            .or_else(|| first_own_line(&self.text))
            .or_else(|| self.kind.as_deref().and_then(first_line))
    }
}

fn bytes_of(text: &str) -> usize {
    text.lines().map(bytes_of_line).sum()
}

fn explain(result: &mut TestResult<'_>, problems: Vec<Problem<'_>>) {
    result.extras.failure_reason = problems.iter().find_map(Problem::reason);
    result.extras.failure_expanded = problems
        .into_iter()
        .map(detail_of)
        .filter(|detail| !detail.expanded.is_empty())
        .collect();
}

/// The text, preceded by the message unless the text contains it.
fn detail_of(problem: Problem<'_>) -> FailureDetail {
    let message = problem.message.unwrap_or_default();
    let expanded = if problem.text.contains(message.trim()) {
        split_lines(&problem.text)
    } else {
        let mut lines = split_lines(&message);
        lines.extend(split_lines(&problem.text));
        lines
    };
    FailureDetail {
        expanded,
        backtrace: Vec::new(),
    }
}

/// Stores an attribute's value. A duplicate attribute is an error.
pub(super) fn keep<'a>(
    slot: &mut Option<Cow<'a, str>>,
    attribute: &Attribute<'a>,
) -> Result<(), String> {
    if slot.is_some() {
        return Err(format!("attribute `{}` appears twice", attribute.name));
    }
    *slot = Some(attribute.value());
    Ok(())
}
