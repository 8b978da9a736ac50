//! Whether the token may, and getting the archive to where it belongs.
//!
//! An archive that could not be sent is kept: collecting it may have taken long.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::NamedTempFile;
use test_engine_wire::PresignedUpload;

use super::counted;
use super::error::BackfillError;
use super::interrupt::Interrupt;
use crate::git::Cancel;
use crate::server_api::{Client, Failure, SuiteAccess, Transport, Verdict};
use crate::settings::{BackfillSettings, BackfillTask, TokenSource};
use crate::terminal::Terminal;

const READ: &str = "read_suites";
const WRITE: &str = "write_suites";

/// Tries of one upload that the network or the storage lets down.
const UPLOAD_TRIES: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_secs(3);

/// Fails when the token is known not to do.
pub(super) fn check_scopes(
    settings: &BackfillSettings,
    client: &Client<'_>,
    terminal: &Terminal,
) -> Result<(), BackfillError> {
    if matches!(settings.engine.access_token, TokenSource::Agent(_)) {
        // Such a token has a policy instead of a list; the server will apply it.
        return Ok(());
    }
    let Some(scopes) = client.token_scopes(&settings.engine.base_url)? else {
        terminal.debug(|| "The server does not tell what a token may do.".to_owned());
        return Ok(());
    };
    let (needed, wished): (&[&'static str], Option<&str>) = match &settings.task {
        BackfillTask::Upload(_) => (&[WRITE], None),
        BackfillTask::Collect {
            output: Some(_), ..
        } => (&[READ], Some(WRITE)),
        BackfillTask::Collect { output: None, .. } => (&[READ, WRITE], None),
    };
    let has = |scope: &str| scopes.iter().any(|found| found == scope);
    let missing: Vec<&'static str> = needed.iter().copied().filter(|scope| !has(scope)).collect();
    if !missing.is_empty() {
        return Err(BackfillError::Scopes { missing });
    }
    if let Some(scope) = wished.filter(|scope| !has(scope)) {
        terminal.warning(&format!(
            "The access token lacks the scope {scope}: this archive can be written, but not uploaded with this token."
        ));
    }
    Ok(())
}

/// `--upload`.
pub(super) fn send_existing(
    settings: &BackfillSettings,
    suite: &SuiteAccess,
    archive: &Path,
    interrupt: &Interrupt,
    terminal: &Terminal,
) -> Result<(), BackfillError> {
    let unreadable = |source| BackfillError::Unreadable {
        path: archive.to_owned(),
        source,
    };
    // A wrong path is better known before the server is asked.
    let length = openable(archive).map_err(unreadable)?;
    let client = Client::new(suite, &Transport::new(), terminal);
    check_scopes(settings, &client, terminal)?;
    let upload = client.presigned_upload()?;
    let sending = Sending {
        archive,
        length,
        client: &client,
        interrupt,
        terminal,
        settings,
    };
    sending
        .send(&upload)
        .map_err(|failure| BackfillError::Upload {
            failure,
            kept: None,
        })?;
    terminal.line(&format!(
        "Uploaded {} ({}).",
        archive.display(),
        size(length)
    ));
    Ok(())
}

/// Length of a file that can be sent.
fn openable(archive: &Path) -> io::Result<u64> {
    let file = fs_err::File::open(archive)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a file",
        ));
    }
    if metadata.len() == 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is empty"));
    }
    let mut magic = [0; 2];
    (&file).read_exact(&mut magic)?;
    if magic != [0x1f, 0x8b] {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is not a gzip archive",
        ));
    }
    Ok(metadata.len())
}

