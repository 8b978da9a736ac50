//! A cache of the keys of the issuers that policies name. It refetches when a token needs an
//! unknown key, but never more often than every ten seconds.
//!
//! Concurrent requests for one issuer share one fetch. While an issuer is unavailable, its last
//! keys stay valid for a day.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jsonwebtoken::DecodingKey;
use test_engine_store::Timestamp;

use super::OidcError;
use super::fetch::{FetchError, Fetcher};
use super::jwt::Jwt;
use super::keys::KeySet;

/// Milliseconds for which keys are used without refetching.
const FRESH: i64 = 60 * 60 * 1_000;
/// Milliseconds for which keys are used while the issuer is unavailable.
const MAX_STALE: i64 = 24 * 60 * 60 * 1_000;
/// Minimum milliseconds between two fetches, so that forged key ids cannot make the server flood an
/// issuer with requests.
const MIN_PAUSE: i64 = 10 * 1_000;

pub(super) struct Issuers {
    fetcher: Fetcher,
    known: Mutex<HashMap<String, Arc<Issuer>>>,
}

#[derive(Default)]
struct Issuer {
    state: Mutex<State>,
    /// Held during a fetch. Requests whose key is cached do not wait for it.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    keys: KeySet,
    fetched: Option<i64>,
    tried: Option<i64>,
    problem: Option<&'static str>,
}

impl State {
    fn is_within(moment: Option<i64>, now: i64, span: i64) -> bool {
        // In both directions, so that a clock that jumps back does not block refetching.
        moment.is_some_and(|moment| (now - moment).abs() < span)
    }

    fn key(&self, jwt: &Jwt<'_>, now: i64, max_age: i64) -> Option<DecodingKey> {
        if !Self::is_within(self.fetched, now, max_age) {
            return None;
        }
        let key = self.keys.find(jwt.key_id.as_deref(), jwt.algorithm);
        key.cloned()
    }

    fn cached_key(&self, jwt: &Jwt<'_>, now: i64) -> Result<DecodingKey, OidcError> {
        if let Some(key) = self.key(jwt, now, MAX_STALE) {
            return Ok(key);
        }
        Err(match self.problem {
            None => OidcError::UnknownKey,
            Some(problem) => OidcError::Issuer {
                issuer: jwt.issuer.clone(),
                problem,
            },
        })
    }
}

impl Issuer {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Issuers {
    pub(super) fn new(fetcher: Fetcher) -> Self {
        Self {
            fetcher,
            known: Mutex::new(HashMap::new()),
        }
    }

    /// The key of a token. Call it only for issuers that a policy trusts.
    pub(super) async fn key(
        &self,
        jwt: &Jwt<'_>,
        now: Timestamp,
    ) -> Result<DecodingKey, OidcError> {
        let now = now.millis();
        let issuer = self.issuer(&jwt.issuer);
        if let Some(key) = issuer.state().key(jwt, now, FRESH) {
            return Ok(key);
        }
        let _fetching = issuer.fetching.lock().await;
        {
            let mut state = issuer.state();
            // Another request may have fetched it while this one waited for the lock.
            if let Some(key) = state.key(jwt, now, FRESH) {
                return Ok(key);
            }
            if State::is_within(state.tried, now, MIN_PAUSE) {
                return state.cached_key(jwt, now);
            }
            state.tried = Some(now);
            state.problem = Some("it has not responded yet");
        }
        let fetcher = self.fetcher.clone();
        let name = jwt.issuer.clone();
        let fetched_for = Arc::clone(&issuer);
        // Runs to completion even if the request is cancelled.
        let fetch = tokio::task::spawn_blocking(move || {
            let fetched = fetcher.keys(&name);
            let mut state = fetched_for.state();
            match fetched {
                Ok(keys) => {
                    state.keys = keys;
                    state.fetched = Some(now);
                    state.problem = None;
                }
                Err(FetchError { public, cause }) => {
                    tracing::warn!(issuer = name, cause, "failed to fetch OIDC keys");
                    state.problem = Some(public);
                }
            }
        });
        if let Err(error) = fetch.await {
            tracing::error!(cause = %error, "failed to fetch OIDC keys");
        }
        issuer.state().cached_key(jwt, now)
    }

    fn issuer(&self, issuer: &str) -> Arc<Issuer> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(issuer.to_owned()).or_default())
    }
}
