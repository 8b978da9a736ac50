//! Splits a result file with too many results into several uploads. Pure.
//!
//! A part is a list of byte ranges of the file with a little text between them, so parts need
//! almost no memory and are streamed from the file later. Each part is a valid document of the
//! file's format. All parts together have exactly the results of the file, and its errors outside
//! tests. A file that cannot be split this way (an unexpected structure, a feature with too many
//! scenarios) stays whole: the server's response about it is better than a guess.

mod array;
mod bundles;
mod go;
mod jest;
mod json_text;
mod junit;
mod piece;
#[cfg(test)]
mod tests;

use test_engine_results::Format;

pub(crate) use piece::Part;

/// The server's limit per upload.
pub(crate) const MAX_RESULTS: usize = 5_000;

/// Whether a file of `length` bytes cannot contain more than `max` results, judged by the shortest
/// possible result, so that most files need not be parsed.
pub(crate) fn surely_fits(format: Format, length: u64, max: usize) -> bool {
    let shortest = match format {
        // {"name":"a"},
        Format::Json => 13,
        // <flakyError/> in a case
        Format::Junit => 13,
        // {"description":"a","status":"passed"},
        Format::RspecJson => 38,
        // One assertion can contain many attempts.
        Format::JestJson => 2,
        // {"Action":"pass","Package":"a","Test":"T"} and a line end
        Format::GoJsonl => 43,
        // {"name":"a"},
        Format::CucumberJson => 13,
        // One test can contain many attempts.
        Format::PlaywrightJson => 2,
    };
    length < shortest * max as u64
}

/// Returns at least one part, each with at most `max` results. The file must be valid.
pub(crate) fn parts(format: Format, bytes: &[u8], max: usize) -> Vec<Part> {
    split(format, bytes, max).unwrap_or_else(|| vec![Part::whole(bytes.len() as u64)])
}

fn split(format: Format, bytes: &[u8], max: usize) -> Option<Vec<Part>> {
    let without_bom = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(without_bom).ok()?;
    let parts = match format {
        Format::Json => array::split_json(text, max),
        Format::RspecJson => array::split_rspec(text, max),
        Format::JestJson => jest::split(text, max),
        Format::Junit => junit::split(text, max),
        Format::GoJsonl => go::split(text, max),
        Format::PlaywrightJson => bundles::split_playwright(text, max),
        Format::CucumberJson => bundles::split_cucumber(text, max),
    }?;
    let offset = bytes.len() - without_bom.len();
    let parts = parts.into_iter().map(|part| part.shifted(offset));
    Some(parts.collect())
}
