//! The report of RSpec's JSON formatter.
//!
//! An example's scope is its full description without its own. Its id (`./spec/a_spec.rb[1:2]`) is
//! its address for a rerun. For errors outside of examples, such as a spec file that does not load,
//! the summary has their number and the messages their texts. The messages also contain the filter
//! that was in effect, such as the one for focused examples.

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::MapAccess;

use crate::builder::{ReportBuilder, place};
use crate::document::Document;
use crate::lenient::{Item, Lines, Number, Text, first_line, split_lines};
use crate::model::{FailureDetail, Outcome, ParseError, TestResult};
use crate::streaming::{DetailLevel, Each, IfFull, ReportObject, read_object, skip};

/// The problem of an example without an outcome.
const STOPPED_INSIDE: &str = "RSpec stopped inside an example; later examples did not run";

/// The exception of every failed expectation; too general to be shown.
const EXPECTATION_CLASS: &str = "RSpec::Expectations::ExpectationNotMetError";

#[derive(Default, Deserialize)]
#[serde(default, bound(deserialize = "L: DetailLevel"))]
struct Example<'a, L> {
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
    exception: IfFull<Item<Exception<'a>>, L>,
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

struct Report<'b, 'a, L> {
    builder: &'b mut ReportBuilder<'a>,
    messages: Vec<String>,
    errors_outside: u64,
    /// An example has no outcome.
    was_cut_off: bool,
    detail: PhantomData<L>,
}

impl<'de, L: DetailLevel> ReportObject<'de> for Report<'_, 'de, L> {
    const ITEMS: &'static str = "examples";
    const PRODUCER: &'static str = "RSpec's JSON formatter";

    fn items<A: MapAccess<'de>>(&mut self, members: &mut A) -> Result<(), A::Error> {
        let mut add = |item: Item<Example<'de, L>>| {
            let result = item.object().and_then(result_of);
            self.was_cut_off |= matches!(&result, Err(message) if message == STOPPED_INSIDE);
            self.builder.push(result);
        };
        members.next_value_seed(Each::new("an array of examples", &mut add))
    }

    fn other<A: MapAccess<'de>>(&mut self, key: &str, members: &mut A) -> Result<(), A::Error> {
        match key {
            "messages" => self.messages = members.next_value::<Lines>()?.0,
            "summary" => {
                let summary: Item<Summary> = members.next_value()?;
                let count = summary.or_default().errors_outside_of_examples_count;
                self.errors_outside = count.whole().unwrap_or_default();
            }
            _ => skip(members)?,
        }
        Ok(())
    }
}

pub(crate) fn read<'a, L: DetailLevel>(
    document: &Document<'a>,
    builder: &mut ReportBuilder<'a>,
) -> Result<(), ParseError> {
    let mut report = Report::<L> {
        builder,
        messages: Vec::new(),
        errors_outside: 0,
        was_cut_off: false,
        detail: PhantomData,
    };
    read_object(document, &mut report)?;
    if only_focused_ran(&report.messages) {
        report.builder.set_focus();
    }
    if report.was_cut_off {
        let reason = STOPPED_INSIDE.to_owned();
        report.builder.push_shortfall(None, reason);
    }
    if report.errors_outside == 0 {
        return Ok(());
    }
    let errors: Vec<_> = report
        .messages
        .iter()
        .map(|message| message.trim())
        .filter(|message| message.contains("error occurred") || message.contains("Error"))
        .collect();
    if errors.is_empty() {
        report.builder.push_error(match report.errors_outside {
            1 => "an error occurred outside of examples".to_owned(),
            count => format!("{count} errors occurred outside of examples"),
        });
    }
    for message in errors {
        report.builder.push_error(message.to_owned());
    }
    Ok(())
}

/// Whether a message announces a filter for focused examples, in the syntax of any Ruby, and none
/// takes it back: with `run_all_when_everything_filtered`, RSpec first announces the filter and
/// then ignores it if no example matches.
fn only_focused_ran(messages: &[String]) -> bool {
    let announces = |message: &String| {
        message.trim_start().starts_with("Run options:")
            && message
                .lines()
                .filter_map(|line| line.split_once("include {"))
                .any(|(_, filter)| {
                    filter.contains(":focus=>true") || filter.contains("focus: true")
                })
    };
    let ignores = |message: &String| {
        let message = message.trim_start();
        message.starts_with("All examples were filtered out; ignoring {")
    };
    messages.iter().any(announces) && !messages.iter().any(ignores)
}

fn result_of<L: DetailLevel>(example: Example<'_, L>) -> Result<TestResult<'_>, String> {
    let name = example.description.required("description")?;
    let full = example.full_description.or_empty("full_description")?;
    // An example that generates its description has none before it runs.
    let group = full.strip_suffix(name.as_ref()).unwrap_or(&full);
    let group_end = group.strip_suffix(' ').unwrap_or(group).len();
    let scope = first_bytes(full, group_end);
    let status = example.status.required("status")?;
    let outcome = match status.as_ref() {
        "passed" => Outcome::Passed,
        "failed" => Outcome::Failed,
        "pending" => Outcome::Skipped,
        // RSpec writes the example that ended the process without an outcome.
        "" => {
            return Err(STOPPED_INSIDE.to_owned());
        }
        other => {
            return Err(format!(
                "status is {other:?}, expected passed, failed or pending"
            ));
        }
    };
    let identifier = example.id.non_empty();
    let defined_in = example.file_path.non_empty();
    // A shared example is defined in one file and runs in another. Its duration belongs to the file
    // that runs it, which its id names.
    let (location, file_name) = if L::FULL || identifier.is_none() {
        let location = place(defined_in.as_deref(), example.line_number.whole());
        let file_end = identifier
            .as_deref()
            .and_then(|id| Some(id.strip_suffix(']')?.rsplit_once('[')?.0.len()));
        let runs_in = identifier
            .as_ref()
            .zip(file_end)
            .map(|(id, end)| first_bytes(id.clone(), end));
        (location.map(Cow::Owned), runs_in.or(defined_in))
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

/// Truncates a string without copying it.
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
    let class = exception.class.non_empty();
    let message = exception.message.non_empty().unwrap_or_default();
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
