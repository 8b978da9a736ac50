//! `bktec tools backfill-commit-metadata`: collects what git knows of the commits a suite has seen,
//! packs it, sends it.
//!
//! The order of steps only. Git is asked in `git`, the server in `server_api`; here it is decided
//! what to ask, what to say, and what becomes of the archive.

mod archive;
mod deliver;
mod error;
mod interrupt;
mod progress;
mod record;

use std::collections::HashSet;
use std::io::BufWriter;
use std::path::PathBuf;

use jiff::Timestamp;
use tempfile::NamedTempFile;
use test_engine_wire::{BackfillMetadata, PresignedUpload};

use self::archive::Archive;
pub use self::error::BackfillError;
use self::interrupt::Interrupt;
use self::progress::Progress;
use super::{header, prepare};
use crate::clock;
use crate::commands::CommandError;
use crate::exit_code;
use crate::git::{
    self, CollectError, Collection, Commit, DiffKind, Git, GitError, ObjectId, Outcome, Prepared,
    Repository,
};
use crate::server_api::{Client, SuiteAccess, Transport};
use crate::settings::{BackfillSettings, BackfillTask};
use crate::terminal::Terminal;

/// Does the task of the settings. Ends with 0 when something was exported or sent, or when there
/// was nothing to do.
pub(super) fn backfill(
    settings: &BackfillSettings,
    suite: &SuiteAccess,
    terminal: &Terminal,
) -> Result<u8, CommandError> {
    header::print(terminal);
    let interrupt = Interrupt::install().map_err(BackfillError::Signals)?;
    let outcome = match &settings.task {
        BackfillTask::Upload(archive) => {
            deliver::send_existing(settings, suite, archive, &interrupt, terminal)
        }
        BackfillTask::Collect { .. } => collect_and_deliver(settings, suite, &interrupt, terminal),
    };
    match interrupt.signal() {
        Some(signal) if outcome.is_err() => {
            terminal.stderr_line("Interrupted: nothing was exported.");
            Ok(exit_code::of_signal(signal))
        }
        _ => outcome
            .map(|()| exit_code::SUCCESS)
            .map_err(CommandError::from),
    }
}

/// The settings of a collection, without the alternative.
struct Request<'a> {
    days: u32,
    remote: &'a str,
    concurrency: usize,
    skip_diffs: bool,
    output: Option<&'a PathBuf>,
}

/// UUIDs for the archive's description.
struct Owners {
    organization: String,
    suite: String,
    /// The form to send it with, asked for early so that a token that may not upload fails early.
    upload: Option<PresignedUpload>,
}

fn collect_and_deliver(
    settings: &BackfillSettings,
    suite: &SuiteAccess,
    interrupt: &Interrupt,
    terminal: &Terminal,
) -> Result<(), BackfillError> {
    let BackfillTask::Collect {
        days,
        remote,
        concurrency,
        skip_diffs,
        output,
    } = &settings.task
    else {
        return Ok(());
    };
    let request = Request {
        days: *days,
        remote,
        concurrency: *concurrency,
        skip_diffs: *skip_diffs,
        output: output.as_ref(),
    };
    let client = Client::new(suite, &Transport::new(), terminal);
    deliver::check_scopes(settings, &client, terminal)?;
    let (commits, mut skipped) = listed_commits(&client, request.days, terminal)?;
    if commits.is_empty() && skipped == 0 {
        terminal.line(&format!(
            "The suite saw no commits in the last {} days: there is nothing to do.",
            request.days
        ));
        return Ok(());
    }
    terminal.line(&format!(
        "The suite saw {} in the last {} days.",
        counted(commits.len() + skipped, "commit"),
        request.days
    ));
    let owners = owners(&client, request.output.is_some())?;
    // Before any work with git: a place that cannot be written to is better known now.
    let mut file = new_file(request.output)?;
    interrupt.set_unfinished(Some(file.path()));

    let directory = prepare::working_directory()
        .map_err(|error| BackfillError::Directory(error.to_string()))?;
    let git = Git::new(directory, interrupt.cancel().clone());
    let repository = Repository::open(git).map_err(BackfillError::Repository)?;
    let branch = git::default_branch(&repository, request.remote)?;
    terminal.line(&format!(
        "Comparing with {} ({:.12}).",
        branch.short_name(),
        branch.tip
    ));
    let available = available(&repository, request.remote, &commits, terminal)?;
    skipped += commits.len() - available.len();
    let mut prepared = git::prepare(&repository, &branch, &available, request.concurrency)?;
    for unreadable in prepared.unreadable() {
        terminal.warning(&format!(
            "Skipping {}: {}.",
            unreadable.commit, unreadable.reason
        ));
    }
    skipped += prepared.unreadable().len();

    fetch_files(&prepared, terminal)?;

    let now = now();
    let written = loop {
        let written = write_records(
            settings, &request, &prepared, &file, now, interrupt, terminal,
        )?;
        if !prepared.settle()? {
            break written;
        }
        terminal.debug(|| "Commits of the branch carry wrong dates; collecting again.".to_owned());
        file = new_file(request.output)?;
        interrupt.set_unfinished(Some(file.path()));
    };
    skipped += written.skipped;
    if written.commits == 0 {
        return Err(BackfillError::NothingExported { skipped });
    }
    let metadata = written.metadata(settings, &request, &owners, skipped, now);
    written
        .archive
        .finish(&metadata)
        .map_err(BackfillError::Archive)?;
    let commits = written.commits;
    terminal.debug(|| {
        format!(
            "{} git processes were started.",
            repository.git().processes_started()
        )
    });
    deliver::deliver(
        settings,
        request.output,
        file,
        owners.upload,
        &client,
        interrupt,
        terminal,
    )?;
    terminal.line(&format!(
        "{} exported, {} skipped.",
        counted(commits, "commit"),
        counted(skipped, "commit")
    ));
    Ok(())
}

