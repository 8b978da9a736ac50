//! xUnit.net v2's results, which version 3 writes as well.

use test_engine_results::Outcome;

use super::Read;
use super::elements::{self, Element};
use super::result::{Converted, Failure, without_prefix};
use crate::result_format::ConvertedFormat;

pub(super) fn read(text: &str) -> Read {
    let mut results = Vec::new();
    let records = ["test", "error"];
    elements::read(
        text,
        ConvertedFormat::Xunit2,
        &records,
        |around, element| {
            if element.name == "test" {
                results.push(result_of(&element));
            } else {
                let assembly = around.iter().find(|element| element.name == "assembly");
                let assembly = assembly.map(|assembly| assembly.get("name"));
                results.push(error_of(&assembly.unwrap_or_default(), &element));
            }
        },
    )?;
    Ok(results)
}

fn result_of(test: &Element) -> Converted {
    let scope = test.get("type");
    Converted {
        name: without_prefix(&test.get("name"), &scope).to_owned(),
        scope,
        file: test.attribute("source-file").map(str::to_owned),
        line: test.attribute("source-line").map(str::to_owned),
        outcome: match test.attribute("result") {
            Some("Pass") => Outcome::Passed,
            Some("Fail") => Outcome::Failed,
            Some("Skip" | "NotRun") => Outcome::Skipped,
            _ => Outcome::Unknown,
        },
        seconds: test.seconds("time"),
        failure: failure_of(test),
    }
}

/// A failure of a fixture or of the assembly's own set-up or clean-up.
fn error_of(assembly: &str, error: &Element) -> Converted {
    let kind = error.attribute("type").unwrap_or("error");
    let name = error.attribute("name").unwrap_or(assembly);
    Converted {
        scope: assembly
            .rsplit(['/', '\\'])
            .next()
            .unwrap_or_default()
            .to_owned(),
        name: format!("{name} ({kind})").trim().to_owned(),
        outcome: Outcome::Failed,
        failure: failure_of(error),
        ..Converted::default()
    }
}

fn failure_of(element: &Element) -> Failure {
    Failure {
        message: element.text_at(&["failure", "message"]),
        backtrace: element.text_at(&["failure", "stack-trace"]),
    }
}
