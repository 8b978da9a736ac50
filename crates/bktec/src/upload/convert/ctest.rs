//! The `Test.xml` that `ctest -T Test` writes.

use test_engine_results::Outcome;

use super::Read;
use super::elements::{self, Element};
use super::result::{Converted, Failure};
use crate::result_format::ConvertedFormat;

pub(super) fn read(text: &str) -> Read {
    let mut results = Vec::new();
    elements::read(
        text,
        ConvertedFormat::Ctest,
        &["Test"],
        |around, element| {
            // The list of tests has the same element without a status.
            if around.last().is_some_and(|parent| parent.name == "Testing") {
                results.push(result_of(&element));
            }
        },
    )?;
    Ok(results)
}

fn result_of(test: &Element) -> Converted {
    let completion = measurement(test, "Completion Status").unwrap_or_default();
    let output = test.child(&["Results", "Measurement", "Value"]);
    // Long output is compressed, and then of no use.
    let output = output.filter(|value| value.attribute("encoding").is_none());
    let output = output.map_or_else(String::new, |value| value.text_at(&[]));
    let path = test.text_at(&["Path"]);
    Converted {
        scope: path.trim_start_matches("./").trim_matches('.').to_owned(),
        name: test.text_at(&["Name"]),
        outcome: outcome_of(&test.get("Status"), &completion),
        seconds: measurement(test, "Execution Time").and_then(|seconds| seconds.parse().ok()),
        failure: Failure {
            message: [failure_reason(test, &completion), output].join("\n"),
            backtrace: String::new(),
        },
        ..Converted::default()
    }
}

/// CTest counts a test that it could not run as failed, unless it was disabled or skipped itself.
fn outcome_of(status: &str, completion: &str) -> Outcome {
    let is_skipped = completion == "Disabled" || completion.starts_with("SKIP_");
    match status {
        "passed" => Outcome::Passed,
        "failed" => Outcome::Failed,
        "notrun" if is_skipped => Outcome::Skipped,
        "notrun" => Outcome::Failed,
        _ => Outcome::Unknown,
    }
}

fn failure_reason(test: &Element, completion: &str) -> String {
    match measurement(test, "Exit Code") {
        Some(code) => format!("{code} ({completion})"),
        None => completion.to_owned(),
    }
}

fn measurement(test: &Element, name: &str) -> Option<String> {
    let results = test.child(&["Results"])?;
    let mut named = results.children.iter();
    let found = named
        .find(|child| child.name == "NamedMeasurement" && child.attribute("name") == Some(name))?;
    Some(found.text_at(&["Value"])).filter(|value| !value.is_empty())
}
