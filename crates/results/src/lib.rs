//! Parses result files of many test runners into one model.
//!
//! `bktec` reads results to retry and report, `test-engine` stores the same files. Bytes in, values
//! out: no files, clock or environment. Each format is a module; [`parse`] chooses it by
//! [`Format`].

mod bounded;
mod builder;
mod cucumber_json;
mod document;
mod encoding;
mod go_jsonl;
mod jest_json;
mod json;
mod junit;
mod lenient;
#[expect(missing_docs, reason = "names and types of most fields say everything")]
mod model;
mod playwright_json;
mod pytest_class_name;
mod rspec_json;
mod streaming;
mod text_copy;

pub mod go_output;
pub mod xml;

use std::borrow::Cow;

use builder::{NoSink, ReportBuilder};
use document::Document;
use streaming::{FullDetail, OutcomesOnly};

pub use bounded::{MAX_TEXT_BYTES, bytes_of_line, cut_note, start_of_line};
pub use builder::{MAX_DURATION_SECONDS, ResultSink};
pub use encoding::{decode, decode_to};
pub use go_jsonl::{GoPrintedEnd, GoTestEnd, go_printed_ends};
pub use junit::{JUNIT_ATTEMPTS, MAX_XML_DEPTH, has_decimal_comma};
pub use model::{
    Extra, Extras, FailureDetail, Format, InvalidResult, Outcome, ParseError, Remark, Report,
    Shortfall, Span, SpanDetail, TestResult,
};
pub use pytest_class_name::pytest_module_parts;
pub use text_copy::TextCopy;

/// How much of a result file to keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Detail {
    /// Everything, and every attempt of every test.
    #[default]
    Full,
    /// Which tests ran, their outcomes and durations, so that a large file needs little memory.
    /// Skips failure texts, spans, tags and ids, and keeps only the first available of identifier,
    /// file and location.
    ///
    /// For tests that the runner itself retried, this is the runner's verdict instead of the
    /// attempts, with [`TestResult::failed_before`].
    ///
    /// Also finds errors outside of tests that hide behind failed tests of the same file or suite.
    /// Only complete files show them, but uploads may be parts of one.
    Outcomes,
}

/// Parses a result file with full detail.
///
/// # Errors
///
/// If the file as a whole is invalid. Invalid single results are no error: they are listed in
/// [`Report::invalid`].
pub fn parse(format: Format, bytes: &[u8]) -> Result<Report<'_>, ParseError> {
    parse_with(format, bytes, Detail::Full)
}

/// [`parse`] with less detail.
///
/// # Errors
///
/// As for [`parse`]; errors inside skipped values may go unnoticed.
pub fn parse_with(format: Format, bytes: &[u8], detail: Detail) -> Result<Report<'_>, ParseError> {
    parse_limited(format, bytes, detail, usize::MAX)
}

/// [`parse_with`] that keeps the first `max_results` results, including invalid ones, and counts
/// the rest in [`Report::omitted`]. Limits memory for untrusted files.
///
/// # Errors
///
/// As for [`parse_with`].
pub fn parse_limited(
    format: Format,
    bytes: &[u8],
    detail: Detail,
    max_results: usize,
) -> Result<Report<'_>, ParseError> {
    let (text, note) = decode(bytes);
    let mut copy = String::new();
    let mut report = match text {
        Cow::Borrowed(text) => parse_text(format, text, detail, max_results, &NoSink, &mut copy)?,
        Cow::Owned(text) => {
            parse_text(format, &text, detail, max_results, &NoSink, &mut copy)?.into_owned()
        }
    };
    report.notes.extend(note);
    Ok(report)
}

/// [`parse_limited`] of text that is decoded already, which shows each valid result to a sink as
/// soon as it is read. Text that must be repaired is written to `copy`, which is empty.
///
/// # Errors
///
/// As for [`parse_with`].
pub fn parse_text<'a>(
    format: Format,
    text: &'a str,
    detail: Detail,
    max_results: usize,
    sink: &'a dyn ResultSink,
    copy: &mut dyn TextCopy,
) -> Result<Report<'a>, ParseError> {
    let document = Document::new(format, text)?;
    read(format, &document, detail, max_results, sink).or_else(|error| {
        // The repair needs a copy, so try it only for files that are invalid without it.
        if format == Format::Junit || !document.repair_strings(copy) {
            return Err(error);
        }
        let document = Document::new(format, copy.text())?;
        read(format, &document, detail, max_results, sink).map(Report::into_owned)
    })
}

/// The file as it is read: in UTF-8, as its XML declaration then says, and without the damage of
/// JSON strings that [`parse`] repairs. `None` if the file is that already, apart from a byte order
/// mark.
pub fn clean_copy(format: Format, bytes: &[u8]) -> Option<String> {
    let (text, _) = decode(bytes);
    let mut repaired = String::new();
    if format != Format::Junit
        && Document::new(format, &text).is_ok_and(|document| document.repair_strings(&mut repaired))
    {
        return Some(repaired);
    }
    match text {
        Cow::Borrowed(_) => None,
        Cow::Owned(text) => Some(encoding::declaring_utf_8(text)),
    }
}

fn read<'a>(
    format: Format,
    document: &Document<'a>,
    detail: Detail,
    max_results: usize,
    sink: &'a dyn ResultSink,
) -> Result<Report<'a>, ParseError> {
    let mut builder = ReportBuilder::new(detail, max_results, sink);
    builder.expect_bytes(document.len());
    if !matches!(format, Format::Junit | Format::GoJsonl) {
        builder.with_escaped_nul();
    }
    match (format, detail) {
        (Format::Json, Detail::Full) => json::read::<FullDetail>(document, &mut builder),
        (Format::Json, Detail::Outcomes) => json::read::<OutcomesOnly>(document, &mut builder),
        (Format::Junit, _) => junit::read(document, &mut builder),
        (Format::RspecJson, Detail::Full) => rspec_json::read::<FullDetail>(document, &mut builder),
        (Format::RspecJson, Detail::Outcomes) => {
            rspec_json::read::<OutcomesOnly>(document, &mut builder)
        }
        (Format::JestJson, Detail::Full) => jest_json::read::<FullDetail>(document, &mut builder),
        (Format::JestJson, Detail::Outcomes) => {
            jest_json::read::<OutcomesOnly>(document, &mut builder)
        }
        (Format::PlaywrightJson, _) => playwright_json::read(document, &mut builder),
        (Format::CucumberJson, _) => cucumber_json::read(document, &mut builder),
        (Format::GoJsonl, _) => go_jsonl::read(document, &mut builder),
    }?;
    Ok(builder.into_report())
}
