//! A result file that somebody asks to upload: is it one, and which uploads does it become.
//!
//! Everything that can be known without the server is found out here, before anything is sent.

use std::io;
use std::path::{Path, PathBuf};

use test_engine_results::{Detail, Format, ParseError, parse_at_most};

use super::parts::{self, MOST_RESULTS, Part};
use crate::result_size::{LARGEST, LARGEST_IN_WORDS};

/// A file that can be uploaded.
#[derive(Debug)]
pub(crate) struct ResultFile {
    pub(crate) path: PathBuf,
    pub(crate) format: Format,
    /// Bad ones included.
    pub(crate) results: usize,
    pub(crate) parts: Vec<Part>,
}

/// Why a file cannot be uploaded. Reads after "PATH: ".
#[derive(Debug, thiserror::Error)]
pub enum FileProblem {
    /// It is not there.
    #[error("there is no such file")]
    Missing,
    /// A directory.
    #[error("it is a directory; name the files in it")]
    Directory,
    /// A pipe, a socket, a device.
    #[error("it is not a regular file; write the results to a file first")]
    NotAFile,
    /// The system does not let it be read.
    #[error("{0}")]
    Unreadable(#[source] io::Error),
    /// More than is read into memory.
    #[error("it is larger than {LARGEST_IN_WORDS}; upload it in several files")]
    TooLarge,
    /// Its name has no ending that is known.
    #[error("its name does not tell its format, as .xml, .json and .jsonl do; give --format")]
    UnknownFormat,
    /// It is empty, broken, or of another format.
    #[error("{error}{}", other_format(*.looks_like))]
    Malformed {
        /// What the parser says.
        error: ParseError,
        /// A format in which it can be read, when none was given.
        looks_like: Option<Format>,
    },
}

fn other_format(looks_like: Option<Format>) -> String {
    looks_like.map_or_else(String::new, |format| {
        format!("; it looks like {format}: give --format {format}")
    })
}

/// Looks at a file. `format` is what the user said of it.
pub(crate) fn look_at(path: &Path, format: Option<Format>) -> Result<ResultFile, FileProblem> {
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
    if metadata.len() > LARGEST {
        return Err(FileProblem::TooLarge);
    }
    let known = format
        .or_else(|| by_name(path))
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
        parts: if results > MOST_RESULTS {
            parts::parts(known, &bytes, MOST_RESULTS)
        } else {
            vec![Part::whole(bytes.len() as u64)]
        },
    })
}

/// The uploads that a file of a run becomes. What cannot be read stays whole: the server has the
/// last word on it, and a small file is not looked at.
pub(crate) fn parts_of(path: &Path, format: Format) -> io::Result<Vec<Part>> {
    let length = fs_err::metadata(path)?.len();
    if length > LARGEST || parts::surely_fits(format, length, MOST_RESULTS) {
        return Ok(vec![Part::whole(length)]);
    }
    let bytes = fs_err::read(path)?;
    Ok(match count(format, &bytes) {
        Ok(results) if results > MOST_RESULTS => parts::parts(format, &bytes, MOST_RESULTS),
        _ => vec![Part::whole(bytes.len() as u64)],
    })
}

/// How many results the file holds, bad ones included: as the server counts, which reads every
/// detail. None is kept.
fn count(format: Format, bytes: &[u8]) -> Result<usize, ParseError> {
    parse_at_most(format, bytes, Detail::Full, 0).map(|report| report.left_out)
}

fn by_name(path: &Path) -> Option<Format> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    match ending.as_str() {
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

    fn told(name: &str, content: &str, format: Option<Format>) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs_err::write(&path, content).unwrap();
        match look_at(&path, format) {
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
    #[case(
        "results",
        "[]",
        "its name does not tell its format, as .xml, .json and .jsonl do; give --format"
    )]
    #[case("a.xml", "", "not valid junit at the start: the file is empty")]
    #[case(
        "a.json",
        r#"[{"name":"a"}"#,
        "not valid json at line 1, column 13: the file ends too early (EOF while parsing a list)"
    )]
    #[case(
        "a.json",
        r#"{"examples":[]}"#,
        "not valid json at line 1, column 1: expected an array of results, found an object; it looks like rspec-json: give --format rspec-json"
    )]
    fn what_is_known_of_a_file(#[case] name: &str, #[case] content: &str, #[case] expected: &str) {
        assert_eq!(told(name, content, None), expected);
    }

    #[test]
    fn a_given_format_wins() {
        assert_eq!(
            told("a.xml", r#"{"examples":[]}"#, Some(Format::RspecJson)),
            "0 of rspec-json"
        );
        assert_eq!(
            told("a.json", "{}", Some(Format::Json)),
            "not valid json at line 1, column 1: expected an array of results, found an object"
        );
    }

    #[test]
    fn what_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let problem = |path: &Path| look_at(path, None).unwrap_err().to_string();
        assert_eq!(
            problem(&folder.path().join("a.xml")),
            "there is no such file"
        );
        assert_eq!(
            problem(folder.path()),
            "it is a directory; name the files in it"
        );
        assert!(problem(Path::new("/dev/null")).contains("not a regular file"));
    }

    #[test]
    fn a_file_of_a_run_is_cut_when_it_must_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
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
