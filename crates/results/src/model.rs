//! The model that every result format is parsed into.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};
use test_engine_duration::Micros;

/// Result-file formats, with their names in the upload API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Test Engine JSON: an array of result objects.
    Json,
    /// JUnit XML, any dialect.
    Junit,
    /// RSpec's JSON formatter.
    RspecJson,
    /// The JSON report of Jest, also written by Vitest.
    JestJson,
    /// Playwright's JSON reporter.
    PlaywrightJson,
    /// Cucumber's JSON formatter, Ruby or JavaScript.
    CucumberJson,
    /// `go test -json` (test2json) lines.
    GoJsonl,
}

impl Format {
    /// Every format, in the order that help and docs list them.
    pub const ALL: [Self; 7] = [
        Self::Json,
        Self::Junit,
        Self::RspecJson,
        Self::JestJson,
        Self::PlaywrightJson,
        Self::CucumberJson,
        Self::GoJsonl,
    ];

    /// The name in the upload API, such as `jest-json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Junit => "junit",
            Self::RspecJson => "rspec-json",
            Self::JestJson => "jest-json",
            Self::PlaywrightJson => "playwright-json",
            Self::CucumberJson => "cucumber-json",
            Self::GoJsonl => "go-jsonl",
        }
    }

    /// Finds a format by its name in the upload API.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The outcome of one execution of a test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Passed,
    /// Including errors in the test.
    Failed,
    /// Did not run: skipped, pending, todo or disabled.
    Skipped,
    /// The file does not contain the outcome.
    #[default]
    Unknown,
}

impl Outcome {
    /// The name in the API: `passed`, `failed`, `skipped` or `unknown`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
        }
    }
}

/// What a runner reports about an execution beyond its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// Skipped, and nothing in the report says that the code skips it. In a run with a failure, the
    /// test did not run because the runner stopped early or a hook failed.
    UnexplainedSkip,
    /// A step of the scenario has no definition, and no other step failed.
    UndefinedStep,
    /// Failed without output of its own, as a Go test does when only a subtest failed.
    SilentFailure,
}

/// One execution of one test.
///
/// `scope` and `name` identify the test. Strings are as in the file: paths are not made relative,
/// and prefixes are not added. Most strings are borrowed from the file, because a large report
/// mostly consists of them; [`TestResult::into_owned`] copies them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TestResult<'a> {
    /// The producer's id of this execution: any string, not necessarily unique.
    pub id: Option<Cow<'a, str>>,
    /// The group of the test; may be empty.
    pub scope: Cow<'a, str>,
    /// Not blank.
    pub name: Cow<'a, str>,
    /// The runner's address of the test, if the format has one: RSpec's `./spec/a_spec.rb[1:2]`,
    /// `file:line` of Playwright and Cucumber.
    pub identifier: Option<Cow<'a, str>>,
    /// `path:line`
    pub location: Option<Cow<'a, str>>,
    /// `None` for Go, where the package is the scope.
    pub file_name: Option<Cow<'a, str>>,
    pub outcome: Outcome,
    pub remark: Option<Remark>,
    /// How often the runner retried the test after a failure before this outcome. Set only with
    /// [`Detail::Outcomes`](crate::Detail::Outcomes): with full detail, each attempt is a result.
    pub failed_before: u32,
    pub duration: Option<Micros>,
    /// Failure texts, tags and spans.
    pub extras: Extras,
}

impl TestResult<'_> {
    /// A copy that borrows nothing from the file.
    pub fn into_owned(self) -> TestResult<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        TestResult {
            id: self.id.map(own),
            scope: own(self.scope),
            name: own(self.name),
            identifier: self.identifier.map(own),
            location: self.location.map(own),
            file_name: self.file_name.map(own),
            outcome: self.outcome,
            remark: self.remark,
            failed_before: self.failed_before,
            duration: self.duration,
            extras: self.extras,
        }
    }
}

/// An [`Extra`] that is allocated when it is first written to. Most results have none, and a report
/// of 200,000 passed tests is a third smaller without.
#[derive(Clone, Default)]
pub struct Extras(Option<Box<Extra>>);

