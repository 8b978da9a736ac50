//! The report of RSpec's JSON formatter.
//!
//! An example's scope is its full description without its own; its id (`./spec/a_spec.rb[1:2]`)
//! reruns it. Errors outside examples (a spec file that does not load) have a count in the summary
//! and their texts among the messages.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};

use crate::document::{Document, Top};
use crate::intake::{Intake, place};
use crate::model::{FailureDetail, Outcome, ParseError, TestResult};
use crate::shape::{Each, Extent, Item, Kept, Lines, Number, Text, first_line, split_lines};

/// What RSpec raises for an expectation that did not hold; naming it says nothing.
const EXPECTATION_CLASS: &str = "RSpec::Expectations::ExpectationNotMetError";

#[derive(Default, Deserialize)]
#[serde(default, bound(deserialize = "E: Extent"))]
struct Example<'a, E> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    description: Text<'a>,
    #[serde(borrow)]
    full_description: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    file_path: Text<'a>,
    line_number: Number,
    run_time: Number,
    #[serde(borrow)]
    exception: Kept<Item<Exception<'a>>, E>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Exception<'a> {
    #[serde(borrow)]
    class: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
    backtrace: Lines,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Summary {
    errors_outside_of_examples_count: Number,
}

/// What is read of the report beside the examples, which go straight to the intake.
#[derive(Default)]
struct Rest {
    messages: Vec<String>,
    errors_outside: u64,
}

pub(crate) fn read<'a, E: Extent>(
    document: &Document<'a>,
    intake: &mut Intake<'a>,
) -> Result<(), ParseError> {
    let rest = document.read_json(
        Top::Object,
        "an object with the key \"examples\"",
        ReportSeed::<E>(intake, PhantomData),
    )?;
    if rest.errors_outside > 0 {
        let told: Vec<_> = rest
            .messages
            .iter()
            .map(|message| message.trim())
            .filter(|message| message.contains("error occurred") || message.contains("Error"))
            .collect();
        if told.is_empty() {
            intake.take_error(format!(
                "{} outside of examples",
                if rest.errors_outside == 1 {
                    "an error occurred".to_owned()
                } else {
                    format!("{} errors occurred", rest.errors_outside)
                }
            ));
        }
        for message in told {
            intake.take_error(message.to_owned());
        }
    }
    Ok(())
}

struct ReportSeed<'i, 'a, E>(&'i mut Intake<'a>, PhantomData<E>);

impl<'de, E: Extent> DeserializeSeed<'de> for ReportSeed<'_, 'de, E> {
    type Value = Rest;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Rest, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, E: Extent> Visitor<'de> for ReportSeed<'_, 'de, E> {
    type Value = Rest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an RSpec report")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Rest, A::Error> {
        let intake = self.0;
        let mut rest = Rest::default();
        let mut has_examples = false;
        while let Some(key) = members.next_key()? {
            let key: Text<'_> = key;
            match key.given().as_deref() {
                Some("examples") if has_examples => {
                    return Err(A::Error::duplicate_field("examples"));
                }
                Some("examples") => {
                    has_examples = true;
                    let mut take = |item: Item<Example<'de, E>>| {
                        intake.take(item.object().and_then(result_of));
                    };
                    members.next_value_seed(Each::new("an array of examples", &mut take))?;
                }
                Some("messages") => rest.messages = members.next_value::<Lines>()?.0,
                Some("summary") => {
                    let summary: Item<Summary> = members.next_value()?;
                    let count = summary.or_default().errors_outside_of_examples_count;
                    rest.errors_outside = count.whole().unwrap_or_default();
                }
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        if has_examples {
            Ok(rest)
        } else {
            Err(A::Error::custom(
                "the key \"examples\" is missing; is this a report of RSpec's JSON formatter?",
            ))
        }
    }
}

fn result_of<E: Extent>(example: Example<'_, E>) -> Result<TestResult<'_>, String> {
    let name = example.description.required("description")?;
    let full = example.full_description.or_empty("full_description")?;
    let group_end = full
        .strip_suffix(name.as_ref())
        .map_or(full.len(), |group| {
            group.strip_suffix(' ').unwrap_or(group).len()
        });
    let scope = first_bytes(full, group_end);
    let status = example.status.required("status")?;
    let outcome = match status.as_ref() {
        "passed" => Outcome::Passed,
        "failed" => Outcome::Failed,
        "pending" => Outcome::Skipped,
        // RSpec writes the example that ended the process without an outcome.
        "" => {
            return Err("RSpec stopped inside an example; later examples did not run".to_owned());
        }
        other => {
            return Err(format!(
                "status is {other:?}, expected passed, failed or pending"
            ));
        }
    };
    let identifier = example.id.given();
    let stands_in = example.file_path.given();
    // A shared example stands in one file and runs as part of another; what it cost belongs to the
    // file that runs it, which its id names.
    let (location, file_name) = if E::FULL || identifier.is_none() {
        let location = place(stands_in.as_deref(), example.line_number.whole());
        let file_end = identifier
            .as_deref()
            .and_then(|id| Some(id.strip_suffix(']')?.rsplit_once('[')?.0.len()));
        let runs_in = identifier
            .as_ref()
            .zip(file_end)
            .map(|(id, end)| first_bytes(id.clone(), end));
        (location.map(Cow::Owned), runs_in.or(stands_in))
    } else {
        (None, None)
    };
    let mut result = TestResult {
        scope,
        name,
        identifier,
        location,
        file_name,
        outcome,
        duration: example.run_time.of_seconds(),
        ..TestResult::default()
    };
    if let Item::Object(exception) = example.exception.0 {
        explain(&mut result, exception);
    }
    Ok(result)
}

/// The beginning of a text, still borrowed if the text was.
fn first_bytes(text: Cow<'_, str>, end: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(..end).unwrap_or(text)),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

fn explain(result: &mut TestResult<'_>, exception: Exception<'_>) {
    let class = exception.class.given();
    let message = exception.message.given().unwrap_or_default();
    let class = class.as_deref().filter(|class| *class != EXPECTATION_CLASS);
    let line = first_line(&message);
    result.extras.failure_reason = match (class, line) {
        (Some(class), Some(line)) => Some(format!("{class}: {line}")),
        (Some(class), None) => Some(class.to_owned()),
        (None, line) => line,
    };
    let heading = class.map(|class| format!("{class}:"));
    let detail = FailureDetail {
        expanded: heading.into_iter().chain(split_lines(&message)).collect(),
        backtrace: exception.backtrace.0,
    };
    if detail != FailureDetail::default() {
        result.extras.failure_expanded.push(detail);
    }
}
