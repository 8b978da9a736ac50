//! JUnit XML, any dialect: what pytest, Jest reporters, gotestsum, Surefire and many more write.
//!
//! Read as a stream of tokens, so that a file of any size needs no tree. Which dialects were met,
//! and what they do, is said beside the rule that serves them.

mod case;

use std::borrow::Cow;

use crate::document::Document;
use crate::intake::Intake;
use crate::model::{FailureDetail, ParseError};
use crate::shape::split_lines;
use crate::xml::{Token, Tokens, resolve, with_line_feeds};

use case::{Case, Problem, keep, seconds_of};

/// How deep elements may stand in each other. Real reports stay below ten.
pub const MAX_XML_DEPTH: usize = 128;

/// What pytest says of a file that it could not collect.
const PYTEST_COLLECTION_FAILURE: &str = "collection failure";

/// What an open element is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Suite,
    Case,
    /// `failure` or `error`, in a case or straight in a suite.
    Problem,
    Skipped,
    /// `system-out` or `system-err`.
    Output,
    Other,
}

#[derive(Default)]
struct Suite<'a> {
    name: Cow<'a, str>,
    file: Option<Cow<'a, str>>,
    /// Failures and errors by the suite's own count.
    counted: f64,
    results_before: usize,
    errors_before: usize,
}

pub(crate) fn read<'a>(document: &Document<'a>, intake: &mut Intake<'a>) -> Result<(), ParseError> {
    let mut walk = Walk {
        tokens: Tokens::new(document.text()),
        intake,
        open: Vec::new(),
        suites: Vec::new(),
        case: Case::default(),
        is_in_case: false,
        problem: None,
        text: None,
        output: "",
        has_root: false,
        errors: 0,
    };
    walk.read_all().map_err(|message| {
        let start = walk.tokens.start();
        let text = document.text().get(start..).unwrap_or_default();
        let blank = text.len() - text.trim_ascii_start().len();
        document.fault_at(start + blank, message)
    })
}

struct Walk<'i, 'a> {
    tokens: Tokens<'a>,
    intake: &'i mut Intake<'a>,
    open: Vec<Open>,
    suites: Vec<Suite<'a>>,
    /// The case that is open, or what the last one left: nothing.
    case: Case<'a>,
    is_in_case: bool,
    problem: Option<Problem<'a>>,
    /// Text of the element that is being listened to.
    text: Option<String>,
    output: &'static str,
    has_root: bool,
    errors: usize,
}

impl Walk<'_, '_> {
    fn read_all(&mut self) -> Result<(), String> {
        loop {
            match self.tokens.next_token()? {
                Token::Start(name) => self.enter(name)?,
                Token::End => self.leave(),
                Token::Text(text) => match &mut self.text {
                    Some(heard) => heard.push_str(&with_line_feeds(text)),
                    None if self.open.is_empty() && !text.trim_ascii().is_empty() => {
                        return Err(self.stray_text());
                    }
                    None => {}
                },
                Token::CData(text) => {
                    if let Some(heard) = &mut self.text {
                        heard.push_str(&with_line_feeds(text));
                    }
                }
                Token::Reference(_) if self.open.is_empty() => return Err(self.stray_text()),
                Token::Reference(name) => {
                    if let Some(heard) = &mut self.text {
                        heard.push_str(&resolve(name)?);
                    }
                }
                Token::Eof => return self.end(),
            }
        }
    }

    fn stray_text(&self) -> String {
        let found = if self.has_root {
            "text after the last element"
        } else {
            "text"
        };
        format!("expected XML, found {found}")
    }

    fn end(&self) -> Result<(), String> {
        match self.open.last() {
            Some(open) => Err(format!(
                "unexpected end of file inside {}",
                match open {
                    Open::Suite => "a test suite",
                    Open::Case => "a test case",
                    Open::Problem => "a failure",
                    Open::Skipped | Open::Output | Open::Other => "an element",
                }
            )),
            None if self.has_root => Ok(()),
            None => Err("no element found, expected testsuites or testsuite".to_owned()),
        }
    }

