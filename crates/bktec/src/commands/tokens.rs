//! Fetches the tokens that settings do not have from the CI agent.

use secrecy::SecretString;

use crate::agent::{self, AgentError};
use crate::cli::Problem;
use crate::env_vars as var;
use crate::server_api::SuiteAccess;
use crate::settings::{
    AgentToken, EngineSettings, InvalidConfiguration, RunSettings, TokenSource, UploadFilesSettings,
};

/// Access to the plan API, for the command named `command`.
pub(super) fn suite_access(
    command: &'static str,
    engine: &EngineSettings,
) -> Result<SuiteAccess, InvalidConfiguration> {
    let access_token = token(
        command,
        &engine.access_token,
        var::BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN,
        "--access-token",
    )?;
    Ok(SuiteAccess {
        base_url: engine.base_url.clone(),
        organization_slug: engine.organization_slug.clone(),
        suite_slug: engine.suite_slug.clone(),
        access_token,
        time_scale: engine.time_scale,
    })
}

pub(super) fn suite_token(
    settings: &UploadFilesSettings,
) -> Result<SecretString, InvalidConfiguration> {
    token(
        "upload",
        &settings.token,
        var::BUILDKITE_ANALYTICS_TOKEN,
        "--suite-token",
    )
}

/// The upload token of `run`, or the reason why there is none: a run without uploads is still a
/// run. An access token that the agent issued is also valid for uploads.
pub(super) fn upload_token(
    settings: &RunSettings,
    access: &SuiteAccess,
) -> Result<SecretString, String> {
    let variable = var::BUILDKITE_ANALYTICS_TOKEN;
    match (&settings.upload.token, &settings.common.engine.access_token) {
        (Some(TokenSource::Given(token)), _) => Ok(token.clone()),
        (Some(TokenSource::Agent(_)), TokenSource::Agent(_)) => Ok(access.access_token.clone()),
        (Some(TokenSource::Agent(token)), TokenSource::Given(_)) => fetch(token).map_err(|error| {
            format!("{variable} is not set, and fetching a token failed: {error}")
        }),
        (None, _) => Err(format!("{variable} is not set and OIDC is off")),
    }
}

fn token(
    command: &'static str,
    source: &TokenSource,
    variable: &str,
    flag: &str,
) -> Result<SecretString, InvalidConfiguration> {
    match source {
        TokenSource::Given(token) => Ok(token.clone()),
        TokenSource::Agent(token) => fetch(token).map_err(|error| {
            let message = format!(
                "must not be blank (or give {flag}): failed to fetch a token: {error}\n\
                 hint: set {variable} (tokens are fetched automatically only on Buildkite)"
            );
            InvalidConfiguration::new(command, vec![Problem::new(variable, message)])
        }),
    }
}

fn fetch(token: &AgentToken) -> Result<SecretString, AgentError> {
    agent::fetch_token(&token.program, &token.audience, token.lifetime)
}
