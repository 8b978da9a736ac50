//! One result file as the uploads it becomes: itself, or parts of it when it holds too many results.
//!
//! Pure. A part is a list of byte ranges of the file with a little text between them, so that parts
//! cost no memory beside the file and are streamed from it later. Each part is a valid document of
//! the file's format, and the results of all parts together are the file's: none lost, none twice.
//! The same holds for errors outside tests. A file that cannot be cut so (a
//! shape that the format's rule does not know, a feature with too many scenarios) stays whole: the server's
//! answer about it is better than a guess.

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

/// The most results that an upload may hold.
pub(crate) const MAX_RESULTS: usize = 5_000;

/// Whether a file of this many bytes is too small to hold more than `most` results.
///
/// By the shortest text that is a usable result, so that most files need not be looked at.
pub(crate) fn surely_fits(format: Format, length: u64, most: usize) -> bool {
    let shortest = match format {
        // {"name":"a"},
        Format::Json => 13,
        // <testcase name="a"/>
        Format::Junit => 20,
        // {"description":"a","status":"passed"},
        Format::RspecJson => 38,
        // One assertion can tell of many attempts.
        Format::JestJson => 2,
        // {"Action":"pass","Package":"a","Test":"T"} and a line end
        Format::GoJsonl => 43,
        // {"name":"a"},
        Format::CucumberJson => 13,
        // One test can tell of many attempts.
        Format::PlaywrightJson => 2,
    };
    length < shortest * most as u64
}

/// The uploads that a file becomes, each with at most `most` results.
///
/// `bytes` is the whole file, one that can be read as `format`. There is always at least one part.
pub(crate) fn parts(format: Format, bytes: &[u8], most: usize) -> Vec<Part> {
    cut(format, bytes, most).unwrap_or_else(|| vec![Part::whole(bytes.len() as u64)])
}

fn cut(format: Format, bytes: &[u8], most: usize) -> Option<Vec<Part>> {
    let bare = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bare).ok()?;
    let parts = match format {
        Format::Json => array::cut_json(text, most),
        Format::RspecJson => array::cut_rspec(text, most),
        Format::JestJson => jest::cut(text, most),
        Format::Junit => junit::cut(text, most),
        Format::GoJsonl => go::cut(text, most),
        Format::PlaywrightJson => bundles::cut_playwright(text, most),
        Format::CucumberJson => bundles::cut_cucumber(text, most),
    }?;
    let mark = bytes.len() - bare.len();
    Some(parts.into_iter().map(|part| part.behind(mark)).collect())
}
