//! JUnit XML, any dialect: what pytest, Jest reporters, gotestsum, Surefire and many more write.
//!
//! Read as a stream of events, so that a file of any size needs no tree. Document type definitions
//! are refused, and with them external and nested entities. Which dialects were met, and what they
//! do, is said beside the rule that serves them.

use std::borrow::Cow;

use memchr::memchr2;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Error, Reader};

use crate::attributes::{Attribute, Attributes};
use crate::document::Document;
use crate::go_jsonl::first_telling_line;
use crate::intake::Intake;
use crate::model::{FailureDetail, Outcome, ParseError, TestResult};
use crate::shape::{first_line, split_lines};

/// How deep elements may stand in each other. Real reports stay below ten.
pub const DEEPEST_XML: usize = 128;

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

#[derive(Default)]
struct Case<'a> {
    class_name: Option<Cow<'a, str>>,
    name: Option<Cow<'a, str>>,
    file: Option<Cow<'a, str>>,
    line: Option<Cow<'a, str>>,
    seconds: Option<f64>,
    /// The verdict of dialects that write it as an attribute.
    status: Option<Outcome>,
    failed: bool,
    skipped: bool,
    problems: Vec<Problem<'a>>,
    outputs: Vec<FailureDetail>,
}

#[derive(Default)]
struct Problem<'a> {
    message: Option<Cow<'a, str>>,
    kind: Option<Cow<'a, str>>,
    text: String,
}

pub(crate) fn read<'a>(document: &Document<'a>, intake: &mut Intake<'a>) -> Result<(), ParseError> {
    let mut reader = Reader::from_str(document.text());
    let may_have_tabs = memchr2(b'\t', b'\r', document.text().as_bytes()).is_some();
    let mut walk = Walk {
        intake,
        open: Vec::new(),
        suites: Vec::new(),
        case: None,
        problem: None,
        text: None,
        output: "",
        has_root: false,
        errors: 0,
    };
    loop {
        // Blanks between elements are most of the events, and of no use outside a failure's text.
        reader.config_mut().trim_text(walk.text.is_none());
        let before = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let event = reader.read_event().map_err(|error| {
            let place = usize::try_from(reader.error_position()).unwrap_or(before);
            document.fault_at(place, words(&error))
        })?;
        let at_end = matches!(event, Event::Eof);
        let after = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        walk.step(
            event,
            Tags {
                document,
                may_have_tabs,
                after,
            },
        )
        .map_err(|message| {
            let text = document.text().get(before..).unwrap_or_default();
            let blank = text.len() - text.trim_ascii_start().len();
            document.fault_at(before + blank, message)
        })?;
        if at_end {
            return Ok(());
        }
    }
}

/// Finds the text of a tag in the document, because what is read of it must outlive the event.
#[derive(Clone, Copy)]
struct Tags<'d, 'a> {
    document: &'d Document<'a>,
    /// Whether the document holds tabs or carriage returns.
    may_have_tabs: bool,
    /// The byte behind the event.
    after: usize,
}

impl<'a> Tags<'_, 'a> {
    /// The attributes of the tag; `closing` are the bytes of its end, `>` or `/>`.
    fn attributes(self, start: &BytesStart<'_>, closing: usize) -> Attributes<'a> {
        let end = self.after.saturating_sub(closing);
        let first = end.saturating_sub(start.attributes_raw().len());
        let text = self.document.text().get(first..end).unwrap_or_default();
        debug_assert_eq!(text.as_bytes(), start.attributes_raw());
        Attributes::new(text, self.may_have_tabs)
    }
}

struct Walk<'i, 'a> {
    intake: &'i mut Intake<'a>,
    open: Vec<Open>,
    suites: Vec<Suite<'a>>,
    case: Option<Case<'a>>,
    problem: Option<Problem<'a>>,
    /// Text of the element that is being listened to.
    text: Option<String>,
    output: &'static str,
    has_root: bool,
    errors: usize,
}

