//! Writes the records of many commits into an archive.

use std::fs::File;
use std::io::{self, BufWriter, Seek as _};

use crate::archive::Archive;
use crate::availability::make_available;
use crate::bases::Base;
use crate::collect::History;
use crate::commits::Commit;
use crate::default_branch::default_branch;
use crate::diffs::DiffKind;
use crate::{Error, Event, ObjectId, Repository, record};

/// What to export, and where.
#[derive(Clone, Copy, Debug)]
pub struct ExportOptions<'a> {
    /// The remote that missing commits are fetched from, and whose default branch the commits are
    /// compared with.
    pub remote: &'a str,
    /// The most git processes that compare commits concurrently; at least 1.
    pub concurrency: usize,
    /// Leave out the patch and the raw lines.
    pub skip_diffs: bool,
    /// The name of the only directory in the archive.
    pub directory: &'a str,
    /// The modification time of the archived files, in seconds since 1970.
    pub modified: u64,
}

/// An archive that contains all records and lacks its description.
pub struct Export {
    archive: Archive<BufWriter<File>>,
    /// Commits with a record.
    pub exported: usize,
    /// Commits without one.
    pub skipped: usize,
    /// Oldest and newest committer date: seconds since 1970, and ISO 8601.
    dates: Option<[(i64, String); 2]>,
}

impl Repository {
    /// Writes a record for each of `commits` (without duplicates) to `file`, in the same order.
    /// Commits that are missing are fetched; those that cannot be read are skipped.
    pub fn export(
        &self,
        commits: &[ObjectId],
        options: &ExportOptions<'_>,
        file: &File,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Export, Error> {
        let branch = default_branch(self, options.remote)?;
        on_event(Event::Branch(&branch));
        let mut availability = make_available(self, options.remote, commits, on_event)?;
        let mut ids = commits.to_vec();
        ids.retain(|id| match availability.missing.remove(id) {
            Some(reason) => {
                on_event(Event::Skipped(*id, &reason.to_string()));
                false
            }
            None => availability.present.contains(id),
        });
        let mut history = History::read(self, &branch, &ids, options.concurrency, on_event)?;
        history.fetch_files(on_event)?;
        loop {
            on_event(Event::Comparing(history.commits().len()));
            let mut export = Export::write(&history, options, file, on_event)?;
            if !history.verify()? {
                export.skipped = commits.len() - export.exported;
                return Ok(export);
            }
        }
    }
}

impl Export {
    fn write(
        history: &History<'_>,
        options: &ExportOptions<'_>,
        file: &File,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Self, Error> {
        let archive = start_archive(options, file).map_err(Error::Archive)?;
        let mut export = Self {
            archive,
            exported: 0,
            skipped: 0,
            dates: None,
        };
        let kind = if options.skip_diffs {
            DiffKind::Summary
        } else {
            DiffKind::Full
        };
        history.collect(kind, |commit, diff| {
            match diff {
                Err(reason) => on_event(Event::Skipped(commit.id, &reason)),
                Ok((base, mut diff)) => {
                    record::write(&mut export.archive, commit, &mut diff)
                        .map_err(Error::Archive)?;
                    export.exported += 1;
                    export.add_date(commit);
                    if base == Base::Unrelated {
                        on_event(Event::Unrelated(commit.id));
                    }
                    let base = match base {
                        Base::Commit(base) => Some(base),
                        Base::EmptyTree | Base::Unrelated => None,
                    };
                    on_event(Event::Exported(commit.id, base));
                }
            }
            Ok(())
        })?;
        Ok(export)
    }

    fn add_date(&mut self, commit: &Commit) {
        let date = || (commit.committed_at, commit.committer_date.clone());
        let [oldest, newest] = self.dates.get_or_insert_with(|| [date(), date()]);
        if commit.committed_at < oldest.0 {
            *oldest = date();
        } else if commit.committed_at > newest.0 {
            *newest = date();
        }
    }

    /// The oldest and the newest committer date in ISO 8601; `None` without records.
    pub fn commit_dates(&self) -> Option<[&str; 2]> {
        let [oldest, newest] = self.dates.as_ref()?;
        Some([&oldest.1, &newest.1])
    }

    /// Adds `metadata` as `metadata.json` and completes the archive.
    pub fn finish(self, metadata: &[u8]) -> Result<(), Error> {
        let archive = self.archive.finish(metadata);
        archive.map(drop).map_err(Error::Archive)
    }
}

fn start_archive(
    options: &ExportOptions<'_>,
    mut file: &File,
) -> io::Result<Archive<BufWriter<File>>> {
    file.set_len(0)?;
    file.rewind()?;
    let output = BufWriter::with_capacity(256 * 1024, file.try_clone()?);
    Archive::new(output, options.directory, options.modified)
}
