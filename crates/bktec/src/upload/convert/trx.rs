//! TRX, which `dotnet test --logger trx` and Visual Studio write.

use std::collections::HashMap;

use test_engine_results::Outcome;

use super::Read;
use super::elements::{self, Element};
use super::result::{Converted, Failure, dotnet_seconds, without_prefix};
use crate::result_format::ConvertedFormat;

/// A result, and the id of its definition, which follows in the file.
struct Unnamed {
    test: String,
    result: Converted,
}

pub(super) fn read(text: &str) -> Read {
    let mut unnamed = Vec::new();
    let mut classes: HashMap<String, String> = HashMap::new();
    let mut errors = Vec::new();
    let records = ["UnitTestResult", "UnitTest", "RunInfo"];
    elements::read(text, ConvertedFormat::Trx, &records, |_, element| {
        match element.name.as_str() {
            "UnitTestResult" => add_result(&element, &mut unnamed),
            "UnitTest" => {
                if let Some(method) = element.child(&["TestMethod"]) {
                    // Older versions append the assembly.
                    let class = method.get("className");
                    let class = class.split(',').next().unwrap_or_default().to_owned();
                    classes.insert(element.get("id"), class);
                }
            }
            _ => {
                if element.attribute("outcome") == Some("Error") {
                    let message = element.text_at(&["Text"]);
                    errors.push(Converted::failed_outside_tests("", "test run", message));
                }
            }
        }
    })?;
    let named = unnamed.into_iter().map(|Unnamed { test, mut result }| {
        if let Some(class) = classes.get(&test) {
            result.name = without_prefix(&result.name, class).to_owned();
            result.scope.clone_from(class);
        }
        result
    });
    Ok(named.chain(errors).collect())
}

/// The rows of a data-driven test are results inside its result.
fn add_result(element: &Element, results: &mut Vec<Unnamed>) {
    let before = results.len();
    let inner = element.child(&["InnerResults"]);
    for row in inner.into_iter().flat_map(|inner| &inner.children) {
        add_result(row, results);
    }
    let outcome = outcome_of(element.attribute("outcome"));
    let rows = results.get(before..).unwrap_or_default();
    let explained = rows.iter().any(|row| row.result.outcome == Outcome::Failed);
    if !rows.is_empty() && (explained || outcome != Outcome::Failed) {
        return;
    }
    let error = |part| element.text_at(&["Output", "ErrorInfo", part]);
    results.push(Unnamed {
        test: element.get("testId"),
        result: Converted {
            name: element.get("testName"),
            outcome,
            seconds: element.attribute("duration").and_then(dotnet_seconds),
            failure: Failure {
                message: error("Message"),
                backtrace: error("StackTrace"),
            },
            ..Converted::default()
        },
    });
}

fn outcome_of(word: Option<&str>) -> Outcome {
    match word {
        Some("Passed" | "Warning") => Outcome::Passed,
        Some(
            "Failed"
            | "Error"
            | "Timeout"
            | "Aborted"
            | "NotRunnable"
            | "Disconnected"
            | "PassedButRunAborted",
        ) => Outcome::Failed,
        Some("NotExecuted" | "Inconclusive" | "Pending") => Outcome::Skipped,
        _ => Outcome::Unknown,
    }
}
