//! The calls of the backfill: what the token may do, which commits, which suite, where to send.

use std::io::Read;
use std::time::Duration;

use secrecy::ExposeSecret;
use test_engine_wire::{AccessToken, PresignedForm, PresignedUpload, Suite};

use super::multipart::Form;
use super::{ApiError, Budget, Client, Failure, Reason, Request, read_json, shown, with_retries};

/// The longest one upload of an archive may take. It is large, and the line may be slow.
const UPLOAD_LIMIT: Duration = Duration::from_mins(30);

impl Client<'_> {
    /// What the access token may do. `None` when the server does not say.
    pub fn token_scopes(&self, base_url: &str) -> Result<Option<Vec<String>>, ApiError> {
        let url = format!("{base_url}/v2/access-token");
        let read = |body: Vec<u8>| read_json::<AccessToken>(&body);
        match self.call(
            "check the access token",
            Budget::PLAN,
            "GET",
            &url,
            None,
            read,
        ) {
            Ok(token) => Ok(Some(token.scopes)),
            Err(error) if error.reason_to_go_without() == Some(Reason::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The commits that the suite saw in the last `days` days, one a line.
    pub fn commits(&self, days: u32) -> Result<String, ApiError> {
        let url = format!("{}/commits?days={days}", self.suite_url);
        let request = Request {
            url: &url,
            authorization: self.authorization.expose_secret(),
            content_type: "application/json",
        };
        let what = format!("GET {}", shown(&url));
        self.terminal.debug(|| what.clone());
        let budget = Budget::PLAN.scaled(self.time_scale);
        let listed = with_retries(&budget, self.terminal, &what, |limit| {
            self.transport.get_as(request, "text/plain", limit)
        });
        let body = listed.map_err(|gave_up| ApiError {
            doing: "list the suite's commits",
            failure: gave_up.failure,
            tries: gave_up.tries,
            elapsed: gave_up.elapsed,
        })?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// The suite itself.
    pub fn suite(&self) -> Result<Suite, ApiError> {
        let read = |body: Vec<u8>| read_json(&body);
        self.call(
            "find the suite",
            Budget::PLAN,
            "GET",
            &self.suite_url,
            None,
            read,
        )
    }

    /// A form to send the archive with. Each is good for a short time, and may be good only once.
    pub fn presigned_upload(&self) -> Result<PresignedUpload, ApiError> {
        let url = format!(
            "{}/commit-metadata-backfill/presigned-upload",
            self.suite_url
        );
        let read = |body: Vec<u8>| read_json(&body);
        self.call(
            "prepare the upload",
            Budget::PLAN,
            "POST",
            &url,
            Some(b""),
            read,
        )
    }

    /// Sends `archive`, `length` bytes long, to storage. No credential of ours goes with it.
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
            .debug(|| format!("POST {} with {length} bytes", shown(&form.url)));
        let mut body = multipart.head().chain(archive).chain(multipart.tail());
        let length = multipart.length_with(length);
        self.transport.post_form(
            &form.url,
            multipart.content_type(),
            length,
            &mut body,
            UPLOAD_LIMIT,
        )
    }
}
