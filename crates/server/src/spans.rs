//! The spans of an execution: timed operations such as requests and queries, in the form that is
//! stored and that the API returns.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};
use test_engine_duration::Micros;
use test_engine_results as results;
use utoipa::ToSchema;

/// Of the spans of one execution as JSON, about.
pub(crate) const MAX_BYTES: usize = 64 * 1_024;
/// Of one text, such as an SQL statement.
const MAX_TEXT_BYTES: usize = 4 * 1_024;
/// What a span takes beside its texts.
const SPAN_OVERHEAD: usize = 80;

/// The spans of an execution, as far as they were stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spans {
    pub(crate) spans: Vec<Span>,
    /// How many more there were.
    pub(crate) omitted: u64,
}

/// An operation with its start and end on the collector's clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Span {
    /// `http`, `sql`, `sleep`, `annotation` or another name.
    section: String,
    /// In seconds, comparable only within the execution.
    start_at: Option<f64>,
    /// In seconds, comparable only within the execution.
    end_at: Option<f64>,
    /// In seconds.
    duration: Option<f64>,
    /// `method`, `url` and `lib` of a request, the `query` to a database, the `content` of an
    /// annotation.
    detail: BTreeMap<String, String>,
    /// Operations within it.
    #[schema(no_recursion)]
    children: Vec<Span>,
}

impl Spans {
    /// The first spans, as many as there is room for.
    pub(crate) fn of(sent: &[results::Span]) -> Self {
        let mut left = MAX_BYTES;
        let mut omitted = 0;
        Self {
            spans: keep(sent, &mut left, &mut omitted),
            omitted,
        }
    }

    pub(crate) fn encode(&self) -> std::io::Result<Vec<u8>> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&serde_json::to_vec(self)?)?;
        encoder.finish()
    }

    /// Every span with a start and a duration, in the order of their starts, for a time axis that
    /// begins with the first of them: section, what it did, start and duration.
    pub(crate) fn timed(&self) -> Vec<(&str, &str, Micros, Micros)> {
        let mut timed = Vec::new();
        collect(&self.spans, &mut timed);
        timed.sort_by(|one, other| one.2.total_cmp(&other.2));
        let first = timed.first().map_or(0.0, |(_, _, start, _)| *start);
        timed
            .into_iter()
            .map(|(section, text, start, duration)| {
                let start = Micros::from_seconds(start - first);
                (section, text, start, Micros::from_seconds(duration))
            })
            .collect()
    }

    pub(crate) fn decode(bytes: &[u8]) -> std::io::Result<Self> {
        let mut json = Vec::new();
        ZlibDecoder::new(bytes).read_to_end(&mut json)?;
        Ok(serde_json::from_slice(&json)?)
    }
}

fn collect<'a>(spans: &'a [Span], timed: &mut Vec<(&'a str, &'a str, f64, f64)>) {
    for span in spans {
        let end = span
            .end_at
            .zip(span.start_at)
            .map(|(end, start)| end - start);
        if let (Some(start), Some(duration)) = (span.start_at, span.duration.or(end)) {
            timed.push((&span.section, span.text(), start, duration));
        }
        collect(&span.children, timed);
    }
}

impl Span {
    /// What it did, in a line.
    fn text(&self) -> &str {
        let fields = ["query", "url", "content", "lib", "method"];
        let mut present = fields.iter().filter_map(|name| self.detail.get(*name));
        present.next().map_or("", String::as_str)
    }
}

fn keep(sent: &[results::Span], left: &mut usize, omitted: &mut u64) -> Vec<Span> {
    let mut kept = Vec::new();
    for span in sent {
        let detail = detail(&span.detail);
        let texts: usize = detail
            .iter()
            .map(|(key, text)| key.len() + text.len())
            .sum();
        let section = cut(&span.section);
        let cost = SPAN_OVERHEAD + section.len() + texts;
        if cost > *left {
            // The ones after it are omitted too, so that there is no gap.
            *left = 0;
            *omitted += 1 + count(&span.children);
            continue;
        }
        *left -= cost;
        kept.push(Span {
            section,
            start_at: span.start_at,
            end_at: span.end_at,
            duration: span.duration.map(Micros::seconds),
            detail,
            children: keep(&span.children, left, omitted),
        });
    }
    kept
}

