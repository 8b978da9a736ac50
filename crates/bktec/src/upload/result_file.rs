//! Checks a result file before it is uploaded, and splits it into its uploads.
//!
//! Finds everything that can be known without the server before anything is sent.

use std::borrow::Cow;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use tempfile::NamedTempFile;
use test_engine_results::{Detail, Format, ParseError, clean_copy, parse_limited};

use super::convert::{ConversionError, convert};
use super::detect::by_content;
use super::inputs::{Input, STDIN, extension_of};
use super::parts::{self, MAX_RESULTS, Part};
use crate::result_format::{ConvertedFormat, ResultFormat};
use crate::result_size::{MAX_RESULT_BYTES, MAX_RESULT_SIZE};

/// Read at once when a file is searched.
const SEARCH_BYTES: u64 = 1024 * 1024;

const GZIP: [u8; 2] = [0x1F, 0x8B];

#[derive(Debug)]
pub(crate) struct ResultFile {
    /// As the user named it.
    pub(crate) path: PathBuf,
    pub(crate) format: Format,
    /// Including invalid ones.
    pub(crate) results: usize,
    pub(crate) parts: Vec<Part>,
    /// What was read differently than it is written.
    pub(crate) notes: Vec<String>,
    /// The content, if it is not that of the file.
    content: Option<NamedTempFile>,
}

impl ResultFile {
    /// The file to send.
    pub(crate) fn content(&self) -> &Path {
        self.content
            .as_ref()
            .map_or(&self.path, NamedTempFile::path)
    }
}

/// Why a file cannot be uploaded. Shown after "PATH: ".
#[derive(Debug, thiserror::Error)]
pub enum FileProblem {
    #[error("no such file")]
    Missing,
    #[error("is a directory without result files")]
    EmptyDirectory,
    #[error("matches no file")]
    NoMatch,
    #[error("{0}")]
    Pattern(String),
    #[error("is not a regular file; write the results to a file first")]
    NotAFile,
    #[error("{0}")]
    Unreadable(#[source] io::Error),
    #[error("not valid gzip: {0}")]
    Compressed(#[source] io::Error),
    #[error("is larger than {MAX_RESULT_SIZE}; split it into several files")]
    TooLarge,
    #[error("unknown file type; choose one with --format")]
    UnknownFormat,
    #[error(transparent)]
    Conversion(ConversionError),
    #[error("{error}{}", other_format(*.looks_like))]
    Malformed {
        error: ParseError,
        /// The format that the file does have, if the user chose none.
        looks_like: Option<Format>,
    },
}

fn other_format(looks_like: Option<Format>) -> String {
    looks_like.map_or_else(String::new, |format| {
        format!("; it looks like {format}: use --format {format}")
    })
}

/// `format` is the user's choice; by default the name and the content of the file decide. `None` if
/// a file in a directory contains no results.
pub(crate) fn check(
    input: &Input,
    format: Option<ResultFormat>,
) -> Result<Option<ResultFile>, FileProblem> {
    let path = &input.path;
    let is_stdin = path == Path::new(STDIN);
    let read = if is_stdin {
        read_limited(io::stdin().lock()).map_err(FileProblem::Unreadable)?
    } else {
        read_file(path)?
    };
    let is_compressed = read.starts_with(&GZIP);
    let bytes = if is_compressed {
        read_limited(MultiGzDecoder::new(&read[..])).map_err(FileProblem::Compressed)?
    } else {
        read
    };
    if bytes.len() as u64 > MAX_RESULT_BYTES {
        return Err(FileProblem::TooLarge);
    }
    let known = match format {
        Some(format) => format,
        None if is_stdin => by_content(&bytes).ok_or(FileProblem::UnknownFormat)?,
        None if input.is_from_directory => match by_content(&bytes) {
            Some(format) => format,
            None => return Ok(None),
        },
        None => by_name(path, &bytes).ok_or(FileProblem::UnknownFormat)?,
    };
    let file = match known {
        ResultFormat::Uploaded(known) => {
            let mut file = checked(path, known, &bytes, format.is_none())?;
            if file.content.is_none() && (is_stdin || is_compressed) {
                file.content = Some(temporary(&bytes).map_err(FileProblem::Unreadable)?);
            }
            file
        }
        ResultFormat::Converted(known) => converted(path, known, &bytes)?,
    };
    Ok(Some(file))
}

fn read_file(path: &Path) -> Result<Vec<u8>, FileProblem> {
    let metadata = fs_err::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => FileProblem::Missing,
        _ => FileProblem::Unreadable(error),
    })?;
    if !metadata.is_file() {
        return Err(FileProblem::NotAFile);
    }
    if metadata.len() > MAX_RESULT_BYTES {
        return Err(FileProblem::TooLarge);
    }
    fs_err::read(path).map_err(FileProblem::Unreadable)
}

