//! Playwright's JSON reporter: suites in suites, specs, a test a project, a result an attempt.
//!
//! With full detail every attempt is a result; else each test is one, as Playwright settled it.
//! A test that was expected to fail and did has held. A test that was to run and was not (its
//! group's hook failed, the run was interrupted) is reported by Playwright as skipped; here it is
//! unknown, because nobody asked to skip it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};

use crate::document::{Document, Top};
use crate::intake::{Intake, place};
use crate::model::{Extra, Extras, Outcome, ParseError, TestResult};
use crate::shape::{Each, Flag, Item, Lines, Number, Text, explained, first_line};

type List<T> = Option<Vec<Item<T>>>;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Suite<'a> {
    #[serde(borrow)]
    title: Text<'a>,
    #[serde(borrow)]
    specs: List<Spec<'a>>,
    #[serde(borrow)]
    suites: List<Suite<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec<'a> {
    #[serde(borrow)]
    title: Text<'a>,
    ok: Flag,
    tags: Lines,
    #[serde(borrow)]
    file: Text<'a>,
    line: Number,
    #[serde(borrow)]
    tests: List<Test<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Test<'a> {
    #[serde(borrow)]
    project_name: Text<'a>,
    #[serde(borrow)]
    expected_status: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    results: List<Attempt<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Attempt<'a> {
    #[serde(borrow)]
    status: Text<'a>,
    duration: Number,
    #[serde(borrow)]
    error: Item<Failure<'a>>,
    #[serde(borrow)]
    errors: List<Failure<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Failure<'a> {
    #[serde(borrow)]
    message: Text<'a>,
    #[serde(borrow)]
    value: Text<'a>,
    #[serde(borrow)]
    stack: Text<'a>,
    location: Item<Location>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Location {
    file: Option<String>,
    line: Number,
}

pub(crate) fn read<'a>(document: &Document<'a>, intake: &mut Intake<'a>) -> Result<(), ParseError> {
    document.read_json(
        Top::Object,
        "an object with the key \"suites\"",
        ReportSeed(intake),
    )
}

struct ReportSeed<'i, 'a>(&'i mut Intake<'a>);

impl<'de> DeserializeSeed<'de> for ReportSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ReportSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Playwright report")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let intake = self.0;
        let mut has_suites = false;
        while let Some(key) = members.next_key()? {
            let key: Text<'_> = key;
            match key.given().as_deref() {
                Some("suites") if has_suites => return Err(A::Error::duplicate_field("suites")),
                Some("suites") => {
                    has_suites = true;
                    let mut take = |suite| take_suite(suite, &mut Vec::new(), intake);
                    members.next_value_seed(Each::new("an array of suites", &mut take))?;
                }
                Some("errors") => {
                    let errors: List<Failure<'_>> = members.next_value()?;
                    for error in errors.unwrap_or_default() {
                        intake.take_error(error.or_default().outside());
                    }
                }
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        if has_suites {
            Ok(())
        } else {
            Err(A::Error::custom(
                "the key \"suites\" is missing; is this a report of Playwright's JSON reporter?",
            ))
        }
    }
}

fn take_suite<'a>(suite: Item<Suite<'a>>, titles: &mut Vec<Cow<'a, str>>, intake: &mut Intake<'a>) {
    let suite = match suite.object() {
        Ok(suite) => suite,
        Err(message) => {
            intake.take_error(format!("a suite in the report: {message}"));
            return;
        }
    };
    // Playwright leaves groups without a title out of a test's title path, and so do we.
    let title = suite.title.given();
    let depth = titles.len();
    titles.extend(title);
    for spec in suite.specs.unwrap_or_default() {
        match spec.object() {
            Ok(spec) => take_spec(spec, titles, intake),
            Err(message) => intake.take(Err(message)),
        }
    }
    for inner in suite.suites.unwrap_or_default() {
        take_suite(inner, titles, intake);
    }
    titles.truncate(depth);
}

fn take_spec<'a>(spec: Spec<'a>, titles: &[Cow<'a, str>], intake: &mut Intake<'a>) {
    let name = match spec.title.required("title") {
        Ok(title) => title,
        Err(message) => {
            intake.take(Err(message));
            return;
        }
    };
    let file_name = spec.file.given();
    let location = place(file_name.as_deref(), spec.line.whole()).map(Cow::Owned);
    let is_full = intake.is_full();
    let base = TestResult {
        name,
        location: location.clone().filter(|_| is_full),
        file_name: file_name.filter(|_| is_full || location.is_none()),
        identifier: location,
        extras: if is_full {
            Extras::from(Extra {
                tags: tags_of(&spec.tags.0),
                ..Extra::default()
            })
        } else {
            Extras::default()
        },
        ..TestResult::default()
    };
    let mut results = Vec::new();
    for test in spec.tests.unwrap_or_default() {
        let test = test.or_default();
        let named = TestResult {
            scope: scope_of(&test.project_name, titles, &base.name),
            ..base.clone()
        };
        if is_full {
            attempts_of(test, named, &mut results);
        } else {
            results.push(settled(test, named));
        }
    }
    if results.is_empty() {
        results.push(TestResult {
            scope: scope_of(&Text::Missing, titles, &base.name),
            ..base
        });
    }
    // The spec's own word is the last: what it calls not ok has failed somewhere.
    if spec.ok.0 == Some(false)
        && results
            .iter()
            .all(|result| result.outcome != Outcome::Failed)
        && let Some(first) = results.first_mut()
    {
        first.outcome = Outcome::Failed;
    }
    for result in results {
        intake.take(Ok(result));
    }
}

