//! The JSON report of Jest and Vitest.
//!
//! The report has an entry per test file, with its assertions. Failures outside of tests appear in
//! three ways: a file that does not load has the status `failed` and no failed assertion; Vitest
//! counts a `describe` with a failed hook among the failed suites, but reports its tests as
//! skipped; and `success` is false. Retries by the runner leave only traces: Jest counts
//! invocations, Vitest keeps the failure messages of a test that passed in the end. With full
//! detail each of them is an attempt.
//!
//! An error in a file whose tests failed as well, such as one in `afterAll`, is only in the message
//! of the file. Jest appends it to the failures of the tests, each after a bullet; Vitest writes no
//! other message. After a bail, Vitest lists the remaining tests as `pending`, and the remaining
//! files without tests and message: Vitest 5 as failed, older ones as passed.

use std::borrow::Cow;
use std::collections::HashSet;
use std::marker::PhantomData;

use serde::de::MapAccess;
use serde::{Deserialize, Deserializer};

use crate::bounded::is_cut_note;
use crate::builder::{ReportBuilder, place};
use crate::document::Document;
use crate::lenient::{Count, Flag, Item, Lines, Number, Text, Titles, explained, first_line};
use crate::model::{Outcome, ParseError, Remark, TestResult};
use crate::streaming::{DetailLevel, Each, IfFull, ReportObject, read_object, skip};

/// Precedes each failure in the message of a file, if Jest wrote it.
const JEST_BULLET: char = '●';

/// Precedes an error outside of tests in the message of a file.
const JEST_FILE_ERROR: &str = "Test suite failed to run";

/// A status that Jest's types define for focused tests. It says nothing about the outcome.
const FOCUSED: &str = "focused";

/// Limits the attempts that a count can create.
const MAX_EARLIER_ATTEMPTS: usize = 20;

#[derive(Default, Deserialize)]
#[serde(
    default,
    rename_all = "camelCase",
    bound(deserialize = "L: DetailLevel")
)]
struct TestFile<'a, L: DetailLevel> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
    #[serde(borrow)]
    assertion_results: Option<Vec<Item<Assertion<'a, L>>>>,
}

#[derive(Default, Deserialize)]
#[serde(
    default,
    rename_all = "camelCase",
    bound(deserialize = "L: DetailLevel")
)]
struct Assertion<'a, L: DetailLevel> {
    #[serde(borrow)]
    ancestor_titles: Titles<'a>,
    #[serde(borrow)]
    title: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    duration: Number,
    location: IfFull<Item<Location>, L>,
    failure_messages: Messages<L>,
    invocations: Number,
    retry_reasons: Messages<L>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Location {
    line: Number,
}

struct Report<'b, 'a, L> {
    builder: &'b mut ReportBuilder<'a>,
    success: Option<bool>,
    failed_suites: u64,
    /// Jest's number of files with an error outside their tests. Vitest does not write it.
    runtime_errors: Option<u64>,
    was_interrupted: bool,
    files: Files,
    detail: PhantomData<L>,
}

/// What the files of a report show apart from their tests.
#[derive(Default)]
struct Files {
    /// Failed suites with a failed test or an error of their own.
    explained_suites: u64,
    /// Failed files with failed tests, and their messages.
    messages: Vec<(String, String)>,
    /// Files without tests and message, and whether they failed.
    without_tests: Vec<(String, bool)>,
}

impl<'de, L: DetailLevel> ReportObject<'de> for Report<'_, 'de, L> {
    const ITEMS: &'static str = "testResults";
    const PRODUCER: &'static str = "Jest or Vitest";

    fn items<A: MapAccess<'de>>(&mut self, members: &mut A) -> Result<(), A::Error> {
        let mut add = |file| {
            add_file::<L>(file, self.builder, &mut self.files);
        };
        members.next_value_seed(Each::new("an array of test files", &mut add))
    }

    fn other<A: MapAccess<'de>>(&mut self, key: &str, members: &mut A) -> Result<(), A::Error> {
        match key {
            "success" => self.success = members.next_value::<Flag>()?.0,
            "numFailedTestSuites" => {
                let count: Number = members.next_value()?;
                self.failed_suites = count.whole().unwrap_or_default();
            }
            "numRuntimeErrorTestSuites" => {
                let count: Number = members.next_value()?;
                self.runtime_errors = Some(count.whole().unwrap_or_default());
            }
            "wasInterrupted" => {
                self.was_interrupted = members.next_value::<Flag>()?.0 == Some(true);
            }
            _ => skip(members)?,
        }
        Ok(())
    }
}

