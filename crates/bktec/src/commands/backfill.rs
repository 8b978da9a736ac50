//! `bktec tools backfill-commit-metadata`: exports the git history of a suite's commits and uploads
//! it.
//!
//! The order of steps only. `test_engine_commit_history` reads git and `server_api` talks to the
//! server; this module prints progress and decides what happens to the archive.

mod deliver;
mod error;
mod interrupt;
mod progress;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tempfile::NamedTempFile;
use test_engine_commit_history::{Event, Export, ExportOptions, ObjectId, Repository};
use test_engine_wire::{BackfillMetadata, PresignedUpload};

pub use self::error::BackfillError;
use self::interrupt::Interrupt;
use self::progress::Progress;
use super::{header, prepare};
use crate::clock;
use crate::commands::CommandError;
use crate::exit_code;
use crate::server_api::{Client, SuiteAccess, Transport};
use crate::settings::{BackfillSettings, BackfillTask};
use crate::split_summary::counted;
use crate::terminal::Terminal;

/// Exits with 0 when something was exported or uploaded, or when there was nothing to do.
pub(super) fn backfill(
    settings: &BackfillSettings,
    suite: &SuiteAccess,
    terminal: &Terminal,
) -> Result<u8, CommandError> {
    header::print(terminal);
    let context = Context {
        settings,
        client: &Client::new(suite, &Transport::new(), terminal),
        interrupt: &Interrupt::install().map_err(BackfillError::Signals)?,
        terminal,
    };
    let outcome = match &settings.task {
        BackfillTask::Upload(archive) => context.upload_existing(archive),
        BackfillTask::Collect {
            days,
            remote,
            concurrency,
            skip_diffs,
            output,
        } => Collection {
            context: &context,
            days: *days,
            remote,
            concurrency: *concurrency,
            skip_diffs: *skip_diffs,
            output: output.as_deref(),
        }
        .run(),
    };
    match context.interrupt.signal() {
        Some(signal) if outcome.is_err() => {
            terminal.stderr_line("Interrupted: nothing was exported.");
            Ok(exit_code::of_signal(signal))
        }
        _ => outcome
            .map(|()| exit_code::SUCCESS)
            .map_err(CommandError::from),
    }
}

/// What every step of the command uses.
struct Context<'a> {
    settings: &'a BackfillSettings,
    client: &'a Client<'a>,
    interrupt: &'a Interrupt,
    terminal: &'a Terminal,
}

/// The UUIDs for the archive's metadata.
struct Owners {
    organization: String,
    suite: String,
    /// Requested early, so that a token without permission to upload fails early.
    upload: Option<PresignedUpload>,
}

/// A collection of commits and its own settings.
struct Collection<'a> {
    context: &'a Context<'a>,
    days: u32,
    remote: &'a str,
    concurrency: usize,
    skip_diffs: bool,
    output: Option<&'a Path>,
}