/// Every attempt as a result; a test without one was not run.
fn attempts_of<'a>(test: Test<'_>, named: TestResult<'a>, results: &mut Vec<TestResult<'a>>) {
    let attempts = test.results.unwrap_or_default();
    if attempts.is_empty() {
        results.push(TestResult {
            outcome: attempt_outcome("skipped", &test.expected_status),
            ..named
        });
        return;
    }
    for attempt in attempts {
        let attempt = attempt.or_default();
        let status = attempt.status.given().unwrap_or_default();
        let mut result = TestResult {
            outcome: attempt_outcome(&status, &test.expected_status),
            duration: attempt.duration.of_milliseconds(),
            ..named.clone()
        };
        let mut failures: Vec<_> = attempt.errors.unwrap_or_default();
        if failures.is_empty() {
            failures.push(attempt.error);
        }
        if result.outcome == Outcome::Failed {
            for failure in failures {
                let text = failure.or_default().text();
                if result.extras.failure_reason.is_none() {
                    result.extras.failure_reason = first_line(&text);
                }
                let detail = explained(&text);
                if !detail.expanded.is_empty() {
                    result.extras.failure_expanded.push(detail);
                }
            }
        }
        results.push(result);
    }
}

/// The test as Playwright settled it, with the duration of its last attempt.
fn settled<'a>(test: Test<'_>, named: TestResult<'a>) -> TestResult<'a> {
    let last = test
        .results
        .unwrap_or_default()
        .pop()
        .map(Item::or_default)
        .unwrap_or_default();
    let status = test.status.given();
    let outcome = match status.as_deref() {
        Some("expected" | "flaky") => Outcome::Passed,
        Some("unexpected") => Outcome::Failed,
        Some("skipped") => attempt_outcome("skipped", &test.expected_status),
        _ => attempt_outcome(
            &last.status.given().unwrap_or_default(),
            &test.expected_status,
        ),
    };
    TestResult {
        outcome,
        duration: last.duration.of_milliseconds(),
        ..named
    }
}

fn attempt_outcome(status: &str, expected: &Text<'_>) -> Outcome {
    let expects = |word: &str| matches!(expected, Text::Is(expected) if expected == word);
    match status {
        "passed" if expects("failed") => Outcome::Failed,
        "failed" if expects("failed") => Outcome::Passed,
        "passed" => Outcome::Passed,
        "failed" | "timedOut" => Outcome::Failed,
        "skipped" if expects("skipped") || matches!(expected, Text::Missing) => Outcome::Skipped,
        _ => Outcome::Unknown,
    }
}

/// Project, titles from the file down and the test's own, with a space ahead of each: what the
/// collector for Playwright makes of a test's title path.
fn scope_of(project: &Text<'_>, titles: &[Cow<'_, str>], name: &str) -> Cow<'static, str> {
    let project = match project {
        Text::Is(project) => project.as_ref(),
        _ => "",
    };
    let mut scope = String::new();
    for part in std::iter::once(project)
        .chain(titles.iter().map(Cow::as_ref))
        .chain([name])
    {
        scope.push(' ');
        scope.push_str(part);
    }
    Cow::Owned(scope)
}

/// Tags of the form `key:value`; plain ones have no value to keep.
fn tags_of(tags: &[String]) -> BTreeMap<String, String> {
    tags.iter()
        .filter_map(|tag| tag.strip_prefix('@').unwrap_or(tag).split_once(':'))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

impl Failure<'_> {
    fn text(self) -> String {
        self.message
            .kept()
            .or_else(|| self.stack.kept())
            .or_else(|| self.value.kept())
            .unwrap_or_default()
    }

    fn outside(mut self) -> String {
        let location = std::mem::take(&mut self.location).or_default();
        let place = location.file.zip(location.line.whole());
        let text = self.text();
        let text = if text.is_empty() {
            "an error outside tests without a message".to_owned()
        } else {
            text
        };
        match place {
            Some((file, line)) => format!("{file}:{line}: {text}"),
            None => text,
        }
    }
}
