//! Parses `commit-metadata.jsonl` line by line, in bounded memory: skips diffs without buffering
//! them.
//!
//! Diffs make up nearly all of a file, are not stored in the database, and may be larger than
//! memory. Each line is scanned as it is read, and the strings of `git_diff` and `git_diff_raw` are
//! removed before the line is parsed as JSON.

use std::io::{self, BufRead};

use serde::Deserialize;
use test_engine_store::CommitRecord;

use crate::commits::object_id;

const DIFF_KEYS: [&[u8]; 2] = [b"git_diff", b"git_diff_raw"];
/// Without diffs: a message, and the names of all files of a commit.
pub(super) const MAX_LINE_BYTES: usize = 32 * 1024 * 1024;
const SCHEMA_VERSION: u32 = 1;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Complete,
    /// Longer than [`MAX_LINE_BYTES`] even without diffs; the rest was skipped.
    TooLong,
}

/// Reads after "line 3: ".
#[derive(Debug, thiserror::Error)]
pub(super) enum BadRecord {
    #[error("it is longer than {MAX_LINE_BYTES} bytes without its diffs")]
    TooLong,
    #[error("it is not the JSON of a commit ({0})")]
    Json(serde_json::Error),
    #[error("its schema_version is {0}, but this server supports {SCHEMA_VERSION}")]
    SchemaVersion(u32),
    #[error("its commit_sha is not 40 or 64 hexadecimal digits")]
    Sha,
    #[error("one of its parent_shas is not 40 or 64 hexadecimal digits")]
    Parent,
}

/// Reads the next line that is not blank into `line`; `None` at the end of the file.
pub(super) fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<Line>> {
    loop {
        line.clear();
        let mut scanner = Scanner::default();
        let mut seen = false;
        let mut too_long = false;
        loop {
            let available = match input.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                break;
            }
            seen = true;
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = &available[..end.unwrap_or(available.len())];
            if !too_long {
                scanner.copy(part, line);
                too_long = line.len() > MAX_LINE_BYTES;
            }
            let used = part.len() + usize::from(end.is_some());
            input.consume(used);
            if end.is_some() {
                break;
            }
        }
        if too_long {
            line.clear();
            return Ok(Some(Line::TooLong));
        }
        if !line.trim_ascii().is_empty() {
            return Ok(Some(Line::Complete));
        }
        if !seen {
            return Ok(None);
        }
    }
}

/// The position in a JSON object. Invalid JSON passes through and is rejected by the parser.
#[derive(Default)]
struct Scanner {
    depth: u32,
    in_string: bool,
    after_backslash: bool,
    /// The start in the line of the current string, if it is a key of the outermost object.
    key_from: Option<usize>,
    /// A key of [`DIFF_KEYS`] was read and its value has not started.
    is_diff_next: bool,
    skips: bool,
    /// The next string of the outermost object is a value.
    after_colon: bool,
}

