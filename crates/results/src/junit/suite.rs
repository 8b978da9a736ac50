//! A test suite: its attributes, and what they count.

use std::borrow::Cow;

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
