//! What an import will store: every file read and checked, oldest first.

use std::path::{Path, PathBuf};

use axum::body::Bytes;
use test_engine_store::{NewUpload, RetentionStart, Store, SuiteId, Timestamp};
use uuid::Uuid;

use super::rest_export::{self, ExportedRun};
use super::skipped::Skipped;
use super::{ImportError, Loaded, Settings, files, junit, upload_file};
use crate::clock::rfc3339;
use crate::ingest::{self, Context, KnownFiles};
use crate::spill::TemporaryFiles;

/// Of one file. Uploads over HTTP have a lower limit, which an operator can set.
const MAX_RESULTS: usize = 1_000_000;
/// Files with problems that an error lists.
const MAX_LISTED: usize = 10;
/// Results that cannot be used, of a file, that are listed.
const MAX_UNUSABLE: usize = 3;

/// Where to look for files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    /// Files with uploads or JUnit, or directories with such files.
    pub(crate) paths: Vec<PathBuf>,
    /// Directories with responses of the REST API.
    pub(crate) rest_exports: Vec<PathBuf>,
}

/// The uploads of an import, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(super) items: Vec<Item>,
    pub(crate) skipped: Skipped,
}

/// One upload.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) received_at: Timestamp,
    pub(super) file: PathBuf,
    origin: Origin,
    /// Results that can be used.
    results: u64,
}

#[derive(Clone, Debug)]
enum Origin {
    File { run_key: String },
    ExportedRun(ExportedRun),
}

/// What is older than it is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expiring {
    pub(crate) uploads: u64,
    pub(crate) results: u64,
}

impl Plan {
    /// Reads and checks everything, and stores nothing.
    pub(crate) async fn new(
        store: &Store,
        suite: SuiteId,
        sources: &Sources,
        settings: &Settings,
    ) -> Result<Self, ImportError> {
        let mut plan = Self::default();
        let mut problems = Vec::new();
        let origins = plan.origins(sources, &mut problems)?;
        let newest = store.suite_contents(suite).await?.newest_upload;
        let mut older = None;
        for (file, origin) in origins {
            let checked = load(&file, &origin, settings, &mut plan.skipped)
                .and_then(|loaded| derive(suite, &loaded));
            let upload = match checked {
                Ok(upload) => upload,
                Err(problem) => {
                    problems.push(format!("{}: {problem}", file.display()));
                    continue;
                }
            };
            let item = Item {
                received_at: upload.received_at,
                file,
                origin,
                results: upload.executions.len() as u64,
            };
            plan.count_unusable(&item, &upload);
            let is_older = newest.is_some_and(|newest| item.received_at < newest);
            if is_older && !is_stored(store, suite, &upload).await? {
                older.get_or_insert_with(|| item.clone());
            }
            plan.items.push(item);
        }
        if !problems.is_empty() {
            return Err(listed(&problems));
        }
        if let (Some(item), Some(newest)) = (older, newest) {
            return Err(ImportError::Older {
                file: item.file,
                received_at: rfc3339(item.received_at),
                newest: rfc3339(newest),
            });
        }
        let order = |item: &Item| (item.received_at, item.file.clone());
        plan.items.sort_by_cached_key(order);
        Ok(plan)
    }

    fn origins(
        &mut self,
        sources: &Sources,
        problems: &mut Vec<String>,
    ) -> Result<Vec<(PathBuf, Origin)>, ImportError> {
        let mut origins = Vec::new();
        let mut ignored = 0;
        for path in &sources.paths {
            let before = ignored;
            for file in files::find(path, &mut ignored)? {
                let run_key = file.run_key;
                origins.push((file.path, Origin::File { run_key }));
            }
            let reason = "files whose names do not end in .json or .xml, with or without .gz";
            self.skipped
                .add(reason, ignored - before, path.display().to_string());
        }
        for directory in &sources.rest_exports {
            let runs = rest_export::runs(directory, &mut self.skipped, problems);
            origins.extend(
                runs.into_iter()
                    .map(|run| (run.path(), Origin::ExportedRun(run))),
            );
        }
        Ok(origins)
    }

