//! Parses archives: gzip, tar, and the two files inside. Reads sequentially and in bounded memory.
//!
//! An archive is read twice, because only its end shows whether it is valid: [`validate`] checks
//! it, [`commits`] returns its contents.

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use tar::EntryType;
use test_engine_store::CommitRecord;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::records::{self, BadRecord, Line};

const RECORDS: &str = "commit-metadata.jsonl";
const METADATA: &str = "metadata.json";
const SCHEMA_VERSION: u32 = 2;

const MAX_METADATA_BYTES: u64 = 1024 * 1024;
/// Long names and extended headers are entries of their own.
const MAX_NAME_BYTES: u64 = 64 * 1024;
/// Including directories and long names.
const MAX_ENTRIES: usize = 100;
const MAX_PROBLEMS: usize = 20;
/// Maximum ratio of unpacked bytes to the limit for packed bytes. Patches compress to about a
/// tenth; a decompression bomb to a thousandth.
const MAX_RATIO: u64 = 50;
/// Bounds the memory for the commit ids seen so far.
const MAX_RECORDS: usize = 1_000_000;

/// Why a whole archive is rejected. Each message is a sentence for people.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Rejection {
    #[error("It is not a gzip archive, or it is corrupt: {0}.")]
    Gzip(io::Error),
    #[error("It is not a tar archive, or it is corrupt: {0}.")]
    Tar(io::Error),
    #[error("It has more than {limit} bytes unpacked.")]
    Bomb { limit: u64 },
    #[error("It has more than {MAX_RECORDS} records.")]
    TooManyRecords,
    #[error("It has more than {MAX_ENTRIES} entries.")]
    TooManyEntries,
    #[error("It contains {name:?}; expected only a directory with {RECORDS} and {METADATA}.")]
    Entry { name: String },
    #[error("It contains {name:?}, which is neither a file nor a directory.")]
    EntryType { name: String },
    #[error("It contains {0} twice.")]
    Twice(&'static str),
    #[error("It does not contain {0}.")]
    Missing(&'static str),
    #[error("The name of an entry cannot be read.")]
    Name,
    #[error("{METADATA} cannot be read: {0}.")]
    Metadata(String),
    #[error("{METADATA} has schema_version {0}, but this server supports {SCHEMA_VERSION}.")]
    SchemaVersion(u64),
    #[error("{METADATA} names the {kind} {found}, but the upload form was for {expected}.")]
    OtherOwner {
        kind: &'static str,
        found: String,
        expected: Uuid,
    },
    #[error("None of its {lines} records is valid; the first: {first}.")]
    NothingUsable { lines: u64, first: String },
    #[error("It contains no commits.")]
    Empty,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Not the archive's fault; a retry may succeed.
    #[error("the archive cannot be read from disk")]
    Source(#[source] io::Error),
    #[error("cancelled")]
    Cancelled,
}

/// The organization and suite whose archive it must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub(super) organization: Uuid,
    pub(super) suite: Uuid,
}

/// The contents of a valid archive.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    /// Distinct commits.
    pub(super) commits: u64,
    /// Invalid records and repeated commits.
    pub(super) skipped: u64,
    pub(super) problems: Vec<String>,
}

impl Summary {
    fn skip(&mut self, problem: String) {
        self.skipped += 1;
        self.problem(problem);
    }

    fn problem(&mut self, problem: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }
}

/// Reads and checks a whole archive. `limit` is the maximum for packed bytes.
pub(super) fn validate(
    file: impl Read,
    owner: Owner,
    limit: u64,
    cancellation: &CancellationToken,
) -> Result<Summary, ReadError> {
    let mut summary = Summary::default();
    let mut metadata = None;
    walk(file, limit, cancellation, &mut |part| {
        match part {
            Part::Commit(_, _) => summary.commits += 1,
            Part::Invalid(line, problem) => summary.skip(format!("line {line}: {problem}")),
            Part::Repeated(line, sha) => {
                summary.skip(format!("line {line}: {sha} is repeated"));
            }
            Part::Metadata(bytes) => metadata = Some(bytes),
        }
        Ok(())
    })?;
    let metadata = metadata.ok_or(Rejection::Missing(METADATA))?;
    let announced = check_metadata(&metadata, owner)?;
    let found = summary.commits + summary.skipped;
    if let Some(announced) = announced.filter(|announced| *announced != found) {
        summary.problem(format!(
            "{METADATA} announces {announced} records, but there are {found}"
        ));
    }
    if found == 0 {
        return Err(Rejection::Empty.into());
    }
    if summary.commits == 0 {
        let first = summary.problems.into_iter().next().unwrap_or_default();
        return Err(Rejection::NothingUsable {
            lines: found,
            first,
        }
        .into());
    }
    Ok(summary)
}

