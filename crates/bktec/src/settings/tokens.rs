//! The suite, and where the tokens for it come from. Commands fetch tokens; settings only record
//! the source.

use std::time::Duration;

use secrecy::SecretString;

use super::problems::Problems;
use crate::cli::{Opt, TokenArgs};

const DEFAULT_BASE_URL: &str = "https://api.buildkite.com";
const DEFAULT_AGENT: &str = "buildkite-agent";
const DEFAULT_LIFETIME: Duration = Duration::from_hours(2);
const MIN_LIFETIME: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub struct EngineSettings {
    pub organization_slug: String,
    pub suite_slug: String,
    /// The plan API, without a trailing slash.
    pub base_url: String,
    pub access_token: TokenSource,
    pub agent: String,
    /// A factor for time limits: 1, except in this project's tests.
    pub time_scale: f64,
}

impl EngineSettings {
    /// Whether the server is the hosted product, which has no calls of this project's own.
    pub fn is_hosted(&self) -> bool {
        self.base_url == DEFAULT_BASE_URL
    }
}

#[derive(Clone, Debug)]
pub enum TokenSource {
    Given(SecretString),
    Agent(AgentToken),
}

/// A token to fetch with `buildkite-agent oidc request-token`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentToken {
    pub program: String,
    pub audience: String,
    pub lifetime: Duration,
}

/// The options of [`TokenArgs`] that need no other option.
pub(super) struct TokenOptions {
    pub base_url: String,
    pub program: String,
    pub oidc: bool,
    lifetime: Duration,
    is_valid: bool,
}

impl TokenOptions {
    pub(super) fn new(args: &TokenArgs, problems: &mut Problems) -> Self {
        let before = problems.count();
        let base_url = problems.get(&args.base_url).map(|url| url.0);
        let lifetime = problems.get(&args.oidc_lifetime);
        if lifetime.is_some_and(|lifetime| lifetime < MIN_LIFETIME) {
            problems.push(args.oidc_lifetime.wrong("at least 1s"));
        }
        let oidc = problems.flag(&args.oidc, true);
        Self {
            base_url: base_url.unwrap_or_else(|| DEFAULT_BASE_URL.to_owned()),
            program: args
                .buildkite_agent_command
                .ok()
                .unwrap_or_else(|| DEFAULT_AGENT.to_owned()),
            oidc: oidc && !problems.flag(&args.no_oidc, false),
            lifetime: lifetime.unwrap_or(DEFAULT_LIFETIME),
            is_valid: problems.count() == before,
        }
    }

    /// `None` when OIDC is off or problems were found.
    pub(super) fn agent_token(
        &self,
        organization: Option<&str>,
        suite: Option<&str>,
    ) -> Option<AgentToken> {
        if !self.oidc || !self.is_valid {
            return None;
        }
        Some(AgentToken {
            program: self.program.clone(),
            audience: format!(
                "{}/v2/analytics/organizations/{}/suites/{}",
                self.base_url, organization?, suite?
            ),
            lifetime: self.lifetime,
        })
    }

    /// The given token, or one to fetch; `None` if problems were found.
    pub(super) fn source(
        &self,
        token: &Opt<SecretString>,
        agent_token: Option<AgentToken>,
        problems: &mut Problems,
    ) -> Option<TokenSource> {
        if let Some(token) = token.ok() {
            return Some(TokenSource::Given(token));
        }
        if !self.oidc {
            let mut problem = token.missing();
            problem.text.push_str(", since OIDC is off");
            problems.push(problem);
        }
        agent_token.map(TokenSource::Agent)
    }
}

/// The suite, and the token that can be fetched for it. `detected_organization` is used when no
/// organization is given.
pub(super) fn engine(
    args: &TokenArgs,
    access_token: &Opt<SecretString>,
    detected_organization: Option<String>,
    time_scale: f64,
    problems: &mut Problems,
) -> Option<(EngineSettings, Option<AgentToken>)> {
    let options = TokenOptions::new(args, problems);
    let mut required = |option: &Opt<String>, detected: Option<String>| {
        let slug = option.ok().or(detected);
        if slug.is_none() {
            problems.push(option.missing());
        }
        slug.map(|slug| slug.trim().to_owned())
    };
    let organization = required(&args.organization_slug, detected_organization);
    let suite = required(&args.suite_slug, None);
    let agent_token = options.agent_token(organization.as_deref(), suite.as_deref());
    let settings = EngineSettings {
        access_token: options.source(access_token, agent_token.clone(), problems)?,
        organization_slug: organization?,
        suite_slug: suite?,
        base_url: options.base_url,
        agent: options.program,
        time_scale,
    };
    Some((settings, agent_token))
}
