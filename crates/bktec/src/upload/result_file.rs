//! Checks a result file before it is uploaded, and splits it into its uploads.
//!
//! Finds everything that can be known without the server before anything is sent.

use std::io;
use std::path::{Path, PathBuf};

use test_engine_results::{Detail, Format, ParseError, parse_limited};

use super::parts::{self, MAX_RESULTS, Part};
use crate::result_size::{MAX_RESULT_BYTES, MAX_RESULT_SIZE};

#[derive(Debug)]
pub(crate) struct ResultFile {
    pub(crate) path: PathBuf,
    pub(crate) format: Format,
    /// Including invalid ones.
    pub(crate) results: usize,
    pub(crate) parts: Vec<Part>,
}

/// Why a file cannot be uploaded. Shown after "PATH: ".
#[derive(Debug, thiserror::Error)]
pub enum FileProblem {
    #[error("no such file")]
    Missing,
    #[error("is a directory; name the files in it")]
    Directory,
    #[error("is not a regular file; write the results to a file first")]
    NotAFile,
    #[error("{0}")]
    Unreadable(#[source] io::Error),
    #[error("is larger than {MAX_RESULT_SIZE}; split it into several files")]
    TooLarge,
    #[error("unknown file type; choose one with --format")]
    UnknownFormat,
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

/// `format` is the user's choice; by default the file extension decides.
pub(crate) fn check(path: &Path, format: Option<Format>) -> Result<ResultFile, FileProblem> {
    let metadata = fs_err::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => FileProblem::Missing,
        _ => FileProblem::Unreadable(error),
    })?;
    if metadata.is_dir() {
        return Err(FileProblem::Directory);
    }
    if !metadata.is_file() {
        return Err(FileProblem::NotAFile);
    }
    if metadata.len() > MAX_RESULT_BYTES {
        return Err(FileProblem::TooLarge);
    }
    let known = format
        .or_else(|| by_extension(path))
        .ok_or(FileProblem::UnknownFormat)?;
    let bytes = fs_err::read(path).map_err(FileProblem::Unreadable)?;
    let results = count(known, &bytes).map_err(|error| FileProblem::Malformed {
        error,
        looks_like: if format.is_none() {
            Format::ALL
                .into_iter()
                .find(|&other| other != known && count(other, &bytes).is_ok())
        } else {
            None
        },
    })?;
    Ok(ResultFile {
        path: path.to_owned(),
        format: known,
        results,
        parts: if results > MAX_RESULTS {
            parts::parts(known, &bytes, MAX_RESULTS)
        } else {
            vec![Part::whole(bytes.len() as u64)]
        },
    })
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
        Ok(results) if results > MAX_RESULTS => parts::parts(format, &bytes, MAX_RESULTS),
        _ => vec![Part::whole(bytes.len() as u64)],
    })
}

/// Counts the results, including invalid ones, as the server does.
fn count(format: Format, bytes: &[u8]) -> Result<usize, ParseError> {
    parse_limited(format, bytes, Detail::Full, 0).map(|report| report.omitted)
}

fn by_extension(path: &Path) -> Option<Format> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "xml" => Some(Format::Junit),
        "json" => Some(Format::Json),
        "jsonl" => Some(Format::GoJsonl),
        _ => None,
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
        match check(&path, format) {
            Ok(file) => format!("{} of {}", file.results, file.format),
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
    #[case(
        "a.json",
        r#"{"examples":[]}"#,
        "not valid json at line 1, column 1: expected an array of results, found an object; \
         it looks like rspec-json: use --format rspec-json"
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
        let problem = |path: &Path| check(path, None).unwrap_err().to_string();
        assert_eq!(problem(&directory.path().join("a.xml")), "no such file");
        assert_eq!(
            problem(directory.path()),
            "is a directory; name the files in it"
        );
        assert!(problem(Path::new("/dev/null")).contains("not a regular file"));
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