impl<'a> Walk<'_, 'a> {
    fn step(&mut self, event: Event<'_>, tags: Tags<'_, 'a>) -> Result<(), String> {
        match event {
            Event::Start(start) => self.enter(&start, tags.attributes(&start, ">".len())),
            Event::Empty(start) => {
                self.enter(&start, tags.attributes(&start, "/>".len()))?;
                self.leave();
                Ok(())
            }
            Event::End(_) => {
                self.leave();
                Ok(())
            }
            Event::Text(text) => {
                if let Some(heard) = &mut self.text {
                    heard.push_str(&text.xml10_content().map_err(|error| error.to_string())?);
                } else if self.open.is_empty() && !text.trim_ascii().is_empty() {
                    let found = if self.has_root {
                        "text after the last element"
                    } else {
                        "text"
                    };
                    return Err(format!("expected XML, found {found}"));
                }
                Ok(())
            }
            Event::CData(text) => {
                if let Some(heard) = &mut self.text {
                    heard.push_str(&text.xml10_content().map_err(|error| error.to_string())?);
                }
                Ok(())
            }
            Event::GeneralRef(reference) => self.refer(&reference),
            Event::DocType(_) => Err(
                "a document type definition (<!DOCTYPE>) is refused; write the report without one"
                    .to_owned(),
            ),
            Event::Eof => self.end(),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => Ok(()),
        }
    }

    fn end(&self) -> Result<(), String> {
        match self.open.last() {
            Some(open) => Err(format!(
                "the file ends too early, inside {}",
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

    fn enter(&mut self, start: &BytesStart<'_>, attributes: Attributes<'a>) -> Result<(), String> {
        if self.open.len() >= DEEPEST_XML {
            return Err(format!("elements are nested more than {DEEPEST_XML} deep"));
        }
        let name = start.local_name();
        let open = match name.as_ref() {
            b"testsuites" | b"testsuite" => Open::Suite,
            b"testcase" => Open::Case,
            b"failure" | b"error" => Open::Problem,
            b"skipped" => Open::Skipped,
            b"system-out" | b"system-err" => Open::Output,
            _ => Open::Other,
        };
        if self.open.is_empty() {
            if self.has_root {
                return Err("a second root element".to_owned());
            }
            if open != Open::Suite {
                return Err(format!(
                    "expected testsuites or testsuite as the root element, found {}",
                    String::from_utf8_lossy(name.as_ref())
                ));
            }
            self.has_root = true;
        }
        match open {
            Open::Suite if self.case.is_some() => {
                return Err("a test suite inside a test case".to_owned());
            }
            Open::Case if self.case.is_some() => {
                return Err("a test case inside a test case".to_owned());
            }
            Open::Suite => {
                let suite = self.suite_of(attributes)?;
                self.suites.push(suite);
            }
            Open::Case => self.case = Some(case_of(attributes, self.intake.is_full())?),
            // Elements inside a failure's own text are part of the text.
            Open::Problem if self.problem.is_none() => self.enter_problem(attributes)?,
            Open::Skipped => {
                if let Some(case) = &mut self.case
                    && self.problem.is_none()
                {
                    case.skipped = true;
                }
            }
            Open::Output if self.case.is_some() && self.text.is_none() => {
                self.output = if name.as_ref() == b"system-out" {
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

    fn enter_problem(&mut self, attributes: Attributes<'a>) -> Result<(), String> {
        let mut problem = Problem::default();
        let mut listens = true;
        if let Some(case) = &mut self.case {
            case.failed = true;
            // Without a class it may stand for a package or file that did not load.
            listens = self.intake.is_full() || case.has_no_class();
        }
        if listens {
            for attribute in attributes {
                let attribute = attribute?;
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
                if let Some(case) = self.case.take() {
                    self.leave_case(case);
                }
            }
            Some(Open::Problem) => {
                if let Some(mut problem) = self.problem.take() {
                    problem.text = self.text.take().unwrap_or_default();
                    match &mut self.case {
                        Some(case) => case.problems.push(problem),
                        None => self.take_suite_error(&problem),
                    }
                }
            }
            Some(Open::Output) => {
                let text = self.text.take().unwrap_or_default();
                if let Some(case) = &mut self.case {
                    let lines = split_lines(&text);
                    if !lines.is_empty() {
                        let heading = std::iter::once(self.output.to_owned());
                        case.outputs.push(FailureDetail {
                            expanded: heading.chain(lines).collect(),
                            backtrace: Vec::new(),
                        });
                    }
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

    fn leave_case(&mut self, mut case: Case<'a>) {
        if is_go_package(&case) {
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
        let offered = result_of(case, suite_file, self.intake.is_full());
        self.intake.take(offered);
    }

    fn suite_of(&self, attributes: Attributes<'a>) -> Result<Suite<'a>, String> {
        let mut suite = Suite {
            results_before: self.intake.count(),
            errors_before: self.errors,
            ..Suite::default()
        };
        let mut name = None;
        for attribute in attributes {
            let attribute = attribute?;
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
        Ok(suite)
    }

    fn refer(&mut self, reference: &BytesRef<'_>) -> Result<(), String> {
        let Some(heard) = &mut self.text else {
            return Ok(());
        };
        if let Some(character) = reference
            .resolve_char_ref()
            .map_err(|error| words(&error))?
        {
            heard.push(character);
            return Ok(());
        }
        let name = reference.decode().map_err(|error| error.to_string())?;
        let resolved = quick_xml::escape::resolve_xml_entity(&name)
            .ok_or_else(|| format!("unknown entity &{name};"))?;
        heard.push_str(resolved);
        Ok(())
    }
}

fn case_of(attributes: Attributes<'_>, is_full: bool) -> Result<Case<'_>, String> {
    let mut case = Case::default();
    for attribute in attributes {
        let attribute = attribute?;
        match attribute.name {
            "name" => keep(&mut case.name, &attribute)?,
            "classname" => keep(&mut case.class_name, &attribute)?,
            "file" => keep(&mut case.file, &attribute)?,
            "line" if is_full => keep(&mut case.line, &attribute)?,
            "time" => case.seconds = seconds_of(&attribute.value()?),
            "status" | "result" => {
                case.status = worse(case.status, status_of(&attribute.value()?));
            }
            _ => {}
        }
    }
    Ok(case)
}

/// What dialects without `failure` and `skipped` elements write as an attribute: GoogleTest marks
/// disabled tests `notrun`, CTest writes `fail` and `disabled`.
fn status_of(word: &str) -> Option<Outcome> {
    match word.to_ascii_lowercase().as_str() {
        "fail" | "failed" | "failure" | "error" | "errored" | "broken" => Some(Outcome::Failed),
        "notrun" | "skip" | "skipped" | "disabled" | "ignored" | "pending" | "suppressed" => {
            Some(Outcome::Skipped)
        }
        _ => None,
    }
}

fn worse(one: Option<Outcome>, other: Option<Outcome>) -> Option<Outcome> {
    if one == Some(Outcome::Failed) {
        one
    } else {
        other.or(one)
    }
}

/// gotestsum's stand-in for a package that failed as a whole.
fn is_go_package(case: &Case<'_>) -> bool {
    case.has_no_class() && case.name.as_deref() == Some("TestMain")
}

fn result_of<'a>(
    case: Case<'a>,
    suite_file: Option<&Cow<'a, str>>,
    is_full: bool,
) -> Result<TestResult<'a>, String> {
    let outcome = if case.failed || case.status == Some(Outcome::Failed) {
        Outcome::Failed
    } else if case.skipped || case.status == Some(Outcome::Skipped) {
        Outcome::Skipped
    } else {
        Outcome::Passed
    };
    let file_name = case
        .file
        .filter(|file| !file.is_empty())
        .or_else(|| suite_file.cloned());
    let line = case.line.filter(|line| !line.is_empty());
    let mut result = TestResult {
        scope: case.class_name.unwrap_or_default(),
        name: case.name.ok_or("name is missing")?,
        location: file_name
            .as_ref()
            .zip(line)
            .map(|(file, line)| Cow::Owned(format!("{file}:{line}"))),
        file_name,
        outcome,
        duration: case.seconds,
        ..TestResult::default()
    };
    if outcome == Outcome::Failed && is_full {
        result.failure_reason = case.problems.iter().find_map(Problem::reason);
        result.failure_expanded = case
            .problems
            .into_iter()
            .map(detail_of)
            .filter(|detail| !detail.expanded.is_empty())
            .chain(case.outputs)
            .collect();
    }
    Ok(result)
}

impl Case<'_> {
    fn has_no_class(&self) -> bool {
        self.class_name.as_deref().unwrap_or_default().is_empty()
    }
}

impl Problem<'_> {
    /// The message, unless it is the one word that gotestsum writes for every failure.
    fn reason(&self) -> Option<String> {
        let message = self.message.as_deref().and_then(first_line);
        message
            .filter(|message| message != "Failed")
            .or_else(|| first_telling_line(&self.text))
            .or_else(|| self.kind.as_deref().and_then(first_line))
    }
}

/// The text, with the message ahead of it where it says more.
fn detail_of(problem: Problem<'_>) -> FailureDetail {
    let message = problem.message.unwrap_or_default();
    let expanded = if problem.text.contains(message.trim()) {
        split_lines(&problem.text)
    } else {
        let mut lines = split_lines(&message);
        lines.extend(split_lines(&problem.text));
        lines
    };
    FailureDetail {
        expanded,
        backtrace: Vec::new(),
    }
}

/// A number of seconds, or of anything. Some dialects write thousands separators ("1,234.5"),
/// some a decimal comma ("0,5").
fn seconds_of(text: &str) -> Option<f64> {
    let text = text.trim();
    if !text.contains(',') {
        return text.parse().ok();
    }
    let mut groups = text.split('.').next().unwrap_or_default().split(',');
    let leading = groups.next().unwrap_or_default();
    let is_thousands = !leading.is_empty()
        && leading.len() <= 3
        && leading != "0"
        && groups.all(|group| group.len() == 3);
    if is_thousands || text.contains('.') {
        text.replace(',', "").parse().ok()
    } else {
        text.replace(',', ".").parse().ok()
    }
}

/// Puts the attribute's value where it is kept; a second one of that name is a fault.
fn keep<'a>(slot: &mut Option<Cow<'a, str>>, attribute: &Attribute<'a>) -> Result<(), String> {
    if slot.is_some() {
        return Err(format!("the attribute {} is given twice", attribute.name));
    }
    *slot = Some(attribute.value()?);
    Ok(())
}

fn suite_words(name: &str) -> String {
    if name.trim().is_empty() {
        "a test suite without a name".to_owned()
    } else {
        format!("test suite {}", name.trim())
    }
}

fn words(error: &Error) -> String {
    match error {
        Error::Syntax(fault) => format!("the file ends too early ({fault})"),
        Error::Io(fault) => fault.to_string(),
        Error::IllFormed(fault) => fault.to_string(),
        Error::InvalidAttr(fault) => fault.to_string(),
        Error::Encoding(fault) => fault.to_string(),
        Error::Escape(fault) => fault.to_string(),
        Error::Namespace(fault) => fault.to_string(),
    }
}