impl<L> Report<'_, '_, L> {
    fn judge_files(&mut self) {
        let files = std::mem::take(&mut self.files);
        if self.runtime_errors.is_some() {
            // A test that Jest reports as pending was skipped by its file.
            self.builder.clear_remarks();
        }
        // The parts of a split report would repeat them.
        let messages = Some(files.messages).filter(|_| !self.builder.is_full());
        for (file, message) in messages.into_iter().flatten() {
            let error = if message.contains(JEST_BULLET) {
                let error = message.split_once(JEST_FILE_ERROR).map(|(_, error)| error);
                error.filter(|_| self.runtime_errors != Some(0))
            } else {
                Some(message.as_str())
            };
            if let Some(error) = error {
                self.builder.push_error(outside_tests(&file, error));
            }
        }
        if files.without_tests.is_empty() {
            return;
        }
        let stopped = self.runtime_errors.is_none() && self.builder.has_failed_since(0);
        for (file, has_failed) in files.without_tests {
            // A part of a split report may lack the failure at which the runner stopped.
            if stopped && !(has_failed && self.builder.is_full()) {
                let reason = format!("{file} has no results: the runner stopped before it");
                self.builder.push_shortfall(Some(&file), reason);
            } else if has_failed {
                self.builder.push_error(outside_tests(&file, ""));
            }
        }
    }
}

pub(crate) fn read<'a, L: DetailLevel>(
    document: &Document<'a>,
    builder: &mut ReportBuilder<'a>,
) -> Result<(), ParseError> {
    let mut report = Report::<L> {
        builder,
        success: None,
        failed_suites: 0,
        runtime_errors: None,
        was_interrupted: false,
        files: Files::default(),
        detail: PhantomData,
    };
    read_object(document, &mut report)?;
    let explained_suites = report.files.explained_suites;
    report.judge_files();
    if report.was_interrupted {
        let reason = "Jest was interrupted, so tests may not have run".to_owned();
        report.builder.push_shortfall(None, reason);
    }
    if report.builder.has_errors() {
        return Ok(());
    }
    if report.failed_suites > explained_suites {
        report.builder.push_error(
            "a test suite failed outside its tests, probably in a hook, and some of its tests did \
             not run; the report does not name it"
                .to_owned(),
        );
    } else if report.success == Some(false) && !report.builder.has_failed_since(0) {
        let message = "the run failed, but no test in it failed";
        report.builder.push_error(message.to_owned());
    }
    Ok(())
}

/// Adds the tests of a file.
fn add_file<'a, L: DetailLevel>(
    file: Item<TestFile<'a, L>>,
    builder: &mut ReportBuilder<'a>,
    files: &mut Files,
) {
    let file = match file.object() {
        Ok(file) => file,
        Err(message) => {
            builder.push_error(format!("a test file in the report: {message}"));
            return;
        }
    };
    let mut failed_suites = HashSet::new();
    let name = file.name.non_empty();
    let mut assertions = file.assertion_results.unwrap_or_default();
    let has_tests = !assertions.is_empty();
    // An assertion is large: it is read in place.
    for assertion in &mut assertions {
        let assertion = match assertion {
            Item::Object(assertion) => assertion,
            Item::Wrong(found) => {
                builder.push(Err(found.instead_of_object()));
                continue;
            }
        };
        if matches!(&assertion.status, Text::Is(status) if status == "failed") {
            failed_suites.extend(assertion.ancestor_titles.groups());
        }
        add_assertion(assertion, name.as_ref(), builder);
    }
    let name = name.as_deref().unwrap_or("an unnamed test file");
    let message = file.message.non_empty().unwrap_or_default();
    let failed = matches!(&file.status, Text::Is(status) if status == "failed");
    let has_message = !message.trim().is_empty();
    if failed && failed_suites.is_empty() {
        files.explained_suites += 1;
    }
    let is_explained = has_tests || (failed && has_message);
    if !is_explained {
        files.without_tests.push((name.to_owned(), failed));
    } else if failed && failed_suites.is_empty() {
        builder.push_error(outside_tests(name, &message));
    } else if failed && has_message {
        files.messages.push((name.to_owned(), message.into_owned()));
    }
    files.explained_suites += failed_suites.len() as u64;
}

fn outside_tests(file: &str, message: &str) -> String {
    let message = message.trim();
    if message.is_empty() {
        format!("{file} failed outside its tests")
    } else {
        format!("{file} failed outside its tests: {message}")
    }
}

