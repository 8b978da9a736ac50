//! The one model that every result format becomes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};
use test_engine_duration::Micros;

/// A result-file format, named as the upload API names it.
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

    /// The name on the wire, such as `jest-json`.
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

    /// The format with this wire name; `None` for an unknown one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How one execution of a test ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It ran and held.
    Passed,
    /// It ran and did not hold, or broke.
    Failed,
    /// It was not run: skipped, pending, todo, disabled.
    Skipped,
    /// The file does not say.
    #[default]
    Unknown,
}

impl Outcome {
    /// The name on the wire: `passed`, `failed`, `skipped` or `unknown`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
        }
    }
}

/// One execution of one test, as a result file tells it.
///
/// A test is known by `scope` and `name`. The strings are as the file has them: paths are not made
/// relative and prefixes are not added here. What names the test is borrowed from the file's bytes
/// wherever it stands there without escapes, since a large report is mostly such names;
/// [`TestResult::into_owned`] makes it independent of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TestResult<'a> {
    /// The producer's id of this execution; may be missing, need not be a UUID, and may repeat.
    pub id: Option<Cow<'a, str>>,
    /// The group the test stands in; may be empty.
    pub scope: Cow<'a, str>,
    /// The test's own name; never blank.
    pub name: Cow<'a, str>,
    /// What the runner is given to rerun just this test, where the format has such a thing
    /// (RSpec's `./spec/a_spec.rb[1:2]`, `file:line` of Playwright and Cucumber).
    pub identifier: Option<Cow<'a, str>>,
    /// `path:line` where the test stands.
    pub location: Option<Cow<'a, str>>,
    /// The file it stands in. For Go, nothing: the package is the scope.
    pub file_name: Option<Cow<'a, str>>,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it ran.
    pub duration: Option<Micros>,
    /// Why it failed, its tags and spans: what most results do not have.
    pub extras: Extras,
}

impl TestResult<'_> {
    /// The same result, borrowing nothing.
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
            duration: self.duration,
            extras: self.extras,
        }
    }
}

/// What few results have, out of the way of the many: read like an [`Extra`], and nothing but a
/// pointer until the first is written. A report of 200,000 passed tests is a third smaller for it,
/// and memory that is not touched is time that is not spent.
#[derive(Clone, Default)]
pub struct Extras(Option<Box<Extra>>);

/// See [`TestResult::extras`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extra {
    /// A short reason, when it failed.
    pub failure_reason: Option<String>,
    /// The long reasons, when it failed.
    pub failure_expanded: Vec<FailureDetail>,
    /// Tags of this execution alone.
    pub tags: BTreeMap<String, String>,
    /// What it spent its time on, when a collector says.
    pub spans: Vec<Span>,
}

static NO_EXTRA: Extra = Extra {
    failure_reason: None,
    failure_expanded: Vec::new(),
    tags: BTreeMap::new(),
    spans: Vec::new(),
};

impl Extras {
    /// Whether nothing was ever written.
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

/// A long explanation of a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailureDetail {
    /// Lines that describe the failure.
    pub expanded: Vec<String>,
    /// Lines of the backtrace.
    pub backtrace: Vec<String>,
}

/// A stretch of time inside an execution.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span {
    /// `http`, `sql`, `sleep` or `annotation`; unknown names are kept.
    pub section: String,
    /// Seconds on the collector's own clock; compare only within one execution.
    pub start_at: Option<f64>,
    /// Seconds on the collector's own clock.
    pub end_at: Option<f64>,
    /// How long it took.
    pub duration: Option<Micros>,
    /// What was asked for.
    pub detail: SpanDetail,
    /// Spans inside this one.
    pub children: Vec<Self>,
}

/// What a span was about; which fields are set depends on its section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpanDetail {
    /// HTTP method.
    pub method: Option<String>,
    /// HTTP URL.
    pub url: Option<String>,
    /// HTTP library.
    pub lib: Option<String>,
    /// SQL text.
    pub query: Option<String>,
    /// Annotation text.
    pub content: Option<String>,
}

/// What a whole file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report<'a> {
    /// Good results, in file order.
    pub results: Vec<TestResult<'a>>,
    /// Results that could not be used, each with its place and what is wrong.
    pub bad: Vec<BadResult>,
    /// Errors that belong to no test: a file that does not load, a broken build, a failed
    /// collection. A run with one of these has not passed, whatever its tests say.
    pub errors_outside_tests: Vec<String>,
    /// How many results were passed over because the caller asked for fewer than the file holds;
    /// zero unless there was a limit.
    pub left_out: usize,
}

impl Report<'_> {
    /// The same report, borrowing nothing.
    pub fn into_owned(self) -> Report<'static> {
        Report {
            results: self
                .results
                .into_iter()
                .map(TestResult::into_owned)
                .collect(),
            bad: self.bad,
            errors_outside_tests: self.errors_outside_tests,
            left_out: self.left_out,
        }
    }
}

/// A single result that was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadResult {
    /// Its place among the file's results, from 0.
    pub index: usize,
    /// What is wrong with it, as a phrase without a full stop.
    pub message: String,
}

/// Why a whole file could not be read. Reads after "failed to read results: ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not valid {format} at {place}: {message}")]
pub struct ParseError {
    /// The format that was expected.
    pub format: Format,
    /// Where it stopped: `line 3, column 7`, `byte 120`, or `the start`.
    pub place: String,
    /// What is wrong there.
    pub message: String,
}
