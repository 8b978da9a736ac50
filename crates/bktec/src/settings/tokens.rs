//! Which tokens a command has: given ones, or ones asked of the CI agent.
//!
//! How the agent is asked is the caller's business; this decides when, and what its failure means.

use secrecy::SecretString;

use super::problems::Problems;
use crate::agent::AgentError;
use crate::env_vars;

/// A token to be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// The agent's program.
    pub agent: String,
    /// Whom the token is for.
    pub audience: String,
    /// How long it is good for.
    pub lifetime_seconds: i64,
}

/// Asks the CI agent for a token.
pub type TokenSource<'a> = dyn FnMut(&TokenRequest) -> Result<SecretString, AgentError> + 'a;

/// The token for the plan API.
#[derive(Clone, Debug)]
pub(super) struct AccessToken {
    pub token: SecretString,
    /// It came from the agent, and is good for uploads too.
    pub minted: bool,
}

/// Takes the given token or asks for one. `request` is `None` when tokens may not be asked for, or
/// when what the audience is made of is wrong itself.
pub(super) fn access_token(
    given: Option<String>,
    oidc: bool,
    request: Option<&TokenRequest>,
    mint: &mut TokenSource<'_>,
    problems: &mut Problems,
) -> Option<AccessToken> {
    if let Some(token) = given {
        return Some(AccessToken {
            token: token.into(),
            minted: false,
        });
    }
    if !oidc {
        problems.add(
            env_vars::BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN,
            "must not be blank (or give --access-token), since OIDC is off",
        );
        return None;
    }
    match mint(request?) {
        Ok(token) => Some(AccessToken {
            token,
            minted: true,
        }),
        Err(error) => {
            problems.add(
                env_vars::BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN,
                format!(
                    "must not be blank (or give --access-token): failed to ask the agent for a token: {error}"
                ),
            );
            None
        }
    }
}

/// The token for uploads, or why there is none. Never a problem of the configuration: a run without
/// uploads is still a run.
pub(super) fn upload_token(
    given: Option<String>,
    oidc: bool,
    access: &AccessToken,
    request: &TokenRequest,
    mint: &mut TokenSource<'_>,
) -> Result<SecretString, String> {
    if let Some(token) = given {
        return Ok(token.into());
    }
    if access.minted {
        return Ok(access.token.clone());
    }
    if !oidc {
        return Err(format!(
            "{} is not set and OIDC is off",
            env_vars::BUILDKITE_ANALYTICS_TOKEN
        ));
    }
    mint(request).map_err(|error| {
        format!(
            "{} is not set, and the agent gave none: {error}",
            env_vars::BUILDKITE_ANALYTICS_TOKEN
        )
    })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn request() -> TokenRequest {
        TokenRequest {
            agent: "buildkite-agent".to_owned(),
            audience: "https://example.com/v2".to_owned(),
            lifetime_seconds: 7200,
        }
    }

    fn access(
        given: Option<&str>,
        oidc: bool,
        answer: Result<&str, &str>,
    ) -> (Option<AccessToken>, usize, bool) {
        let mut asked = 0;
        let mut problems = Problems::default();
        let token = access_token(
            given.map(str::to_owned),
            oidc,
            Some(&request()),
            &mut |_| {
                asked += 1;
                answer.map(Into::into).map_err(AgentError::for_tests)
            },
            &mut problems,
        );
        (token, asked, problems.is_empty())
    }

    #[test]
    fn a_given_token_is_taken_without_asking() {
        let (token, asked, fine) = access(Some("given"), true, Ok("minted"));
        let token = token.unwrap();
        assert_eq!(token.token.expose_secret(), "given");
        assert!(!token.minted && fine);
        assert_eq!(asked, 0);
    }

    #[test]
    fn a_missing_token_is_asked_for() {
        let (token, asked, fine) = access(None, true, Ok("minted"));
        assert!(token.unwrap().minted && fine);
        assert_eq!(asked, 1);
    }

    #[test]
    fn no_token_is_a_problem() {
        assert!(matches!(
            access(None, false, Ok("minted")),
            (None, 0, false)
        ));
        assert!(matches!(
            access(None, true, Err("no agent")),
            (None, 1, false)
        ));
    }

    #[test]
    fn a_minted_access_token_is_also_for_uploads() {
        let minted = AccessToken {
            token: "minted".into(),
            minted: true,
        };
        let given = AccessToken {
            token: "given".into(),
            minted: false,
        };
        let mut asked = 0;
        let mut mint = |_: &TokenRequest| {
            asked += 1;
            Ok(SecretString::from("second"))
        };
        let reused = upload_token(None, true, &minted, &request(), &mut mint).unwrap();
        assert_eq!(reused.expose_secret(), "minted");
        let second = upload_token(None, true, &given, &request(), &mut mint).unwrap();
        assert_eq!(second.expose_secret(), "second");
        assert!(upload_token(None, false, &given, &request(), &mut mint).is_err());
        assert_eq!(asked, 1);
    }
}