/// Takes what it needs out of the assertion.
fn add_assertion<'a, L: DetailLevel>(
    assertion: &mut Assertion<'a, L>,
    file: Option<&Cow<'a, str>>,
    builder: &mut ReportBuilder<'a>,
) {
    let invocations = assertion.invocations.whole().unwrap_or(1);
    let reruns = usize::try_from(invocations.saturating_sub(1)).unwrap_or(usize::MAX);
    if let (Text::Is(status), Text::Is(_)) = (&assertion.status, &assertion.title)
        && status == FOCUSED
    {
        builder.set_focus();
    }
    let mut result = match result_of(assertion, file) {
        Ok(result) => result,
        Err(message) => return builder.push(Err(message)),
    };
    let reasons = std::mem::take(&mut assertion.retry_reasons);
    let failures = std::mem::take(&mut assertion.failure_messages);
    let passed = result.outcome == Outcome::Passed;
    let explained_attempts = reasons.count.max(reruns).min(MAX_EARLIER_ATTEMPTS);
    // Vitest keeps the messages of a test that passed in the end.
    let earlier = explained_attempts + if passed { failures.count } else { 0 };
    if !L::FULL {
        result.failed_before = u32::try_from(earlier).unwrap_or(u32::MAX);
        return builder.push(Ok(result));
    }
    let mut messages: Vec<_> = reasons.texts.into_iter().map(Some).collect();
    messages.resize(explained_attempts, None);
    let (attempts, own) = if passed {
        (failures.texts, Vec::new())
    } else {
        (Vec::new(), failures.texts)
    };
    messages.extend(attempts.into_iter().map(Some));
    for message in messages {
        let mut attempt = TestResult {
            outcome: Outcome::Failed,
            duration: None,
            ..result.clone()
        };
        explain(&mut attempt, message.as_slice());
        builder.push(Ok(attempt));
    }
    if result.outcome == Outcome::Failed {
        explain(&mut result, &own);
    }
    builder.push(Ok(result));
}

fn result_of<'a, L: DetailLevel>(
    assertion: &mut Assertion<'a, L>,
    file: Option<&Cow<'a, str>>,
) -> Result<TestResult<'a>, String> {
    let name = std::mem::take(&mut assertion.title).required("title")?;
    let status = std::mem::take(&mut assertion.status).required("status")?;
    let outcome = outcome_of(&status, assertion.failure_messages.count)?;
    let location = if L::FULL {
        let line = std::mem::take(&mut assertion.location.0).or_default().line;
        place(file.map(Cow::as_ref), line.whole()).map(Cow::Owned)
    } else {
        None
    };
    Ok(TestResult {
        scope: std::mem::take(&mut assertion.ancestor_titles).joined(),
        name,
        location,
        file_name: file.cloned(),
        outcome,
        remark: (status == "pending").then_some(Remark::UnexplainedSkip),
        duration: assertion.duration.of_milliseconds(),
        ..TestResult::default()
    })
}

fn explain(result: &mut TestResult<'_>, messages: &[String]) {
    result.extras.failure_reason = messages.iter().find_map(|message| first_line(message));
    result.extras.failure_expanded = messages
        .iter()
        .filter(|message| !message.trim().is_empty())
        .map(|message| explained(message))
        .collect();
}

fn outcome_of(status: &str, failures: usize) -> Result<Outcome, String> {
    match status {
        "passed" => Ok(Outcome::Passed),
        "failed" => Ok(Outcome::Failed),
        "pending" | "skipped" | "todo" | "disabled" => Ok(Outcome::Skipped),
        FOCUSED if failures > 0 => Ok(Outcome::Failed),
        FOCUSED => Ok(Outcome::Unknown),
        other => Err(format!(
            "status is {other:?}, expected passed, failed, pending, skipped, todo or disabled"
        )),
    }
}

/// Failure messages. Without full detail, only their number.
#[derive(Debug, Default)]
struct Messages<L> {
    texts: Vec<String>,
    count: usize,
    detail: PhantomData<L>,
}

impl<'de, L: DetailLevel> Deserialize<'de> for Messages<L> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (texts, count) = if L::FULL {
            let Lines(mut texts) = Lines::deserialize(deserializer)?;
            // The note is no message of its own.
            if texts.len() > 1
                && let Some(note) = texts.pop_if(|text| is_cut_note(text))
                && let Some(last) = texts.last_mut()
            {
                last.push('\n');
                last.push_str(&note);
            }
            let count = texts.len();
            (texts, count)
        } else {
            (Vec::new(), Count::deserialize(deserializer)?.0)
        };
        Ok(Self {
            texts,
            count,
            detail: PhantomData,
        })
    }
}