/// Passes each commit of a validated archive to `take` once, with the bytes of its line.
pub(super) fn commits(
    file: impl Read,
    limit: u64,
    cancellation: &CancellationToken,
    take: &mut dyn FnMut(CommitRecord, usize) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    walk(file, limit, cancellation, &mut |part| match part {
        Part::Commit(commit, bytes) => take(*commit, bytes),
        Part::Invalid(..) | Part::Repeated(..) | Part::Metadata(_) => Ok(()),
    })
}

enum Part {
    /// A commit, and the bytes of its line without diffs.
    Commit(Box<CommitRecord>, usize),
    Invalid(u64, BadRecord),
    Repeated(u64, String),
    Metadata(Vec<u8>),
}

fn walk(
    file: impl Read,
    limit: u64,
    cancellation: &CancellationToken,
    each: &mut dyn FnMut(Part) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let failure = Failure::default();
    let source = Source {
        file: BufReader::with_capacity(256 * 1024, file),
        cancellation: cancellation.clone(),
        failure: failure.clone(),
    };
    let limit = limit.saturating_mul(MAX_RATIO);
    let unpacked = Unpacked {
        gzip: MultiGzDecoder::new(source),
        limit,
        size: 0,
        failure: failure.clone(),
    };
    walk_entries(unpacked, each).map_err(|error| match error {
        ReadError::Rejected(Rejection::Tar(_)) => failure.take().unwrap_or(error),
        other => other,
    })
}

/// The files of an archive that were seen so far.
#[derive(Default)]
struct Seen {
    directory: Option<String>,
    records: bool,
    metadata: bool,
}

fn walk_entries(
    unpacked: impl Read,
    each: &mut dyn FnMut(Part) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let mut archive = tar::Archive::new(unpacked);
    // Raw, because the library would read long names of any length into memory.
    let entries = archive.entries().map_err(Rejection::Tar)?.raw(true);
    let mut long_name: Option<Vec<u8>> = None;
    let mut seen = Seen::default();
    for (number, entry) in entries.enumerate() {
        if number >= MAX_ENTRIES {
            return Err(Rejection::TooManyEntries.into());
        }
        let mut entry = entry.map_err(Rejection::Tar)?;
        match entry.header().entry_type() {
            EntryType::GNULongName => {
                let name = read_name(&mut entry)?;
                let end = name.iter().position(|byte| *byte == 0);
                long_name = Some(name[..end.unwrap_or(name.len())].to_vec());
            }
            EntryType::XHeader => {
                let extensions = read_name(&mut entry)?;
                for extension in tar::PaxExtensions::new(&extensions) {
                    let extension = extension.map_err(|_unreadable| Rejection::Name)?;
                    if extension.key_bytes() == b"path" {
                        long_name = Some(extension.value_bytes().to_vec());
                    }
                }
            }
            EntryType::XGlobalHeader => drop(read_name(&mut entry)?),
            _ => read_entry(&mut entry, long_name.take(), &mut seen, each)?,
        }
    }
    if !seen.records {
        return Err(Rejection::Missing(RECORDS).into());
    }
    // Only padding follows the tar; reading it verifies the checksum of the gzip.
    let mut rest = archive.into_inner();
    io::copy(&mut rest, &mut io::sink()).map_err(Rejection::Tar)?;
    Ok(())
}

