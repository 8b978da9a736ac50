//! OIDC tokens of CI systems: which issuers a suite trusts, and for which scopes.
//!
//! `jwt` decodes and verifies tokens, `policy` holds the issuers and claims that a suite trusts,
//! `issuers` caches the keys of those issuers and `fetch` downloads them. [`Verifier`] orders the
//! checks: keys are never fetched for an issuer that no policy names. `provider` signs people in,
//! and `admission` says which organizations admit them.

mod admission;
mod fetch;
mod issuers;
mod jwt;
mod keys;
mod policy;
mod provider;

use serde_json::Value;
use test_engine_store::{Store, StoreError, Suite, Timestamp};
use uuid::Uuid;

pub(crate) use admission::{Admissions, admissions};
pub use policy::PolicyError;
pub(crate) use provider::{Attempt, Identified, Provider, ProviderError};

use crate::config::Oidc;
use crate::links::Links;
use crate::scopes::Scope;
use fetch::Fetcher;
use issuers::Issuers;
use jwt::Jwt;
pub(crate) use jwt::is_jwt;
pub(crate) use policy::Policy;

/// Seconds by which the clocks of issuer and server may differ.
const LEEWAY: i64 = 60;
/// Maximum characters of an audience or issuer in an error message.
const MAX_QUOTED: usize = 200;

pub(crate) struct Grant {
    pub(crate) suite: Suite,
    pub(crate) scopes: Vec<String>,
    /// Issuer and subject, for people.
    pub(crate) description: String,
    /// Equal for equal issuers and subjects.
    pub(crate) uuid: Uuid,
}

/// Why a token is rejected. Each message is a sentence for the sender.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OidcError {
    #[error("The OIDC token cannot be read: {0}.")]
    Malformed(&'static str),
    #[error(
        "The OIDC token is for the audience {audience}, which is not a suite of this server. \
         Request a token with the audience {expected}."
    )]
    Audience { audience: String, expected: String },
    /// Also when there is no such suite, so that tokens cannot be used to find out which exist.
    #[error(
        "No OIDC policy of the suite in the token's audience trusts its issuer {issuer:?}. Check \
         the audience, and the policy: test-engine suite set ORGANIZATION/SUITE --oidc-policy FILE."
    )]
    Untrusted { issuer: String },
    #[error("The OIDC token has expired. Request a new one.")]
    Expired,
    #[error("The OIDC token is not valid yet. Check the clocks of the issuer and of this server.")]
    NotYet,
    #[error("The OIDC token is signed with a key that its issuer does not publish.")]
    UnknownKey,
    #[error("The signature of the OIDC token is wrong.")]
    Signature,
    /// Valid signature, but no policy statement matches.
    #[error(
        "The OIDC token is valid, but no statement of the suite's OIDC policy matches its claims. \
         Compare them with the policy."
    )]
    Claims,
    #[error("The keys of the OIDC issuer {issuer} cannot be fetched: {problem}. Try again later.")]
    Issuer {
        issuer: String,
        problem: &'static str,
    },
    #[error("The database is unavailable.")]
    Store(#[from] StoreError),
}

pub(crate) struct Verifier {
    issuers: Issuers,
}

impl Verifier {
    pub(crate) fn new(settings: Oidc) -> Self {
        Self {
            issuers: Issuers::new(Fetcher::new(settings)),
        }
    }

    /// What a token of a CI job may do in the suite of its audience.
    pub(crate) async fn verify(
        &self,
        token: &str,
        store: &Store,
        links: &Links,
        now: Timestamp,
    ) -> Result<Grant, OidcError> {
        let jwt = Jwt::decode(token)?;
        let (organization, slug) = suite_of(&jwt, links)?;
        let untrusted = || OidcError::Untrusted {
            issuer: truncated(&jwt.issuer),
        };
        let suite = store
            .suite(&organization, &slug)
            .await?
            .ok_or_else(untrusted)?;
        let policy = stored_policy(&suite).ok_or_else(untrusted)?;
        if !policy.trusts(&jwt.issuer) {
            return Err(untrusted());
        }
        self.authenticate(&jwt, now).await?;
        let scopes = policy.grants(&jwt.issuer, &jwt.claims);
        if scopes.is_empty() {
            return Err(OidcError::Claims);
        }
        let subject = jwt.claims.get("sub").and_then(Value::as_str).unwrap_or("");
        Ok(Grant {
            description: format!("OIDC token of {} for {subject}", jwt.issuer),
            uuid: uuid_of(&jwt.issuer, subject),
            scopes: scopes.iter().map(Scope::to_string).collect(),
            suite,
        })
    }

    /// Checks times and signature. The caller must trust the issuer, since its keys may be fetched.
    async fn authenticate(&self, jwt: &Jwt<'_>, now: Timestamp) -> Result<(), OidcError> {
        // First, so that expired tokens cause no fetch.
        check_times(jwt, now)?;
        let key = self.issuers.key(jwt, now).await?;
        if jwt.is_signed_by(&key) {
            Ok(())
        } else {
            Err(OidcError::Signature)
        }
    }
}

/// Organization and suite of the audience. Several audiences must name the same suite.
fn suite_of(jwt: &Jwt<'_>, links: &Links) -> Result<(String, String), OidcError> {
    let mut found: Option<(&str, &str)> = None;
    for audience in &jwt.audiences {
        let Some(suite) = links.suite_of_address(audience) else {
            continue;
        };
        if found.is_some_and(|earlier| earlier != suite) {
            return Err(OidcError::Malformed("its audiences name several suites"));
        }
        found = Some(suite);
    }
    let Some((organization, suite)) = found else {
        return Err(OidcError::Audience {
            audience: truncated(&format!("{:?}", jwt.audiences)),
            expected: links.suite_api_pattern(),
        });
    };
    Ok((organization.to_owned(), suite.to_owned()))
}

/// An unreadable policy trusts no issuer.
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

fn uuid_of(issuer: &str, subject: &str) -> Uuid {
    let hash = crate::secrets::hash(&format!("{issuer}\n{subject}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Uuid::new_v8(bytes)
}

fn truncated(text: &str) -> String {
    text.chars().take(MAX_QUOTED).collect()
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::Algorithm;
    use test_engine_store::Timestamp;

    use super::jwt::Jwt;
    use super::jwt::tests::token_with;
    use super::{OidcError, check_times, suite_of};
    use crate::links::Links;

    fn times(token: &str, now: i64) -> Result<(), OidcError> {
        let now = Timestamp::from_millis(now * 1_000);
        check_times(&Jwt::decode(token).unwrap(), now)
    }

    #[test]
    fn tolerates_a_minute_of_clock_difference() {
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
        let error = times(&from_the_future, 1_000).unwrap_err();
        assert!(matches!(error, OidcError::NotYet), "{error}");
    }

    #[test]
    fn the_audience_is_the_api_or_page_url_of_one_suite() {
        let links = Links::new("https://tests.example.com/engine".to_owned());
        let suite = |audience: serde_json::Value| {
            let token = token_with(serde_json::json!({"aud": audience}));
            let jwt = Jwt::decode(&token).unwrap();
            assert_eq!(jwt.algorithm, Algorithm::ES256);
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
