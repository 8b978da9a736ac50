//! JUnit XML in any dialect: pytest, Jest reporters, gotestsum, Surefire and many more.
//!
//! Reads a stream of tokens instead of a tree. Deviations of dialects are documented at the code
//! that handles them.

mod case;
mod file_name;
mod numbers;
mod suite;

use memchr::memchr;

use crate::bounded::BoundedText;
use crate::builder::ReportBuilder;
use case::{Case, Problem, is_go_package, keep};
use numbers::Numbers;
use suite::{Counts, Suite, Suites, describe_suite};

use crate::document::Document;
use crate::go_output::is_build_failure;
use crate::lenient::split_lines;
use crate::model::ParseError;
use crate::xml::{Token, Tokens, resolve, with_line_feeds};

/// Real reports nest less than ten deep.
pub const MAX_XML_DEPTH: usize = 128;

/// The failed attempts of the runner's own retries, inside a case, as Surefire, Gradle and nextest
/// write them.
pub const JUNIT_ATTEMPTS: [&str; 4] = ["flakyFailure", "flakyError", "rerunFailure", "rerunError"];

/// The class of every case of node:test.
const NODE_CLASS: &str = "test";

/// pytest's message for a file that it could not collect.
const PYTEST_COLLECTION_FAILURE: &str = "collection failure";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Suite,
    Case,
    /// `failure` or `error`, inside a case or a suite.
    Problem,
    /// One of [`JUNIT_ATTEMPTS`].
    Attempt,
    Skipped,
    /// `system-out` or `system-err`.
    Output,
    Other,
}

pub(crate) fn read<'a>(
    document: &Document<'a>,
    builder: &mut ReportBuilder<'a>,
) -> Result<(), ParseError> {
    // A reference to NUL gives U+FFFD.
    if memchr(0, document.text().as_bytes()).is_none() {
        builder.without_nul();
    }
    if read_with(Numbers::default(), document, builder)?.needs_decimal_comma() {
        builder.restart();
        read_with(Numbers::with_decimal_comma(), document, builder)?;
    }
    Ok(())
}

/// Whether the times of a report have a decimal comma. A part of the report may not show it.
pub fn has_decimal_comma(text: &str) -> bool {
    let mut numbers = Numbers::default();
    let mut tokens = Tokens::new(text);
    while let Ok(token) = tokens.next_token() {
        match token {
            Token::Eof => break,
            Token::Start(_) => {
                while let Ok(Some(attribute)) = tokens.next_attribute() {
                    if attribute.name == "time" {
                        numbers.read(&attribute.value());
                    }
                }
            }
            _ => {}
        }
    }
    numbers.needs_decimal_comma()
}

fn read_with<'a>(
    numbers: Numbers,
    document: &Document<'a>,
    builder: &mut ReportBuilder<'a>,
) -> Result<Numbers, ParseError> {
    let mut parser = Parser {
        tokens: Tokens::new(document.text()),
        numbers,
        builder,
        open: Vec::new(),
        suites: Suites::default(),
        case: Case::default(),
        is_in_case: false,
        problem: None,
        text: None,
        output: "",
        has_root: false,
        counts: Counts::default(),
    };
    match parser.read_all() {
        Ok(()) => Ok(parser.numbers),
        Err(message) => {
            let start = parser.tokens.start();
            let text = document.text().get(start..).unwrap_or_default();
            let blank = text.len() - text.trim_ascii_start().len();
            Err(document.error_at_byte(start + blank, message))
        }
    }
}

struct Parser<'i, 'a> {
    tokens: Tokens<'a>,
    numbers: Numbers,
    builder: &'i mut ReportBuilder<'a>,
    open: Vec<Open>,
    suites: Suites<'a>,
    /// The open case; empty outside of cases.
    case: Case<'a>,
    is_in_case: bool,
    problem: Option<Problem<'a>>,
    /// The text so far, if the open element's text is read.
    text: Option<BoundedText>,
    output: &'static str,
    has_root: bool,
    counts: Counts,
}

