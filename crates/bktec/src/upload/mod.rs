//! Sends result files to the upload API.
//!
//! In `run`, a failed upload never fails the run: the caller prints it and continues. Files are
//! streamed, and split into several uploads if they contain more results than one may have.

pub(crate) mod convert;
mod detect;
pub(crate) mod inputs;
pub(crate) mod parts;
pub(crate) mod result_file;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use test_engine_results::Format;
use test_engine_wire::UploadReceipt;

use self::parts::Part;
use crate::ci::RunEnvironment;
use crate::server_api::multipart::Form;
use crate::server_api::{
    Budget, Failure, GaveUp, Request, Transport, with_retries, without_secrets,
};
use crate::terminal::Terminal;

#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("failed to read the results: {0}")]
    File(#[source] std::io::Error),
    #[error("failed to upload {}{part}: {gave_up}", .path.display())]
    Server {
        path: PathBuf,
        /// Such as ", part 2 of 3"; empty if the file is one upload.
        part: String,
        gave_up: GaveUp,
    },
}

/// The file of an upload.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    /// As the user knows it.
    pub(crate) shown: &'a Path,
    /// What is sent.
    pub(crate) content: &'a Path,
    pub(crate) format: Format,
}

/// Where to upload, and how to describe the results.
pub struct UploadOptions<'a> {
    /// The address, path included.
    pub url: String,
    pub token: &'a SecretString,
    pub run: &'a RunEnvironment,
    pub location_prefix: &'a str,
    pub tags: &'a BTreeMap<String, String>,
    /// The directory that relative paths in reports start from.
    pub directory: &'a Path,
    /// The user named the directory.
    pub is_explicit_directory: bool,
    /// A factor for time limits: 1, except in this project's tests.
    pub time_scale: f64,
}

/// When the directory is sent.
enum SentDirectory {
    /// With reports that have absolute paths below it, so that nothing new is disclosed.
    IfNamed(String),
    /// It is among the fields.
    Always,
}

pub struct Uploader<'a> {
    transport: Transport,
    url: String,
    authorization: SecretString,
    fields: Vec<(String, String)>,
    /// The server makes absolute paths in reports relative to it.
    directory: SentDirectory,
    /// Whether only 201 and 202 are success, and a conflict is final.
    strict: bool,
    budget: Budget,
    terminal: &'a Terminal,
}

impl<'a> Uploader<'a> {
    /// For `run`. `sends_directory` adds the working
    /// directory to every upload instead of only those that need it.
    pub(crate) fn for_run(
        options: &UploadOptions<'_>,
        test_runner: &str,
        sends_directory: bool,
        transport: &Transport,
        terminal: &'a Terminal,
    ) -> Self {
        // The hosted client sends all keys, empty where unknown.
        let mut environment = options.run.pairs().to_vec();
        environment.extend([
            ("location_prefix", options.location_prefix),
            ("collector", "bktec"),
            ("test_runner", test_runner),
            ("version", env!("CARGO_PKG_VERSION")),
        ]);
        let directory = options.directory.to_string_lossy();
        if sends_directory {
            environment.push(("cwd", &directory));
        }
        let sent_directory = if sends_directory {
            SentDirectory::Always
        } else {
            SentDirectory::IfNamed(directory.clone().into_owned())
        };
        Self {
            transport: transport.clone(),
            url: options.url.clone(),
            authorization: format!("Token token={}", options.token.expose_secret()).into(),
            fields: fields(&environment, options.tags),
            directory: sent_directory,
            strict: false,
            budget: Budget::RESULTS.scaled(options.time_scale),
            terminal,
        }
    }

    /// For `bktec upload`. `timeout` is for all files together.
    pub(crate) fn for_files(
        options: &UploadOptions<'_>,
        timeout: Duration,
        terminal: &'a Terminal,
    ) -> Self {
        let mut environment = options.run.pairs().to_vec();
        environment.extend([
            ("location_prefix", options.location_prefix),
            ("collector", "bktec"),
            ("version", env!("CARGO_PKG_VERSION")),
        ]);
        let directory = options.directory.to_string_lossy();
        let sent_directory = if options.is_explicit_directory {
            environment.push(("cwd", &directory));
            SentDirectory::Always
        } else {
            SentDirectory::IfNamed(directory.clone().into_owned())
        };
        environment.retain(|(_, value)| !value.is_empty());
        let budget = Budget {
            overall: timeout,
            ..Budget::UPLOAD
        };
        Self {
            transport: Transport::new(),
            url: options.url.clone(),
            authorization: format!("Token token=\"{}\"", options.token.expose_secret()).into(),
            fields: fields(&environment, options.tags),
            directory: sent_directory,
            strict: true,
            budget: budget.scaled(options.time_scale),
            terminal,
        }
    }

