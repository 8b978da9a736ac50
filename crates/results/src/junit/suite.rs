//! A test suite: its attributes, and what they count.

use std::borrow::Cow;

use super::case::keep;
use super::numbers::Numbers;
use crate::xml::Tokens;

#[derive(Default)]
pub(super) struct Suite<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) file: Option<Cow<'a, str>>,
    /// node:test writes the number of disabled tests, pytest does not.
    pub(super) counts_disabled: bool,
    /// The failures and errors that the suite's attributes count.
    pub(super) counted: f64,
    /// The errors among them.
    pub(super) counted_errors: f64,
    pub(super) before: Counts,
}

impl<'a> Suite<'a> {
    /// Reads the attributes of the start tag.
    pub(super) fn read(
        before: Counts,
        tokens: &mut Tokens<'a>,
        numbers: &mut Numbers,
    ) -> Result<Self, String> {
        let mut suite = Suite {
            before,
            ..Suite::default()
        };
        let mut name = None;
        while let Some(attribute) = tokens.next_attribute()? {
            match attribute.name {
                "name" => keep(&mut name, &attribute)?,
                "file" => keep(&mut suite.file, &attribute)?,
                "disabled" => suite.counts_disabled = true,
                "failures" => suite.counted += count_of(&attribute.value()),
                // Only for the decimal mark that it may prove.
                "time" => {
                    numbers.read(&attribute.value());
                }
                "errors" => {
                    suite.counted_errors = count_of(&attribute.value());
                    suite.counted += suite.counted_errors;
                }
                _ => {}
            }
        }
        suite.name = name.unwrap_or_default();
        suite.file = suite.file.filter(|file| !file.is_empty());
        Ok(suite)
    }
}

/// The suites that are open, outermost first.
#[derive(Default)]
pub(super) struct Suites<'a> {
    open: Vec<Suite<'a>>,
    /// Mocha names the file only in an empty suite before the suites of that file.
    mocha_file: Option<Cow<'a, str>>,
}

const MOCHA_ROOT: &str = "Root Suite";

impl<'a> Suites<'a> {
    pub(super) fn push(&mut self, suite: Suite<'a>) {
        if suite.name == MOCHA_ROOT {
            self.mocha_file.clone_from(&suite.file);
        }
        self.open.push(suite);
    }

    pub(super) fn pop(&mut self) -> Option<Suite<'a>> {
        self.open.pop()
    }

    pub(super) fn last(&self) -> Option<&Suite<'a>> {
        self.open.last()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Suite<'a>> {
        self.open.iter()
    }

    /// The file of the tests in the innermost suite.
    pub(super) fn file(&self) -> Option<&Cow<'a, str>> {
        let mut inner_first = self.open.iter().rev();
        let own = inner_first.find_map(|suite| suite.file.as_ref());
        own.or(self.mocha_file.as_ref())
    }
}

/// How much of the file has been read.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) results: usize,
    /// Errors outside of tests.
    pub(super) errors: usize,
    /// Elements for errors.
    pub(super) error_elements: usize,
    /// Failed attempts of tests that passed in the end.
    pub(super) flaky: usize,
}

/// Ignores marks between thousands.
pub(super) fn count_of(text: &str) -> f64 {
    text.trim().parse().unwrap_or_else(|_| {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        digits.parse().unwrap_or_default()
    })
}

pub(super) fn describe_suite(name: &str) -> String {
    if name.trim().is_empty() {
        "an unnamed test suite".to_owned()
    } else {
        format!("test suite {}", name.trim())
    }
}
