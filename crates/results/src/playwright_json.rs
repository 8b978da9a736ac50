//! Playwright's JSON reporter: nested suites, specs, a test per project, a result per attempt.
//!
//! With full detail every attempt is a result, otherwise every test is one, with Playwright's
//! verdict. A test that is expected to fail and does has passed. Playwright reports a test that did
//! not run because of a failed hook, a failed test of its serial group, or an interrupted run as
//! skipped; here it is unknown, because it was not supposed to be skipped.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::MapAccess;

use crate::builder::{ReportBuilder, place};
use crate::document::Document;
use crate::lenient::{Flag, Item, Lines, Number, Text, explained, first_line};
use crate::model::{Extra, Extras, Outcome, ParseError, Remark, TestResult};
use crate::streaming::{Each, ReportObject, read_object, skip};

/// In the error that Playwright reports when it reaches `maxFailures`.
const STOPPED_EARLY: &str = "Testing stopped early after";

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

struct Report<'b, 'a>(&'b mut ReportBuilder<'a>);

impl<'de> ReportObject<'de> for Report<'_, 'de> {
    const ITEMS: &'static str = "suites";
    const PRODUCER: &'static str = "Playwright's JSON reporter";

    fn items<A: MapAccess<'de>>(&mut self, members: &mut A) -> Result<(), A::Error> {
        let mut add = |suite| add_suite(suite, &mut Vec::new(), self.0);
        members.next_value_seed(Each::new("an array of suites", &mut add))
    }

    fn other<A: MapAccess<'de>>(&mut self, key: &str, members: &mut A) -> Result<(), A::Error> {
        if key != "errors" {
            return skip(members);
        }
        let errors: List<Failure<'_>> = members.next_value()?;
        for error in errors.unwrap_or_default() {
            let error = error.or_default().outside();
            if error.contains(STOPPED_EARLY) {
                self.0
                    .push_shortfall(None, error.trim_end_matches('.').to_owned());
            } else {
                self.0.push_error(error);
            }
        }
        Ok(())
    }
}

pub(crate) fn read<'a>(
    document: &Document<'a>,
    builder: &mut ReportBuilder<'a>,
) -> Result<(), ParseError> {
    read_object(document, &mut Report(builder))
}

fn add_suite<'a>(
    suite: Item<Suite<'a>>,
    titles: &mut Vec<Cow<'a, str>>,
    builder: &mut ReportBuilder<'a>,
) {
    let suite = match suite.object() {
        Ok(suite) => suite,
        Err(message) => {
            builder.push_error(format!("a suite in the report: {message}"));
            return;
        }
    };
    // As in Playwright, groups without a title are not part of a test's title path.
    let title = suite.title.non_empty();
    let depth = titles.len();
    titles.extend(title);
    for spec in suite.specs.unwrap_or_default() {
        match spec.object() {
            Ok(spec) => add_spec(spec, titles, builder),
            Err(message) => builder.push(Err(message)),
        }
    }
    for inner in suite.suites.unwrap_or_default() {
        add_suite(inner, titles, builder);
    }
    titles.truncate(depth);
}

fn add_spec<'a>(spec: Spec<'a>, titles: &[Cow<'a, str>], builder: &mut ReportBuilder<'a>) {
    let name = match spec.title.required("title") {
        Ok(title) => title,
        Err(message) => {
            builder.push(Err(message));
            return;
        }
    };
    let file_name = spec.file.non_empty();
    let location = place(file_name.as_deref(), spec.line.whole()).map(Cow::Owned);
    let is_full = builder.is_full();
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
            results.push(final_result(test, named));
        }
    }
    if results.is_empty() {
        results.push(TestResult {
            scope: scope_of(&Text::Missing, titles, &base.name),
            ..base
        });
    }
    // The spec's own verdict wins: if it is not ok, something failed.
    if spec.ok.0 == Some(false)
        && results
            .iter()
            .all(|result| result.outcome != Outcome::Failed)
        && let Some(first) = results.first_mut()
    {
        first.outcome = Outcome::Failed;
    }
    for result in results {
        builder.push(Ok(result));
    }
}

/// A test without attempts did not run.
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
        let status = attempt.status.non_empty().unwrap_or_default();
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

/// Playwright's verdict, with the duration of the last attempt.
fn final_result<'a>(test: Test<'_>, named: TestResult<'a>) -> TestResult<'a> {
    let mut attempts = test.results.unwrap_or_default();
    let last = attempts.pop().map(Item::or_default).unwrap_or_default();
    let has_failed = |attempt: Item<Attempt<'_>>| {
        let status = attempt.or_default().status.non_empty().unwrap_or_default();
        attempt_outcome(&status, &test.expected_status) == Outcome::Failed
    };
    let failed_before = attempts.into_iter().map(has_failed);
    let failed_before = failed_before.filter(|&has_failed| has_failed).count();
    let status = test.status.non_empty();
    let outcome = match status.as_deref() {
        Some("expected" | "flaky") => Outcome::Passed,
        Some("unexpected") => Outcome::Failed,
        Some("skipped") => attempt_outcome("skipped", &test.expected_status),
        _ => attempt_outcome(
            &last.status.non_empty().unwrap_or_default(),
            &test.expected_status,
        ),
    };
    let is_unexplained = status.as_deref() == Some("skipped") && outcome == Outcome::Unknown;
    TestResult {
        outcome,
        remark: is_unexplained.then_some(Remark::UnexplainedSkip),
        failed_before: u32::try_from(failed_before).unwrap_or(u32::MAX),
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

/// Project, titles below the file, and the test's title, each preceded by a space: the scope that
/// the collector for Playwright derives from a title path.
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

/// Tags of the form `key:value`; others have no value.
fn tags_of(tags: &[String]) -> BTreeMap<String, String> {
    tags.iter()
        .filter_map(|tag| tag.strip_prefix('@').unwrap_or(tag).split_once(':'))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

impl Failure<'_> {
    fn text(self) -> String {
        self.message
            .into_string()
            .or_else(|| self.stack.into_string())
            .or_else(|| self.value.into_string())
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