impl Scanner {
    fn copy(&mut self, part: &[u8], line: &mut Vec<u8>) {
        for &byte in part {
            if self.in_string {
                self.copy_in_string(byte, line);
                continue;
            }
            line.push(byte);
            match byte {
                b'"' => {
                    self.in_string = true;
                    if self.depth == 1 && !self.after_colon {
                        self.key_from = Some(line.len());
                    }
                    self.skips = self.is_diff_next;
                    self.is_diff_next = false;
                }
                b'{' | b'[' => {
                    self.depth = self.depth.saturating_add(1);
                    self.is_diff_next = false;
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                b':' if self.depth == 1 => self.after_colon = true,
                b',' if self.depth == 1 => {
                    self.after_colon = false;
                    self.is_diff_next = false;
                }
                _ => {}
            }
        }
    }

    fn copy_in_string(&mut self, byte: u8, line: &mut Vec<u8>) {
        let ends = byte == b'"' && !self.after_backslash;
        self.after_backslash = byte == b'\\' && !self.after_backslash;
        if ends {
            self.in_string = false;
            if let Some(from) = self.key_from.take() {
                self.is_diff_next = DIFF_KEYS.contains(&&line[from..]);
            }
            self.skips = false;
        }
        if !self.skips {
            line.push(byte);
        }
    }
}

pub(super) fn parse(line: &[u8]) -> Result<CommitRecord, BadRecord> {
    /// Clients leave out, or write as null, what they do not know: Go writes a list without
    /// elements as null.
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Sent {
        /// Missing means the first version.
        schema_version: Option<u32>,
        commit_sha: Option<String>,
        parent_shas: Option<Vec<String>>,
        author_name: Option<String>,
        author_email: Option<String>,
        author_date: Option<String>,
        committer_name: Option<String>,
        committer_email: Option<String>,
        committer_date: Option<String>,
        message: Option<String>,
        files_changed: Option<String>,
        diff_stat: Option<String>,
    }
    let sent: Sent = serde_json::from_slice(line).map_err(BadRecord::Json)?;
    let version = sent.schema_version.unwrap_or(SCHEMA_VERSION);
    if version != SCHEMA_VERSION {
        return Err(BadRecord::SchemaVersion(version));
    }
    let parents = sent
        .parent_shas
        .iter()
        .flatten()
        .map(|parent| object_id(parent));
    Ok(CommitRecord {
        sha: object_id(&sent.commit_sha.unwrap_or_default()).ok_or(BadRecord::Sha)?,
        parents: parents.collect::<Option<_>>().ok_or(BadRecord::Parent)?,
        author_name: sent.author_name.unwrap_or_default(),
        author_email: sent.author_email.unwrap_or_default(),
        author_date: sent.author_date.unwrap_or_default(),
        committer_name: sent.committer_name.unwrap_or_default(),
        committer_email: sent.committer_email.unwrap_or_default(),
        committer_date: sent.committer_date.unwrap_or_default(),
        message: sent.message.unwrap_or_default(),
        files_changed: sent.files_changed.unwrap_or_default(),
        diff_stat: sent.diff_stat.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn lines(text: &str, buffer: usize) -> Vec<String> {
        let mut input = BufReader::with_capacity(buffer, text.as_bytes());
        let mut line = Vec::new();
        let mut lines = Vec::new();
        while let Some(kind) = next_line(&mut input, &mut line).unwrap() {
            assert_eq!(kind, Line::Complete);
            lines.push(String::from_utf8(line.clone()).unwrap());
        }
        lines
    }

    #[test]
    fn removes_diffs_at_any_buffer_size() {
        let text = concat!(
            r#"{"git_diff":"+ \"x\\\" \\","message":"the \"git_diff\": \"kept\"","#,
            r#""n":{"git_diff":"deep"}}"#,
            "\n\n  \r\n",
            r#"{ "git_diff_raw" : ":100644", "a":["git_diff","b"], "git_diff":null,"c":"d"}"#,
            "\nnot json \"git_diff\":\"x\n{\"e\":1}",
        );
        let expected = [
            r#"{"git_diff":"","message":"the \"git_diff\": \"kept\"","n":{"git_diff":"deep"}}"#,
            r#"{ "git_diff_raw" : "", "a":["git_diff","b"], "git_diff":null,"c":"d"}"#,
            "not json \"git_diff\":\"x",
            "{\"e\":1}",
        ];
        for buffer in 1..60 {
            assert_eq!(lines(text, buffer), expected, "{buffer}");
        }
        assert_eq!(lines("", 8), Vec::<String>::new());
    }

    #[test]
    fn skips_long_lines_but_not_lines_with_long_diffs() {
        let long = "x".repeat(MAX_LINE_BYTES);
        let text =
            format!("{{\"message\":\"{long}\"}}\n{{\"git_diff\":\"{long}{long}\"}}\n{{\"a\":1}}\n");
        let mut input = text.as_bytes();
        let mut line = Vec::new();
        let mut next = |line: &mut Vec<u8>| next_line(&mut input, line).unwrap();
        assert_eq!(next(&mut line), Some(Line::TooLong));
        assert_eq!(next(&mut line), Some(Line::Complete));
        assert_eq!(line, b"{\"git_diff\":\"\"}");
        assert!(line.capacity() < 2 * MAX_LINE_BYTES + 100_000);
        assert_eq!(next(&mut line), Some(Line::Complete));
        assert_eq!(next(&mut line), None);
    }

    #[test]
    fn fields_may_be_missing_or_null() {
        let sha = "ABCDEF0123".repeat(4);
        let fields = [
            "schema_version",
            "parent_shas",
            "author_name",
            "author_email",
            "author_date",
            "committer_name",
            "committer_email",
            "committer_date",
            "message",
            "files_changed",
            "diff_stat",
            "git_diff",
            "git_diff_raw",
        ];
        let bare = parse(format!(r#"{{"commit_sha":"{sha}"}}"#).as_bytes()).unwrap();
        for field in fields {
            let line = format!(r#"{{"commit_sha":"{sha}","{field}":null}}"#);
            assert_eq!(parse(line.as_bytes()).unwrap(), bare, "{field}");
        }
        assert!(bare.parents.is_empty());
        assert!(parse(br#"{"commit_sha":null}"#).is_err());
    }

    #[test]
    fn parses_commits_and_reports_invalid_lines() {
        let sha = "ABCDEF0123".repeat(4);
        let line = format!(
            r#"{{"schema_version":1,"commit_sha":"{sha}","parent_shas":["{sha}"],
                "author_name":"A","later":[1]}}"#
        );
        let commit = parse(line.as_bytes()).unwrap();
        assert_eq!(commit.sha, sha.to_lowercase());
        assert_eq!(commit.parents, [sha.to_lowercase()]);
        assert_eq!((&*commit.author_name, &*commit.message), ("A", ""));
        for (line, expected) in [
            ("{", "not the JSON"),
            ("7", "not the JSON"),
            (r#"{"commit_sha":7}"#, "not the JSON"),
            ("{}", "commit_sha"),
            (r#"{"commit_sha":"abc"}"#, "commit_sha"),
            (
                r#"{"commit_sha":"SHA","schema_version":2}"#,
                "schema_version is 2",
            ),
            (r#"{"commit_sha":"SHA","parent_shas":["x"]}"#, "parent_shas"),
        ] {
            let line = line.replace("SHA", &sha);
            let error = parse(line.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{line}: {error}");
        }
        assert!(parse(b"\xff{}").is_err());
    }
}
