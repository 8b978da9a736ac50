//! `bktec upload`: sends the result files of tests that have already run, whatever ran them.
//!
//! All files are checked before any is sent. A file that fails does not keep the others from being
//! sent.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::time::Instant;

use secrecy::SecretString;
use test_engine_wire::UploadReceipt;
use uuid::Uuid;

use super::prepare;
use crate::commands::CommandError;
use crate::exit_code;
use crate::server_api::{Failure, GaveUp};
use crate::settings::UploadFilesSettings;
use crate::terminal::Terminal;
use crate::upload::inputs::{self, Input};
use crate::upload::result_file::{self, FileProblem, ResultFile};
use crate::upload::{Source, UploadError, UploadOptions, Uploader, file_name};

#[derive(Debug, thiserror::Error)]
pub enum UploadFilesError {
    /// Some files are unusable, so none was sent.
    #[error("failed to read the results, so nothing was uploaded:\n{}", listed(.0))]
    Files(Vec<(PathBuf, FileProblem)>),
    /// There was only one file.
    #[error(transparent)]
    One(UploadError),
    #[error("failed to upload {} of {total} files: {}", .failed.len(), .failed.join(", "))]
    Some { failed: Vec<String>, total: usize },
}

fn listed(problems: &[(PathBuf, FileProblem)]) -> String {
    let lines: Vec<String> = problems
        .iter()
        .map(|(path, problem)| format!("{}: {problem}", path.display()))
        .collect();
    lines.join("\n")
}

impl UploadFilesError {
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::One(error) => hint(error),
            Self::Files(_) | Self::Some { .. } => None,
        }
    }
}

fn hint(error: &UploadError) -> Option<&'static str> {
    let UploadError::Server {
        gave_up: GaveUp { failure, .. },
        ..
    } = error
    else {
        return None;
    };
    match failure {
        Failure::Status {
            status: 401 | 403, ..
        } => Some("check the suite's token: BUILDKITE_ANALYTICS_TOKEN or --suite-token"),
        Failure::WrongScheme(_) | Failure::Status { status: 404, .. } => Some(
            "check the address: BUILDKITE_TEST_ENGINE_UPLOAD_BASE_URL (--upload-base-url), or \
             BUILDKITE_TEST_ENGINE_UPLOAD_URL (--upload-url)",
        ),
        Failure::Status { .. } if failure.needs_tls() => Some(
            "the server uses TLS: BUILDKITE_TEST_ENGINE_UPLOAD_BASE_URL (--upload-base-url), or \
             BUILDKITE_TEST_ENGINE_UPLOAD_URL (--upload-url), must start with https://",
        ),
        _ => None,
    }
}

pub(super) fn upload(
    settings: &UploadFilesSettings,
    token: &SecretString,
    terminal: &Terminal,
) -> Result<u8, CommandError> {
    let files = check_all(settings, terminal)?;
    for file in &files {
        let path = file.path.display();
        if file.results == 0 {
            terminal.warning(&format!("{path} contains no results."));
        }
        for note in &file.notes {
            terminal.warning(&format!("{path}: {note}."));
        }
    }
    let mut directory = prepare::working_directory()?;
    if let Some(root) = &settings.root {
        directory.push(root);
    }
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
        is_explicit_directory: settings.root.is_some(),
        time_scale: settings.time_scale,
    };
    let uploader = Uploader::for_files(&options, settings.timeout, terminal);
    let started = Instant::now();
    let mut failed = Vec::new();
    let mut write_error = None;
    for file in &files {
        let on_receipt = |part: &str, receipt| {
            if let Err(error) = print_receipt(file, part, &receipt, terminal) {
                write_error.get_or_insert(error);
            }
        };
        let source = Source {
            shown: &file.path,
            content: file.content(),
            format: file.format,
        };
        match uploader.upload_parts(source, &file.parts, started, on_receipt) {
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
        let total = files.len();
        return Err(UploadFilesError::Some { failed, total }.into());
    }
    match write_error {
        None => Ok(exit_code::SUCCESS),
        Some(source) => Err(CommandError::Output {
            what: "the list of uploads to stdout".to_owned(),
            source,
        }),
    }
}

fn check_all(
    settings: &UploadFilesSettings,
    terminal: &Terminal,
) -> Result<Vec<ResultFile>, UploadFilesError> {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    let mut inputs: Vec<Input> = Vec::new();
    let mut directories: Vec<(&PathBuf, Vec<PathBuf>)> = Vec::new();
    for argument in &settings.files {
        match inputs::expand(argument) {
            Ok(expanded) => {
                if expanded.iter().all(|input| input.is_from_directory) {
                    let paths = expanded.iter().map(|input| input.path.clone());
                    directories.push((argument, paths.collect()));
                }
                for input in expanded {
                    // Overlapping arguments must not upload results twice.
                    match inputs.iter_mut().find(|known| known.path == input.path) {
                        Some(known) => known.is_from_directory &= input.is_from_directory,
                        None => inputs.push(input),
                    }
                }
            }
            Err(problem) => problems.push((argument.clone(), problem)),
        }
    }
    let mut skipped = HashSet::new();
    for input in inputs {
        match result_file::check(&input, settings.format) {
            Ok(Some(file)) => files.push(file),
            Ok(None) => {
                let path = input.path.display();
                terminal.warning(&format!("{path} is in no known result format. Skipped it."));
                skipped.insert(input.path);
            }
            Err(problem) => problems.push((input.path, problem)),
        }
    }
    for (directory, paths) in directories {
        if paths.iter().all(|path| skipped.contains(path)) {
            problems.push((directory.clone(), FileProblem::EmptyDirectory));
        }
    }
    if problems.is_empty() {
        Ok(files)
    } else {
        Err(UploadFilesError::Files(problems))
    }
}

/// Prints one line for each upload to stdout, and what the server says about its results to stderr.
fn print_receipt(
    file: &ResultFile,
    part: &str,
    receipt: &UploadReceipt,
    terminal: &Terminal,
) -> io::Result<()> {
    let name = file_name(&file.path);
    let first_of = |names: [&String; 2]| names.into_iter().find(|name| !name.is_empty()).cloned();
    let id = first_of([&receipt.upload_id, &receipt.id]).map(|id| format!(": {id}"));
    let url = first_of([&receipt.upload_url, &receipt.run_url]).map(|url| format!(" {url}"));
    let (id, url) = (id.unwrap_or_default(), url.unwrap_or_default());
    let written = terminal.data(format!("Uploaded {name}{part}{id}{url}\n").as_bytes());
    // What this client has said is not repeated.
    let errors = receipt.errors.iter();
    let mut errors = errors.filter(|error| !file.notes.contains(error));
    let mut reasons = errors.next().cloned().unwrap_or_default();
    if errors.next().is_some() {
        reasons.push_str(", …");
    }
    let rejected = receipt.skipped;
    // The errors are not only about results that are rejected.
    let message = match (rejected, reasons.is_empty()) {
        (0, true) => return written,
        (0, false) => format!("The server's note on {name}{part}"),
        (1, _) => format!("The server rejected 1 result of {name}{part}"),
        _ => format!("The server rejected {rejected} results of {name}{part}"),
    };
    terminal.warning(&if reasons.is_empty() {
        format!("{message}.")
    } else {
        format!("{message}: {reasons}")
    });
    written
}
