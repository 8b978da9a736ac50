//! The calls of `bktec doctor`.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use test_engine_wire::{AccessToken, Test};

use super::{ApiError, Client, Failure, Request, SuiteAccess, Transport, unreadable};

/// Of a single request without retries.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The `Date` of the server's response to any request.
pub(crate) fn server_date(
    suite: &SuiteAccess,
    transport: &Transport,
) -> Result<Option<String>, Failure> {
    let url = format!("{}/", suite.base_url);
    transport.date(request(&url, None), TIME_LIMIT)
}

/// The URL of the suite that an upload token belongs to. `uploads` is the URL of the upload API.
pub(crate) fn suite_of_upload_token(
    uploads: &str,
    token: &SecretString,
    transport: &Transport,
) -> Result<Option<String>, Failure> {
    let url = format!("{}/metadata", uploads.trim_end_matches('/'));
    let authorization = format!("Token token=\"{}\"", token.expose_secret());
    let body = transport.get(request(&url, Some(&authorization)), TIME_LIMIT)?;
    let metadata: serde_json::Value = serde_json::from_slice(&body).map_err(unreadable)?;
    Ok(metadata["suite_url"].as_str().map(str::to_owned))
}

fn request<'a>(url: &'a str, authorization: Option<&'a str>) -> Request<'a> {
    Request {
        url,
        authorization,
        content_type: "application/json",
        content_encoding: None,
        accept: "*/*",
    }
}

impl Client<'_> {
    /// What the access token may do.
    pub(crate) fn access_token(&self, suite: &SuiteAccess) -> Result<AccessToken, ApiError> {
        let url = format!("{}/v2/access-token", suite.base_url);
        self.get("read the access token", &url, |body| {
            serde_json::from_slice(&body).map_err(unreadable)
        })
    }

    /// Some of the tests that the suite has results of.
    pub(crate) fn some_tests(&self) -> Result<Vec<Test>, ApiError> {
        let url = format!("{}/tests?per_page=100", self.suite_url);
        self.get("list the tests", &url, |body| {
            serde_json::from_slice(&body).map_err(unreadable)
        })
    }
}
