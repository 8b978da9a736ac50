//! Converts results of other formats to Test Engine JSON, so that any server takes them. Pure.

mod ctest;
mod elements;
mod nunit;
mod result;
mod tap;
#[cfg(test)]
mod tests;
mod trx;
mod xunit;

use test_engine_results::decode;

use self::result::Converted;
use crate::result_format::ConvertedFormat;

/// A file that is not valid in its format. Shown after "PATH: ".
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not valid {} at line {line}: {message}", .format.name())]
pub struct ConversionError {
    format: ConvertedFormat,
    line: usize,
    message: String,
}

/// Test Engine JSON, and a note if the file was not read exactly as it is.
pub(crate) fn convert(
    format: ConvertedFormat,
    bytes: &[u8],
) -> Result<(Vec<u8>, Option<String>), ConversionError> {
    let (text, note) = decode(bytes);
    let results = match format {
        ConvertedFormat::Trx => trx::read(&text),
        ConvertedFormat::Nunit3 => nunit::read(&text),
        ConvertedFormat::Xunit2 => xunit::read(&text),
        ConvertedFormat::Ctest => ctest::read(&text),
        ConvertedFormat::Tap => tap::read(&text),
    };
    let results = results.map_err(|Problem { at, message }| ConversionError {
        format,
        line: text.get(..at).unwrap_or(&text).matches('\n').count() + 1,
        message,
    })?;
    Ok((result::to_json(&results), note))
}

type Read = Result<Vec<Converted>, Problem>;

/// What is wrong with a file, and where.
#[derive(Debug)]
struct Problem {
    /// Byte offset.
    at: usize,
    message: String,
}

impl Problem {
    fn at_start(message: impl Into<String>) -> Self {
        Self {
            at: 0,
            message: message.into(),
        }
    }
}
