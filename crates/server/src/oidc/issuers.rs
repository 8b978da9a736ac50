//! The keys of the issuers that policies name: kept, fetched anew when a token needs a key that is
//! not there, and never more often than is decent.
//!
//! Several requests for one issuer wait for one fetch. When an issuer is down, its last keys go on
//! being good for a day.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use test_engine_store::Timestamp;

use super::fetch::Fetcher;
use super::jwt::Algorithm;
use super::keys::{KeySet, PublicKey};

/// How long keys are taken without asking again, in milliseconds.
const FRESH: i64 = 60 * 60 * 1_000;
/// How long keys are good while the issuer cannot be asked, in milliseconds.
const LAST_RESORT: i64 = 24 * 60 * 60 * 1_000;
/// The shortest time between two fetches, in milliseconds: forged key ids must not make the server
/// pester anybody.
const PAUSE: i64 = 10 * 1_000;

/// Why there is no key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeyError {
    /// The issuer has no such key.
    Unknown,
    /// The issuer cannot be asked.
    Unavailable(String),
}

/// Keeps the keys of issuers.
pub(super) struct Issuers {
    fetcher: Fetcher,
    known: Mutex<HashMap<String, Arc<Issuer>>>,
}

#[derive(Default)]
struct Issuer {
    state: Mutex<State>,
    /// Held while fetching, which is what it is for. Nobody who finds a key takes it.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    keys: KeySet,
    /// When the keys came.
    fetched: Option<i64>,
    /// When they were last asked for.
    tried: Option<i64>,
    /// How that went wrong.
    problem: Option<String>,
}

impl State {
    fn is_within(moment: Option<i64>, now: i64, span: i64) -> bool {
        // Either way, so that a clock that jumps back does not freeze anything.
        moment.is_some_and(|moment| (now - moment).abs() < span)
    }

    fn key(&self, id: Option<&str>, algorithm: Algorithm, now: i64, age: i64) -> Option<PublicKey> {
        if !Self::is_within(self.fetched, now, age) {
            return None;
        }
        self.keys.find(id, algorithm).cloned()
    }

    /// The best answer without asking the issuer.
    fn answer(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        now: i64,
    ) -> Result<PublicKey, KeyError> {
        if let Some(key) = self.key(id, algorithm, now, LAST_RESORT) {
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

    /// A key of an issuer that a policy trusts.
    pub(super) async fn key(
        &self,
        issuer: &str,
        id: Option<&str>,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Result<PublicKey, KeyError> {
        let now = now.millis();
        let kept = self.issuer(issuer);
        if let Some(key) = kept.state().key(id, algorithm, now, FRESH) {
            return Ok(key);
        }
        let _turn = kept.turn.lock().await;
        {
            let mut state = kept.state();
            // Whoever was first may have fetched it.
            if let Some(key) = state.key(id, algorithm, now, FRESH) {
                return Ok(key);
            }
            if State::is_within(state.tried, now, PAUSE) {
                return state.answer(id, algorithm, now);
            }
            state.tried = Some(now);
            state.problem = Some("nobody has answered yet".to_owned());
        }
        let fetcher = self.fetcher.clone();
        let name = issuer.to_owned();
        let place = Arc::clone(&kept);
        // Goes on to its end also when whoever asked has gone.
        let fetch = tokio::task::spawn_blocking(move || {
            let fetched = fetcher.keys(&name);
            let mut state = place.state();
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
        kept.state().answer(id, algorithm, now)
    }

    fn issuer(&self, issuer: &str) -> Arc<Issuer> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(issuer.to_owned()).or_default())
    }
}
