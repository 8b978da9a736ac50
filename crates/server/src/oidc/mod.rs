//! Tokens that a CI signs itself (OIDC): whose word the server takes, and for which suite.
//!
//! `jwt` takes a token apart, `policy` says which issuers and claims a suite trusts, `issuers` keeps
//! the keys of those issuers, `fetch` is the only thing that talks to them. [`Verifier`] puts the
//! checks in order: nothing is ever fetched for an issuer that no policy names.

mod fetch;
mod issuers;
mod jwt;
mod keys;
mod policy;

use serde_json::Value;
use test_engine_store::{Store, StoreError, Suite, Timestamp};
use uuid::Uuid;

pub use policy::PolicyError;

use crate::config::Oidc;
use crate::links::Links;
use crate::scopes::Scope;
use fetch::Fetcher;
use issuers::{Issuers, KeyError};
use jwt::Jwt;
pub(crate) use jwt::looks_like_one;
pub(crate) use policy::Policy;

/// How far the clock of an issuer may be from ours, in seconds.
const LEEWAY: i64 = 60;
/// Bytes of an audience or issuer that are repeated in an error message.
const QUOTED: usize = 200;

/// What a token proved.
pub(crate) struct Grant {
    /// The only suite it is good for.
    pub(crate) suite: Suite,
    /// What it may do there.
    pub(crate) scopes: Vec<String>,
    /// Who vouches for whom, for people.
    pub(crate) description: String,
    /// The same for one issuer and subject.
    pub(crate) uuid: Uuid,
}

/// Why a token is not taken. Each text is a sentence for whoever sent it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OidcError {
    /// Not a token at all.
    #[error("The OIDC token cannot be read: {0}.")]
    Malformed(&'static str),
    /// For somebody else.
    #[error(
        "The OIDC token is for the audience {audience}, which is no suite of this server. Ask for \
         a token with the audience {wanted}."
    )]
    Audience {
        /// As in the token.
        audience: String,
        /// How a right one looks.
        wanted: String,
    },
    /// Nobody here trusts the issuer; the same when there is no such suite.
    #[error(
        "No OIDC policy of the suite in the token's audience trusts its issuer {issuer:?}. Check \
         the audience, and the policy: test-engine suite set ORGANIZATION/SUITE --oidc-policy FILE."
    )]
    Untrusted {
        /// As in the token.
        issuer: String,
    },
    /// Too late.
    #[error("The OIDC token has expired. Ask for a new one.")]
    Expired,
    /// Too early.
    #[error("The OIDC token is not valid yet. Check the clocks of the issuer and of this server.")]
    NotYet,
    /// The issuer has no such key.
    #[error("The OIDC token is signed with a key that its issuer does not publish.")]
    UnknownKey,
    /// Not signed by the issuer.
    #[error("The signature of the OIDC token is wrong.")]
    Signature,
    /// Genuine, and still a stranger.
    #[error(
        "The OIDC token is genuine, but no statement of the suite's OIDC policy matches its \
         claims. Compare them with the policy."
    )]
    Claims,
    /// The keys cannot be had.
    #[error(
        "The keys of the OIDC issuer {issuer} cannot be fetched now: {problem}. Try again later."
    )]
    Issuer {
        /// As in the policy.
        issuer: String,
        /// What went wrong.
        problem: String,
    },
    /// The database.
    #[error("The database cannot be used.")]
    Store(#[from] StoreError),
}

/// Checks tokens against the policies of suites.
pub(crate) struct Verifier {
    issuers: Issuers,
}

impl Verifier {
    pub(crate) fn new(settings: Oidc) -> Self {
        Self {
            issuers: Issuers::new(Fetcher::new(settings)),
        }
    }

    /// Whom a token speaks for.
    pub(crate) async fn verify(
        &self,
        token: &str,
        store: &Store,
        links: &Links,
        now: Timestamp,
    ) -> Result<Grant, OidcError> {
        let jwt = Jwt::read(token)?;
        let (organization, slug) = suite_of(&jwt, links)?;
        let untrusted = || OidcError::Untrusted {
            issuer: shortened(&jwt.issuer),
        };
        let suite = store
            .suite(&organization, &slug)
            .await?
            .ok_or_else(untrusted)?;
        let policy = stored_policy(&suite).ok_or_else(untrusted)?;
        if !policy.trusts(&jwt.issuer) {
            return Err(untrusted());
        }
        // Before the keys: a stale token is no reason to ask anybody.
        check_times(&jwt, now)?;
        let key = self
            .issuers
            .key(&jwt.issuer, jwt.key_id.as_deref(), jwt.algorithm, now)
            .await
            .map_err(|error| match error {
                KeyError::Unknown => OidcError::UnknownKey,
                KeyError::Unavailable(problem) => OidcError::Issuer {
                    issuer: jwt.issuer.clone(),
                    problem,
                },
            })?;
        if !key.verifies(jwt.signed, &jwt.signature) {
            return Err(OidcError::Signature);
        }
        let scopes = policy.grants(&jwt.issuer, &jwt.claims);
        if scopes.is_empty() {
            return Err(OidcError::Claims);
        }
        let subject = jwt.claims.get("sub").and_then(Value::as_str).unwrap_or("");
        Ok(Grant {
            description: format!("OIDC token of {} for {subject}", jwt.issuer),
            uuid: uuid_of(&jwt.issuer, subject),
            scopes: scopes
                .into_iter()
                .map(Scope::name)
                .map(str::to_owned)
                .collect(),
            suite,
        })
    }
}

