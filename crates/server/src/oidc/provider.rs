//! Signs people in with an OpenID Connect provider: authorization code, with state, nonce and PKCE.
//!
//! State, nonce and code verifier are derived from one secret in a cookie of the browser, so the
//! server stores nothing until the provider has identified a person.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use test_engine_store::Timestamp;
use tokio::sync::{Mutex, Semaphore};

use super::fetch::{Discovery, FetchError, Fetcher};
use super::jwt::Jwt;
use super::{OidcError, Verifier};
use crate::config::{Oidc, SignIn};
use crate::secrets;

/// Milliseconds for which the addresses of the provider are used without refetching.
const FRESH: i64 = 60 * 60 * 1_000;
/// Minimum milliseconds between two fetches of them, so that anonymous requests cannot flood a
/// provider that is unavailable.
const MIN_PAUSE: i64 = 10 * 1_000;
/// Requests to the provider that may be in progress.
const MAX_EXCHANGES: usize = 8;
/// In bytes; the protocol allows 255.
const MAX_SUBJECT: usize = 255;
/// Characters of a name that are kept.
const MAX_NAME: usize = 200;
const MAX_CODE_BYTES: usize = 4 * 1024;

/// Why a person cannot be signed in. The texts are for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderError {
    /// Temporary, or a wrong setting.
    #[error("{0}")]
    Unavailable(String),
    /// Something the provider or the browser sent is wrong.
    #[error("{0}")]
    Rejected(String),
}

impl From<FetchError> for ProviderError {
    fn from(error: FetchError) -> Self {
        Self::Unavailable(error.cause)
    }
}

fn rejected(cause: impl Into<String>) -> ProviderError {
    ProviderError::Rejected(cause.into())
}

/// A person whom the provider has identified.
#[derive(Clone, Debug)]
pub(crate) struct Identified {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    /// The address, name or subject.
    pub(crate) name: String,
    pub(crate) verified_email: Option<String>,
    pub(crate) claims: Map<String, Value>,
}

/// One attempt to sign in, in one browser.
pub(crate) struct Attempt(SecretString);

impl Attempt {
    pub(crate) fn new() -> Self {
        Self(SecretString::from(hex::encode(secrets::random())))
    }

    /// From the secret in a cookie.
    pub(crate) fn of(secret: &str) -> Option<Self> {
        let is_secret = secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_secret.then(|| Self(SecretString::from(secret)))
    }

    pub(crate) fn secret(&self) -> &SecretString {
        &self.0
    }

    /// In constant time.
    pub(crate) fn owns_state(&self, state: &str) -> bool {
        secrets::equal(self.state().as_bytes(), state.as_bytes())
    }

    pub(crate) fn state(&self) -> String {
        self.derived("state")
    }

    fn nonce(&self) -> String {
        self.derived("nonce")
    }

    fn verifier(&self) -> String {
        self.derived("verifier")
    }

    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier().as_bytes()))
    }

    fn derived(&self, purpose: &str) -> String {
        let secret = self.0.expose_secret();
        hex::encode(secrets::hash(&format!("sign-in {purpose}:{secret}")))
    }
}

/// The provider of this server.
pub(crate) struct Provider {
    issuer: String,
    client_id: String,
    client_secret: SecretString,
    scopes: String,
    pub(crate) name: String,
    fetcher: Fetcher,
    verifier: Verifier,
    /// Held during a fetch, so that concurrent sign-ins share one.
    known: Mutex<Option<Known>>,
    exchanges: Semaphore,
}

/// What the last fetch said, and when it was.
struct Known {
    endpoints: Result<Endpoints, String>,
    at: i64,
}

#[derive(Clone)]
struct Endpoints {
    authorization: String,
    token: String,
    /// Instead of the `Authorization` header.
    sends_secret_in_body: bool,
}

#[derive(Deserialize)]
struct TokenResponse {
    id_token: Option<SecretString>,
    error: Option<String>,
}

impl Provider {
    /// `None` if the settings name no provider.
    pub(crate) fn new(settings: &SignIn, oidc: Oidc) -> Option<Self> {
        Some(Self {
            issuer: settings.issuer.clone()?,
            client_id: settings.client_id.clone()?,
            client_secret: settings.client_secret.clone()?,
            scopes: settings.scopes.clone(),
            name: settings.name.clone(),
            fetcher: Fetcher::new(oidc),
            verifier: Verifier::new(oidc),
            known: Mutex::new(None),
            exchanges: Semaphore::new(MAX_EXCHANGES),
        })
    }