/// The commits the suite saw, each once, and how many were no commit names at all.
fn listed_commits(
    client: &Client<'_>,
    days: u32,
    terminal: &Terminal,
) -> Result<(Vec<ObjectId>, usize), BackfillError> {
    let text = client.commits(days)?;
    let mut commits = Vec::new();
    let mut refused = 0;
    let mut seen = HashSet::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.parse::<ObjectId>() {
            Ok(id) if seen.insert(id) => commits.push(id),
            Ok(_) => {}
            Err(error) => {
                refused += 1;
                terminal.warning(&format!("Skipping a commit: {error}."));
            }
        }
    }
    Ok((commits, refused))
}

fn owners(client: &Client<'_>, keep: bool) -> Result<Owners, BackfillError> {
    let owners = if keep {
        let suite = client.suite()?;
        Owners {
            organization: suite.organization_id,
            suite: suite.id,
            upload: None,
        }
    } else {
        let upload = client.presigned_upload()?;
        Owners {
            organization: upload.organization_id.clone(),
            suite: upload.suite_id.clone(),
            upload: Some(upload),
        }
    };
    if owners.organization.is_empty() || owners.suite.is_empty() {
        return Err(BackfillError::NoUuids);
    }
    Ok(owners)
}

/// A file that vanishes unless it is kept: beside `output`, so that it can take its name at the
/// end, or in the folder for temporary files.
fn new_file(output: Option<&PathBuf>) -> Result<NamedTempFile, BackfillError> {
    let mut builder = tempfile::Builder::new();
    let made = match output {
        None => builder
            .prefix("bktec-backfill-")
            .suffix(".tar.gz")
            .tempfile(),
        Some(path) => {
            let folder = match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
                _ => PathBuf::from("."),
            };
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                // As for any file the user makes; the umask takes away what it always does.
                builder.permissions(std::fs::Permissions::from_mode(0o666));
            }
            builder
                .prefix(".bktec-backfill-")
                .suffix(".partial")
                .tempfile_in(folder)
        }
    };
    made.map_err(|source| BackfillError::Create {
        path: output.cloned().unwrap_or_else(std::env::temp_dir),
        source,
    })
}

/// Those of `commits` that are here, in the same order, after fetching what was not.
fn available(
    repository: &Repository,
    remote: &str,
    commits: &[ObjectId],
    terminal: &Terminal,
) -> Result<Vec<ObjectId>, BackfillError> {
    let mut before_fetch = |missing: usize| {
        terminal.line(&format!(
            "{} not here; fetching from {remote}.",
            if missing == 1 {
                "1 commit is".to_owned()
            } else {
                format!("{missing} commits are")
            }
        ));
    };
    let mut available = git::make_available(repository, remote, commits, &mut before_fetch)?;
    if available.fetched > 0 {
        terminal.line(&format!(
            "Fetched {}.",
            counted(available.fetched, "commit")
        ));
    }
    let mut here = Vec::with_capacity(commits.len());
    for id in commits {
        if available.present.contains(id) {
            here.push(*id);
        } else {
            let reason = available.missing.remove(id);
            let reason =
                reason.map_or_else(|| "it is not here".to_owned(), |reason| reason.to_string());
            terminal.warning(&format!("Skipping {id}: {reason}."));
        }
    }
    Ok(here)
}