/// Organization and suite of the audience. Several audiences may name one suite, not two.
fn suite_of(jwt: &Jwt<'_>, links: &Links) -> Result<(String, String), OidcError> {
    let mut found: Option<(&str, &str)> = None;
    for audience in &jwt.audiences {
        let Some(suite) = links.suite_of_address(audience) else {
            continue;
        };
        if found.is_some_and(|earlier| earlier != suite) {
            return Err(OidcError::Malformed("its audiences are several suites"));
        }
        found = Some(suite);
    }
    let Some((organization, suite)) = found else {
        return Err(OidcError::Audience {
            audience: shortened(&format!("{:?}", jwt.audiences)),
            wanted: links.suite_api_pattern(),
        });
    };
    Ok((organization.to_owned(), suite.to_owned()))
}

/// The policy of a suite. One that cannot be read trusts nobody.
fn stored_policy(suite: &Suite) -> Option<Policy> {
    let text = suite.oidc_policy.as_deref()?;
    Policy::parse(text)
        .inspect_err(|error| {
            tracing::warn!(suite = suite.slug, cause = %error, "failed to read the OIDC policy");
        })
        .ok()
}

fn check_times(jwt: &Jwt<'_>, now: Timestamp) -> Result<(), OidcError> {
    let now = now.millis().div_euclid(1_000);
    if jwt.expires.saturating_add(LEEWAY) <= now {
        return Err(OidcError::Expired);
    }
    let is_early = |from: i64| from.saturating_sub(LEEWAY) > now;
    if jwt.not_before.is_some_and(is_early) || jwt.issued.is_some_and(is_early) {
        return Err(OidcError::NotYet);
    }
    Ok(())
}

/// One id for one issuer and subject.
fn uuid_of(issuer: &str, subject: &str) -> Uuid {
    let hash = crate::secrets::hash(&format!("{issuer}\n{subject}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Uuid::new_v8(bytes)
}

fn shortened(text: &str) -> String {
    text.chars().take(QUOTED).collect()
}

#[cfg(test)]
mod tests {
    use test_engine_store::Timestamp;

    use super::jwt::tests::token_with;
    use super::jwt::{Algorithm, Jwt};
    use super::{OidcError, check_times, suite_of};
    use crate::links::Links;

    fn times(token: &str, now: i64) -> Result<(), OidcError> {
        check_times(
            &Jwt::read(token).unwrap(),
            Timestamp::from_millis(now * 1_000),
        )
    }

    #[test]
    fn clocks_may_differ_by_a_minute() {
        let token = token_with(serde_json::json!({"exp": 1_000, "nbf": 500}));
        for (now, good) in [
            (440, true),
            (439, false),
            (1_000, true),
            (1_059, true),
            (1_060, false),
            (i64::from(i32::MAX), false),
        ] {
            assert_eq!(times(&token, now).is_ok(), good, "{now}");
        }
        let from_the_future = token_with(serde_json::json!({"exp": 10_000, "iat": 5_000}));
        assert!(matches!(
            times(&from_the_future, 1_000),
            Err(OidcError::NotYet)
        ));
    }

    #[test]
    fn the_audience_is_one_suite_by_its_api_or_web_address() {
        let links = Links::new("https://tests.example.com/engine".to_owned());
        let suite = |audience: serde_json::Value| {
            let token = token_with(serde_json::json!({"aud": audience}));
            let jwt = Jwt::read(&token).unwrap();
            assert_eq!(jwt.algorithm, Algorithm::Es256);
            suite_of(&jwt, &links).ok()
        };
        let api = "https://tests.example.com/engine/v2/analytics/organizations/acme/suites/web";
        let web = "https://tests.example.com/engine/organizations/acme/analytics/suites/web";
        let acme = Some(("acme".to_owned(), "web".to_owned()));
        assert_eq!(suite(api.into()), acme);
        assert_eq!(suite(web.into()), acme);
        assert_eq!(suite(serde_json::json!(["other", web, api])), acme);
        for bad in [
            serde_json::json!([]),
            serde_json::json!("https://tests.example.com/engine"),
            serde_json::json!(format!("{api}/runs")),
            serde_json::json!(format!("{api}x/../web")),
            serde_json::json!(format!("{api}?x=1")),
            serde_json::json!(api.replace("tests.", "evil.")),
            serde_json::json!(api.replace("https", "http")),
            serde_json::json!(api.replace("/acme/", "//")),
            serde_json::json!([api, api.replace("web", "other")]),
        ] {
            assert_eq!(suite(bad.clone()), None, "{bad}");
        }
    }
}
