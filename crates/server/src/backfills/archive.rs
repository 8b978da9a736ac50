//! Taking an archive apart: gzip, tar, and the two files in it. Reads front to back, in bounded
//! memory, and writes nothing anywhere.
//!
//! An archive is read twice: [`survey`] tells whether it may be used at all, for that is only known
//! at its end, and [`commits`] hands out what is in it. Both stop when [`Stop`] says so.

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use tar::EntryType;
use test_engine_store::CommitRecord;
use uuid::Uuid;

use super::records::{self, BadRecord, Line};

const RECORDS: &str = "commit-metadata.jsonl";
const METADATA: &str = "metadata.json";
const SCHEMA_VERSION: u32 = 2;

/// Bytes of the description.
const METADATA_LIMIT: u64 = 1024 * 1024;
/// Bytes of a long name, which comes as an entry of its own.
const NAME_LIMIT: u64 = 64 * 1024;
/// Entries of an archive, folders and long names included.
const ENTRIES: usize = 100;
/// Problems that are listed; the others are counted.
const PROBLEMS_LISTED: usize = 20;
/// How many times larger than allowed as it comes an archive may get when unpacked. Patches shrink
/// to about a tenth; a bomb to a thousandth.
const UNPACKED_FACTOR: u64 = 50;
/// Records of one archive: what is remembered of each is the commit's name.
const RECORDS_LIMIT: usize = 1_000_000;

/// Why nothing of an archive can be used. A sentence for people.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Rejection {
    #[error("It is not a gzip archive, or it is damaged: {0}.")]
    Gzip(io::Error),
    #[error("It is not a tar archive, or it is damaged: {0}.")]
    Tar(io::Error),
    #[error("Unpacked it has more than {limit} bytes.")]
    Bomb { limit: u64 },
    #[error("It has more than {RECORDS_LIMIT} records.")]
    TooManyRecords,
    #[error("It has more than {ENTRIES} entries.")]
    TooManyEntries,
    #[error("It holds {name:?}; only a folder with {RECORDS} and {METADATA} may be in it.")]
    Entry { name: String },
    #[error("It holds {name:?}, which is neither a file nor a folder.")]
    EntryType { name: String },
    #[error("{0} is in it twice.")]
    Twice(&'static str),
    #[error("{0} is not in it.")]
    Missing(&'static str),
    #[error("The name of an entry cannot be read.")]
    Name,
    #[error("{METADATA} cannot be read: {0}.")]
    Metadata(String),
    #[error("{METADATA} has schema_version {0}, this server reads {SCHEMA_VERSION}.")]
    SchemaVersion(u64),
    #[error("{METADATA} names the {what} {found}, the form was of {expected}.")]
    OtherOwner {
        what: &'static str,
        found: String,
        expected: Uuid,
    },
    #[error("None of its {lines} records can be used; the first: {first}.")]
    NothingUsable { lines: u64, first: String },
    #[error("It holds no commit.")]
    Empty,
}

/// Why reading stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The archive is at fault.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The disk is; another time may do.
    #[error("the archive cannot be read from where it lies")]
    Source(#[source] io::Error),
    /// Nobody waits for it any more.
    #[error("it was stopped")]
    Stopped,
}

/// Whose archive it must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub(super) organization: Uuid,
    pub(super) suite: Uuid,
}

/// Tells a reader that nobody waits for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(super) fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is in an archive that may be used.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Survey {
    /// Different commits.
    pub(super) commits: u64,
    /// Records that are none, and commits told again.
    pub(super) passed_over: u64,
    /// Why, for the first ones.
    pub(super) problems: Vec<String>,
}

impl Survey {
    fn problem(&mut self, text: String) {
        if self.problems.len() < PROBLEMS_LISTED {
            self.problems.push(text);
        }
    }
}

/// Read all of an archive and say what is in it. `limit` is what it may have had as it came.
pub(super) fn survey(
    file: impl Read,
    owner: Owner,
    limit: u64,
    stop: &Stop,
) -> Result<Survey, ReadError> {
    let mut survey = Survey::default();
    let mut metadata = None;
    walk(file, limit, stop, &mut |part| {
        match part {
            Part::Commit(_, _) => survey.commits += 1,
            Part::Bad(line, problem) => {
                survey.passed_over += 1;
                survey.problem(format!("line {line}: {problem}"));
            }
            Part::Repeated(line, sha) => {
                survey.passed_over += 1;
                survey.problem(format!("line {line}: {sha} was told before"));
            }
            Part::Metadata(bytes) => metadata = Some(bytes),
        }
        Ok(())
    })?;
    let metadata = metadata.ok_or(Rejection::Missing(METADATA))?;
    let told = check_metadata(&metadata, owner)?;
    let found = survey.commits + survey.passed_over;
    if let Some(told) = told.filter(|told| *told != found) {
        survey.problem(format!(
            "{METADATA} names {told} records, there are {found}"
        ));
    }
    if found == 0 {
        return Err(Rejection::Empty.into());
    }
    if survey.commits == 0 {
        let first = survey.problems.into_iter().next().unwrap_or_default();
        return Err(Rejection::NothingUsable {
            lines: found,
            first,
        }
        .into());
    }
    Ok(survey)
}

