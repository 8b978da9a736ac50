//! The calls of the backfill: token scopes, commits, the suite, and the upload of the archive.

use std::io::Read;
use std::time::Duration;

use test_engine_wire::{AccessToken, PresignedForm, PresignedUpload, Suite};

use super::multipart::Form;
use super::{ApiError, Budget, Call, Client, Failure, Reason, Request, read_json, without_secrets};

/// For one upload of an archive, which may be large and the connection slow.
const UPLOAD_TIMEOUT: Duration = Duration::from_mins(30);

impl Client<'_> {
    /// `None` if the server has no such endpoint.
    pub fn token_scopes(&self, base_url: &str) -> Result<Option<Vec<String>>, ApiError> {
        let url = format!("{base_url}/v2/access-token");
        match self.get("check the access token", &url, read_json::<AccessToken>) {
            Ok(token) => Ok(Some(token.scopes)),
            Err(error) if error.reason_to_continue() == Some(Reason::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The commits of the suite's runs in the last `days` days, one per line.
    pub fn commits(&self, days: u32) -> Result<String, ApiError> {
        let call = Call {
            doing: "list the suite's commits",
            budget: Budget::PLAN,
            url: &format!("{}/commits?days={days}", self.suite_url),
            accept: "text/plain",
            body: None,
            is_gzip: false,
        };
        self.call(
            &call,
            |body| Ok(String::from_utf8_lossy(&body).into_owned()),
        )
    }

    pub fn suite(&self) -> Result<Suite, ApiError> {
        self.get("find the suite", &self.suite_url, read_json)
    }

    /// A form for one upload of the archive. It expires soon and may be valid only once.
    pub fn presigned_upload(&self) -> Result<PresignedUpload, ApiError> {
        let call = Call {
            doing: "prepare the upload",
            budget: Budget::PLAN,
            url: &format!(
                "{}/commit-metadata-backfill/presigned-upload",
                self.suite_url
            ),
            accept: "*/*",
            body: Some(b""),
            is_gzip: false,
        };
        self.call(&call, read_json)
    }

    /// Sends `archive`, `length` bytes long, to storage, without the access token.
    pub fn send_archive(
        &self,
        form: &PresignedForm,
        file_name: &str,
        length: u64,
        archive: &mut dyn Read,
    ) -> Result<(), Failure> {
        let fields = form
            .data
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let file_field = if form.file_input.is_empty() {
            "file"
        } else {
            &form.file_input
        };
        let multipart = Form::new(fields, file_field, file_name);
        self.terminal
            .debug(|| format!("POST {} with {length} bytes", without_secrets(&form.url)));
        let request = Request {
            url: &form.url,
            authorization: None,
            content_type: &multipart.content_type,
            content_encoding: None,
            accept: "*/*",
        };
        let length = multipart.length_with(length);
        let mut body = (&multipart.head[..])
            .chain(archive)
            .chain(&multipart.tail[..]);
        self.transport
            .post(request, length, &mut body, UPLOAD_TIMEOUT)
            .map(drop)
    }
}
