//! Test Engine JSON: an array of result objects, as written by the test collectors.
//!
//! Accepts known deviations: missing ids or ids of any type, durations that are null, incomplete
//! failures, additional keys. Name, scope and result are checked.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{IgnoredAny, SeqAccess, Visitor};

use crate::builder::ReportBuilder;
use crate::document::{Document, Top};
use crate::lenient::{Failures, Item, Label, Labels, Number, Text};
use crate::model::{Extra, Extras, Outcome, ParseError, Span, SpanDetail, TestResult};
use crate::streaming::{DetailLevel, Each, IfFull};

/// The pytest collector's tag for a file that could not be collected.
const COLLECTION_ERROR_TAG: &str = "test.pytest_collection_error";

#[derive(Default, Deserialize)]
#[serde(default, bound(deserialize = "L: DetailLevel"))]
struct ResultJson<'a, L> {
    #[serde(borrow)]
    id: Label<'a>,
    #[serde(borrow)]
    external_id: Label<'a>,
    #[serde(borrow)]
    identifier: Label<'a>,
    #[serde(borrow)]
    scope: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    location: Text<'a>,
    #[serde(borrow)]
    file_name: Text<'a>,
    #[serde(borrow)]
    result: Text<'a>,
    #[serde(borrow)]
    failure_reason: Text<'a>,
    failure_expanded: IfFull<Failures, L>,
    history: Item<History<L>>,
    #[serde(borrow)]
    tags: Labels<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, bound(deserialize = "L: DetailLevel"))]
struct History<L> {
    duration: Number,
    children: IfFull<Spans, L>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SpanJson<'a> {
    #[serde(borrow)]
    section: Text<'a>,
    start_at: Number,
    end_at: Number,
    duration: Number,
    #[serde(borrow)]
    detail: Item<SpanDetailJson<'a>>,
    children: Spans,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SpanDetailJson<'a> {
    #[serde(borrow)]
    method: Text<'a>,
    #[serde(borrow)]
    url: Text<'a>,
    #[serde(borrow)]
    lib: Text<'a>,
    #[serde(borrow)]
    query: Text<'a>,
    #[serde(borrow)]
    content: Text<'a>,
}

/// Spans of one result that are read; far more than anybody stores.
const MAX_SPANS: usize = 10_000;

/// Null counts as empty; skips elements that are not spans.
#[derive(Default)]
struct Spans {
    spans: Vec<Span>,
    /// With those inside of others.
    count: usize,
}

pub(crate) fn read<'a, L: DetailLevel>(
    document: &Document<'a>,
    builder: &mut ReportBuilder<'a>,
) -> Result<(), ParseError> {
    let mut add = |item: Item<ResultJson<'a, L>>| {
        let result = item.object().and_then(|result| {
            if let Some(error) = collection_error(&result) {
                builder.push_error(error);
            }
            result_of(result)
        });
        builder.push(result);
    };
    document.read_json(
        Top::Array,
        "an array of results",
        Each::new("an array of results", &mut add),
    )
}

fn collection_error<L: DetailLevel>(result: &ResultJson<'_, L>) -> Option<String> {
    if result.tags.0.get(COLLECTION_ERROR_TAG)? != "true" {
        return None;
    }
    let text = |field: &Text<'_>| match field {
        Text::Is(text) => text.trim().to_owned(),
        _ => String::new(),
    };
    let reason = text(&result.failure_reason);
    let name = text(&result.name);
    Some(if reason.is_empty() {
        format!("pytest could not collect {name}")
    } else {
        format!("pytest could not collect {name}: {reason}")
    })
}

fn result_of<L: DetailLevel>(result: ResultJson<'_, L>) -> Result<TestResult<'_>, String> {
    let history = result.history.or_default();
    let identifier = result.identifier.non_empty();
    // Keep only the first available of identifier, file and location.
    let file_name = result
        .file_name
        .non_empty()
        .filter(|_| L::FULL || identifier.is_none());
    let location = result
        .location
        .non_empty()
        .filter(|_| L::FULL || (identifier.is_none() && file_name.is_none()));
    Ok(TestResult {
        name: result.name.required("name")?,
        scope: result.scope.or_empty("scope")?,
        outcome: outcome_of(&result.result.or_empty("result")?)?,
        remark: None,
        failed_before: 0,
        id: if L::FULL {
            result
                .id
                .non_empty()
                .or_else(|| result.external_id.non_empty())
        } else {
            None
        },
        location,
        identifier,
        file_name,
        duration: history.duration.of_seconds(),
        extras: if L::FULL {
            Extras::from(Extra {
                failure_reason: result.failure_reason.into_string(),
                failure_expanded: result.failure_expanded.0.0,
                tags: result.tags.into_string(),
                spans: history.children.0.spans,
            })
        } else {
            Extras::default()
        },
    })
}

fn outcome_of(word: &str) -> Result<Outcome, String> {
    let is = |known: &str| word.eq_ignore_ascii_case(known);
    if is("passed") {
        Ok(Outcome::Passed)
    } else if is("failed") {
        Ok(Outcome::Failed)
    } else if is("skipped") || is("pending") {
        Ok(Outcome::Skipped)
    } else if is("unknown") || word.is_empty() {
        Ok(Outcome::Unknown)
    } else {
        Err(format!(
            "result is {word:?}, expected passed, failed, skipped, pending or unknown"
        ))
    }
}

/// And how many spans it has inside.
fn span_of(span: SpanJson<'_>) -> Option<(Span, usize)> {
    let detail = span.detail.or_default();
    let inside = span.children.count;
    let span = Span {
        section: span.section.into_string()?,
        start_at: span.start_at.0,
        end_at: span.end_at.0,
        duration: span.duration.of_seconds(),
        detail: SpanDetail {
            method: detail.method.into_string(),
            url: detail.url.into_string(),
            lib: detail.lib.into_string(),
            query: detail.query.into_string(),
            content: detail.content.into_string(),
        },
        children: span.children.spans,
    };
    Some((span, inside))
}

impl<'de> Deserialize<'de> for Spans {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SpansVisitor(PhantomData<()>);

        impl<'de> Visitor<'de> for SpansVisitor {
            type Value = Spans;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of spans")
            }

            fn visit_unit<E>(self) -> Result<Spans, E> {
                Ok(Spans::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Spans, A::Error> {
                let mut all = Spans::default();
                while all.count < MAX_SPANS {
                    let Some(item) = items.next_element::<Item<SpanJson<'de>>>()? else {
                        return Ok(all);
                    };
                    if let Some((span, inside)) = item.object().ok().and_then(span_of) {
                        all.spans.push(span);
                        all.count += 1 + inside;
                    }
                }
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(all)
            }
        }

        deserializer.deserialize_any(SpansVisitor(PhantomData))
    }
}