impl Parser<'_, '_> {
    fn read_all(&mut self) -> Result<(), String> {
        loop {
            match self.tokens.next_token()? {
                Token::Start(name) => self.start(name)?,
                Token::End => self.end(),
                Token::Text(text) => match &mut self.text {
                    Some(collected) => collected.push_with(text, with_line_feeds),
                    None if self.open.is_empty() && !text.trim_ascii().is_empty() => {
                        return Err(self.unexpected_text());
                    }
                    None => {}
                },
                Token::CData(text) => {
                    if let Some(collected) = &mut self.text {
                        collected.push_with(text, with_line_feeds);
                    }
                }
                Token::Reference(_) if self.open.is_empty() => return Err(self.unexpected_text()),
                Token::Reference(name) => {
                    if let Some(collected) = &mut self.text {
                        collected.push(&resolve(name));
                    }
                }
                Token::Eof => return self.finish(),
            }
        }
    }

    fn unexpected_text(&self) -> String {
        let found = if self.has_root {
            "text after the last element"
        } else {
            "text"
        };
        format!("expected XML, found {found}")
    }

    fn finish(&self) -> Result<(), String> {
        match self.open.last() {
            Some(open) => Err(format!(
                "unexpected end of file inside {}",
                match open {
                    Open::Suite => "a test suite",
                    Open::Case => "a test case",
                    Open::Problem | Open::Attempt => "a failure",
                    Open::Skipped | Open::Output | Open::Other => "an element",
                }
            )),
            None if self.has_root => Ok(()),
            None => Err("no element found, expected testsuites or testsuite".to_owned()),
        }
    }

    fn start(&mut self, name: &str) -> Result<(), String> {
        if self.open.len() >= MAX_XML_DEPTH {
            return Err(format!(
                "elements are nested more than {MAX_XML_DEPTH} deep"
            ));
        }
        let open = match name {
            "testsuites" | "testsuite" => Open::Suite,
            "testcase" => Open::Case,
            "failure" | "error" => Open::Problem,
            _ if self.is_in_case && JUNIT_ATTEMPTS.contains(&name) => Open::Attempt,
            "skipped" => Open::Skipped,
            "system-out" | "system-err" => Open::Output,
            _ => Open::Other,
        };
        if self.open.is_empty() {
            if self.has_root {
                return Err("a second root element".to_owned());
            }
            if open != Open::Suite {
                return Err(format!(
                    "expected testsuites or testsuite as the root element, found {name}"
                ));
            }
            self.has_root = true;
        }
        match open {
            Open::Suite if self.is_in_case => {
                return Err("a test suite inside a test case".to_owned());
            }
            Open::Case if self.is_in_case => {
                return Err("a test case inside a test case".to_owned());
            }
            Open::Suite => self.start_suite()?,
            Open::Case => {
                self.is_in_case = true;
                let is_full = self.builder.is_full();
                self.case
                    .read(&mut self.tokens, &mut self.numbers, is_full)?;
            }
            // Elements inside a failure's text are part of the text.
            Open::Problem if self.problem.is_none() => {
                self.counts.error_elements += usize::from(name == "error");
                self.start_problem()?;
            }
            Open::Attempt if self.problem.is_none() => self.start_attempt(name)?,
            Open::Skipped => {
                if self.is_in_case && self.problem.is_none() {
                    self.case.skipped = true;
                }
            }
            Open::Output if self.is_in_case && self.text.is_none() => {
                self.output = if name == "system-out" {
                    "system-out:"
                } else {
                    "system-err:"
                };
                if self.builder.is_full() {
                    self.text = Some(BoundedText::new(self.case.room()));
                }
            }
            Open::Output => {
                // The output of an attempt is part of its text.
                if let Some(collected) = &mut self.text
                    && !collected.is_empty()
                {
                    collected.push("\n");
                }
                self.open.push(Open::Other);
                return Ok(());
            }
            Open::Problem | Open::Attempt | Open::Other => {
                self.open.push(Open::Other);
                return Ok(());
            }
        }
        self.open.push(open);
        Ok(())
    }

