//! Runs an export and reads its archive.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use test_engine_commit_history::{CancelToken, Event, ExportOptions, ObjectId, Repository};

use crate::plain_git::{Diff, PlainGit, Record};

#[derive(Default)]
pub(crate) struct Exported {
    /// By commit; the reason where it was skipped.
    pub(crate) records: BTreeMap<String, Result<Record, String>>,
    /// The base of each exported commit.
    pub(crate) bases: BTreeMap<String, Option<String>>,
    pub(crate) unrelated: Vec<String>,
    pub(crate) fetched_commits: usize,
    pub(crate) fetched_files: usize,
    pub(crate) processes_started: u64,
}

impl Exported {
    pub(crate) fn record_count(&self) -> usize {
        self.records
            .values()
            .filter(|record| record.is_ok())
            .count()
    }
}

pub(crate) fn export(
    directory: &Path,
    commits: &[String],
    skip_diffs: bool,
    concurrency: usize,
) -> Exported {
    let repository = Repository::open(directory, &CancelToken::new()).unwrap();
    let ids: Vec<ObjectId> = commits.iter().map(|hex| hex.parse().unwrap()).collect();
    let options = ExportOptions {
        remote: "origin",
        concurrency,
        skip_diffs,
        directory: "export",
        modified: 0,
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut found = Exported::default();
    let mut on_event = |event: Event<'_>| match event {
        Event::Skipped(commit, reason) => {
            let reason = Err(reason.to_owned());
            found.records.insert(commit.to_string(), reason);
        }
        Event::Exported(commit, base) => {
            let base = base.map(|base| base.to_string());
            found.bases.insert(commit.to_string(), base);
        }
        Event::Unrelated(commit) => found.unrelated.push(commit.to_string()),
        Event::FetchedCommits(count) => found.fetched_commits = count,
        Event::FetchingFiles(count) => found.fetched_files = count,
        // Sent again when the export starts over.
        Event::Comparing(_) => found.unrelated.clear(),
        Event::Branch(_) | Event::FetchingCommits(_) | Event::FetchingFilesFailed(_) => {}
    };
    let export = repository
        .export(&ids, &options, file.as_file(), &mut on_event)
        .unwrap();
    let skipped = export.skipped;
    export.finish(b"{}").unwrap();
    found.processes_started = repository.processes_started();

    let mut order = Vec::new();
    for (commit, record) in read_records(file.path()) {
        order.push(commit.clone());
        found.records.insert(commit, Ok(record));
    }
    let mut expected_order = commits.to_vec();
    expected_order.retain(|commit| found.records[commit].is_ok());
    assert_eq!(
        order, expected_order,
        "records have the order of the commits"
    );
    assert_eq!(skipped, commits.len() - order.len());
    found
}

fn read_records(archive: &Path) -> Vec<(String, Record)> {
    let bytes = fs_err::read(archive).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
    let mut lines = String::new();
    let mut entries = archive.entries().unwrap();
    let mut records = entries.next().unwrap().unwrap();
    records.read_to_string(&mut lines).unwrap();
    lines.lines().map(read_record).collect()
}

fn read_record(line: &str) -> (String, Record) {
    let json: serde_json::Value = serde_json::from_str(line).unwrap();
    let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
    let parents = json["parent_shas"].as_array().unwrap().iter();
    let parents: Vec<&str> = parents.map(|parent| parent.as_str().unwrap()).collect();
    let record = Record {
        parents: parents.join(" "),
        author: ["author_name", "author_email", "author_date"].map(text),
        committer: ["committer_name", "committer_email", "committer_date"].map(text),
        message: text("message"),
        diff: Diff {
            files_changed: text("files_changed"),
            numstat: text("diff_stat"),
            patch: text("git_diff"),
            raw: text("git_diff_raw"),
        },
    };
    (text("commit_sha"), record)
}

/// Compares an export with plain git, with and without diffs. Returns the number of records.
pub(crate) fn assert_equal(
    directory: &Path,
    branch: &str,
    commits: &[String],
    context: &str,
) -> usize {
    let plain = PlainGit::new(directory, branch);
    let expected = plain.many(commits, 4, PlainGit::record);
    let mut record_count = 0;
    for skip_diffs in [true, false] {
        let found = export(directory, commits, skip_diffs, 4);
        for (commit, expected) in commits.iter().zip(&expected) {
            match (expected.clone(), &found.records[commit]) {
                (None, Err(_)) => {}
                (Some(mut expected), Ok(found)) => {
                    if skip_diffs {
                        expected.diff.patch.clear();
                        expected.diff.raw.clear();
                    }
                    assert_eq!(found, &expected, "{context}: {commit}");
                }
                (expected, found) => {
                    panic!("{context}: {commit}: plain git prints {expected:?}, found {found:?}")
                }
            }
        }
        record_count = found.record_count();
    }
    record_count
}