    /// Whether the answer comes from this provider, if it says where it comes from (RFC 9207).
    pub(crate) fn is_issuer(&self, issuer: Option<&str>) -> bool {
        issuer.is_none_or(|issuer| issuer == self.issuer)
    }

    /// The address at which the person signs in.
    pub(crate) async fn address(
        &self,
        attempt: &Attempt,
        redirect: &str,
        now: Timestamp,
    ) -> Result<String, ProviderError> {
        let endpoint = self.endpoints(now).await?.authorization;
        let challenge = attempt.challenge();
        let query = serde_urlencoded::to_string([
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", redirect),
            ("scope", &self.scopes),
            ("state", &attempt.state()),
            ("nonce", &attempt.nonce()),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ])
        .map_err(|error| rejected(error.to_string()))?;
        let separator = if endpoint.contains('?') { '&' } else { '?' };
        Ok(format!("{endpoint}{separator}{query}"))
    }

    /// Exchanges a code for an ID token, and verifies that.
    pub(crate) async fn identify(
        &self,
        attempt: &Attempt,
        code: &str,
        redirect: &str,
        now: Timestamp,
    ) -> Result<Identified, ProviderError> {
        if code.is_empty() || code.len() > MAX_CODE_BYTES {
            return Err(rejected("the provider sent no usable code"));
        }
        let endpoints = self.endpoints(now).await?;
        let token = self.exchange(endpoints, attempt, code, redirect).await?;
        self.verified(token.expose_secret(), &attempt.nonce(), now)
            .await
    }

    async fn endpoints(&self, now: Timestamp) -> Result<Endpoints, ProviderError> {
        let mut known = self.known.lock().await;
        if let Some(Known { endpoints, at }) = known.as_ref() {
            let lasts = if endpoints.is_ok() { FRESH } else { MIN_PAUSE };
            if (now.millis() - at).abs() < lasts {
                return endpoints.clone().map_err(ProviderError::Unavailable);
            }
        }
        let fetched = self.fetch_endpoints().await;
        let endpoints = fetched.map_err(|error| error.to_string());
        *known = Some(Known {
            endpoints: endpoints.clone(),
            at: now.millis(),
        });
        endpoints.map_err(ProviderError::Unavailable)
    }

    async fn fetch_endpoints(&self) -> Result<Endpoints, ProviderError> {
        let (fetcher, issuer) = (self.fetcher.clone(), self.issuer.clone());
        let discovery = self.blocking(move || fetcher.discovery(&issuer)).await?;
        self.usable(discovery)
    }

    fn usable(&self, discovery: Discovery) -> Result<Endpoints, ProviderError> {
        let missing =
            |name: &str| ProviderError::Unavailable(format!("the provider has no {name}"));
        let endpoints = Endpoints {
            authorization: discovery
                .authorization_endpoint
                .ok_or_else(|| missing("authorization_endpoint"))?,
            token: discovery
                .token_endpoint
                .ok_or_else(|| missing("token_endpoint"))?,
            sends_secret_in_body: discovery.token_endpoint_auth_methods_supported.is_some_and(
                |methods| methods.iter().all(|method| method != "client_secret_basic"),
            ),
        };
        // A browser must not be sent to an address without TLS either.
        self.fetcher.check(&endpoints.authorization)?;
        self.fetcher.check(&endpoints.token)?;
        Ok(endpoints)
    }