/// Reads at most one byte more than a file may have.
fn read_limited(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(MAX_RESULT_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn temporary(bytes: &[u8]) -> io::Result<NamedTempFile> {
    let file = NamedTempFile::new()?;
    fs_err::write(file.path(), bytes)?;
    Ok(file)
}

fn checked(
    path: &Path,
    format: Format,
    bytes: &[u8],
    suggests_format: bool,
) -> Result<ResultFile, FileProblem> {
    let (results, notes) = count(format, bytes).map_err(|error| FileProblem::Malformed {
        error,
        looks_like: if suggests_format {
            Format::ALL
                .into_iter()
                .find(|&other| other != format && count(other, bytes).is_ok())
        } else {
            None
        },
    })?;
    let uploads = if results > MAX_RESULTS {
        Uploads::of_large_file(format, bytes, MAX_RESULTS).map_err(FileProblem::Unreadable)?
    } else {
        Uploads::whole(bytes.len())
    };
    Ok(ResultFile {
        path: path.to_owned(),
        format,
        results,
        parts: uploads.parts,
        notes,
        content: uploads.content,
    })
}

fn converted(
    path: &Path,
    format: ConvertedFormat,
    bytes: &[u8],
) -> Result<ResultFile, FileProblem> {
    let (json, note) = convert(format, bytes).map_err(FileProblem::Conversion)?;
    let mut file = checked(path, Format::Json, &json, false)?;
    file.notes.extend(note);
    file.content = Some(temporary(&json).map_err(FileProblem::Unreadable)?);
    Ok(file)
}

/// How a file is sent.
pub(crate) struct Uploads {
    pub(crate) parts: Vec<Part>,
    /// What the parts are parts of, if it is not the file itself.
    content: Option<NamedTempFile>,
}

impl Uploads {
    fn whole(length: usize) -> Self {
        Self {
            parts: vec![Part::whole(length as u64)],
            content: None,
        }
    }

    /// A file that is damaged or not in UTF-8 is split as a copy, because a part must be readable
    /// without what is before it, such as the declaration of the encoding.
    fn of_large_file(format: Format, bytes: &[u8], max: usize) -> io::Result<Self> {
        let copy = clean_copy(format, bytes);
        let text = copy.as_ref().map_or(bytes, String::as_bytes);
        let parts = parts::parts(format, text, max);
        if parts.len() == 1 {
            return Ok(Self::whole(bytes.len()));
        }
        let content = copy.map(|copy| temporary(copy.as_bytes())).transpose()?;
        Ok(Self { parts, content })
    }

    /// The file to send for `path`.
    pub(crate) fn content<'p>(&'p self, path: &'p Path) -> &'p Path {
        self.content.as_ref().map_or(path, NamedTempFile::path)
    }
}

/// The uploads for a result file of `run`. A file that cannot be parsed stays whole, because the
/// server's response about it is the better error; a small file is not parsed at all.
pub(crate) fn uploads_of(path: &Path, format: Format) -> io::Result<Uploads> {
    let length = fs_err::metadata(path)?.len();
    if length > MAX_RESULT_BYTES || parts::surely_fits(format, length, MAX_RESULTS) {
        return Ok(Uploads {
            parts: vec![Part::whole(length)],
            content: None,
        });
    }
    let bytes = fs_err::read(path)?;
    match count(format, &bytes) {
        Ok((results, _)) if results > MAX_RESULTS => {
            Uploads::of_large_file(format, &bytes, MAX_RESULTS)
        }
        _ => Ok(Uploads::whole(bytes.len())),
    }
}

/// The number of results, including invalid ones, as the server counts them; and notes.
fn count(format: Format, bytes: &[u8]) -> Result<(usize, Vec<String>), ParseError> {
    let report = parse_limited(format, bytes, Detail::Full, 0)?;
    Ok((report.omitted, report.notes))
}

/// The content decides between the formats that an extension may have.
fn by_name(path: &Path, bytes: &[u8]) -> Option<ResultFormat> {
    let default = ResultFormat::of_extension(&extension_of(path)?)?;
    Some(by_content(bytes).unwrap_or(default))
}

/// The name without the extension of compressed files.
pub(super) fn uncompressed(path: &Path) -> Cow<'_, Path> {
    let is_compressed = path.extension().is_some_and(|extension| extension == "gz");
    if is_compressed {
        Cow::Owned(path.with_extension(""))
    } else {
        Cow::Borrowed(path)
    }
}

/// Whether the file has this text; `false` if it cannot be read, which its upload reports.
pub(super) fn contains(path: &Path, text: &str) -> bool {
    let Ok(mut file) = fs_err::File::open(path) else {
        return false;
    };
    let finder = memchr::memmem::Finder::new(text);
    let mut window = Vec::new();
    loop {
        let mut chunk = (&mut file).take(SEARCH_BYTES);
        match chunk.read_to_end(&mut window) {
            Ok(0) | Err(_) => return false,
            Ok(_) if finder.find(&window).is_some() => return true,
            // The text may begin at the end of this chunk.
            Ok(_) => drop(window.drain(..window.len().saturating_sub(text.len()))),
        }
    }
}

#[cfg(test)]
mod tests;
