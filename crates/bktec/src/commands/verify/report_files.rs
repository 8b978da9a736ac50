//! Reads node reports from files.
//!
//! A file that cannot be read is an error, never a node that did not report: the files come from
//! other machines, and one that arrived broken may be the one that matters.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use test_engine_accounting::node_problem;
use test_engine_wire::NodeReport;

use super::error::VerifyError;
use crate::discovery::{Pattern, walk};

/// In bytes; a report of 100,000 targets has about 15 MB.
const MAX_SIZE: u64 = 256 << 20;

const MAX_DEPTH: usize = 16;

const REPORT: &str = "the node report";

/// A report and where it is from.
#[derive(Debug)]
pub(super) struct ReportFile {
    pub path: PathBuf,
    pub report: NodeReport,
}

/// Reads the reports at `paths`, each a file, a directory or a glob relative to `base`.
pub(super) fn read_reports(base: &Path, paths: &[String]) -> Result<Vec<ReportFile>, VerifyError> {
    let mut files = Vec::new();
    for path in paths {
        files.extend(find(base, path)?);
    }
    files.sort();
    files.dedup();
    if files.is_empty() {
        return Err(VerifyError::NoReports {
            searched: paths.join(", "),
        });
    }
    files.into_iter().map(read_report).collect()
}

fn find(base: &Path, path: &str) -> Result<Vec<PathBuf>, VerifyError> {
    let full = base.join(path);
    let is_glob = path.contains(['*', '?', '[', '{']);
    match fs_err::metadata(&full) {
        Ok(metadata) if metadata.is_dir() => {
            let mut files = Vec::new();
            search(&full, 0, &mut files)?;
            Ok(files)
        }
        Ok(_) => Ok(vec![full]),
        Err(_) if is_glob => {
            let pattern = Pattern::parse(path, None).map_err(|error| VerifyError::Invalid {
                what: "the node reports",
                path: path.into(),
                cause: error.to_string(),
            })?;
            let found = walk(base, &pattern, None).paths;
            Ok(found.into_iter().map(|path| base.join(path)).collect())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(VerifyError::NoReports {
            searched: path.to_owned(),
        }),
        Err(error) => Err(VerifyError::Read(error)),
    }
}

/// Finds files that are named as `bktec run` names its reports, at any depth: CIs put the artifacts
/// of each job into a directory.
fn search(directory: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), VerifyError> {
    for entry in fs_err::read_dir(directory).map_err(VerifyError::Read)? {
        let entry = entry.map_err(VerifyError::Read)?;
        let kind = entry.file_type().map_err(VerifyError::Read)?;
        if kind.is_dir() {
            if depth < MAX_DEPTH {
                search(&entry.path(), depth + 1, files)?;
            }
        } else if is_report_name(&entry.file_name().to_string_lossy()) {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn is_report_name(name: &str) -> bool {
    let extension = Path::new(name).extension();
    name.starts_with("bktec-node-") && extension.is_some_and(|extension| extension == "json")
}

fn read_report(path: PathBuf) -> Result<ReportFile, VerifyError> {
    let report: NodeReport = read_json(&path)?;
    let problem = if report.identifier.is_empty() {
        Some("identifier is required".to_owned())
    } else {
        node_problem(report.node, report.parallelism)
    };
    match problem {
        Some(cause) => Err(VerifyError::Invalid {
            what: REPORT,
            path,
            cause,
        }),
        None => Ok(ReportFile { path, report }),
    }
}

fn read_json(path: &Path) -> Result<NodeReport, VerifyError> {
    let file = fs_err::File::open(path).map_err(VerifyError::Read)?;
    let mut text = Vec::new();
    let mut limited = file.take(MAX_SIZE + 1);
    limited.read_to_end(&mut text).map_err(VerifyError::Read)?;
    if text.len() as u64 > MAX_SIZE {
        return Err(VerifyError::TooLarge {
            path: path.to_owned(),
            limit_mb: MAX_SIZE >> 20,
        });
    }
    let invalid = |cause: String| VerifyError::Invalid {
        what: REPORT,
        path: path.to_owned(),
        cause,
    };
    // serde reads a list as the fields of a struct.
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Err(invalid("it is not a JSON object".to_owned()));
    }
    serde_json::from_slice(&text).map_err(|error| invalid(error.to_string()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const GOOD: &str = r#"{"identifier": "b/s", "parallelism": 2, "node": 1}"#;

    fn read(files: &[(&str, &str)], paths: &[&str]) -> Result<Vec<u32>, String> {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = directory.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, content).unwrap();
        }
        let paths: Vec<String> = paths.iter().map(|&path| path.to_owned()).collect();
        let base = directory.path();
        let reports = read_reports(base, &paths).map_err(|error| {
            let text = error.to_string();
            text.replace(&*base.to_string_lossy(), "BASE")
        })?;
        Ok(reports.iter().map(|file| file.report.node).collect())
    }

    #[rstest]
    #[case(&["a/bktec-node-1-0.json"], 1)]
    #[case(&["a"], 1)]
    #[case(&["a", "a/bktec-node-1-0.json", "."], 2)]
    #[case(&["a/*.json"], 1)]
    #[case(&["**/bktec-node-*.json"], 2)]
    fn paths_are_files_directories_and_globs(#[case] paths: &[&str], #[case] count: usize) {
        let files = [
            ("a/bktec-node-1-0.json", GOOD),
            ("b/c/bktec-node-1-0.json", GOOD),
            ("b/other.json", "{"),
            ("b/bktec-node-1-0.json.tmp", "{"),
        ];
        assert_eq!(read(&files, paths), Ok(vec![1; count]));
    }

    #[rstest]
    #[case("", "it is not a JSON object")]
    #[case("[]", "it is not a JSON object")]
    #[case("{}", "identifier is required")]
    #[case(r#"{"identifier": "b/s"}"#, "parallelism must be between 1 and 1000")]
    #[case(
        r#"{"identifier": "b/s", "parallelism": 4294967295}"#,
        "parallelism must be between 1 and 1000"
    )]
    #[case(
        r#"{"identifier": "b/s", "parallelism": 2, "node": 3}"#,
        "node must be between 0 and parallelism, which is 2"
    )]
    #[case(&GOOD[..20], "EOF while parsing an object at line 1 column 20")]
    #[case(
        r#"{"identifier": "b/s", "parallelism": 2, "state": "lost"}"#,
        "unknown variant `lost`, expected one of `started`, `failed`, `finished` at line 1 column \
     55"
    )]
    fn broken_files_are_errors(#[case] content: &str, #[case] cause: &str) {
        let files = [
            ("bktec-node-0-0.json", GOOD),
            ("bktec-node-1-0.json", content),
        ];
        let error = format!("failed to read the node report: BASE/./bktec-node-1-0.json: {cause}");
        assert_eq!(read(&files, &["."]), Err(error));
    }

    #[test]
    fn reports_must_exist() {
        let none = |paths: &[&str]| read(&[("a/x.json", "{}")], paths).unwrap_err();
        assert_eq!(none(&["a", "*.json"]), "no node reports found: a, *.json");
        assert_eq!(none(&["a/x.json", "b"]), "no node reports found: b");
    }

    #[test]
    fn huge_files_are_not_read_to_their_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bktec-node-0-0.json");
        let file = fs_err::File::create(&path).unwrap();
        file.set_len(1 << 30).unwrap();
        let error = read_report(path).unwrap_err();
        assert!(matches!(error, VerifyError::TooLarge { .. }), "{error}");
    }
}