    /// The ID token for a code.
    async fn exchange(
        &self,
        endpoints: Endpoints,
        attempt: &Attempt,
        code: &str,
        redirect: &str,
    ) -> Result<SecretString, ProviderError> {
        let verifier = attempt.verifier();
        let secret = self.client_secret.expose_secret();
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", &verifier),
        ];
        if endpoints.sends_secret_in_body {
            fields.extend([
                ("client_id", self.client_id.as_str()),
                ("client_secret", secret),
            ]);
        }
        let encoded = |pair: &str| serde_urlencoded::to_string([("", pair)]).unwrap_or_default();
        let credentials = (!endpoints.sends_secret_in_body).then(|| {
            // Each part is form-encoded first (RFC 6749, 2.3.1).
            let (id, secret) = (encoded(&self.client_id), encoded(secret));
            let (id, secret) = (id.trim_start_matches('='), secret.trim_start_matches('='));
            SecretString::from(format!(
                "Basic {}",
                STANDARD.encode(format!("{id}:{secret}"))
            ))
        });
        let body = serde_urlencoded::to_string(&fields)
            .map(SecretString::from)
            .map_err(|error| rejected(error.to_string()))?;
        let fetcher = self.fetcher.clone();
        let (status, json) = self
            .blocking(move || fetcher.post_form(&endpoints.token, credentials.as_ref(), &body))
            .await?;
        let response: TokenResponse = serde_json::from_slice(&json)
            .map_err(|_error| rejected(format!("the provider sent no JSON, with {status}")))?;
        match (status, response.id_token) {
            (200, Some(token)) => Ok(token),
            (200, None) => Err(rejected(
                "the provider sent no id_token; add the scope openid",
            )),
            (status, _) => {
                let error = response.error.unwrap_or_default();
                let error: String = error.chars().take(100).collect();
                Err(rejected(format!(
                    "the provider rejected the code with {status}: {error:?}"
                )))
            }
        }
    }

    /// Checks an ID token, which is for this server, this attempt and now.
    async fn verified(
        &self,
        token: &str,
        nonce: &str,
        now: Timestamp,
    ) -> Result<Identified, ProviderError> {
        let jwt = Jwt::decode(token).map_err(|error| rejected(error.to_string()))?;
        if jwt.issuer != self.issuer {
            return Err(rejected("the ID token is of another issuer"));
        }
        if !jwt.audiences.contains(&self.client_id) {
            return Err(rejected("the ID token is for another audience"));
        }
        let authorized_party = jwt.claims.get("azp");
        let is_for_others = jwt.audiences.len() > 1 && authorized_party.is_none();
        if is_for_others || authorized_party.is_some_and(|party| *party != *self.client_id) {
            return Err(rejected(
                "the ID token is for another authorized party (azp)",
            ));
        }
        self.verifier
            .authenticate(&jwt, now)
            .await
            .map_err(|error| match error {
                OidcError::Issuer { .. } => ProviderError::Unavailable(error.to_string()),
                error => rejected(error.to_string()),
            })?;
        let sent = text(&jwt.claims, "nonce").unwrap_or_default();
        if !secrets::equal(sent.as_bytes(), nonce.as_bytes()) {
            return Err(rejected("the ID token has another nonce"));
        }
        identified(jwt)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, FetchError> + Send + 'static,
    ) -> Result<T, ProviderError> {
        // Nothing closes the semaphore.
        let _permit = self.exchanges.acquire().await.ok();
        let done = tokio::task::spawn_blocking(work).await;
        let done = done.map_err(|error| ProviderError::Unavailable(error.to_string()))?;
        Ok(done?)
    }
}

fn identified(jwt: Jwt<'_>) -> Result<Identified, ProviderError> {
    let subject = text(&jwt.claims, "sub").unwrap_or_default();
    if subject.is_empty() || subject.len() > MAX_SUBJECT || subject.contains(char::is_control) {
        return Err(rejected("the ID token has no usable subject (sub)"));
    }
    let subject = subject.to_owned();
    let is_verified = match jwt.claims.get("email_verified") {
        Some(Value::Bool(verified)) => *verified,
        // Some providers send texts.
        Some(Value::String(verified)) => verified == "true",
        _ => false,
    };
    let email = text(&jwt.claims, "email").filter(|email| email.contains('@'));
    let verified_email = email.filter(|_| is_verified).map(str::to_owned);
    let name = verified_email
        .as_deref()
        .or_else(|| text(&jwt.claims, "name").filter(|name| !name.trim().is_empty()))
        .unwrap_or(&subject);
    let visible = |c: &char| !c.is_control();
    Ok(Identified {
        name: name.chars().filter(visible).take(MAX_NAME).collect(),
        issuer: jwt.issuer,
        subject,
        verified_email,
        claims: jwt.claims,
    })
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::Attempt;

    #[test]
    fn the_values_of_an_attempt_come_from_its_secret_and_differ() {
        use secrecy::ExposeSecret as _;
        let attempt = Attempt::new();
        let again = Attempt::of(attempt.secret().expose_secret()).unwrap();
        assert!(again.owns_state(&attempt.state()));
        assert!(!Attempt::new().owns_state(&attempt.state()));
        assert!(!attempt.owns_state(""));
        let mut values = [
            attempt.state(),
            attempt.nonce(),
            attempt.verifier(),
            attempt.challenge(),
        ];
        values.sort();
        assert!(values.windows(2).all(|pair| pair[0] != pair[1]));
        for bad in ["", "abc", &"g".repeat(64), &"a".repeat(65)] {
            assert!(Attempt::of(bad).is_none(), "{bad}");
        }
    }
}