/// Hand out the commits of an archive that was surveyed, each once.
pub(super) fn commits(
    file: impl Read,
    limit: u64,
    stop: &Stop,
    take: &mut dyn FnMut(CommitRecord, usize) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    walk(file, limit, stop, &mut |part| match part {
        Part::Commit(commit, bytes) => take(*commit, bytes),
        Part::Bad(..) | Part::Repeated(..) | Part::Metadata(_) => Ok(()),
    })
}

/// What is found on the way through an archive.
enum Part {
    /// A commit, and the bytes of its line without diffs.
    Commit(Box<CommitRecord>, usize),
    Bad(u64, BadRecord),
    Repeated(u64, String),
    Metadata(Vec<u8>),
}

fn walk(
    file: impl Read,
    limit: u64,
    stop: &Stop,
    each: &mut dyn FnMut(Part) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let trouble = Arc::new(Trouble::default());
    let source = Source {
        file: BufReader::with_capacity(256 * 1024, file),
        stop: stop.clone(),
        trouble: Arc::clone(&trouble),
    };
    let unpacked = Unpacked {
        gzip: MultiGzDecoder::new(source),
        left: limit.saturating_mul(UNPACKED_FACTOR),
        trouble: Arc::clone(&trouble),
    };
    walk_entries(unpacked, each).map_err(|error| match error {
        // What went wrong below the tar reader is told better by who noticed it.
        ReadError::Rejected(Rejection::Tar(error)) => {
            trouble.take(error, limit.saturating_mul(UNPACKED_FACTOR))
        }
        other => other,
    })
}

fn walk_entries(
    unpacked: impl Read,
    each: &mut dyn FnMut(Part) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let mut archive = tar::Archive::new(unpacked);
    // Raw: the library would take a long name of any length into memory.
    let entries = archive.entries().map_err(Rejection::Tar)?.raw(true);
    let mut folder: Option<String> = None;
    let mut long_name: Option<Vec<u8>> = None;
    let (mut records_seen, mut metadata_seen) = (false, false);
    for (number, entry) in entries.enumerate() {
        if number >= ENTRIES {
            return Err(Rejection::TooManyEntries.into());
        }
        let mut entry = entry.map_err(Rejection::Tar)?;
        let kind = entry.header().entry_type();
        match kind {
            EntryType::GNULongName => {
                let name = read_small(&mut entry, NAME_LIMIT)?.ok_or(Rejection::Name)?;
                let end = name.iter().position(|byte| *byte == 0);
                long_name = Some(name[..end.unwrap_or(name.len())].to_vec());
                continue;
            }
            EntryType::XHeader => {
                let extensions = read_small(&mut entry, NAME_LIMIT)?.ok_or(Rejection::Name)?;
                for extension in tar::PaxExtensions::new(&extensions) {
                    let extension = extension.map_err(|_unreadable| Rejection::Name)?;
                    if extension.key_bytes() == b"path" {
                        long_name = Some(extension.value_bytes().to_vec());
                    }
                }
                continue;
            }
            EntryType::XGlobalHeader => {
                read_small(&mut entry, NAME_LIMIT)?.ok_or(Rejection::Name)?;
                continue;
            }
            _ => {}
        }
        let name = long_name
            .take()
            .unwrap_or_else(|| entry.path_bytes().into_owned());
        let name = String::from_utf8(name).map_err(|error| Rejection::Entry {
            name: String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })?;
        let wrong = || Rejection::Entry { name: name.clone() };
        let (top, inside) = match name.split_once('/') {
            Some((top, inside)) => (top, inside),
            None => (name.as_str(), ""),
        };
        let is_known_folder = folder.as_deref().is_none_or(|folder| folder == top);
        if top.is_empty() || top == "." || top == ".." || top.contains('\\') || !is_known_folder {
            return Err(wrong().into());
        }
        folder.get_or_insert_with(|| top.to_owned());
        match kind {
            EntryType::Directory if inside.is_empty() => {}
            EntryType::Directory => return Err(wrong().into()),
            EntryType::Regular | EntryType::Continuous => match inside {
                RECORDS if records_seen => return Err(Rejection::Twice(RECORDS).into()),
                METADATA if metadata_seen => return Err(Rejection::Twice(METADATA).into()),
                RECORDS => {
                    records_seen = true;
                    read_records(&mut entry, each)?;
                }
                METADATA => {
                    metadata_seen = true;
                    let bytes = read_small(&mut entry, METADATA_LIMIT)?;
                    let bytes = bytes.ok_or_else(|| {
                        Rejection::Metadata(format!("it has more than {METADATA_LIMIT} bytes"))
                    })?;
                    each(Part::Metadata(bytes))?;
                }
                _ => return Err(wrong().into()),
            },
            _ => return Err(Rejection::EntryType { name: name.clone() }.into()),
        }
    }
    if !records_seen {
        return Err(Rejection::Missing(RECORDS).into());
    }
    // Behind the end of the tar there is only padding; reading it checks the sum of the gzip.
    let mut rest = archive.into_inner();
    io::copy(&mut rest, &mut io::sink()).map_err(Rejection::Tar)?;
    Ok(())
}

