//! Splits JUnit XML between test cases.
//!
//! Elements that are open at a split are closed there and reopened in the next part with their
//! attributes, since cases inherit some of them. The counts of a suite that is split are no longer
//! correct and are removed, with one exception: a suite that counts a failure but has no failed
//! case could not run as a whole, and only the counts show that. Its last part keeps them.
//!
//! If times have a decimal comma, each part proves it with an empty suite: `1,250` alone does not.

use std::ops::Range;

use test_engine_results::xml::{Token, Tokens};
use test_engine_results::{Detail, Format, JUNIT_ATTEMPTS, has_decimal_comma, parse_with};

use super::piece::{Edit, Part, Piece, edited};

/// Attributes that count the cases of a suite. `disabled` does as well, but the parser only sees by
/// it that node:test wrote the report.
const COUNTS: [&str; 4] = ["tests", "failures", "errors", "skipped"];

const DECIMAL_COMMA: &str = "<testsuite time=\"0,0\"/>";

/// An element outside test cases.
struct Element<'a> {
    /// With the namespace prefix.
    name: &'a str,
    start_tag: Range<usize>,
    /// After the end tag.
    end: usize,
    /// The count attributes in the start tag.
    counts: Vec<Range<usize>>,
    counts_failures: bool,
    has_problem: bool,
    /// The part in which the element ends, if it is split.
    last_part: Option<usize>,
}

/// A position between two test cases.
struct Split {
    at: usize,
    /// The open elements, outermost first.
    open: Vec<usize>,
}

pub(super) fn split(text: &str, max: usize) -> Option<Vec<Part>> {
    let mut splitter = Splitter {
        text,
        max,
        elements: Vec::new(),
        open: Vec::new(),
        case_depth: 0,
        case_results: 0,
        results: 0,
        candidate: None,
        before_case: None,
        splits: Vec::new(),
    };
    let mut tokens = Tokens::new(text);
    loop {
        match tokens.next_token().ok()? {
            Token::Start(name) => splitter.enter(name, &mut tokens)?,
            Token::End => splitter.leave(tokens.position())?,
            Token::Eof => return splitter.parts(),
            Token::Text(_) | Token::Reference(_) | Token::CData(_) => {}
        }
    }
}

struct Splitter<'a> {
    text: &'a str,
    max: usize,
    /// Every element outside test cases, in the order of their start tags.
    elements: Vec<Element<'a>>,
    open: Vec<usize>,
    case_depth: usize,
    /// Number of results of the current case: attempts of the runner's own retries are some.
    case_results: usize,
    /// Number of results in the current part.
    results: usize,
    /// Where to split if another case follows.
    candidate: Option<Split>,
    /// Where to split if the current case does not fit.
    before_case: Option<Split>,
    splits: Vec<Split>,
}

impl<'a> Splitter<'a> {
    fn enter(&mut self, name: &str, tokens: &mut Tokens<'a>) -> Option<()> {
        if matches!(name, "failure" | "error") {
            for &element in &self.open {
                self.elements[element].has_problem = true;
            }
        }
        if self.case_depth > 0 {
            self.case_depth += 1;
            self.case_results += usize::from(JUNIT_ATTEMPTS.contains(&name));
        } else if name == "testcase" {
            self.case_depth = 1;
            self.case_results = 1;
            self.before_case = self.candidate.take();
        } else {
            let element = self.element(tokens)?;
            self.open.push(self.elements.len());
            self.elements.push(element);
        }
        Some(())
    }

    fn leave(&mut self, end: usize) -> Option<()> {
        if self.case_depth > 0 {
            self.case_depth -= 1;
            if self.case_depth == 0 {
                self.leave_case(end);
            }
            return Some(());
        }
        let element = self.open.pop()?;
        self.elements[element].end = end;
        // A split further out has fewer elements to reopen.
        if let Some(split) = &mut self.candidate
            && self.open.len() < split.open.len()
            && !self.open.is_empty()
        {
            split.at = end;
            split.open.clone_from(&self.open);
        }
        Some(())
    }