fn detail(sent: &results::SpanDetail) -> BTreeMap<String, String> {
    let fields = [
        ("method", &sent.method),
        ("url", &sent.url),
        ("lib", &sent.lib),
        ("query", &sent.query),
        ("content", &sent.content),
    ];
    let present = fields.into_iter();
    present
        .filter_map(|(name, text)| Some((name.to_owned(), cut(text.as_ref()?))))
        .collect()
}

fn count(spans: &[results::Span]) -> u64 {
    spans.iter().map(|span| 1 + count(&span.children)).sum()
}

fn cut(text: &str) -> String {
    if text.len() <= MAX_TEXT_BYTES {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(MAX_TEXT_BYTES);
    let missing = text.len() - end;
    format!(
        "{}… cut here: {missing} more bytes were not stored",
        &text[..end]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str, children: Vec<results::Span>) -> results::Span {
        results::Span {
            section: "sql".to_owned(),
            start_at: Some(1.5),
            end_at: None,
            duration: Some(Micros::from_seconds(0.25)),
            detail: results::SpanDetail {
                query: Some(text.to_owned()),
                ..results::SpanDetail::default()
            },
            children,
        }
    }

    #[test]
    fn spans_survive_encoding() {
        let sent = [query("SELECT 1", vec![query("SELECT 2", Vec::new())])];
        let spans = Spans::of(&sent);
        assert_eq!(spans.omitted, 0);
        let decoded = Spans::decode(&spans.encode().unwrap()).unwrap();
        assert_eq!(decoded, spans);
        let json = serde_json::to_value(&decoded.spans[0]).unwrap();
        let expected = serde_json::json!({
            "section": "sql", "start_at": 1.5, "end_at": null, "duration": 0.25,
            "detail": {"query": "SELECT 1"},
            "children": [{
                "section": "sql", "start_at": 1.5, "end_at": null, "duration": 0.25,
                "detail": {"query": "SELECT 2"}, "children": [],
            }],
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn timed_spans_begin_with_the_first() {
        let mut child = query("SELECT 2", Vec::new());
        child.start_at = Some(1.25);
        child.duration = None;
        child.end_at = Some(1.75);
        let mut untimed = query("SELECT 3", Vec::new());
        untimed.start_at = None;
        let spans = Spans::of(&[query("SELECT 1", vec![child]), untimed]);
        let millis = |number| Micros::from_milliseconds(number);
        assert_eq!(
            spans.timed(),
            [
                ("sql", "SELECT 2", Micros::ZERO, millis(500)),
                ("sql", "SELECT 1", millis(250), millis(250)),
            ]
        );
    }

    #[test]
    fn the_size_is_bounded_whatever_was_sent() {
        let long = "é".repeat(1_000_000);
        let many = |text: &str, number: usize| -> Vec<results::Span> {
            (0..number).map(|_| query(text, Vec::new())).collect()
        };
        let nested = many(&long, 100)
            .into_iter()
            .map(|span| query("x", vec![span]));
        for (sent, at_least) in [
            (many(&long, 20), 10),
            (many("", 100_000), 500),
            (nested.collect::<Vec<_>>(), 20),
        ] {
            let spans = Spans::of(&sent);
            let json = serde_json::to_vec(&spans).unwrap();
            assert!(json.len() < 2 * MAX_BYTES, "{}", json.len());
            let kept = count_kept(&spans.spans);
            assert!(kept >= at_least, "{kept}");
            assert_eq!(kept + spans.omitted, count(&sent));
        }
    }

    fn count_kept(spans: &[Span]) -> u64 {
        spans
            .iter()
            .map(|span| 1 + count_kept(&span.children))
            .sum()
    }
}
