//! Sends result files to the upload API.
//!
//! For `run` while the tests wait: its failure is never the run's failure, the caller prints it and
//! goes on. For `upload` as all there is to do. What the fields mean is the server's business; a
//! file is streamed, and cut into several uploads when it holds more results than one may.

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
use crate::server_api::{Budget, Failure, GaveUp, Request, Transport, effort, with_retries};
use crate::terminal::Terminal;

/// Why a file was not uploaded.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The file cannot be read.
    #[error("failed to read the results: {0}")]
    File(#[source] std::io::Error),
    /// The server did not take it.
    #[error("failed to upload {}{part}: {failure}{}", .path.display(), effort(*.tries, *.elapsed))]
    Server {
        /// The file.
        path: PathBuf,
        /// Which of its uploads, in words; empty when there is one.
        part: String,
        /// The last failure.
        failure: Failure,
        /// How often it was tried.
        tries: u32,
        /// Over what time.
        elapsed: Duration,
    },
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
    /// A factor for time limits: 1, except in this project's tests.
    pub time_scale: f64,
}

/// Uploads the result files of one run.
pub struct Uploader<'a> {
    transport: Transport,
    url: String,
    authorization: SecretString,
    fields: Vec<(String, String)>,
    /// Jest reports absolute paths; the server needs the working directory to make them relative.
    /// Sent with no other format.
    directory_for_jest: Option<String>,
    /// Whether only 201 and 202 count, rather than every success.
    strict: bool,
    budget: Budget,
    terminal: &'a Terminal,
}

impl<'a> Uploader<'a> {
    /// An uploader for `bktec run`. Connects when first used. `sends_directory` adds the working
    /// directory to every upload instead of only those that need it.
    pub(crate) fn for_run(
        options: &UploadOptions<'_>,
        test_runner: &str,
        sends_directory: bool,
        transport: &Transport,
        terminal: &'a Terminal,
    ) -> Self {
        // The server expects every key, empty where unknown.
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
        let directory_for_jest = (!sends_directory).then(|| directory.clone().into_owned());
        Self {
            transport: transport.clone(),
            url: options.url.clone(),
            authorization: format!("Token token={}", options.token.expose_secret()).into(),
            fields: fields(&environment, options.tags),
            directory_for_jest,
            strict: false,
            budget: Budget::RESULTS.scaled(options.time_scale),
            terminal,
        }
    }

    /// An uploader for `bktec upload`, which may take `timeout` for all files together.
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
            directory_for_jest: Some(options.directory.to_string_lossy().into_owned()),
            strict: true,
            budget: budget.scaled(options.time_scale),
            terminal,
        }
    }

    /// Sends one file of a run. The receipt is empty when the server's answer says nothing.
    pub fn upload(&self, path: &Path, format: Format) -> Result<UploadReceipt, UploadError> {
        let parts = result_file::parts_of(path, format).map_err(UploadError::File)?;
        let mut last = UploadReceipt::default();
        self.upload_parts(path, format, &parts, Instant::now(), |_, receipt| {
            last = receipt;
        })?;
        Ok(last)
    }

    /// Sends the parts of one file, as part of something that began at `started` and has one budget.
    /// Stops at the first that is not taken. `taken` gets the words for a part and its receipt.
    pub(crate) fn upload_parts(
        &self,
        path: &Path,
        format: Format,
        parts: &[Part],
        started: Instant,
        mut taken: impl FnMut(&str, UploadReceipt),
    ) -> Result<(), UploadError> {
        for (number, part) in parts.iter().enumerate() {
            let words = if parts.len() > 1 {
                format!(", part {} of {}", number + 1, parts.len())
            } else {
                String::new()
            };
            let receipt = self
                .send(path, format, part, &words, started)
                .map_err(|gave_up| UploadError::Server {
                    path: path.to_owned(),
                    part: words.clone(),
                    failure: gave_up.failure,
                    tries: gave_up.tries,
                    elapsed: gave_up.elapsed,
                })?;
            taken(&words, receipt);
        }
        Ok(())
    }

    fn send(
        &self,
        path: &Path,
        format: Format,
        part: &Part,
        words: &str,
        started: Instant,
    ) -> Result<UploadReceipt, GaveUp> {
        let file_name = file_name(path);
        let directory = self
            .directory_for_jest
            .as_deref()
            .filter(|_| format == Format::JestJson)
            .map(|directory| ("run_env[cwd]", directory));
        let fields = self
            .fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let form = Form::new(
            std::iter::once(("format", format.name()))
                .chain(directory)
                .chain(fields),
            "data",
            &file_name,
        );
        let what = format!("POST {file_name}{words}");
        let budget = self.budget.left(started.elapsed());
        let (status, answer) = with_retries(&budget, self.terminal, &what, |limit| {
            if limit.is_zero() {
                return Err(Failure::Request("the time for uploads is spent".to_owned()));
            }
            let file =
                fs_err::File::open(path).map_err(|error| Failure::Request(error.to_string()))?;
            let mut body = form.head().chain(part.reader(file)).chain(form.tail());
            let request = Request {
                url: &self.url,
                authorization: self.authorization.expose_secret(),
                content_type: form.content_type(),
            };
            self.transport
                .post_for_status(request, form.length_with(part.length()), &mut body, limit)
                .map_err(|failure| self.judged(failure))
        })?;
        self.terminal
            .debug(|| format!("{what}: {} bytes, status {status}", part.length()));
        if self.strict && !matches!(status, 201 | 202) {
            return Err(GaveUp {
                failure: Failure::Request(format!(
                    "the server answered with status {status} instead of 201 or 202: this is no \
                     address for uploads"
                )),
                tries: 1,
                elapsed: started.elapsed(),
            });
        }
        // The results are there; an answer that says little is no failure.
        Ok(serde_json::from_slice(&answer).unwrap_or_default())
    }

    /// A conflict is the server's last word on an upload that somebody asked for.
    fn judged(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Status { status: 409, .. } if self.strict => {
                Failure::Request(failure.to_string())
            }
            other => other,
        }
    }
}

/// The name alone: where the file lies on this machine is nobody's business.
pub(crate) fn file_name(path: &Path) -> String {
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
