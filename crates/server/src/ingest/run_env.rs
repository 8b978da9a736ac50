//! `run_env`: the build, job and runner of an upload.
//!
//! Senders differ in the case of keys (`CI`, `ci`), omit keys, or send them empty.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::SubmissionError;

/// Enough for every CI, and short enough for a database index.
const MAX_KEY_BYTES: usize = 1_024;
/// Of any other value, such as a commit message; longer ones are truncated.
const MAX_VALUE_BYTES: usize = 16 * 1_024;

/// Keys in lower case.
pub(super) struct RunEnv(BTreeMap<String, String>);

impl RunEnv {
    pub(super) fn new(sent: &BTreeMap<String, String>) -> Self {
        let mut pairs = BTreeMap::new();
        for (key, value) in sent {
            let entry: &mut String = pairs.entry(key.trim().to_lowercase()).or_default();
            if entry.is_empty() {
                truncated(value, MAX_VALUE_BYTES).clone_into(entry);
            }
        }
        Self(pairs)
    }

    /// `None` if the value is missing or blank.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .get(key)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.get(key).map(str::to_owned)
    }

    /// Uploads with the same key belong to one run. An empty key starts a run of its own.
    pub(super) fn key(&self, fresh: Uuid) -> Result<String, SubmissionError> {
        let Some(key) = self.0.get("key") else {
            return Err(SubmissionError::NoKey);
        };
        let key = key.trim();
        if key.is_empty() {
            return Ok(fresh.to_string());
        }
        if key.len() > MAX_KEY_BYTES {
            return Err(SubmissionError::KeyTooLong {
                length: key.len(),
                limit: MAX_KEY_BYTES,
            });
        }
        Ok(key.to_owned())
    }

    /// Without the `refs/heads/` that some CI systems send.
    pub(super) fn branch(&self) -> Option<String> {
        let branch = self.get("branch")?;
        let name = branch.strip_prefix("refs/heads/").unwrap_or(branch);
        (!name.is_empty()).then(|| name.to_owned())
    }

    pub(super) fn is_buildkite(&self) -> bool {
        self.get("ci")
            .is_some_and(|ci| ci.eq_ignore_ascii_case("buildkite"))
    }

    pub(super) fn runner(&self) -> String {
        self.get("test_runner").unwrap_or_default().to_lowercase()
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::json!(self.0).to_string()
    }
}

/// Truncates to at most `bytes`, between characters.
pub(super) fn truncated(text: &str, bytes: usize) -> &str {
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
    use uuid::Uuid;

    use super::super::tests::fields;
    use super::{RunEnv, truncated};

    fn run_env(pairs: &[(&str, &str)]) -> RunEnv {
        RunEnv::new(&fields(pairs))
    }

    #[test]
    fn keys_match_in_any_case() {
        assert!(run_env(&[("CI", "buildkite")]).is_buildkite());
        assert!(run_env(&[("ci", "Buildkite")]).is_buildkite());
        assert!(!run_env(&[("ci", "generic")]).is_buildkite());
        let twice = run_env(&[("CI", ""), ("ci", "generic")]);
        assert_eq!(twice.get("ci"), Some("generic"));
    }

    #[test]
    fn replaces_an_empty_key_and_rejects_a_missing_one() {
        let fresh = Uuid::from_u128(7);
        let key = |name: &str, value: &str| run_env(&[(name, value)]).key(fresh).ok();
        assert_eq!(key("key", ""), Some(fresh.to_string()));
        assert_eq!(key("key", "build 1").as_deref(), Some("build 1"));
        assert_eq!(key("CI", "x"), None);
        assert_eq!(key("key", &"k".repeat(2_000)), None);
    }

    #[test]
    fn removes_refs_heads_from_branches() {
        for (sent, branch) in [
            ("refs/heads/main", Some("main")),
            ("feature/refs/heads/x", Some("feature/refs/heads/x")),
            (" ", None),
        ] {
            assert_eq!(run_env(&[("branch", sent)]).branch().as_deref(), branch);
        }
    }

    #[test]
    fn truncates_between_characters() {
        assert_eq!(truncated("aé", 2), "a");
        assert_eq!(truncated("aé", 3), "aé");
    }
}
