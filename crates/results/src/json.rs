//! Test Engine JSON: an array of result objects, as the collectors write it.
//!
//! Liberal with what is known to differ: ids may be missing or of any kind, durations null, either
//! key of a failure left out, keys added. Strict with what decides: name, scope and result.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{SeqAccess, Visitor};

use crate::document::{Document, Top};
use crate::intake::Intake;
use crate::model::{Extra, Extras, Outcome, ParseError, Span, SpanDetail, TestResult};
use crate::shape::{Each, Extent, Failures, Item, Kept, Label, Labels, Number, Text};

/// The tag by which the pytest collector marks a file that could not be collected.
const COLLECTION_ERROR_TAG: &str = "test.pytest_collection_error";

#[derive(Default, Deserialize)]
#[serde(default, bound(deserialize = "E: Extent"))]
struct ResultJson<'a, E> {
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
    failure_expanded: Kept<Failures, E>,
    history: Item<History<E>>,
    #[serde(borrow)]
    tags: Labels<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, bound(deserialize = "E: Extent"))]
struct History<E> {
    duration: Number,
    children: Kept<Spans, E>,
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

/// Spans; null is none, and what is not a span is passed over.
#[derive(Default)]
struct Spans(Vec<Span>);

pub(crate) fn read<'a, E: Extent>(
    document: &Document<'a>,
    intake: &mut Intake<'a>,
) -> Result<(), ParseError> {
    let mut take = |item: Item<ResultJson<'a, E>>| {
        let offered = item.object().and_then(|result| {
            if let Some(error) = collection_error(&result) {
                intake.take_error(error);
            }
            result_of(result)
        });
        intake.take(offered);
    };
    document.read_json(
        Top::Array,
        "an array of results",
        Each::new("an array of results", &mut take),
    )
}

fn collection_error<E: Extent>(result: &ResultJson<'_, E>) -> Option<String> {
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

fn result_of<E: Extent>(result: ResultJson<'_, E>) -> Result<TestResult<'_>, String> {
    let history = result.history.or_default();
    let identifier = result.identifier.given();
    // In brief, one word on where the test is must do.
    let file_name = result
        .file_name
        .given()
        .filter(|_| E::FULL || identifier.is_none());
    let location = result
        .location
        .given()
        .filter(|_| E::FULL || (identifier.is_none() && file_name.is_none()));
    Ok(TestResult {
        name: result.name.required("name")?,
        scope: result.scope.or_empty("scope")?,
        outcome: outcome_of(&result.result.or_empty("result")?)?,
        id: if E::FULL {
            result.id.given().or_else(|| result.external_id.given())
        } else {
            None
        },
        location,
        identifier,
        file_name,
        duration: history.duration.of_seconds(),
        extras: if E::FULL {
            Extras::from(Extra {
                failure_reason: result.failure_reason.kept(),
                failure_expanded: result.failure_expanded.0.0,
                tags: result.tags.kept(),
                spans: history.children.0.0,
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

fn span_of(span: SpanJson<'_>) -> Option<Span> {
    let detail = span.detail.or_default();
    Some(Span {
        section: span.section.kept()?,
        start_at: span.start_at.0,
        end_at: span.end_at.0,
        duration: span.duration.of_seconds(),
        detail: SpanDetail {
            method: detail.method.kept(),
            url: detail.url.kept(),
            lib: detail.lib.kept(),
            query: detail.query.kept(),
            content: detail.content.kept(),
        },
        children: span.children.0,
    })
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
                let mut spans = Vec::new();
                while let Some(item) = items.next_element::<Item<SpanJson<'de>>>()? {
                    spans.extend(item.object().ok().and_then(span_of));
                }
                Ok(Spans(spans))
            }
        }

        deserializer.deserialize_any(SpansVisitor(PhantomData))
    }
}