fn read_entry(
    entry: &mut tar::Entry<'_, impl Read>,
    long_name: Option<Vec<u8>>,
    seen: &mut Seen,
    each: &mut dyn FnMut(Part) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let name = long_name.unwrap_or_else(|| entry.path_bytes().into_owned());
    let name = String::from_utf8(name).map_err(|error| Rejection::Entry {
        name: String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })?;
    let (top, inside) = name.split_once('/').unwrap_or((&name, ""));
    let is_only = seen.directory.as_deref().is_none_or(|only| only == top);
    if matches!(top, "" | "." | "..") || top.contains('\\') || !is_only {
        return Err(Rejection::Entry { name }.into());
    }
    seen.directory.get_or_insert_with(|| top.to_owned());
    let kind = entry.header().entry_type();
    match (kind, inside) {
        (EntryType::Directory, "") => Ok(()),
        (EntryType::Regular | EntryType::Continuous, RECORDS) => {
            if std::mem::replace(&mut seen.records, true) {
                return Err(Rejection::Twice(RECORDS).into());
            }
            read_records(entry, each)
        }
        (EntryType::Regular | EntryType::Continuous, METADATA) => {
            if std::mem::replace(&mut seen.metadata, true) {
                return Err(Rejection::Twice(METADATA).into());
            }
            let bytes = read_small(entry, MAX_METADATA_BYTES)?.ok_or_else(|| {
                Rejection::Metadata(format!("it has more than {MAX_METADATA_BYTES} bytes"))
            })?;
            each(Part::Metadata(bytes))
        }
        (EntryType::Directory | EntryType::Regular | EntryType::Continuous, _) => {
            Err(Rejection::Entry { name }.into())
        }
        _ => Err(Rejection::EntryType { name }.into()),
    }
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
        if number > MAX_RECORDS as u64 {
            return Err(Rejection::TooManyRecords.into());
        }
        let parsed = match kind {
            Line::Complete => records::parse(&line),
            Line::TooLong => Err(BadRecord::TooLong),
        };
        each(match parsed {
            Ok(commit) if seen.insert(commit.sha.clone()) => {
                Part::Commit(Box::new(commit), line.len())
            }
            Ok(commit) => Part::Repeated(number, commit.sha),
            Err(problem) => Part::Invalid(number, problem),
        })?;
    }
    Ok(())
}

fn read_name(entry: &mut impl Read) -> Result<Vec<u8>, Rejection> {
    read_small(entry, MAX_NAME_BYTES)?.ok_or(Rejection::Name)
}

/// The contents of an entry; `None` if it is larger than `limit`.
fn read_small(entry: &mut impl Read, limit: u64) -> Result<Option<Vec<u8>>, Rejection> {
    let mut bytes = Vec::new();
    let read = entry.take(limit + 1).read_to_end(&mut bytes);
    let read = read.map_err(Rejection::Tar)?;
    Ok((read as u64 <= limit).then_some(bytes))
}

/// Returns the announced number of records.
fn check_metadata(bytes: &[u8], owner: Owner) -> Result<Option<u64>, Rejection> {
    #[derive(Deserialize)]
    struct Metadata {
        schema_version: u64,
        organization_uuid: String,
        suite_uuid: String,
        #[serde(default)]
        commit_count: Option<u64>,
    }
    let metadata: Metadata =
        serde_json::from_slice(bytes).map_err(|error| Rejection::Metadata(error.to_string()))?;
    if metadata.schema_version != u64::from(SCHEMA_VERSION) {
        return Err(Rejection::SchemaVersion(metadata.schema_version));
    }
    let (organization, suite) = (metadata.organization_uuid, metadata.suite_uuid);
    for (kind, found, expected) in [
        ("organization", organization, owner.organization),
        ("suite", suite, owner.suite),
    ] {
        if Uuid::parse_str(&found) != Ok(expected) {
            return Err(Rejection::OtherOwner {
                kind,
                found,
                expected,
            });
        }
    }
    Ok(metadata.commit_count)
}

/// The first failure below the tar reader, which would report it as its own.
#[derive(Clone, Default)]
struct Failure(Arc<Mutex<Option<ReadError>>>);

impl Failure {
    fn take(&self) -> Option<ReadError> {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.take()
    }

    /// Returns an error for the tar reader.
    fn set(&self, failure: impl Into<ReadError>) -> io::Error {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(failure.into());
        io::Error::other("failed below the tar reader")
    }
}

struct Source<R> {
    file: BufReader<R>,
    cancellation: CancellationToken,
    failure: Failure,
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancellation.is_cancelled() {
            return Err(self.failure.set(ReadError::Cancelled));
        }
        let available = match self.file.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => return Err(self.failure.set(ReadError::Source(error))),
        };
        let length = available.len().min(buffer.len());
        buffer[..length].copy_from_slice(&available[..length]);
        self.file.consume(length);
        Ok(length)
    }
}

/// The tar, with a limit.
struct Unpacked<R> {
    gzip: MultiGzDecoder<R>,
    limit: u64,
    size: u64,
    failure: Failure,
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.gzip.read(buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => return Err(self.failure.set(Rejection::Gzip(error))),
        };
        self.size = self.size.saturating_add(read as u64);
        if self.size > self.limit {
            return Err(self.failure.set(Rejection::Bomb { limit: self.limit }));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
