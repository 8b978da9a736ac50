//! Result-file bytes of many test runners, as one model.
//!
//! One library serves both programs: `bktec` reads results to retry and report, `test-engine`
//! ingests the same files. Everything here is pure: bytes in, values out; no files, no clock, no
//! environment. Each format is one file; [`parse`] picks it by [`Format`].

mod cucumber_json;
mod document;
mod go_jsonl;
mod intake;
mod jest_json;
mod json;
mod junit;
mod model;
mod playwright_json;
mod pytest_class_name;
mod rspec_json;
mod shape;
pub mod xml;

use document::Document;
use intake::Intake;
use shape::{Brief, Whole};

pub use intake::MAX_DURATION_SECONDS;
pub use junit::MAX_XML_DEPTH;
pub use model::{
    BadResult, Extra, Extras, FailureDetail, Format, Outcome, ParseError, Report, Span, SpanDetail,
    TestResult,
};
pub use pytest_class_name::pytest_module_parts;

/// How much of a result file is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Detail {
    /// Everything the model has room for, every attempt of every test.
    #[default]
    Full,
    /// Which tests ran, how each ended and how long it took, so that a large file needs little
    /// memory beside its own bytes. Failure texts, spans, tags and ids are passed over, and of what
    /// says where a test is only one is kept: its identifier, else its file, else its location.
    ///
    /// Where a runner repeats a test by itself, this is its verdict, not the attempts: a Playwright
    /// test that held on its second attempt is passed; a Go test that failed once is failed.
    Outcomes,
}

/// Reads a whole result file with all its detail.
///
/// # Errors
///
/// When the file as a whole cannot be read. A single result that cannot be used is no error: it is
/// listed in [`Report::bad`].
pub fn parse(format: Format, bytes: &[u8]) -> Result<Report<'_>, ParseError> {
    parse_with(format, bytes, Detail::Full)
}

/// As [`parse`], keeping as much as `detail` says.
///
/// # Errors
///
/// As for [`parse`]; faults inside passed-over values may go unseen.
pub fn parse_with(format: Format, bytes: &[u8], detail: Detail) -> Result<Report<'_>, ParseError> {
    parse_at_most(format, bytes, detail, usize::MAX)
}

/// As [`parse_with`], keeping the first `most` results, bad ones included, and counting the rest in
/// [`Report::left_out`]: a limit on memory for files from strangers.
///
/// # Errors
///
/// As for [`parse_with`].
pub fn parse_at_most(
    format: Format,
    bytes: &[u8],
    detail: Detail,
    most: usize,
) -> Result<Report<'_>, ParseError> {
    let document = Document::new(format, bytes)?;
    read(format, &document, detail, most).or_else(|error| {
        // Mending costs a copy, so only a file that is refused is looked at.
        let mended = match format {
            Format::Junit => None,
            _ => document.without_lone_surrogates(),
        };
        let mended = mended.ok_or(error)?;
        let document = Document::new(format, mended.as_bytes())?;
        read(format, &document, detail, most).map(Report::into_owned)
    })
}

fn read<'a>(
    format: Format,
    document: &Document<'a>,
    detail: Detail,
    most: usize,
) -> Result<Report<'a>, ParseError> {
    let mut intake = Intake::new(detail, most);
    match (format, detail) {
        (Format::Json, Detail::Full) => json::read::<Whole>(document, &mut intake),
        (Format::Json, Detail::Outcomes) => json::read::<Brief>(document, &mut intake),
        (Format::Junit, _) => junit::read(document, &mut intake),
        (Format::RspecJson, Detail::Full) => rspec_json::read::<Whole>(document, &mut intake),
        (Format::RspecJson, Detail::Outcomes) => rspec_json::read::<Brief>(document, &mut intake),
        (Format::JestJson, Detail::Full) => jest_json::read::<Whole>(document, &mut intake),
        (Format::JestJson, Detail::Outcomes) => jest_json::read::<Brief>(document, &mut intake),
        (Format::PlaywrightJson, _) => playwright_json::read(document, &mut intake),
        (Format::CucumberJson, _) => cucumber_json::read(document, &mut intake),
        (Format::GoJsonl, _) => go_jsonl::read(document, &mut intake),
    }?;
    Ok(intake.into_report())
}
