//! `run_env`: the build, job and runner of an upload.
//!
//! Senders differ in the case of keys (`CI`, `ci`), omit keys, or send them empty. Some send their
//! whole environment, so what is kept is bounded; the results are accepted all the same.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::SubmissionError;

/// Enough for every CI, and short enough for a database index.
const MAX_KEY_BYTES: usize = 1_024;
const MAX_KEYS: usize = 100;
const MAX_NAME_BYTES: usize = 256;
/// Of one value, such as a commit message.
const MAX_VALUE_BYTES: usize = 8 * 1_024;
/// Of all names and values.
const MAX_TOTAL_BYTES: usize = 64 * 1_024;
/// Dropped or cut keys that an error names.
const MAX_NAMED: usize = 10;
const MAX_NAMED_BYTES: usize = 64;

/// What the server itself reads, most important first. It is kept before anything else.
const OWN_KEYS: [&str; 14] = [
    "key",
    "ci",
    "branch",
    "commit_sha",
    "number",
    "job_id",
    "url",
    "test_runner",
    "location_prefix",
    "cwd",
    "collector",
    "version",
    "language_version",
    "message",
];

/// Keys in lower case.
pub(super) struct RunEnv(BTreeMap<String, String>);

impl RunEnv {
    /// Keeps the keys that the server reads, then others by name, up to the limits. Adds what was
    /// dropped or cut to `errors`.
    pub(super) fn new(sent: &BTreeMap<String, String>, errors: &mut Vec<String>) -> Self {
        let mut merged: BTreeMap<String, &str> = BTreeMap::new();
        for (key, value) in sent {
            let entry = merged.entry(key.trim().to_lowercase()).or_default();
            if entry.is_empty() {
                *entry = value;
            }
        }
        let own = OWN_KEYS.into_iter().filter_map(|key| {
            let value = merged.remove(key)?;
            Some((key.to_owned(), value))
        });
        let mut pairs: Vec<(String, &str)> = own.collect();
        pairs.extend(merged);
        let (mut cut, mut dropped) = (Vec::new(), Vec::new());
        let mut kept = BTreeMap::new();
        let mut total = 0;
        for (key, value) in pairs {
            let short = truncated(value, MAX_VALUE_BYTES);
            let bytes = key.len() + short.len();
            if kept.len() == MAX_KEYS
                || key.len() > MAX_NAME_BYTES
                || total + bytes > MAX_TOTAL_BYTES
            {
                dropped.push(key);
                continue;
            }
            total += bytes;
            if short.len() < value.len() {
                cut.push(key.clone());
            }
            kept.insert(key, short.to_owned());
        }
        if !cut.is_empty() {
            errors.push(format!(
                "run_env: values were cut to {MAX_VALUE_BYTES} bytes: {}",
                names(&cut)
            ));
        }
        if !dropped.is_empty() {
            errors.push(format!(
                "run_env: keys were dropped, because at most {MAX_KEYS} keys, names of \
                 {MAX_NAME_BYTES} bytes and {MAX_TOTAL_BYTES} bytes in all are kept: {}",
                names(&dropped)
            ));
        }
        Self(kept)
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

/// Some of the names, and how many there are beside them.
fn names(all: &[String]) -> String {
    let named = all.iter().take(MAX_NAMED);
    let named: Vec<&str> = named.map(|name| truncated(name, MAX_NAMED_BYTES)).collect();
    let more = all.len() - named.len();
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{more}", named.join(", "))
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
    use super::{MAX_TOTAL_BYTES, RunEnv, truncated};

    fn run_env(pairs: &[(&str, &str)]) -> RunEnv {
        RunEnv::new(&fields(pairs), &mut Vec::new())
    }

    #[test]
    fn keeps_a_bounded_part_of_a_whole_environment() {
        let mut sent = fields(&[("key", "k"), ("Branch", "main"), ("commit_sha", "abc")]);
        for number in 0..1_000 {
            sent.insert(format!("a{number:04}"), "x".repeat(20));
        }
        let mut errors = Vec::new();
        let run_env = RunEnv::new(&sent, &mut errors);
        assert_eq!(run_env.0.len(), 100);
        assert_eq!(run_env.branch().as_deref(), Some("main"));
        assert_eq!(run_env.get("a0096"), Some(&*"x".repeat(20)));
        assert_eq!(errors.len(), 1);
        assert!(errors[0].contains("a0097, a0098"), "{errors:?}");
        assert!(errors[0].ends_with(" and 893 more"), "{errors:?}");
    }

    #[test]
    fn cuts_long_values_and_drops_what_exceeds_the_total() {
        let long = "é".repeat(100_000);
        let mut sent = fields(&[("key", "k"), ("message", &long), (&"n".repeat(300), "x")]);
        for number in 0..20 {
            sent.insert(format!("other{number:02}"), long.clone());
        }
        let mut errors = Vec::new();
        let run_env = RunEnv::new(&sent, &mut errors);
        assert_eq!(run_env.get("message").unwrap().len(), 8 * 1_024);
        let total: usize = run_env
            .0
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        assert!(total <= MAX_TOTAL_BYTES && run_env.0.len() == 8, "{total}");
        assert!(
            errors[0].contains("cut to 8192 bytes: message, other00"),
            "{errors:?}"
        );
        assert!(errors[1].contains("nnn"), "{errors:?}");
        assert!(errors.iter().all(|error| error.len() < 1_000));
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
