//! The JSON report of Jest and Vitest.
//!
//! The report has an entry per test file, with its assertions. Failures outside of tests appear in
//! three ways: a file that does not load has the status `failed` and no failed assertion; Vitest
//! counts a `describe` with a failed hook among the failed suites, but reports its tests as
//! skipped; and `success` is false. Retries by the runner leave only traces: Jest counts
//! invocations, Vitest keeps the failure messages of a test that passed in the end. With full
//! detail each of them is an attempt.

use std::borrow::Cow;
use std::collections::HashSet;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::MapAccess;

use crate::builder::{ReportBuilder, place};
use crate::document::Document;
use crate::lenient::{Flag, Item, Lines, Number, Text, Titles, explained, first_line};
use crate::model::{Outcome, ParseError, TestResult};
use crate::streaming::{DetailLevel, Each, IfFull, ReportObject, read_object, skip};

/// Limits the attempts that a count can create.
const MAX_EARLIER_ATTEMPTS: u64 = 20;

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
    location: Item<Location>,
    failure_messages: IfFull<Lines, L>,
    invocations: Number,
    retry_reasons: IfFull<Lines, L>,
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
    /// Failed suites with a failed test or an error of their own.
    explained_suites: u64,
    detail: PhantomData<L>,
}

impl<'de, L: DetailLevel> ReportObject<'de> for Report<'_, 'de, L> {
    const ITEMS: &'static str = "testResults";
    const PRODUCER: &'static str = "Jest or Vitest";

    fn items<A: MapAccess<'de>>(&mut self, members: &mut A) -> Result<(), A::Error> {
        let mut add = |file| {
            self.explained_suites += add_file::<L>(file, self.builder);
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
            _ => skip(members)?,
        }
        Ok(())
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
        explained_suites: 0,
        detail: PhantomData,
    };
    read_object(document, &mut report)?;
    if report.builder.has_errors() {
        return Ok(());
    }
    if report.failed_suites > report.explained_suites {
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

/// Adds the tests of a file; returns how many failed suites they explain.
fn add_file<'a, L: DetailLevel>(
    file: Item<TestFile<'a, L>>,
    builder: &mut ReportBuilder<'a>,
) -> u64 {
    let file = match file.object() {
        Ok(file) => file,
        Err(message) => {
            builder.push_error(format!("a test file in the report: {message}"));
            return 0;
        }
    };
    let mut failed_suites = HashSet::new();
    let name = file.name.non_empty();
    for assertion in file.assertion_results.unwrap_or_default() {
        let assertion = match assertion.object() {
            Ok(assertion) => assertion,
            Err(message) => {
                builder.push(Err(message));
                continue;
            }
        };
        if matches!(&assertion.status, Text::Is(status) if status == "failed") {
            let titles = &assertion.ancestor_titles.0;
            for depth in 0..=titles.len() {
                let path = titles.get(..depth).unwrap_or_default().join("\0");
                failed_suites.insert((depth, path));
            }
        }
        add_assertion(assertion, name.as_ref(), builder);
    }
    let failed = matches!(&file.status, Text::Is(status) if status == "failed");
    if failed && failed_suites.is_empty() {
        let name = name.as_deref().unwrap_or("an unnamed test file");
        let message = file.message.non_empty().unwrap_or_default();
        let message = message.trim();
        builder.push_error(if message.is_empty() {
            format!("{name} failed outside its tests")
        } else {
            format!("{name} failed outside its tests: {message}")
        });
        return 1;
    }
    failed_suites.len() as u64
}

fn add_assertion<'a, L: DetailLevel>(
    assertion: Assertion<'a, L>,
    file: Option<&Cow<'a, str>>,
    builder: &mut ReportBuilder<'a>,
) {
    let reasons = assertion.retry_reasons.0.0;
    let invocations = assertion.invocations.whole().unwrap_or(1);
    let mut failures = assertion.failure_messages.0.0;
    let result = assertion
        .title
        .required("title")
        .and_then(|title| Ok((title, assertion.status.required("status")?)))
        .and_then(|(title, status)| {
            let line = assertion.location.or_default().line.whole();
            Ok(TestResult {
                scope: assertion.ancestor_titles.joined(),
                name: title,
                location: if L::FULL {
                    place(file.map(Cow::as_ref), line).map(Cow::Owned)
                } else {
                    None
                },
                file_name: file.cloned(),
                outcome: outcome_of(&status)?,
                duration: assertion.duration.of_milliseconds(),
                ..TestResult::default()
            })
        });
    if let Ok(last) = &result
        && L::FULL
    {
        let earlier = invocations.saturating_sub(1).min(MAX_EARLIER_ATTEMPTS);
        let mut messages: Vec<_> = reasons.into_iter().map(Some).collect();
        messages.resize(usize::try_from(earlier).unwrap_or_default(), None);
        if last.outcome == Outcome::Passed {
            messages.extend(failures.drain(..).map(Some));
        }
        for message in messages {
            let mut attempt = TestResult {
                outcome: Outcome::Failed,
                duration: None,
                ..last.clone()
            };
            explain(&mut attempt, message.as_slice());
            builder.push(Ok(attempt));
        }
    }
    builder.push(result.map(|mut result| {
        if result.outcome == Outcome::Failed {
            explain(&mut result, &failures);
        }
        result
    }));
}

fn explain(result: &mut TestResult<'_>, messages: &[String]) {
    result.extras.failure_reason = messages.iter().find_map(|message| first_line(message));
    result.extras.failure_expanded = messages
        .iter()
        .filter(|message| !message.trim().is_empty())
        .map(|message| explained(message))
        .collect();
}

fn outcome_of(status: &str) -> Result<Outcome, String> {
    match status {
        "passed" => Ok(Outcome::Passed),
        "failed" => Ok(Outcome::Failed),
        "pending" | "skipped" | "todo" | "disabled" => Ok(Outcome::Skipped),
        other => Err(format!(
            "status is {other:?}, expected passed, failed, pending, skipped, todo or disabled"
        )),
    }
}
