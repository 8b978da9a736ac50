//! `bktec upload`: sends result files of tests that ran already, by whatever ran them.
//!
//! All files are looked at before any is sent. All are tried, then it is said which failed.

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use secrecy::SecretString;
use test_engine_wire::UploadReceipt;
use uuid::Uuid;

use super::prepare;
use crate::commands::CommandError;
use crate::exit_code;
use crate::server_api::Failure;
use crate::settings::UploadFilesSettings;
use crate::terminal::Terminal;
use crate::upload::result_file::{self, FileProblem, ResultFile};
use crate::upload::{UploadError, UploadOptions, Uploader, file_name};

/// Why not all files were uploaded.
#[derive(Debug, thiserror::Error)]
pub enum UploadFilesError {
    /// Some cannot be, and so none was.
    #[error("failed to read the results, so nothing was uploaded:{}", listed(.0))]
    Files(Vec<(PathBuf, FileProblem)>),
    /// The only one was not.
    #[error(transparent)]
    One(UploadError),
    /// Some were not.
    #[error("failed to upload {} of {of} files: {}", .failed.len(), .failed.join(", "))]
    Some {
        /// As given.
        failed: Vec<String>,
        /// How many there were.
        of: usize,
    },
}

fn listed(problems: &[(PathBuf, FileProblem)]) -> String {
    let mut list = String::new();
    for (path, problem) in problems {
        list.push('\n');
        list.push_str(&path.display().to_string());
        list.push_str(": ");
        list.push_str(&problem.to_string());
    }
    list
}

impl UploadFilesError {
    /// What a person might do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::One(error) => hint(error),
            Self::Files(_) | Self::Some { .. } => None,
        }
    }
}

fn hint(error: &UploadError) -> Option<&'static str> {
    match error {
        UploadError::Server {
            failure: Failure::Status {
                status: 401 | 403, ..
            },
            ..
        } => Some("check the suite's token: BUILDKITE_ANALYTICS_TOKEN or --suite-token"),
        _ => None,
    }
}

/// Uploads all files.
pub(super) fn upload(
    settings: &UploadFilesSettings,
    token: &SecretString,
    terminal: &Terminal,
) -> Result<u8, CommandError> {
    let files = look_at_all(settings)?;
    for file in files.iter().filter(|file| file.results == 0) {
        terminal.warning(&format!("{} holds no results.", file.path.display()));
    }
    let directory = prepare::working_directory()?;
    let mut run = settings.run.clone();
    if run.key.is_empty() {
        run.key = Uuid::now_v7().to_string();
    }
    terminal.debug(|| format!("{} as run {} of {}", settings.url, run.key, run.ci));
    let options = UploadOptions {
        url: settings.url.clone(),
        token,
        run: &run,
        location_prefix: settings.location_prefix.as_deref().unwrap_or_default(),
        tags: &settings.tags,
        directory: &directory,
        time_scale: settings.time_scale,
    };
    let uploader = Uploader::for_files(&options, settings.timeout, terminal);
    let started = Instant::now();
    let mut failed = Vec::new();
    let mut unwritten = None;
    for file in &files {
        let sent = uploader.upload_parts(
            &file.path,
            file.format,
            &file.parts,
            started,
            |part, receipt| {
                if let Err(error) = tell(file, part, &receipt, terminal) {
                    unwritten.get_or_insert(error);
                }
            },
        );
        match sent {
            Ok(()) => {}
            Err(error) if files.len() == 1 => return Err(UploadFilesError::One(error).into()),
            Err(error) => {
                terminal.error(&error.to_string());
                if let Some(hint) = hint(&error) {
                    terminal.stderr_line(&format!("hint: {hint}"));
                }
                failed.push(file.path.display().to_string());
            }
        }
    }
    if !failed.is_empty() {
        let of = files.len();
        return Err(UploadFilesError::Some { failed, of }.into());
    }
    match unwritten {
        None => Ok(exit_code::SUCCESS),
        Some(source) => Err(CommandError::Output {
            what: "to stdout what was uploaded".to_owned(),
            source,
        }),
    }
}

fn look_at_all(settings: &UploadFilesSettings) -> Result<Vec<ResultFile>, UploadFilesError> {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    for path in &settings.files {
        match result_file::look_at(path, settings.format) {
            Ok(file) => files.push(file),
            Err(problem) => problems.push((path.clone(), problem)),
        }
    }
    if problems.is_empty() {
        Ok(files)
    } else {
        Err(UploadFilesError::Files(problems))
    }
}

/// One line for each upload on stdout; what the server did not like on stderr.
fn tell(
    file: &ResultFile,
    part: &str,
    receipt: &UploadReceipt,
    terminal: &Terminal,
) -> io::Result<()> {
    let mut line = format!("Uploaded {}{part}", file_name(&file.path));
    let id = [&receipt.upload_id, &receipt.id];
    let url = [&receipt.upload_url, &receipt.run_url];
    let known = [id, url].map(|names| names.into_iter().find(|name| !name.is_empty()));
    for (separator, text) in [": ", " "].into_iter().zip(known.into_iter().flatten()) {
        line.push_str(separator);
        line.push_str(text);
    }
    line.push('\n');
    let told = terminal.data(line.as_bytes());
    if let Some(first) = receipt.errors.first() {
        terminal.warning(&format!(
            "The server passed over {} results of {}{part}: {first}{}",
            receipt.skipped.max(receipt.errors.len() as u64),
            file_name(&file.path),
            if receipt.errors.len() > 1 {
                ", …"
            } else {
                ""
            }
        ));
    }
    told
}