    fn start_problem(&mut self) -> Result<(), String> {
        let mut reads_text = true;
        if self.is_in_case {
            self.case.failed = true;
            // A case without a class may represent a package or file that did not load.
            reads_text = self.builder.is_full() || self.case.has_no_class();
        }
        self.read_problem(reads_text)
    }

    fn start_attempt(&mut self, name: &str) -> Result<(), String> {
        self.counts.error_elements += usize::from(name.ends_with("Error"));
        if name.starts_with("flaky") {
            self.case.flaky += 1;
            self.counts.flaky += 1;
        } else {
            self.case.reruns += 1;
        }
        self.read_problem(self.builder.is_full())
    }

    fn read_problem(&mut self, reads_text: bool) -> Result<(), String> {
        let mut problem = Problem::default();
        if reads_text {
            while let Some(mut attribute) = self.tokens.next_attribute()? {
                if matches!(attribute.name, "message" | "type") {
                    self.case.cut(&mut attribute);
                }
                match attribute.name {
                    "message" => keep(&mut problem.message, &attribute)?,
                    "type" => keep(&mut problem.kind, &attribute)?,
                    "time" => problem.seconds = self.numbers.read(&attribute.value()),
                    _ => {}
                }
            }
            self.text = Some(BoundedText::new(self.case.room()));
        }
        self.problem = Some(problem);
        Ok(())
    }

    fn end(&mut self) {
        match self.open.pop() {
            Some(Open::Suite) => self.end_suite(),
            Some(Open::Case) => {
                self.end_case();
                self.is_in_case = false;
                self.case = Case::default();
            }
            Some(Open::Problem) => {
                if let Some(mut problem) = self.problem.take() {
                    problem.text = self.take_text();
                    if self.is_in_case {
                        self.case.add_problem(problem);
                    } else {
                        self.case = Case::default();
                        self.push_suite_error(&problem);
                    }
                }
            }
            Some(Open::Attempt) => {
                if let Some(mut problem) = self.problem.take()
                    && self.builder.is_full()
                {
                    problem.text = self.take_text();
                    self.case.add_attempt(problem);
                }
            }
            Some(Open::Output) => {
                let lines = split_lines(&self.take_text());
                if self.is_in_case && !lines.is_empty() {
                    self.case.add_output(self.output, lines);
                }
            }
            Some(Open::Skipped | Open::Other) | None => {}
        }
    }

    fn take_text(&mut self) -> String {
        self.text
            .take()
            .map_or_else(String::new, BoundedText::into_string)
    }

    /// A suite that counts failures but has no failed case could not run as a whole: for a file
    /// that does not load, jest-junit writes no case. Surefire also counts the failures of tests
    /// that passed when it reran them.
    #[expect(clippy::cast_precision_loss, reason = "a file has far fewer cases")]
    fn end_suite(&mut self) {
        let Some(suite) = self.suites.pop() else {
            return;
        };
        let flaky = self.counts.flaky - suite.before.flaky;
        if suite.counted > flaky as f64
            && self.counts.errors == suite.before.errors
            && !self.has_failed_since(&suite.before)
        {
            self.counts.errors += 1;
            let name = describe_suite(&suite.name);
            self.builder.push_error(format!(
                "{name} reports {} failures or errors, but none of its tests failed",
                suite.counted
            ));
        } else if self.has_unlisted_errors(&suite) {
            self.counts.errors += 1;
            let name = describe_suite(&suite.name);
            self.builder.push_error(format!(
                "{name} reports {} errors, but not all of them belong to a test",
                suite.counted_errors
            ));
        }
    }

    fn has_failed_since(&self, before: &Counts) -> bool {
        let failed = self.builder.count_failed_since(before.results);
        // With full detail, flaky attempts are failed results too.
        let flaky = self.counts.flaky - before.flaky;
        failed > if self.builder.is_full() { flaky } else { 0 }
    }