    fn enter(&mut self, name: &str) -> Result<(), String> {
        if self.open.len() >= MAX_XML_DEPTH {
            return Err(format!(
                "elements are nested more than {MAX_XML_DEPTH} deep"
            ));
        }
        let open = match name {
            "testsuites" | "testsuite" => Open::Suite,
            "testcase" => Open::Case,
            "failure" | "error" => Open::Problem,
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
            Open::Suite => self.enter_suite()?,
            Open::Case => {
                self.is_in_case = true;
                self.case.read(&mut self.tokens, self.intake.is_full())?;
            }
            // Elements inside a failure's own text are part of the text.
            Open::Problem if self.problem.is_none() => self.enter_problem()?,
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
                if self.intake.is_full() {
                    self.text = Some(String::new());
                }
            }
            Open::Problem => {
                self.open.push(Open::Other);
                return Ok(());
            }
            Open::Output | Open::Other => {
                self.open.push(Open::Other);
                return Ok(());
            }
        }
        self.open.push(open);
        Ok(())
    }

    fn enter_problem(&mut self) -> Result<(), String> {
        let mut problem = Problem::default();
        let mut listens = true;
        if self.is_in_case {
            self.case.failed = true;
            // Without a class it may stand for a package or file that did not load.
            listens = self.intake.is_full() || self.case.has_no_class();
        }
        if listens {
            while let Some(attribute) = self.tokens.next_attribute()? {
                match attribute.name {
                    "message" => keep(&mut problem.message, &attribute)?,
                    "type" => keep(&mut problem.kind, &attribute)?,
                    _ => {}
                }
            }
            self.text = Some(String::new());
        }
        self.problem = Some(problem);
        Ok(())
    }

    fn leave(&mut self) {
        match self.open.pop() {
            Some(Open::Suite) => self.leave_suite(),
            Some(Open::Case) => {
                self.leave_case();
                self.is_in_case = false;
                self.case = Case::default();
            }
            Some(Open::Problem) => {
                if let Some(mut problem) = self.problem.take() {
                    problem.text = self.text.take().unwrap_or_default();
                    if self.is_in_case {
                        self.case.problems.push(problem);
                    } else {
                        self.take_suite_error(&problem);
                    }
                }
            }
            Some(Open::Output) => {
                let text = self.text.take().unwrap_or_default();
                let lines = split_lines(&text);
                if self.is_in_case && !lines.is_empty() {
                    let heading = std::iter::once(self.output.to_owned());
                    self.case.outputs.push(FailureDetail {
                        expanded: heading.chain(lines).collect(),
                        backtrace: Vec::new(),
                    });
                }
            }
            Some(Open::Skipped | Open::Other) | None => {}
        }
    }

    /// A suite that counts failures without a failed case could not run as a whole: jest-junit says
    /// so of a file that does not load, and writes no case for it.
    fn leave_suite(&mut self) {
        let Some(suite) = self.suites.pop() else {
            return;
        };
        if suite.counted > 0.0
            && self.errors == suite.errors_before
            && !self.intake.has_failed_since(suite.results_before)
        {
            self.errors += 1;
            let name = suite_words(&suite.name);
            self.intake.take_error(format!(
                "{name} counts {} failures or errors, but no test in it failed",
                suite.counted
            ));
        }
    }

    fn take_suite_error(&mut self, problem: &Problem<'_>) {
        let name = suite_words(self.suites.last().map_or("", |suite| suite.name.as_ref()));
        let told = [problem.message.as_deref(), Some(problem.text.trim())]
            .into_iter()
            .flatten()
            .filter(|text| !text.trim().is_empty())
            .collect::<Vec<_>>()
            .join("\n");
        self.errors += 1;
        self.intake.take_error(if told.is_empty() {
            format!("{name} failed outside its tests")
        } else {
            format!("{name} failed outside its tests: {told}")
        });
    }

    fn leave_case(&mut self) {
        let case = &mut self.case;
        if is_go_package(case) {
            let not_built = |problem: &&Problem<'_>| problem.text.contains("[build failed]");
            if let Some(problem) = case.problems.iter().find(not_built) {
                self.errors += 1;
                self.intake.take_error(problem.text.trim().to_owned());
                return;
            }
            // gotestsum names the package only on the suite.
            case.class_name = self.suites.last().map(|suite| suite.name.clone());
        }
        if case.has_no_class() {
            let failure = |problem: &&Problem<'_>| {
                problem.message.as_deref() == Some(PYTEST_COLLECTION_FAILURE)
            };
            if let Some(problem) = case.problems.iter().find(failure) {
                self.errors += 1;
                let name = case.name.as_deref().unwrap_or_default();
                let told = problem.text.trim();
                self.intake
                    .take_error(format!("pytest could not collect {name}: {told}"));
            }
        }
        let suite_file = self
            .suites
            .iter()
            .rev()
            .find_map(|suite| suite.file.as_ref());
        let offered = case.take_result(suite_file, self.intake.is_full());
        self.intake.take(offered);
    }

    fn enter_suite(&mut self) -> Result<(), String> {
        let mut suite = Suite {
            results_before: self.intake.count(),
            errors_before: self.errors,
            ..Suite::default()
        };
        let mut name = None;
        while let Some(attribute) = self.tokens.next_attribute()? {
            match attribute.name {
                "name" => keep(&mut name, &attribute)?,
                "file" => keep(&mut suite.file, &attribute)?,
                "failures" | "errors" => {
                    suite.counted += seconds_of(&attribute.value()?).unwrap_or_default();
                }
                _ => {}
            }
        }
        suite.name = name.unwrap_or_default();
        suite.file = suite.file.filter(|file| !file.is_empty());
        self.suites.push(suite);
        Ok(())
    }
}

/// gotestsum's stand-in for a package that failed as a whole.
fn is_go_package(case: &Case<'_>) -> bool {
    case.has_no_class() && case.name.as_deref() == Some("TestMain")
}

fn suite_words(name: &str) -> String {
    if name.trim().is_empty() {
        "a test suite without a name".to_owned()
    } else {
        format!("test suite {}", name.trim())
    }
}
