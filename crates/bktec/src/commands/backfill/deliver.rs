//! Checks what the token may do, and uploads the archive.
//!
//! An archive whose upload failed is kept: collecting it may have taken long.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::NamedTempFile;
use test_engine_commit_history::CancelToken;
use test_engine_wire::PresignedUpload;

use super::Context;
use super::error::BackfillError;
use crate::server_api::{Failure, Verdict};
use crate::settings::{BackfillTask, TokenSource};

const READ: &str = "read_suites";
const WRITE: &str = "write_suites";

const MAX_UPLOAD_ATTEMPTS: u32 = 3;
const FIRST_DELAY: Duration = Duration::from_secs(3);

impl Context<'_> {
    /// Fails when the token is known to lack a scope. A token from the agent has no list of scopes;
    /// the server applies its policy.
    pub(super) fn check_scopes(&self) -> Result<(), BackfillError> {
        let Self {
            settings, terminal, ..
        } = self;
        if matches!(settings.engine.access_token, TokenSource::Agent(_)) {
            return Ok(());
        }
        let Some(scopes) = self.client.token_scopes(&settings.engine.base_url)? else {
            terminal.debug(|| "The server does not list the scopes of a token.".to_owned());
            return Ok(());
        };
        let (required, optional): (&[&'static str], &[&'static str]) = match &settings.task {
            BackfillTask::Upload(_) => (&[WRITE], &[]),
            BackfillTask::Collect {
                output: Some(_), ..
            } => (&[READ], &[WRITE]),
            BackfillTask::Collect { output: None, .. } => (&[READ, WRITE], &[]),
        };
        let missing = |wanted: &[&'static str]| -> Vec<&'static str> {
            let has = |wanted: &&str| scopes.iter().any(|scope| scope == *wanted);
            wanted.iter().copied().filter(|scope| !has(scope)).collect()
        };
        let missing_required = missing(required);
        if !missing_required.is_empty() {
            return Err(BackfillError::Scopes {
                missing: missing_required,
            });
        }
        for scope in missing(optional) {
            terminal.warning(&format!(
                "The access token lacks the scope {scope}: this archive can be written, but not \
                 uploaded with this token."
            ));
        }
        Ok(())
    }

    /// `--upload`.
    pub(super) fn upload_existing(&self, archive: &Path) -> Result<(), BackfillError> {
        // Before any request, so that a wrong path fails early.
        let size = archive_size(archive).map_err(|source| BackfillError::Unreadable {
            path: archive.to_owned(),
            source,
        })?;
        self.check_scopes()?;
        let form = self.client.presigned_upload()?;
        self.upload(archive, size, &form)
            .map_err(|failure| BackfillError::Upload {
                failure,
                kept: None,
            })?;
        let text = format!("Uploaded {} ({}).", archive.display(), printed(size));
        self.terminal.line(&text);
        Ok(())
    }

    /// Uploads the archive. Keeps it when that fails, except after an interrupt.
    pub(super) fn upload_or_keep(
        &self,
        file: NamedTempFile,
        form: Option<PresignedUpload>,
    ) -> Result<(), BackfillError> {
        let size = size_of(file.as_file())?;
        let form = match form {
            Some(form) => form,
            None => self.client.presigned_upload()?,
        };
        let Err(failure) = self.upload(file.path(), size, &form) else {
            let text = format!("Uploaded the archive ({}).", printed(size));
            self.terminal.line(&text);
            return Ok(());
        };
        let kept = if self.interrupt.cancel().is_cancelled() {
            None
        } else {
            self.interrupt.set_unfinished(None);
            self.keep(file)
        };
        Err(BackfillError::Upload { failure, kept })
    }

    fn keep(&self, file: NamedTempFile) -> Option<PathBuf> {
        match file.keep() {
            Ok((_, path)) => Some(path),
            Err(error) => {
                let text = format!("The archive could not be kept: {error}");
                self.terminal.warning(&text);
                None
            }
        }
    }

    /// A form can expire while commits are collected, so a rejected one is replaced once.
    fn upload(&self, archive: &Path, size: u64, form: &PresignedUpload) -> Result<(), Failure> {
        let text = format!("Uploading the archive ({}).", printed(size));
        self.terminal.line(&text);
        match self.upload_with_form(archive, size, form) {
            Err(Failure::Status {
                status: 403,
                message,
                ..
            }) => {
                self.terminal.warning(&format!(
                    "Storage rejected the upload: {message}. Requesting a new upload form and \
                     retrying."
                ));
                let form = self
                    .client
                    .presigned_upload()
                    .map_err(|error| Failure::Request(error.to_string()))?;
                self.upload_with_form(archive, size, &form)
            }
            other => other,
        }
    }

    fn upload_with_form(
        &self,
        archive: &Path,
        size: u64,
        form: &PresignedUpload,
    ) -> Result<(), Failure> {
        let mut delay = FIRST_DELAY.mul_f64(self.settings.engine.time_scale);
        let mut attempt = 1;
        loop {
            let failure = match self.upload_once(archive, size, form) {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            if failure.verdict() != Verdict::Retry
                || attempt == MAX_UPLOAD_ATTEMPTS
                || self.interrupt.cancel().is_cancelled()
            {
                return Err(failure);
            }
            attempt += 1;
            self.terminal.stderr_line(&format!(
                "Upload failed: {failure}; retrying (attempt {attempt} of {MAX_UPLOAD_ATTEMPTS})"
            ));
            std::thread::sleep(failure.retry_after().unwrap_or(delay));
            delay *= 2;
        }
    }

    fn upload_once(
        &self,
        archive: &Path,
        size: u64,
        form: &PresignedUpload,
    ) -> Result<(), Failure> {
        let file =
            fs_err::File::open(archive).map_err(|error| Failure::Request(error.to_string()))?;
        let name = archive.file_name().map_or_else(
            || "commit-metadata.tar.gz".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        );
        let mut body = CancellableFile {
            file: file.take(size),
            cancel: self.interrupt.cancel(),
        };
        self.client.send_archive(&form.form, &name, size, &mut body)
    }
}

/// The size of a file that looks like an archive.
fn archive_size(archive: &Path) -> io::Result<u64> {
    let file = fs_err::File::open(archive)?;
    let metadata = file.metadata()?;
    let invalid = |problem| Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    if !metadata.is_file() {
        return invalid("it is not a file");
    }
    if metadata.len() == 0 {
        return invalid("it is empty");
    }
    let mut magic = [0; 2];
    (&file).read_exact(&mut magic)?;
    if magic != [0x1f, 0x8b] {
        return invalid("it is not a gzip archive");
    }
    Ok(metadata.len())
}

pub(super) fn size_of(file: &File) -> Result<u64, BackfillError> {
    let metadata = file.metadata().map_err(BackfillError::Size)?;
    Ok(metadata.len())
}

/// A file whose reads fail after cancellation, which ends the upload.
struct CancellableFile<'a> {
    file: io::Take<fs_err::File>,
    cancel: &'a CancelToken,
}

impl Read for CancellableFile<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        self.file.read(buffer)
    }
}

pub(super) fn printed(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["bytes", "kB", "MB", "GB"];
    let mut unit = 0;
    let mut tenths = bytes.saturating_mul(10);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths = (tenths + 500) / 1_000;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} {}", UNITS[0])
    } else {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_sizes_in_decimal_units() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (1_549, "1.5 kB"),
            (12_345_678, "12.3 MB"),
            (7_000_000_000_000, "7000.0 GB"),
        ] {
            assert_eq!(printed(bytes), text);
        }
    }
}
