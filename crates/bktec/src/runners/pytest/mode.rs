//! The two modes of pytest: the formats of its result file, and what depends on them.

use std::path::Path;

use test_engine_results::{Detail, Format, Outcome, ParseError, TestResult, parse_with};

use super::node_id::{KnownFiles, from_junit};
use super::{NOTHING_COLLECTED, teardown};
use crate::runners::{ParsedResults, Result, ResultTrust, Shortfall, TestKey};

/// Exit code: interrupted, by collection errors among other things.
const INTERRUPTED: i32 = 2;

/// What depends on the format of the result file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::runners) enum Mode {
    /// pytest's own JUnit XML.
    Junit,
    /// The collector's JSON.
    Json,
}

impl Mode {
    pub(super) const fn command(self) -> &'static str {
        match self {
            Self::Junit => "pytest {{testExamples}} --junit-xml={{resultPath}}",
            Self::Json => "pytest {{testExamples}} --json={{resultPath}}",
        }
    }

    pub(super) fn result_file(self) -> &'static str {
        match self {
            Self::Junit => "result.xml",
            Self::Json => "result.json",
        }
    }

    /// By the options of a command.
    pub(in crate::runners) fn of_words(words: &[String]) -> Option<Self> {
        words.iter().find_map(|word| {
            if is_option(word, "--junit-xml") || is_option(word, "--junitxml") {
                Some(Self::Junit)
            } else {
                is_option(word, "--json").then_some(Self::Json)
            }
        })
    }

    /// By the result path, for a command with its options elsewhere, such as in `pyproject.toml`.
    pub(super) fn of_path(path: &str) -> Option<Self> {
        match Path::new(path).extension()?.to_str()? {
            "xml" => Some(Self::Junit),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// The collector uploads its results itself.
    pub(in crate::runners) fn upload_format(self) -> Option<Format> {
        (self == Self::Junit).then_some(Format::Junit)
    }

    pub(in crate::runners) fn result_trust(self, code: i32) -> ResultTrust {
        match (code, self) {
            (0 | 1, _) => ResultTrust::Complete,
            (INTERRUPTED, Self::Json) => ResultTrust::Partial,
            _ => ResultTrust::Unusable,
        }
    }

    pub(in crate::runners) fn unusable_reason(code: i32) -> String {
        let what = match code {
            INTERRUPTED => "was interrupted, for example by a collection error",
            3 => "stopped because of an internal error",
            4 => "rejected its command line",
            NOTHING_COLLECTED => "collected no tests from this node's files",
            _ => "stopped before it finished",
        };
        format!("pytest {what} (exit code {code})")
    }

    pub(in crate::runners) fn read(
        self,
        bytes: &[u8],
        known: &KnownFiles,
    ) -> Result<ParsedResults, ParseError> {
        let format = match self {
            Self::Junit => Format::Junit,
            Self::Json => Format::Json,
        };
        let report = parse_with(format, bytes, Detail::Outcomes)?;
        let mut parsed = ParsedResults::of(report, |result| self.key(result, known));
        // When a test makes pytest stop, pytest writes a test case without a name for it.
        let is_cut_off = |message: &mut String| self == Self::Junit && message == "name is missing";
        if parsed.unusable.extract_if(.., is_cut_off).count() > 0 {
            parsed.shortfalls.push(Shortfall {
                path: None,
                reason: "pytest stopped before it finished".to_owned(),
            });
        }
        // A file that could not be collected is listed as a test without class and name.
        let uncollected = parsed.tests.extract_if(.., |test| {
            test.outcome == Outcome::Failed
                && test.key.scope.is_empty()
                && !test.key.name.contains("::")
        });
        for test in uncollected {
            let error = format!("pytest could not collect {}", test.key.name);
            let mut errors = parsed.errors_outside_tests.iter();
            if !errors.any(|other| other.starts_with(&error)) {
                parsed.errors_outside_tests.push(error);
            }
        }
        if self == Self::Junit {
            let path = |result: TestResult<'_>| self.key(result, known).path;
            teardown::note_junit(&mut parsed, known, bytes, path)?;
        }
        Ok(parsed)
    }

    fn key(self, result: TestResult<'_>, files: &KnownFiles) -> TestKey {
        let (scope, name) = (result.scope.into_owned(), result.name.into_owned());
        let path = match self {
            Self::Json if scope.is_empty() => name.clone(),
            Self::Json => format!("{scope}::{name}"),
            Self::Junit => from_junit(&scope, &name, result.file_name.as_deref(), files),
        };
        TestKey { scope, name, path }
    }
}

fn is_option(word: &str, name: &str) -> bool {
    word.strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}