/// The rarely used fields of a result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extra {
    /// The short reason.
    pub failure_reason: Option<String>,
    /// The long reasons.
    pub failure_expanded: Vec<FailureDetail>,
    /// Tags of this execution only.
    pub tags: BTreeMap<String, String>,
    /// Operations that a collector has timed.
    pub spans: Vec<Span>,
}

static NO_EXTRA: Extra = Extra {
    failure_reason: None,
    failure_expanded: Vec::new(),
    tags: BTreeMap::new(),
    spans: Vec::new(),
};

impl Extras {
    /// Whether nothing was ever written to it.
    pub const fn is_untouched(&self) -> bool {
        self.0.is_none()
    }
}

impl Deref for Extras {
    type Target = Extra;

    fn deref(&self) -> &Extra {
        self.0.as_deref().unwrap_or(&NO_EXTRA)
    }
}

impl DerefMut for Extras {
    fn deref_mut(&mut self) -> &mut Extra {
        self.0.get_or_insert_default()
    }
}

impl From<Extra> for Extras {
    fn from(extra: Extra) -> Self {
        Self((extra != NO_EXTRA).then(|| Box::new(extra)))
    }
}

impl PartialEq for Extras {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl fmt::Debug for Extras {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A long explanation of a failure; both fields are lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureDetail {
    pub expanded: Vec<String>,
    pub backtrace: Vec<String>,
}

/// A timed operation inside an execution.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span {
    /// `http`, `sql`, `sleep`, `annotation` or an unknown name.
    pub section: String,
    /// In seconds, on the collector's own clock: comparable only within one execution.
    pub start_at: Option<f64>,
    /// In seconds, on the collector's own clock.
    pub end_at: Option<f64>,
    pub duration: Option<Micros>,
    pub detail: SpanDetail,
    pub children: Vec<Self>,
}

/// Details of a span; the section determines which fields are set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpanDetail {
    pub method: Option<String>,
    pub url: Option<String>,
    /// The HTTP library.
    pub lib: Option<String>,
    /// The SQL statement.
    pub query: Option<String>,
    /// The text of an annotation.
    pub content: Option<String>,
}

/// The content of a result file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report<'a> {
    /// Valid results, in file order.
    pub results: Vec<TestResult<'a>>,
    /// Results that cannot be used.
    pub invalid: Vec<InvalidResult>,
    /// Errors that belong to no test: a file that does not load, a broken build, a failed
    /// collection. A run with such an error has failed, whatever its tests say.
    pub errors_outside_tests: Vec<String>,
    /// The number of further errors that belong to no test, with full detail: only the first ones
    /// are kept, up to [`MAX_TEXT_BYTES`](crate::MAX_TEXT_BYTES).
    pub more_errors: usize,
    /// Evidence that tests which should have run did not.
    pub shortfalls: Vec<Shortfall>,
    /// Only focused tests ran. RSpec announces it; the reports of other runners do not show it.
    pub has_focus: bool,
    /// What was read differently than it is written, as sentences without the full stop: invalid
    /// bytes that were replaced, an unknown encoding.
    pub notes: Vec<String>,
    /// The number of results beyond the limit of [`parse_limited`](crate::parse_limited).
    pub omitted: usize,
}

impl Report<'_> {
    /// A copy that borrows nothing from the file.
    pub fn into_owned(self) -> Report<'static> {
        Report {
            results: self
                .results
                .into_iter()
                .map(TestResult::into_owned)
                .collect(),
            invalid: self.invalid,
            errors_outside_tests: self.errors_outside_tests,
            more_errors: self.more_errors,
            shortfalls: self.shortfalls,
            has_focus: self.has_focus,
            notes: self.notes,
            omitted: self.omitted,
        }
    }
}

/// Evidence that tests which should have run did not, such as a crash of the runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// The file of the tests, as in [`TestResult::file_name`], or their Go package. `None` if the
    /// report does not name it: tests of any file may be missing.
    pub file: Option<String>,
    /// A sentence without the full stop.
    pub reason: String,
}

/// A result that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidResult {
    /// Index among the file's results.
    pub index: usize,
    /// The error, as a phrase without a full stop.
    pub message: String,
}

/// The file as a whole is invalid. Reads after "failed to read results: ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not valid {format} at {place}: {message}")]
pub struct ParseError {
    /// The expected format.
    pub format: Format,
    /// Such as `line 3, column 7` or `the start`.
    pub place: String,
    pub message: String,
}