fn read_records(
    entry: &mut impl Read,
    each: &mut dyn FnMut(Part) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let mut input = BufReader::with_capacity(64 * 1024, entry);
    let mut seen = HashSet::new();
    let mut line = Vec::new();
    let mut number = 0;
    while let Some(kind) = records::next_line(&mut input, &mut line).map_err(Rejection::Tar)? {
        number += 1;
        if number > RECORDS_LIMIT as u64 {
            return Err(Rejection::TooManyRecords.into());
        }
        let parsed = match kind {
            Line::Whole => records::parse(&line),
            Line::TooLong => Err(BadRecord::TooLong),
        };
        each(match parsed {
            Ok(commit) if seen.insert(commit.sha.clone()) => {
                Part::Commit(Box::new(commit), line.len())
            }
            Ok(commit) => Part::Repeated(number, commit.sha),
            Err(problem) => Part::Bad(number, problem),
        })?;
    }
    Ok(())
}

/// All of an entry; `None` when it is larger than `limit`.
fn read_small(entry: &mut impl Read, limit: u64) -> Result<Option<Vec<u8>>, Rejection> {
    let mut bytes = Vec::new();
    let read = entry.take(limit + 1).read_to_end(&mut bytes);
    let read = read.map_err(Rejection::Tar)?;
    Ok((read as u64 <= limit).then_some(bytes))
}

/// Checks the description; the number of records it names.
fn check_metadata(bytes: &[u8], owner: Owner) -> Result<Option<u64>, Rejection> {
    #[derive(Deserialize)]
    struct Told {
        schema_version: u64,
        organization_uuid: String,
        suite_uuid: String,
        #[serde(default)]
        commit_count: Option<u64>,
    }
    let told: Told =
        serde_json::from_slice(bytes).map_err(|error| Rejection::Metadata(error.to_string()))?;
    if told.schema_version != u64::from(SCHEMA_VERSION) {
        return Err(Rejection::SchemaVersion(told.schema_version));
    }
    for (what, found, expected) in [
        ("organization", told.organization_uuid, owner.organization),
        ("suite", told.suite_uuid, owner.suite),
    ] {
        if Uuid::parse_str(&found) != Ok(expected) {
            return Err(Rejection::OtherOwner {
                what,
                found,
                expected,
            });
        }
    }
    Ok(told.commit_count)
}

/// What went wrong below the tar reader, which passes every error on as if it were the tar's.
#[derive(Debug, Default)]
struct Trouble {
    source: std::sync::Mutex<Option<io::Error>>,
    stopped: AtomicBool,
    too_large: AtomicBool,
    gzip: AtomicBool,
}

impl Trouble {
    fn take(&self, error: io::Error, limit: u64) -> ReadError {
        let source = self
            .source
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        if self.stopped.load(Ordering::Relaxed) {
            ReadError::Stopped
        } else if let Some(source) = source {
            ReadError::Source(source)
        } else if self.too_large.load(Ordering::Relaxed) {
            Rejection::Bomb { limit }.into()
        } else if self.gzip.load(Ordering::Relaxed) {
            Rejection::Gzip(error).into()
        } else {
            Rejection::Tar(error).into()
        }
    }
}

/// The archive as it lies on disk.
struct Source<R> {
    file: BufReader<R>,
    stop: Stop,
    trouble: Arc<Trouble>,
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_asked() {
            self.trouble.stopped.store(true, Ordering::Relaxed);
            return Err(io::Error::other("stopped"));
        }
        let available = match self.file.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                let passed_on = io::Error::new(error.kind(), error.to_string());
                let mut source = self.trouble.source.lock();
                if let Ok(source) = &mut source {
                    **source = Some(error);
                }
                return Err(passed_on);
            }
        };
        let length = available.len().min(buffer.len());
        buffer[..length].copy_from_slice(&available[..length]);
        self.file.consume(length);
        Ok(length)
    }
}

/// The tar, unpacked up to a limit.
struct Unpacked<R> {
    gzip: MultiGzDecoder<R>,
    left: u64,
    trouble: Arc<Trouble>,
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.gzip.read(buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                self.trouble.gzip.store(true, Ordering::Relaxed);
                return Err(error);
            }
        };
        let Some(left) = self.left.checked_sub(read as u64) else {
            self.trouble.too_large.store(true, Ordering::Relaxed);
            return Err(io::Error::other("too large"));
        };
        self.left = left;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