/// Gives the finished archive its name, or sends it.
pub(super) fn deliver(
    settings: &BackfillSettings,
    output: Option<&PathBuf>,
    file: NamedTempFile,
    upload: Option<PresignedUpload>,
    client: &Client<'_>,
    interrupt: &Interrupt,
    terminal: &Terminal,
) -> Result<(), BackfillError> {
    let length = file
        .as_file()
        .metadata()
        .map_err(BackfillError::Archive)?
        .len();
    if let Some(path) = output {
        file.persist(path).map_err(|error| BackfillError::Create {
            path: path.clone(),
            source: error.error,
        })?;
        interrupt.set_unfinished(None);
        terminal.line(&format!("Wrote {} ({}).", path.display(), size(length)));
        return Ok(());
    }
    let upload = match upload {
        Some(upload) => upload,
        None => client.presigned_upload()?,
    };
    let sending = Sending {
        archive: file.path(),
        length,
        client,
        interrupt,
        terminal,
        settings,
    };
    match sending.send(&upload) {
        Ok(()) => {
            terminal.line(&format!("Uploaded the archive ({}).", size(length)));
            Ok(())
        }
        Err(failure) if interrupt.cancel().is_cancelled() => Err(BackfillError::Upload {
            failure,
            kept: None,
        }),
        Err(failure) => {
            interrupt.set_unfinished(None);
            match file.keep() {
                Ok((_, path)) => Err(BackfillError::Upload {
                    failure,
                    kept: Some(path),
                }),
                Err(error) => {
                    terminal.warning(&format!("The archive could not be kept: {error}"));
                    Err(BackfillError::Upload {
                        failure,
                        kept: None,
                    })
                }
            }
        }
    }
}

struct Sending<'a> {
    archive: &'a Path,
    length: u64,
    client: &'a Client<'a>,
    interrupt: &'a Interrupt,
    terminal: &'a Terminal,
    settings: &'a BackfillSettings,
}

impl Sending<'_> {
    /// A form can run out while the collection goes on, so a refused one is asked for once more.
    fn send(&self, upload: &PresignedUpload) -> Result<(), Failure> {
        self.terminal
            .line(&format!("Uploading the archive ({}).", size(self.length)));
        match self.try_form(upload) {
            Err(Failure::Status {
                status: 403,
                message,
                ..
            }) => {
                self.terminal.warning(&format!(
                    "The storage refused the upload: {message}. Asking for a new form and trying once more."
                ));
                let fresh = self
                    .client
                    .presigned_upload()
                    .map_err(|error| Failure::Request(error.to_string()))?;
                self.try_form(&fresh)
            }
            other => other,
        }
    }

    fn try_form(&self, upload: &PresignedUpload) -> Result<(), Failure> {
        let mut wait = FIRST_WAIT.mul_f64(self.settings.engine.time_scale);
        let mut tries = 1;
        loop {
            let failure = match self.once(upload) {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            let hopeless = failure.verdict() != Verdict::Retry
                || tries == UPLOAD_TRIES
                || self.interrupt.cancel().is_cancelled();
            if hopeless {
                return Err(failure);
            }
            tries += 1;
            self.terminal.stderr_line(&format!(
                "bktec: upload failed: {failure}; trying again ({} of {})",
                tries,
                counted(UPLOAD_TRIES as usize, "try").replace("trys", "tries")
            ));
            std::thread::sleep(failure.asked_wait().unwrap_or(wait));
            wait *= 2;
        }
    }

    fn once(&self, upload: &PresignedUpload) -> Result<(), Failure> {
        let file = fs_err::File::open(self.archive)
            .map_err(|error| Failure::Request(error.to_string()))?;
        let name = self.archive.file_name().map_or_else(
            || "commit-metadata.tar.gz".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        );
        let mut body = Cancellable {
            file: file.take(self.length),
            cancel: self.interrupt.cancel(),
        };
        self.client
            .send_archive(&upload.form, &name, self.length, &mut body)
    }
}

/// A file whose reading fails once the work was cancelled, which ends the upload.
struct Cancellable<'a> {
    file: io::Take<fs_err::File>,
    cancel: &'a Cancel,
}

impl Read for Cancellable<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        self.file.read(buffer)
    }
}

fn size(bytes: u64) -> String {
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
    fn sizes() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (1_549, "1.5 kB"),
            (12_345_678, "12.3 MB"),
            (7_000_000_000_000, "7000.0 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
