//! The JSON report of Jest, which Vitest writes too.
//!
//! One entry a test file, with its assertions. What fails outside tests is told in three ways: a
//! file that does not load has the status `failed` and no failed assertion; Vitest counts a
//! `describe` whose hook failed among the failed suites, yet calls its tests skipped; and `success`
//! is false. A runner's own retries leave only traces: Jest counts invocations, Vitest keeps the
//! failure messages of a test that passed in the end. With full detail each is an attempt.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};

use crate::document::{Document, Top};
use crate::intake::{Intake, place};
use crate::model::{Outcome, ParseError, TestResult};
use crate::shape::{
    Each, Extent, Flag, Item, Kept, Lines, Number, Text, Titles, explained, first_line,
};

/// The most earlier attempts that are believed; a count is cheap to write and dear to honour.
const MOST_EARLIER_ATTEMPTS: u64 = 20;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", bound(deserialize = "E: Extent"))]
struct TestFile<'a, E: Extent> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
    #[serde(borrow)]
    assertion_results: Option<Vec<Item<Assertion<'a, E>>>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", bound(deserialize = "E: Extent"))]
struct Assertion<'a, E: Extent> {
    #[serde(borrow)]
    ancestor_titles: Titles<'a>,
    #[serde(borrow)]
    title: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    duration: Number,
    location: Item<Location>,
    failure_messages: Kept<Lines, E>,
    invocations: Number,
    retry_reasons: Kept<Lines, E>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Location {
    line: Number,
}

/// What the report says of the run as a whole.
#[derive(Default)]
struct Verdict {
    success: Option<bool>,
    failed_suites: u64,
    /// Failed suites that have a failed test, or an error of their own, to show for it.
    explained_suites: u64,
}

pub(crate) fn read<'a, E: Extent>(
    document: &Document<'a>,
    intake: &mut Intake<'a>,
) -> Result<(), ParseError> {
    let verdict = document.read_json(
        Top::Object,
        "an object with the key \"testResults\"",
        ReportSeed::<E>(intake, PhantomData),
    )?;
    if intake.has_errors() {
        return Ok(());
    }
    if verdict.failed_suites > verdict.explained_suites {
        intake.take_error(
            "a test suite failed outside its tests, in a hook most likely, and tests in it were \
             not run; the report does not name it"
                .to_owned(),
        );
    } else if verdict.success == Some(false) && !intake.has_failed_since(0) {
        intake.take_error("the run did not succeed, though no test in it failed".to_owned());
    }
    Ok(())
}

struct ReportSeed<'i, 'a, E>(&'i mut Intake<'a>, PhantomData<E>);

impl<'de, E: Extent> DeserializeSeed<'de> for ReportSeed<'_, 'de, E> {
    type Value = Verdict;

    fn deserialize<D>(self, deserializer: D) -> Result<Verdict, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        deserializer.deserialize_map(self)
    }
}

impl<'de, E: Extent> Visitor<'de> for ReportSeed<'_, 'de, E> {
    type Value = Verdict;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Jest report")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Verdict, A::Error> {
        let intake = self.0;
        let mut verdict = Verdict::default();
        let mut has_files = false;
        while let Some(key) = members.next_key()? {
            let key: Text<'_> = key;
            match key.given().as_deref() {
                Some("testResults") if has_files => {
                    return Err(A::Error::duplicate_field("testResults"));
                }
                Some("testResults") => {
                    has_files = true;
                    let mut take = |file| {
                        verdict.explained_suites += take_file::<E>(file, intake);
                    };
                    members.next_value_seed(Each::new("an array of test files", &mut take))?;
                }
                Some("success") => verdict.success = members.next_value::<Flag>()?.0,
                Some("numFailedTestSuites") => {
                    let count: Number = members.next_value()?;
                    verdict.failed_suites = count.whole().unwrap_or_default();
                }
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        if has_files {
            Ok(verdict)
        } else {
            Err(A::Error::custom(
                "the key \"testResults\" is missing; is this a report of Jest or Vitest?",
            ))
        }
    }
}

/// Takes the tests of one file; returns how many failed suites they explain.
fn take_file<'a, E: Extent>(file: Item<TestFile<'a, E>>, intake: &mut Intake<'a>) -> u64 {
    let file = match file.object() {
        Ok(file) => file,
        Err(message) => {
            intake.take_error(format!("a test file in the report: {message}"));
            return 0;
        }
    };
    let mut failed_suites = HashSet::new();
    let name = file.name.given();
    for assertion in file.assertion_results.unwrap_or_default() {
        let assertion = match assertion.object() {
            Ok(assertion) => assertion,
            Err(message) => {
                intake.take(Err(message));
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
        take_assertion(assertion, name.as_ref(), intake);
    }
    let failed = matches!(&file.status, Text::Is(status) if status == "failed");
    if failed && failed_suites.is_empty() {
        let name = name.as_deref().unwrap_or("a test file without a name");
        let message = file.message.given().unwrap_or_default();
        let message = message.trim();
        intake.take_error(if message.is_empty() {
            format!("{name} failed outside its tests")
        } else {
            format!("{name} failed outside its tests: {message}")
        });
        return 1;
    }
    failed_suites.len() as u64
}

fn take_assertion<'a, E: Extent>(
    assertion: Assertion<'a, E>,
    file: Option<&Cow<'a, str>>,
    intake: &mut Intake<'a>,
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
                location: if E::FULL {
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
        && E::FULL
    {
        let earlier = invocations.saturating_sub(1).min(MOST_EARLIER_ATTEMPTS);
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
            intake.take(Ok(attempt));
        }
    }
    intake.take(result.map(|mut result| {
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
