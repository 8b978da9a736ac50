//! Sends one result file of a run to the upload API, as it is, while the tests wait.
//!
//! Its failure is never the run's failure: the caller prints it and goes on. What the fields mean
//! is the server's business; the file is streamed, not held.

pub(crate) mod multipart;
pub(crate) mod parts;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use test_engine_results::Format;
use test_engine_wire::UploadReceipt;

use crate::server_api::{Budget, Failure, Request, Transport, with_retries};
use crate::settings::CommonSettings;
use crate::terminal::Terminal;

/// Why a file was not uploaded.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The file cannot be read.
    #[error("failed to read the results: {0}")]
    File(#[source] std::io::Error),
    /// The server did not take it.
    #[error("failed to upload {}: {failure}", .path.display())]
    Server {
        /// The file.
        path: PathBuf,
        /// The last failure.
        failure: Failure,
    },
}

/// Uploads the result files of one run.
pub struct Uploader<'a> {
    transport: Transport,
    url: String,
    authorization: SecretString,
    fields: Vec<(String, String)>,
    budget: Budget,
    terminal: &'a Terminal,
}

impl<'a> Uploader<'a> {
    /// An uploader for the build of the settings. Connects when first used.
    pub(crate) fn new(
        settings: &CommonSettings,
        transport: &Transport,
        token: &SecretString,
        tags: &BTreeMap<String, String>,
        location_prefix: &str,
        directory: &Path,
        terminal: &'a Terminal,
    ) -> Self {
        let environment = run_environment(settings, location_prefix, directory);
        let fields = environment
            .into_iter()
            .map(|(key, value)| (format!("run_env[{key}]"), value))
            .chain(
                tags.iter()
                    .map(|(key, value)| (format!("tags[{key}]"), value.clone())),
            )
            .collect();
        Self {
            transport: transport.clone(),
            url: format!("{}/v1/uploads", settings.engine.upload_base_url),
            authorization: format!("Token token={}", token.expose_secret()).into(),
            fields,
            budget: Budget::RESULTS.scaled(settings.engine.time_scale),
            terminal,
        }
    }

    /// Sends one file. The receipt is empty when the server's answer says nothing.
    pub fn upload(&self, path: &Path, format: Format) -> Result<UploadReceipt, UploadError> {
        let length = fs_err::metadata(path).map_err(UploadError::File)?.len();
        let form = multipart::Form::new(
            std::iter::once(("format", format.name())).chain(
                self.fields
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str())),
            ),
            "data",
            &file_name(path),
        );
        let what = "POST the results".to_owned();
        let sent = with_retries(&self.budget, self.terminal, &what, |limit| {
            let file =
                fs_err::File::open(path).map_err(|error| Failure::Request(error.to_string()))?;
            let mut body = form.head().chain(file.take(length)).chain(form.tail());
            let request = Request {
                url: &self.url,
                authorization: self.authorization.expose_secret(),
                content_type: form.content_type(),
            };
            self.transport
                .post(request, form.length_with(length), &mut body, limit)
        });
        let answer = sent.map_err(|gave_up| UploadError::Server {
            path: path.to_owned(),
            failure: gave_up.failure,
        })?;
        // The results are there; an answer that says little is no failure.
        Ok(serde_json::from_slice(&answer).unwrap_or_default())
    }
}

/// The name alone: where the file lies on this machine is nobody's business.
fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(
        || "results".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// What is told about the build: all keys always, empty where unknown.
fn run_environment(
    settings: &CommonSettings,
    location_prefix: &str,
    directory: &Path,
) -> Vec<(&'static str, String)> {
    let build = &settings.build;
    let mut environment = vec![
        ("CI", "buildkite".to_owned()),
        ("key", build.build_id.clone()),
        ("branch", build.branch.clone()),
        ("commit_sha", build.commit.clone()),
        ("number", build.number.clone()),
        ("url", build.url.clone()),
        ("job_id", build.job_id.clone()),
        ("message", build.message.clone()),
        ("location_prefix", location_prefix.to_owned()),
        ("collector", "bktec".to_owned()),
        ("test_runner", settings.runner.definition.name.to_owned()),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
    ];
    if !build.build_id.is_empty() {
        environment.push(("cwd", directory.to_string_lossy().into_owned()));
    }
    environment
}
