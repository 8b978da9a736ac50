//! A test case and its failures, and the result that they stand for.

use std::borrow::Cow;

use crate::go_jsonl::first_telling_line;
use crate::intake::{place_of, plausible_duration};
use crate::model::{FailureDetail, Outcome, TestResult};
use crate::shape::{first_line, split_lines};
use crate::xml::{Attribute, Tokens};

#[derive(Default)]
pub(super) struct Case<'a> {
    pub(super) class_name: Option<Cow<'a, str>>,
    pub(super) name: Option<Cow<'a, str>>,
    file: Option<Cow<'a, str>>,
    line: Option<Cow<'a, str>>,
    seconds: Option<f64>,
    /// The verdict of dialects that write it as an attribute.
    status: Option<Outcome>,
    pub(super) failed: bool,
    pub(super) skipped: bool,
    pub(super) problems: Vec<Problem<'a>>,
    pub(super) outputs: Vec<FailureDetail>,
}

#[derive(Default)]
pub(super) struct Problem<'a> {
    pub(super) message: Option<Cow<'a, str>>,
    pub(super) kind: Option<Cow<'a, str>>,
    pub(super) text: String,
}

impl<'a> Case<'a> {
    /// Reads the attributes of a case's tag.
    pub(super) fn read(&mut self, tokens: &mut Tokens<'a>, is_full: bool) -> Result<(), String> {
        while let Some(attribute) = tokens.next_attribute()? {
            match attribute.name {
                "name" => keep(&mut self.name, &attribute)?,
                "classname" => keep(&mut self.class_name, &attribute)?,
                "file" => keep(&mut self.file, &attribute)?,
                "line" if is_full => keep(&mut self.line, &attribute)?,
                "time" => self.seconds = seconds_of(&attribute.value()?),
                "status" | "result" => {
                    self.status = worse(self.status, status_of(&attribute.value()?));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The result that the case stands for, taken out of it.
    pub(super) fn take_result(
        &mut self,
        suite_file: Option<&Cow<'a, str>>,
        is_full: bool,
    ) -> Result<TestResult<'a>, String> {
        let outcome = if self.failed || self.status == Some(Outcome::Failed) {
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
        let line = self.line.take().filter(|line| !line.is_empty());
        let mut result = TestResult {
            scope: self.class_name.take().unwrap_or_default(),
            name: self.name.take().ok_or("name is missing")?,
            location: file_name
                .as_deref()
                .zip(line.as_deref())
                .map(|(file, line)| Cow::Owned(place_of(file, line))),
            file_name,
            outcome,
            duration: self.seconds.and_then(plausible_duration),
            ..TestResult::default()
        };
        if outcome == Outcome::Failed && is_full {
            let problems = std::mem::take(&mut self.problems);
            result.extras.failure_reason = problems.iter().find_map(Problem::reason);
            result.extras.failure_expanded = problems
                .into_iter()
                .map(detail_of)
                .filter(|detail| !detail.expanded.is_empty())
                .chain(std::mem::take(&mut self.outputs))
                .collect();
        }
        Ok(result)
    }

    pub(super) fn has_no_class(&self) -> bool {
        self.class_name.as_deref().unwrap_or_default().is_empty()
    }
}

impl Problem<'_> {
    /// The message, unless it is the one word that gotestsum writes for every failure.
    fn reason(&self) -> Option<String> {
        let message = self.message.as_deref().and_then(first_line);
        message
            .filter(|message| message != "Failed")
            .or_else(|| first_telling_line(&self.text))
            .or_else(|| self.kind.as_deref().and_then(first_line))
    }
}

/// The text, with the message ahead of it where it says more.
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

/// What dialects without `failure` and `skipped` elements write as an attribute: GoogleTest marks
/// disabled tests `notrun`, CTest writes `fail` and `disabled`.
fn status_of(word: &str) -> Option<Outcome> {
    match word.to_ascii_lowercase().as_str() {
        "fail" | "failed" | "failure" | "error" | "errored" | "broken" => Some(Outcome::Failed),
        "notrun" | "skip" | "skipped" | "disabled" | "ignored" | "pending" | "suppressed" => {
            Some(Outcome::Skipped)
        }
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

/// A number of seconds, or of anything. Some dialects write thousands separators ("1,234.5"),
/// some a decimal comma ("0,5").
pub(super) fn seconds_of(text: &str) -> Option<f64> {
    let text = text.trim();
    if !text.contains(',') {
        return text.parse().ok();
    }
    let mut groups = text.split('.').next().unwrap_or_default().split(',');
    let leading = groups.next().unwrap_or_default();
    let is_thousands = !leading.is_empty()
        && leading.len() <= 3
        && leading != "0"
        && groups.all(|group| group.len() == 3);
    if is_thousands || text.contains('.') {
        text.replace(',', "").parse().ok()
    } else {
        text.replace(',', ".").parse().ok()
    }
}

/// Puts the attribute's value where it is kept; a second one of that name is a fault.
pub(super) fn keep<'a>(
    slot: &mut Option<Cow<'a, str>>,
    attribute: &Attribute<'a>,
) -> Result<(), String> {
    if slot.is_some() {
        return Err(format!("attribute `{}` appears twice", attribute.name));
    }
    *slot = Some(attribute.value()?);
    Ok(())
}
