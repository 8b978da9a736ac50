//! NUnit 3's results.

use test_engine_results::Outcome;

use super::Read;
use super::elements::{self, Element};
use super::result::{Converted, Failure, without_prefix};
use crate::result_format::ConvertedFormat;

pub(super) fn read(text: &str) -> Read {
    let mut results = Vec::new();
    let records = ["test-case", "failure"];
    elements::read(
        text,
        ConvertedFormat::Nunit3,
        &records,
        |around, element| {
            if element.name == "test-case" {
                results.push(result_of(&element));
            } else if let Some(suite) = around.last() {
                results.extend(suite_failure(suite, &element));
            }
        },
    )?;
    Ok(results)
}

fn result_of(case: &Element) -> Converted {
    let full = case.get("fullname");
    let name = case.attribute("name").unwrap_or(&full);
    let scope = case.attribute("classname").map_or_else(
        || {
            full.strip_suffix(name)
                .unwrap_or_default()
                .trim_end_matches('.')
                .to_owned()
        },
        str::to_owned,
    );
    Converted {
        name: without_prefix(name, &scope).to_owned(),
        scope,
        outcome: match case.attribute("result") {
            Some("Passed" | "Warning") => Outcome::Passed,
            Some("Failed") => Outcome::Failed,
            Some("Skipped" | "Inconclusive") => Outcome::Skipped,
            _ => Outcome::Unknown,
        },
        seconds: case.seconds("duration"),
        failure: failure_of(case.child(&["failure"])),
        ..Converted::default()
    }
}

fn failure_of(failure: Option<&Element>) -> Failure {
    let text = |name| failure.map(|failure| failure.text_at(&[name]));
    Failure {
        message: text("message").unwrap_or_default(),
        backtrace: text("stack-trace").unwrap_or_default(),
    }
}

/// A suite whose own set-up, tear-down or definition failed. The failures of its cases make it fail
/// too, but are not its own.
fn suite_failure(suite: &Element, failure: &Element) -> Option<Converted> {
    let is_own = !matches!(suite.attribute("site"), Some("Child" | "Parent"));
    if suite.name != "test-suite" || suite.attribute("result") != Some("Failed") || !is_own {
        return None;
    }
    let site = suite.attribute("site").unwrap_or("Test");
    Some(Converted {
        scope: suite.get("fullname"),
        name: format!("{} ({site})", suite.get("name")),
        outcome: Outcome::Failed,
        failure: failure_of(Some(failure)),
        ..Converted::default()
    })
}
