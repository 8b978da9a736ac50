//! Checks a result file before it is uploaded, and splits it into its uploads.
//!
//! Finds everything that can be known without the server before anything is sent.

use std::borrow::Cow;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use tempfile::NamedTempFile;
use test_engine_results::{Detail, Format, ParseError, parse_limited};

use super::convert::{ConversionError, convert};
use super::detect::by_content;
use super::inputs::{Input, STDIN, extension_of};
use super::parts::{self, MAX_RESULTS, Part};
use crate::result_format::{ConvertedFormat, ResultFormat};
use crate::result_size::{MAX_RESULT_BYTES, MAX_RESULT_SIZE};

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
    let mut file = match known {
        ResultFormat::Uploaded(known) => {
            let mut file = checked(path, known, &bytes, format.is_none())?;
            if is_stdin || is_compressed {
                file.content = Some(temporary(&bytes).map_err(FileProblem::Unreadable)?);
            }
            file
        }
        ResultFormat::Converted(known) => converted(path, known, &bytes)?,
    };
    file.notes.dedup();
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
    Ok(ResultFile {
        path: path.to_owned(),
        format,
        results,
        parts: if results > MAX_RESULTS {
            parts::parts(format, bytes, MAX_RESULTS)
        } else {
            vec![Part::whole(bytes.len() as u64)]
        },
        notes,
        content: None,
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

/// The uploads for a result file of `run`. A file that cannot be parsed stays whole, because the
/// server's response about it is the better error; a small file is not parsed at all.
pub(crate) fn parts_of(path: &Path, format: Format) -> io::Result<Vec<Part>> {
    let length = fs_err::metadata(path)?.len();
    if length > MAX_RESULT_BYTES || parts::surely_fits(format, length, MAX_RESULTS) {
        return Ok(vec![Part::whole(length)]);
    }
    let bytes = fs_err::read(path)?;
    Ok(match count(format, &bytes) {
        Ok((results, _)) if results > MAX_RESULTS => parts::parts(format, &bytes, MAX_RESULTS),
        _ => vec![Part::whole(bytes.len() as u64)],
    })
}

/// The number of results, including invalid ones, as the server counts them; and notes.
fn count(format: Format, bytes: &[u8]) -> Result<(usize, Vec<String>), ParseError> {
    let report = parse_limited(format, bytes, Detail::Full, 0)?;
    Ok((report.omitted, report.notes))
}

/// The content decides between the formats that an extension may have.
fn by_name(path: &Path, bytes: &[u8]) -> Option<ResultFormat> {
    let extension = extension_of(path)?;
    let default = match extension.as_str() {
        "xml" => ResultFormat::Uploaded(Format::Junit),
        "json" => ResultFormat::Uploaded(Format::Json),
        "jsonl" => ResultFormat::Uploaded(Format::GoJsonl),
        "trx" => ResultFormat::Converted(ConvertedFormat::Trx),
        "tap" => ResultFormat::Converted(ConvertedFormat::Tap),
        _ => return None,
    };
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn checked(name: &str, content: &str, format: Option<Format>) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        fs_err::write(&path, content).unwrap();
        check_as(&path, format.map(ResultFormat::Uploaded), false)
    }

    fn check_as(path: &Path, format: Option<ResultFormat>, is_from_directory: bool) -> String {
        let input = Input {
            path: path.to_owned(),
            is_from_directory,
        };
        match check(&input, format) {
            Ok(Some(file)) => format!("{} of {}", file.results, file.format),
            Ok(None) => "no results".to_owned(),
            Err(problem) => problem.to_string(),
        }
    }

    #[rstest]
    #[case("a.xml", "<testsuite><testcase name='a'/></testsuite>", "1 of junit")]
    #[case("A.JSON", r#"[{"name":"a"},{"name":"b"}]"#, "2 of json")]
    #[case("a.json", "[]", "0 of json")]
    #[case(
        "a.jsonl",
        r#"{"Action":"pass","Package":"p","Test":"T"}"#,
        "1 of go-jsonl"
    )]
    #[case("results", "[]", "unknown file type; choose one with --format")]
    #[case("a.xml", "", "not valid junit at the start: the file is empty")]
    #[case(
        "a.json",
        r#"[{"name":"a"}"#,
        "not valid json at line 1, column 13: unexpected end of file (EOF while parsing a list)"
    )]
    #[case("a.json", r#"{"examples":[]}"#, "0 of rspec-json")]
    #[case("a.json", r#"{"testResults":[]}"#, "0 of jest-json")]
    #[case("a.json", r#"{"suites":[]}"#, "0 of playwright-json")]
    #[case("a.json", r#"[{"name":"f","elements":[]}]"#, "0 of cucumber-json")]
    #[case(
        "a.json",
        r#"{"testResults":["#,
        "not valid jest-json at line 1, column 16: unexpected end of file (EOF while parsing a \
         list)"
    )]
    #[case("a.tap", "1..1\nok 1", "1 of json")]
    #[case("a.xml", "<test-run><test-case name='a'/></test-run>", "1 of json")]
    #[case(
        "a.trx",
        "<TestRun>",
        "not valid trx at line 1: unexpected end of file inside TestRun"
    )]
    fn checks_a_file_by_its_extension(
        #[case] name: &str,
        #[case] content: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(checked(name, content, None), expected);
    }

    #[test]
    fn the_chosen_format_wins() {
        assert_eq!(
            checked("a.xml", r#"{"examples":[]}"#, Some(Format::RspecJson)),
            "0 of rspec-json"
        );
        assert_eq!(
            checked("a.json", "{}", Some(Format::Json)),
            "not valid json at line 1, column 1: expected an array of results, found an object"
        );
    }

    #[test]
    fn rejects_what_is_not_a_regular_file() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("a.xml");
        assert_eq!(check_as(&missing, None, false), "no such file");
        let device = check_as(Path::new("/dev/null"), None, false);
        assert!(device.contains("not a regular file"), "{device}");
    }

    #[test]
    fn passes_over_files_in_directories_that_are_no_results() {
        let directory = tempfile::tempdir().unwrap();
        let checked = |name: &str, content: &str| {
            let path = directory.path().join(name);
            fs_err::write(&path, content).unwrap();
            check_as(&path, None, true)
        };
        assert_eq!(checked("package.json", r#"{"name":"app"}"#), "no results");
        assert_eq!(checked("coverage.xml", "<coverage/>"), "no results");
        let cut_off = checked("a.xml", "<testsuite>");
        assert!(cut_off.contains("unexpected end of file"), "{cut_off}");
        assert_eq!(
            checked("b.xml", "<testsuite><testcase name='a'/></testsuite>"),
            "1 of junit"
        );
    }

    #[test]
    fn decompresses_files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.xml.gz");
        let xml = b"<testsuite><testcase name='a'/></testsuite>";
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut encoder, xml).unwrap();
        let compressed = encoder.finish().unwrap();
        fs_err::write(&path, &compressed).unwrap();
        let input = Input {
            path: path.clone(),
            is_from_directory: false,
        };
        let file = check(&input, None).unwrap().unwrap();
        assert_eq!(fs_err::read(file.content()).unwrap(), xml);
        assert_eq!(uncompressed(&path), directory.path().join("a.xml"));
        fs_err::write(&path, &compressed[..compressed.len() - 9]).unwrap();
        let cut_off = check_as(&path, None, false);
        assert!(cut_off.starts_with("not valid gzip: "), "{cut_off}");
    }

    #[test]
    fn splits_a_file_of_a_run_if_it_has_too_many_results() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.json");
        let write = |results: usize| {
            let results = vec![r#"{"name":"a test"}"#; results];
            fs_err::write(&path, format!("[{}]", results.join(","))).unwrap();
            parts_of(&path, Format::Json).unwrap().len()
        };
        assert_eq!(write(1), 1);
        assert_eq!(write(5_000), 1);
        assert_eq!(write(5_001), 2);
        assert_eq!(write(15_001), 4);
        fs_err::write(&path, "x".repeat(1_000_000)).unwrap();
        let parts = parts_of(&path, Format::Json).unwrap();
        assert_eq!(parts, [Part::whole(1_000_000)]);
    }
}