impl Collection<'_> {
    fn run(&self) -> Result<(), BackfillError> {
        let Context {
            interrupt,
            terminal,
            ..
        } = self.context;
        self.context.check_scopes()?;
        let (commits, invalid) = self.listed_commits()?;
        if commits.is_empty() && invalid == 0 {
            terminal.line(&format!(
                "Nothing to do: the suite has no commits from the last {} days.",
                self.days
            ));
            return Ok(());
        }
        terminal.line(&format!(
            "The suite has {} from the last {} days.",
            counted(commits.len() + invalid, "commit"),
            self.days
        ));
        let owners = self.owners()?;
        // Before any work with git, so that an unwritable path fails early.
        let file = self.create_file()?;
        interrupt.set_unfinished(Some(file.path()));

        let directory = prepare::working_directory()
            .map_err(|error| BackfillError::Directory(error.to_string()))?;
        let repository =
            Repository::open(directory, interrupt.cancel()).map_err(BackfillError::Repository)?;
        let now = clock::now();
        let export = self.export(&repository, &commits, &file, now)?;
        let (exported, skipped) = (export.exported, export.skipped + invalid);
        if exported == 0 {
            return Err(BackfillError::NothingExported { skipped });
        }
        let metadata = self.metadata(&export, &owners, skipped, now);
        export.finish(&metadata)?;
        terminal.debug(|| format!("{} git processes started", repository.processes_started()));
        self.deliver(file, owners.upload)?;
        terminal.line(&format!(
            "{} exported, {} skipped.",
            counted(exported, "commit"),
            counted(skipped, "commit")
        ));
        Ok(())
    }

    /// The suite's commits without duplicates, and the number of lines that are not commit SHAs.
    fn listed_commits(&self) -> Result<(Vec<ObjectId>, usize), BackfillError> {
        let text = self.context.client.commits(self.days)?;
        let mut commits = Vec::new();
        let mut invalid = 0;
        let mut seen = HashSet::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match line.parse::<ObjectId>() {
                Ok(id) if seen.insert(id) => commits.push(id),
                Ok(_) => {}
                Err(error) => {
                    invalid += 1;
                    let text = format!("Skipping a commit: {error}.");
                    self.context.terminal.warning(&text);
                }
            }
        }
        Ok((commits, invalid))
    }

    fn owners(&self) -> Result<Owners, BackfillError> {
        let client = self.context.client;
        let owners = if self.output.is_some() {
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

    /// A file that is deleted unless it is kept: next to `--output`, so that it can be renamed in
    /// the end, or in the directory for temporary files.
    fn create_file(&self) -> Result<NamedTempFile, BackfillError> {
        let mut builder = tempfile::Builder::new();
        let created = match self.output {
            None => builder
                .prefix("bktec-backfill-")
                .suffix(".tar.gz")
                .tempfile(),
            Some(path) => {
                let directory = match path.parent() {
                    Some(directory) if !directory.as_os_str().is_empty() => directory.to_owned(),
                    _ => PathBuf::from("."),
                };
                #[cfg(unix)]
                {
                    use std::os::unix::fs::PermissionsExt as _;
                    // The default permissions of new files, which the umask restricts.
                    builder.permissions(std::fs::Permissions::from_mode(0o666));
                }
                builder
                    .prefix(".bktec-backfill-")
                    .suffix(".partial")
                    .tempfile_in(directory)
            }
        };
        created.map_err(|source| BackfillError::Create {
            path: self.output.map_or_else(std::env::temp_dir, Path::to_owned),
            source,
        })
    }

    fn export(
        &self,
        repository: &Repository,
        commits: &[ObjectId],
        file: &NamedTempFile,
        now: Timestamp,
    ) -> Result<Export, BackfillError> {
        let engine = &self.context.settings.engine;
        let directory = format!(
            "backfill-{}-{}-{}",
            file_name_part(&engine.organization_slug),
            file_name_part(&engine.suite_slug),
            now.strftime("%Y%m%dT%H%M%S.%3fZ")
        );
        let options = ExportOptions {
            remote: self.remote,
            concurrency: self.concurrency,
            skip_diffs: self.skip_diffs,
            directory: &directory,
            modified: u64::try_from(now.as_second()).unwrap_or_default(),
        };
        let mut progress = Progress::new(self.context.terminal, self.remote);
        let mut on_event = |event: Event<'_>| progress.show(event);
        Ok(repository.export(commits, &options, file.as_file(), &mut on_event)?)
    }

    fn metadata(
        &self,
        export: &Export,
        owners: &Owners,
        skipped: usize,
        now: Timestamp,
    ) -> Vec<u8> {
        let dates = export.commit_dates().map(|dates| dates.map(str::to_owned));
        let [min_commit_date, max_commit_date] = dates.map_or([None, None], |it| it.map(Some));
        let engine = &self.context.settings.engine;
        let metadata = BackfillMetadata {
            schema_version: 2,
            tool: "bktec".to_owned(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            generated_at: format!("{now:.3}"),
            organization_slug: engine.organization_slug.clone(),
            suite_slug: engine.suite_slug.clone(),
            organization_uuid: owners.organization.clone(),
            suite_uuid: owners.suite.clone(),
            commit_count: export.exported as u64,
            skipped_commits: skipped as u64,
            days: self.days,
            remote: self.remote.to_owned(),
            skipped_diffs: self.skip_diffs,
            min_commit_date,
            max_commit_date,
        };
        serde_json::to_vec_pretty(&metadata).expect("strings and numbers can be serialized")
    }

    /// Renames the archive to `--output`, or uploads it.
    fn deliver(
        &self,
        file: NamedTempFile,
        upload: Option<PresignedUpload>,
    ) -> Result<(), BackfillError> {
        let Some(path) = self.output else {
            return self.context.upload_or_keep(file, upload);
        };
        let size = deliver::size_of(file.as_file())?;
        file.persist(path).map_err(|error| BackfillError::Create {
            path: path.to_owned(),
            source: error.error,
        })?;
        self.context.interrupt.set_unfinished(None);
        let text = format!("Wrote {} ({}).", path.display(), deliver::printed(size));
        self.context.terminal.line(&text);
        Ok(())
    }
}

/// A slug as part of a directory name, without path separators.
fn file_name_part(slug: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    slug.replace(|c| !allowed(c), "_")
}