    /// Whether a suite counts more errors than it lists. Some dialects count errors but write
    /// `failure` elements, so there must also be fewer failed tests than failures and errors.
    #[expect(clippy::cast_precision_loss, reason = "a file has far fewer cases")]
    fn has_unlisted_errors(&self, suite: &Suite<'_>) -> bool {
        let listed = self.counts.error_elements - suite.before.error_elements;
        // A part of a split report has the counts of the whole.
        let is_possible = !self.builder.is_full()
            && self.counts.errors == suite.before.errors
            && suite.counted_errors > listed as f64;
        // Attempts are results only with full detail.
        let failed = || {
            self.builder.count_failed_since(suite.before.results) + self.counts.flaky
                - suite.before.flaky
        };
        is_possible && suite.counted > failed() as f64
    }

    fn push_suite_error(&mut self, problem: &Problem<'_>) {
        let name = describe_suite(self.suites.last().map_or("", |suite| suite.name.as_ref()));
        let details = [problem.message.as_deref(), Some(problem.text.trim())]
            .into_iter()
            .flatten()
            .filter(|text| !text.trim().is_empty())
            .collect::<Vec<_>>()
            .join("\n");
        self.counts.errors += 1;
        self.builder.push_error(if details.is_empty() {
            format!("{name} failed outside its tests")
        } else {
            format!("{name} failed outside its tests: {details}")
        });
    }

    fn end_case(&mut self) {
        let case = &mut self.case;
        if is_go_package(case) {
            let not_built = |problem: &&Problem<'_>| is_build_failure(&problem.text);
            if let Some(problem) = case.problems.iter().find(not_built) {
                self.counts.errors += 1;
                self.builder.push_error(problem.text.trim().to_owned());
                return;
            }
            // gotestsum names the package only in the suite.
            case.class_name = self.suites.last().map(|suite| suite.name.clone());
        }
        if case.has_no_class() {
            let failure = |problem: &&Problem<'_>| {
                problem.message.as_deref() == Some(PYTEST_COLLECTION_FAILURE)
            };
            if let Some(problem) = case.problems.iter().find(failure) {
                self.counts.errors += 1;
                let name = case.name.as_deref().unwrap_or_default();
                let details = problem.text.trim();
                self.builder
                    .push_error(format!("pytest could not collect {name}: {details}"));
            }
        }
        let is_in_node_suite = self
            .suites
            .last()
            .is_some_and(|suite| suite.counts_disabled);
        if is_in_node_suite && case.class_name.as_deref() == Some(NODE_CLASS) {
            let suites = self.suites.iter().filter(|suite| suite.counts_disabled);
            let names: Vec<&str> = suites.map(|suite| suite.name.trim()).collect();
            case.class_name = Some(names.join(" ").into());
        }
        let result = case.take_result(self.suites.file(), self.builder.is_full());
        if case.attempts.is_empty() {
            self.builder.push(result);
            return;
        }
        let attempts = result
            .as_ref()
            .map_or_else(|_| Vec::new(), |result| case.take_attempts(result));
        // Reruns follow the failure, flaky attempts precede the pass.
        let is_rerun = case.reruns > 0;
        let (before, after) = if is_rerun {
            (Vec::new(), attempts)
        } else {
            (attempts, Vec::new())
        };
        let results = before.into_iter().map(Ok);
        let results = results.chain([result]).chain(after.into_iter().map(Ok));
        let more = case.more_attempts();
        results
            .chain(more.map(Err))
            .for_each(|result| self.builder.push(result));
    }

    fn start_suite(&mut self) -> Result<(), String> {
        let before = Counts {
            results: self.builder.count(),
            ..self.counts
        };
        let suite = Suite::read(before, &mut self.tokens, &mut self.numbers)?;
        self.suites.push(suite);
        Ok(())
    }
}
