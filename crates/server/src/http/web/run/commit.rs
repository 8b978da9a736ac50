//! The commit of a run, from a backfill or its plan request: a part of the run's page.

use test_engine_store::CommitRecord;

use crate::http::web::format;

/// Further files are only counted.
const MAX_FILES: usize = 100;
/// In bytes.
const MAX_MESSAGE: usize = 10_000;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) subject: String,
    /// The message without its first line.
    pub(super) body: String,
    pub(super) author: String,
    pub(super) author_email: String,
    /// As formatted by git.
    pub(super) date: String,
    /// Without seconds and zone, such as `2026-11-22 10:00`.
    pub(super) short_date: String,
    /// Unless it is the author.
    pub(super) committer: Option<String>,
    /// Such as `3 files`.
    pub(super) file_count: String,
    /// Whether the numbers of lines are known.
    pub(super) has_lines: bool,
    pub(super) added: String,
    pub(super) removed: String,
    pub(super) files: Vec<FileRow>,
    pub(super) more_files: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileRow {
    pub(super) name: String,
    pub(super) lines: Lines,
}

/// What a commit does to a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lines {
    Changed {
        added: String,
        removed: String,
    },
    Binary,
    /// Only the names of the changed files are known.
    Unknown,
}

impl Commit {
    pub(super) fn new(commit: &CommitRecord) -> Self {
        let message = truncate(commit.message.trim());
        let (subject, body) = message.split_once('\n').unwrap_or((message, ""));
        let has_stat = !commit.diff_stat.is_empty();
        let stat: Vec<&str> = if has_stat {
            commit.diff_stat.lines().collect()
        } else {
            commit.files_changed.lines().collect()
        };
        let (mut added, mut removed) = (0_u64, 0_u64);
        let mut files = Vec::new();
        for line in &stat {
            let (row, plus, minus) = if has_stat {
                file_row(line)
            } else {
                (name_row(line), 0, 0)
            };
            added += plus;
            removed += minus;
            if files.len() < MAX_FILES {
                files.push(row);
            }
        }
        let is_other_person = commit.committer_name != commit.author_name
            || commit.committer_email != commit.author_email;
        Self {
            subject: subject.trim().to_owned(),
            body: body.trim().to_owned(),
            author: commit.author_name.clone(),
            author_email: commit.author_email.clone(),
            date: commit.author_date.clone(),
            short_date: short_date(&commit.author_date),
            committer: is_other_person.then(|| commit.committer_name.clone()),
            file_count: format::counted(stat.len() as u64, "file"),
            has_lines: has_stat,
            added: format::count(added),
            removed: format::count(removed),
            more_files: stat.len() - files.len(),
            files,
        }
    }
}

/// Of an ISO 8601 date; another one as it is.
fn short_date(date: &str) -> String {
    match (date.get(..10), date.get(11..16)) {
        (Some(day), Some(time)) if date.as_bytes()[10] == b'T' => format!("{day} {time}"),
        _ => date.to_owned(),
    }
}

fn truncate(message: &str) -> &str {
    let mut end = message.len().min(MAX_MESSAGE);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    &message[..end]
}

/// A line of `git diff --numstat`; `-` instead of a number for binary files.
fn file_row(line: &str) -> (FileRow, u64, u64) {
    let mut parts = line.splitn(3, '\t');
    let (added, removed) = (parts.next(), parts.next());
    let name = parts.next().unwrap_or(line).to_owned();
    let lines = |part: Option<&str>| part.and_then(|part| part.parse::<u64>().ok());
    match (lines(added), lines(removed)) {
        (Some(added), Some(removed)) => {
            let lines = Lines::Changed {
                added: format::count(added),
                removed: format::count(removed),
            };
            (FileRow { name, lines }, added, removed)
        }
        _ => (
            FileRow {
                name,
                lines: Lines::Binary,
            },
            0,
            0,
        ),
    }
}

/// A line of `git diff --name-only`.
fn name_row(line: &str) -> FileRow {
    FileRow {
        name: line.to_owned(),
        lines: Lines::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(message: &str, diff_stat: &str) -> Commit {
        Commit::new(&CommitRecord {
            author_name: "Ada".to_owned(),
            committer_name: "Ada".to_owned(),
            message: message.to_owned(),
            diff_stat: diff_stat.to_owned(),
            ..CommitRecord::default()
        })
    }

    #[test]
    fn dates_are_short() {
        for (date, expected) in [
            ("2026-11-22T10:00:00+01:00", "2026-11-22 10:00"),
            ("Sun Nov 22 10:00:00 2026", "Sun Nov 22 10:00:00 2026"),
            ("", ""),
        ] {
            assert_eq!(short_date(date), expected);
        }
    }

    #[test]
    fn files_are_counted_with_their_lines() {
        let shown = commit(
            "Subject\n\nBody\nmore\n",
            "10\t2\tsrc/a.rs\n-\t-\tlogo.png\n0\t1000\t{old => new}/\"odd\\tname\"",
        );
        assert_eq!(shown.subject, "Subject");
        assert_eq!(shown.body, "Body\nmore");
        assert_eq!(
            (shown.added.as_str(), shown.removed.as_str()),
            ("10", "1\u{202f}002")
        );
        assert_eq!(
            (shown.file_count.as_str(), shown.more_files),
            ("3 files", 0)
        );
        assert_eq!(shown.files[1].lines, Lines::Binary);
        assert_eq!(shown.files[2].name, "{old => new}/\"odd\\tname\"");
        assert_eq!(shown.committer, None);
    }

    #[test]
    fn files_without_line_counts_are_listed() {
        let shown = Commit::new(&CommitRecord {
            files_changed: "src/a.rs\nsrc/b.rs".to_owned(),
            ..CommitRecord::default()
        });
        assert_eq!(shown.file_count, "2 files");
        assert!(!shown.has_lines);
        assert_eq!(shown.files[1], name_row("src/b.rs"));
    }

    #[test]
    fn long_lists_and_messages_are_truncated() {
        let many = "1\t0\tf\n".repeat(150);
        let shown = commit("x", &many);
        assert_eq!((shown.files.len(), shown.more_files), (100, 50));
        assert_eq!(shown.added, "150");
        let empty = commit("", "");
        assert_eq!(
            (empty.subject.as_str(), empty.file_count.as_str()),
            ("", "0 files")
        );
        let long = commit(&"é".repeat(20_000), "");
        assert!(long.subject.len() <= MAX_MESSAGE);
    }
}
