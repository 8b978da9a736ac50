//! `run_env`: what the sender says about the build its results come from.
//!
//! Senders write the same key in different case (`CI`, `ci`), leave keys out, or send them empty.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::SubmissionError;

/// Bytes of a run's key; enough for every CI, and short enough for an index.
const KEY_LIMIT: usize = 1_024;
/// Bytes of any other value; a commit message may be long, a value without end is a mistake.
const VALUE_LIMIT: usize = 16 * 1_024;

/// The pairs by their key in lower case.
pub(super) struct RunEnv(BTreeMap<String, String>);

impl RunEnv {
    pub(super) fn new(sent: &BTreeMap<String, String>) -> Self {
        let mut pairs = BTreeMap::new();
        for (key, value) in sent {
            let value = limited(value, VALUE_LIMIT);
            let entry = pairs
                .entry(key.trim().to_lowercase())
                .or_insert_with(String::new);
            if entry.is_empty() {
                value.clone_into(entry);
            }
        }
        Self(pairs)
    }

    /// A value that is there and not blank.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .get(key)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// As [`Self::get`], owned.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.get(key).map(str::to_owned)
    }

    /// What makes uploads one run. Missing is an error; empty asks for a run of its own.
    pub(super) fn key(&self, fresh: Uuid) -> Result<String, SubmissionError> {
        let Some(key) = self.0.get("key") else {
            return Err(SubmissionError::NoKey);
        };
        let key = key.trim();
        if key.is_empty() {
            return Ok(fresh.to_string());
        }
        if key.len() > KEY_LIMIT {
            return Err(SubmissionError::KeyTooLong {
                length: key.len(),
                limit: KEY_LIMIT,
            });
        }
        Ok(key.to_owned())
    }

    /// Without the `refs/heads/` that some CIs put in front.
    pub(super) fn branch(&self) -> Option<String> {
        let branch = self.get("branch")?;
        let name = branch.strip_prefix("refs/heads/").unwrap_or(branch);
        (!name.is_empty()).then(|| name.to_owned())
    }

    pub(super) fn is_buildkite(&self) -> bool {
        self.get("ci")
            .is_some_and(|ci| ci.eq_ignore_ascii_case("buildkite"))
    }

    /// The runner whose results these are, in lower case.
    pub(super) fn runner(&self) -> String {
        self.get("test_runner").unwrap_or_default().to_lowercase()
    }

    /// All pairs as a JSON object.
    pub(super) fn to_json(&self) -> String {
        let pairs = self
            .0
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()));
        pairs.collect::<serde_json::Value>().to_string()
    }
}

/// At most so many bytes of a text, cut between characters.
pub(super) fn limited(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let mut end = bytes;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use uuid::Uuid;

    use super::{RunEnv, limited};

    fn run_env(pairs: &[(&str, &str)]) -> RunEnv {
        let sent: BTreeMap<String, String> = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        RunEnv::new(&sent)
    }

    #[test]
    fn keys_match_in_any_case() {
        assert!(run_env(&[("CI", "buildkite")]).is_buildkite());
        assert!(run_env(&[("ci", "Buildkite")]).is_buildkite());
        assert!(!run_env(&[("ci", "generic")]).is_buildkite());
        assert_eq!(
            run_env(&[("CI", ""), ("ci", "generic")]).get("ci"),
            Some("generic")
        );
    }

    #[test]
    fn an_empty_key_gets_a_fresh_one_and_a_missing_one_is_an_error() {
        let fresh = Uuid::from_u128(7);
        assert_eq!(
            run_env(&[("key", "")]).key(fresh).unwrap(),
            fresh.to_string()
        );
        assert_eq!(
            run_env(&[("key", "build 1")]).key(fresh).unwrap(),
            "build 1"
        );
        assert!(run_env(&[("CI", "x")]).key(fresh).is_err());
        let long = "k".repeat(2_000);
        assert!(run_env(&[("key", &long)]).key(fresh).is_err());
    }

    #[test]
    fn branches_lose_their_reference() {
        assert_eq!(
            run_env(&[("branch", "refs/heads/main")])
                .branch()
                .as_deref(),
            Some("main")
        );
        assert_eq!(
            run_env(&[("branch", "feature/refs/heads/x")])
                .branch()
                .as_deref(),
            Some("feature/refs/heads/x")
        );
        assert_eq!(run_env(&[("branch", " ")]).branch(), None);
    }

    #[test]
    fn cutting_never_splits_a_character() {
        assert_eq!(limited("aé", 2), "a");
        assert_eq!(limited("aé", 3), "aé");
    }
}