    /// The receipt is that of the last part, and empty if the server's response has no details.
    pub fn upload(&self, path: &Path, format: Format) -> Result<UploadReceipt, UploadError> {
        let uploads = result_file::uploads_of(path, format).map_err(UploadError::File)?;
        let mut last = UploadReceipt::default();
        let source = Source {
            shown: path,
            content: uploads.content(path),
            format,
        };
        self.upload_parts(source, &uploads.parts, Instant::now(), |_, receipt| {
            last = receipt;
        })?;
        Ok(last)
    }

    /// Sends the parts of one file within the budget that began at `started`, and stops at the
    /// first failure. Calls `on_receipt` with the description of each part and its receipt.
    pub(crate) fn upload_parts(
        &self,
        source: Source<'_>,
        parts: &[Part],
        started: Instant,
        mut on_receipt: impl FnMut(&str, UploadReceipt),
    ) -> Result<(), UploadError> {
        let directory = self.directory_for(&source);
        for (index, part) in parts.iter().enumerate() {
            let description = match parts.len() {
                1 => String::new(),
                count => format!(", part {} of {count}", index + 1),
            };
            match self.send(source, part, &description, directory, started) {
                Ok(receipt) => on_receipt(&description, receipt),
                Err(gave_up) => {
                    return Err(UploadError::Server {
                        path: source.shown.to_owned(),
                        part: description,
                        gave_up,
                    });
                }
            }
        }
        Ok(())
    }

    /// The directory to send with this file, in addition to the fields.
    fn directory_for(&self, source: &Source<'_>) -> Option<&str> {
        let SentDirectory::IfNamed(directory) = &self.directory else {
            return None;
        };
        let is_root = directory.trim_end_matches('/').is_empty();
        let below = format!("{}/", directory.trim_end_matches('/'));
        let is_needed = source.format == Format::JestJson
            || (!is_root && result_file::contains(source.content, &below));
        is_needed.then_some(directory)
    }

    fn send(
        &self,
        source: Source<'_>,
        part: &Part,
        description: &str,
        directory: Option<&str>,
        started: Instant,
    ) -> Result<UploadReceipt, GaveUp> {
        let file_name = file_name(source.shown);
        let directory = directory.map(|directory| ("run_env[cwd]", directory));
        let fields = self
            .fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let form = Form::new(
            std::iter::once(("format", source.format.name()))
                .chain(directory)
                .chain(fields),
            "data",
            &file_name,
        );
        let target = without_secrets(&self.url);
        let failed = format!("Uploading {file_name}{description} to {target} failed");
        let budget = self.budget.left(started.elapsed());
        let (status, response) = with_retries(&budget, self.terminal, &failed, |limit| {
            if limit.is_zero() {
                return Err(Failure::Request("no time is left for uploads".to_owned()));
            }
            let file = fs_err::File::open(source.content)
                .map_err(|error| Failure::Request(error.to_string()))?;
            let mut body = (&form.head[..])
                .chain(part.reader(file))
                .chain(&form.tail[..]);
            let request = Request {
                url: &self.url,
                authorization: Some(self.authorization.expose_secret()),
                content_type: &form.content_type,
                content_encoding: None,
                accept: "*/*",
            };
            let length = form.length_with(part.length());
            self.transport
                .post(request, length, &mut body, limit)
                .map_err(|failure| match failure {
                    Failure::Status { status: 409, .. } if self.strict => {
                        Failure::Request(failure.to_string())
                    }
                    other => other,
                })
        })?;
        self.terminal.debug(|| {
            let bytes = part.length();
            format!("POST {file_name}{description}: {bytes} bytes, status {status}")
        });
        if self.strict && !matches!(status, 201 | 202) {
            return Err(GaveUp {
                failure: Failure::Request(format!(
                    "the server responded with status {status} instead of 201 or 202, so this is \
                     not an upload URL"
                )),
                tries: 1,
                elapsed: started.elapsed(),
            });
        }
        // The server has the results; a response without details is no failure.
        Ok(serde_json::from_slice(&response).unwrap_or_default())
    }
}

/// The base name: the location of a file on this machine is never sent. Compressed files are sent
/// uncompressed.
pub(crate) fn file_name(path: &Path) -> String {
    if path == Path::new(inputs::STDIN) {
        return "stdin".to_owned();
    }
    let path = result_file::uncompressed(path);
    path.file_name().map_or_else(
        || "results".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

fn fields(environment: &[(&str, &str)], tags: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let environment = environment
        .iter()
        .map(|(key, value)| (format!("run_env[{key}]"), (*value).to_owned()));
    let tags = tags
        .iter()
        .map(|(key, value)| (format!("tags[{key}]"), value.clone()));
    environment.chain(tags).collect()
}