    fn leave_case(&mut self, end: usize) {
        self.results += self.case_results;
        if self.results > self.max
            && let Some(split) = self.before_case.take()
        {
            for &element in &split.open {
                self.elements[element].last_part = Some(self.splits.len() + 1);
            }
            self.splits.push(split);
            self.results = self.case_results;
        }
        self.candidate = Some(Split {
            at: end,
            open: self.open.clone(),
        });
    }

    fn element(&self, tokens: &mut Tokens<'a>) -> Option<Element<'a>> {
        let start = tokens.start();
        let mut counts = Vec::new();
        let mut counts_failures = false;
        while let Some(attribute) = tokens.next_attribute().ok()? {
            if COUNTS.contains(&attribute.name) {
                let range = tokens.attribute_range();
                counts_failures |= matches!(attribute.name, "failures" | "errors")
                    && self.text[range.clone()].contains(|c| matches!(c, '1'..='9'));
                counts.push(range);
            }
        }
        Some(Element {
            name: tokens.open_name()?,
            start_tag: start..tokens.position(),
            end: 0,
            counts,
            counts_failures,
            has_problem: false,
            last_part: None,
        })
    }

    fn parts(self) -> Option<Vec<Part>> {
        if self.splits.is_empty() {
            return None;
        }
        let keeps_counts: Vec<bool> = self
            .elements
            .iter()
            .map(|element| element.last_part.is_some() && self.only_counts_show_failure(element))
            .collect();
        let has_decimal_comma = has_decimal_comma(self.text);
        let mut parts = Vec::new();
        let mut start = 0;
        for number in 0..=self.splits.len() {
            let mut part = Part::default();
            if let Some(before) = number.checked_sub(1) {
                part.push(Piece::text("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
                for &index in &self.splits[before].open {
                    let element = &self.elements[index];
                    let keeps = keeps_counts[index] && element.last_part == Some(number);
                    let edits = if keeps {
                        Vec::new()
                    } else {
                        element.without_counts()
                    };
                    part.extend(edited(element.start_tag.clone(), edits));
                }
            }
            if has_decimal_comma && number > 0 {
                part.push(Piece::text(DECIMAL_COMMA));
            }
            let split = self.splits.get(number);
            let end = split.map_or(self.text.len(), |split| split.at);
            let edits = self
                .elements
                .iter()
                .filter(|element| element.last_part.is_some())
                .filter(|element| (start..end).contains(&element.start_tag.start))
                .flat_map(Element::without_counts);
            part.extend(edited(start..end, edits));
            if has_decimal_comma && number == 0 {
                part.push(Piece::text(DECIMAL_COMMA));
            }
            for &index in split.iter().flat_map(|split| split.open.iter().rev()) {
                part.push(Piece::text(format!("</{}>", self.elements[index].name)));
            }
            parts.push(part);
            start = end;
        }
        Some(parts)
    }

    /// Whether the parser reports an error outside the tests only because of the suite's counts.
    fn only_counts_show_failure(&self, suite: &Element<'_>) -> bool {
        if !suite.counts_failures || suite.has_problem {
            return false;
        }
        let range = suite.start_tag.start..suite.end;
        let Some(with) = self.text.get(range.clone()) else {
            return false;
        };
        let without = Part::of(edited(range, suite.without_counts())).bytes(self.text.as_bytes());
        let errors = |document: &[u8]| {
            parse_with(Format::Junit, document, Detail::Full)
                .map_or(0, |report| report.errors_outside_tests.len())
        };
        errors(with.as_bytes()) > errors(&without)
    }
}

impl Element<'_> {
    fn without_counts(&self) -> Vec<Edit> {
        let removed = |range: &Range<usize>| Edit::replace(range.clone(), Vec::new());
        self.counts.iter().map(removed).collect()
    }
}