    fn count_unusable(&mut self, item: &Item, upload: &NewUpload) {
        let shown: Vec<&str> = upload
            .errors
            .iter()
            .take(MAX_UNUSABLE)
            .map(String::as_str)
            .collect();
        self.skipped.add(
            "results that cannot be used",
            upload.skipped,
            format!("{}: {}", item.file.display(), shown.join("; ")),
        );
    }

    pub(crate) fn uploads(&self) -> u64 {
        self.items.len() as u64
    }

    pub(crate) fn results(&self) -> u64 {
        self.items.iter().map(|item| item.results).sum()
    }

    /// The times of the oldest and of the newest upload.
    pub(crate) fn period(&self) -> Option<(Timestamp, Timestamp)> {
        Some((
            self.items.first()?.received_at,
            self.items.last()?.received_at,
        ))
    }

    /// What a server will remove soon: executions, and all traces of an upload.
    pub(crate) fn expiring(&self, kept: RetentionStart) -> (Expiring, Expiring) {
        let before = |first_day: Option<i64>| {
            let mut expiring = Expiring::default();
            for item in &self.items {
                if first_day.is_some_and(|first| item.received_at.day() < first) {
                    expiring.uploads += 1;
                    expiring.results += item.results;
                }
            }
            expiring
        };
        (before(kept.executions), before(kept.aggregates))
    }
}

async fn is_stored(store: &Store, suite: SuiteId, upload: &NewUpload) -> Result<bool, ImportError> {
    Ok(store
        .has_upload(suite, &upload.run.key, &upload.digest)
        .await?)
}

fn listed(problems: &[String]) -> ImportError {
    let mut lines: Vec<String> = problems
        .iter()
        .take(MAX_LISTED)
        .map(|problem| format!("  {problem}"))
        .collect();
    if problems.len() > MAX_LISTED {
        lines.push(format!("  and {} more", problems.len() - MAX_LISTED));
    }
    ImportError::Files {
        count: problems.len(),
        listed: lines.join("\n"),
    }
}

impl Item {
    /// Reads the file again: an import may be larger than the memory.
    pub(super) fn upload(
        &self,
        suite: SuiteId,
        settings: &Settings,
    ) -> Result<NewUpload, ImportError> {
        let changed = |problem: String| ImportError::Changed {
            file: self.file.clone(),
            problem,
        };
        let loaded = load(&self.file, &self.origin, settings, &mut Skipped::default());
        let upload = loaded
            .and_then(|loaded| derive(suite, &loaded))
            .map_err(changed)?;
        if upload.received_at != self.received_at || upload.executions.len() as u64 != self.results
        {
            return Err(changed("its time or number of results differs".to_owned()));
        }
        Ok(upload)
    }
}

/// Errors are sentences about the file.
fn load(
    file: &Path,
    origin: &Origin,
    settings: &Settings,
    skipped: &mut Skipped,
) -> Result<Loaded, String> {
    match origin {
        Origin::File { run_key } => {
            let bytes = files::read(file)?;
            if is_xml(&bytes) {
                junit::load(bytes, run_key, settings)
            } else {
                upload_file::load(&bytes, settings)
            }
        }
        Origin::ExportedRun(run) => run.load(settings, skipped),
    }
}

/// Also in UTF-16, where every other byte is zero.
fn is_xml(bytes: &Bytes) -> bool {
    let without_mark = bytes
        .iter()
        .filter(|byte| !matches!(byte, 0 | 0xef | 0xbb | 0xbf | 0xff | 0xfe));
    without_mark
        .copied()
        .find(|byte| !byte.is_ascii_whitespace())
        == Some(b'<')
}

fn derive(suite: SuiteId, loaded: &Loaded) -> Result<NewUpload, String> {
    let context = Context {
        suite,
        run_uuid: Uuid::now_v7(),
        upload_uuid: Uuid::now_v7(),
        received_at: loaded.received_at,
        results_limit: MAX_RESULTS,
    };
    // The files of the suite are not compared: its history may be imported for the first time.
    let files = KnownFiles::default();
    let derived = ingest::derive(
        &loaded.submission,
        context,
        &files,
        &TemporaryFiles::default(),
    );
    derived.map_err(|error| error.to_string())
}