/// In a partial clone: the files of all diffs. That this fails is no reason to stop; a commit whose
/// files cannot be had is skipped when its turn comes.
fn fetch_files(prepared: &Prepared<'_>, terminal: &Terminal) -> Result<(), BackfillError> {
    let mut before_fetch = |files: usize| {
        terminal.line(&format!(
            "This is a partial clone; fetching {} that it lacks.",
            counted(files, "file")
        ));
    };
    match prepared.fetch_files(&mut before_fetch) {
        Ok(_) => Ok(()),
        Err(error @ (GitError::Cancelled | GitError::Start { .. })) => Err(error.into()),
        Err(error) => {
            terminal.warning(&format!("Failed to {error}"));
            Ok(())
        }
    }
}

/// An archive with all records, still to be described and closed.
struct Written {
    archive: Archive<BufWriter<std::fs::File>>,
    commits: usize,
    skipped: usize,
    /// Committer dates, oldest and newest: seconds since 1970, and as git wrote them.
    dates: Option<[(i64, String); 2]>,
}

fn write_records(
    settings: &BackfillSettings,
    request: &Request<'_>,
    prepared: &Prepared<'_>,
    file: &NamedTempFile,
    now: Timestamp,
    interrupt: &Interrupt,
    terminal: &Terminal,
) -> Result<Written, BackfillError> {
    let output = file.reopen().map_err(BackfillError::Archive)?;
    let output = BufWriter::with_capacity(256 * 1024, output);
    let name = format!(
        "backfill-{}-{}-{}",
        file_name_part(&settings.engine.organization_slug),
        file_name_part(&settings.engine.suite_slug),
        now.strftime("%Y%m%dT%H%M%S.%3fZ")
    );
    let archive = Archive::new(output, &name, now).map_err(BackfillError::Archive)?;
    let mut written = Written {
        archive,
        commits: 0,
        skipped: 0,
        dates: None,
    };
    let kind = if request.skip_diffs {
        DiffKind::Summary
    } else {
        DiffKind::Full
    };
    let collection = Collection {
        kind,
        concurrency: request.concurrency,
    };
    let mut progress = Progress::new(terminal, prepared.commits().len());
    let collected = prepared.collect(collection, |collected| {
        if interrupt.cancel().is_cancelled() {
            return Err(std::io::Error::other("cancelled"));
        }
        match collected.outcome {
            Outcome::Diff(mut diff) => {
                record::write(&mut written.archive, collected.commit, &mut diff)?;
                written.commits += 1;
                written.add_date(collected.commit);
            }
            Outcome::Skipped(skipped) => {
                written.skipped += 1;
                progress.warning(&format!("Skipping {}: {}.", skipped.commit, skipped.reason));
            }
        }
        progress.advance();
        Ok(())
    });
    drop(progress);
    match collected {
        Ok(()) => Ok(written),
        Err(CollectError::Git(error)) => Err(error.into()),
        Err(CollectError::Consumer(error)) => Err(BackfillError::Archive(error)),
    }
}

impl Written {
    fn add_date(&mut self, commit: &Commit) {
        let date = || (commit.committed_at, commit.committer_date.clone());
        let [oldest, newest] = self.dates.get_or_insert_with(|| [date(), date()]);
        if commit.committed_at < oldest.0 {
            *oldest = date();
        } else if commit.committed_at > newest.0 {
            *newest = date();
        }
    }

    fn metadata(
        &self,
        settings: &BackfillSettings,
        request: &Request<'_>,
        owners: &Owners,
        skipped: usize,
        now: Timestamp,
    ) -> Vec<u8> {
        let date = |index: usize| self.dates.as_ref().map(|dates| dates[index].1.clone());
        let metadata = BackfillMetadata {
            schema_version: 2,
            tool: "bktec".to_owned(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            generated_at: format!("{now:.3}"),
            organization_slug: settings.engine.organization_slug.clone(),
            suite_slug: settings.engine.suite_slug.clone(),
            organization_uuid: owners.organization.clone(),
            suite_uuid: owners.suite.clone(),
            commit_count: self.commits as u64,
            skipped_commits: skipped as u64,
            days: request.days,
            remote: request.remote.to_owned(),
            skipped_diffs: request.skip_diffs,
            min_commit_date: date(0),
            max_commit_date: date(1),
        };
        serde_json::to_vec_pretty(&metadata).expect("it holds only strings and numbers")
    }
}

/// A slug as part of a folder's name; nothing in it may lead out of that folder.
fn file_name_part(slug: &str) -> String {
    slug.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect()
}

fn now() -> Timestamp {
    // The clock's text is a timestamp by contract; the first second there is stands for any fault.
    clock::now_rfc3339()
        .parse()
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}
