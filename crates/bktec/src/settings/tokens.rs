//! Where the tokens of a command come from. Commands fetch them; settings only record the source.

use std::time::Duration;

use secrecy::SecretString;

use super::problems::Problems;
use crate::env_vars;

#[derive(Clone, Debug)]
pub enum TokenSource {
    Given(SecretString),
    Agent(AgentToken),
}

/// A token to fetch with `buildkite-agent oidc request-token`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentToken {
    /// The agent's program.
    pub program: String,
    pub audience: String,
    pub lifetime: Duration,
}

/// The token for the plan API. `agent` is `None` when the audience cannot be built, which is a
/// problem of its own.
pub(super) fn access_token(
    given: Option<String>,
    oidc: bool,
    agent: Option<&AgentToken>,
    problems: &mut Problems,
) -> Option<TokenSource> {
    if let Some(token) = given {
        return Some(TokenSource::Given(token.into()));
    }
    if !oidc {
        problems.add(
            env_vars::BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN,
            "must not be blank (or give --access-token), since OIDC is off",
        );
        return None;
    }
    Some(TokenSource::Agent(agent?.clone()))
}
