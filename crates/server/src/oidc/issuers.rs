//! A cache of the keys of the issuers that policies name. It refetches when a token needs an
//! unknown key, but never more often than every ten seconds.
//!
//! Concurrent requests for one issuer share one fetch. While an issuer is unavailable, its last
//! keys stay valid for a day.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jsonwebtoken::{Algorithm, DecodingKey};
use test_engine_store::Timestamp;

use super::fetch::Fetcher;
use super::keys::KeySet;

/// Milliseconds for which keys are used without refetching.
const FRESH: i64 = 60 * 60 * 1_000;
/// Milliseconds for which keys are used while the issuer is unavailable.
const MAX_STALE: i64 = 24 * 60 * 60 * 1_000;
/// Minimum milliseconds between two fetches, so that forged key ids cannot make the server flood an
/// issuer with requests.
const MIN_PAUSE: i64 = 10 * 1_000;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeyError {
    /// The issuer does not publish this key.
    Unknown,
    /// The issuer's keys cannot be fetched.
    Unavailable(String),
}

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
    /// When the last fetch began.
    tried: Option<i64>,
    /// Why the last fetch failed.
    problem: Option<String>,
}

impl State {
    fn is_within(moment: Option<i64>, now: i64, span: i64) -> bool {
        // In both directions, so that a clock that jumps back does not block refetching.
        moment.is_some_and(|moment| (now - moment).abs() < span)
    }

    fn key(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        now: i64,
        max_age: i64,
    ) -> Option<DecodingKey> {
        if !Self::is_within(self.fetched, now, max_age) {
            return None;
        }
        self.keys.find(id, algorithm).cloned()
    }

    fn cached_key(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        now: i64,
    ) -> Result<DecodingKey, KeyError> {
        if let Some(key) = self.key(id, algorithm, now, MAX_STALE) {
            return Ok(key);
        }
        Err(self
            .problem
            .clone()
            .map_or(KeyError::Unknown, KeyError::Unavailable))
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

    /// A key of an issuer that a policy trusts; never call this for any other issuer.
    pub(super) async fn key(
        &self,
        name: &str,
        id: Option<&str>,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Result<DecodingKey, KeyError> {
        let now = now.millis();
        let issuer = self.issuer(name);
        if let Some(key) = issuer.state().key(id, algorithm, now, FRESH) {
            return Ok(key);
        }
        let _fetching = issuer.fetching.lock().await;
        {
            let mut state = issuer.state();
            // Another request may have fetched it while this one waited for the lock.
            if let Some(key) = state.key(id, algorithm, now, FRESH) {
                return Ok(key);
            }
            if State::is_within(state.tried, now, MIN_PAUSE) {
                return state.cached_key(id, algorithm, now);
            }
            state.tried = Some(now);
            state.problem = Some("no response yet".to_owned());
        }
        let fetcher = self.fetcher.clone();
        let name = name.to_owned();
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
                Err(problem) => {
                    tracing::warn!(issuer = name, cause = problem, "failed to fetch OIDC keys");
                    state.problem = Some(problem);
                }
            }
        });
        if let Err(error) = fetch.await {
            tracing::error!(cause = %error, "failed to fetch OIDC keys");
        }
        issuer.state().cached_key(id, algorithm, now)
    }

    fn issuer(&self, issuer: &str) -> Arc<Issuer> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(issuer.to_owned()).or_default())
    }
}
