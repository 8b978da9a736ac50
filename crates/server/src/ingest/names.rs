//! Limits names and paths of tests: they are in every list, and a list has up to 100 tests. Names
//! of parametrized tests may be long, so the limit leaves room for them.

use std::borrow::Cow;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use test_engine_results::TestResult;

use super::run_env::truncated;

/// Of a name or scope.
const MAX_NAME_BYTES: usize = 16 * 1_024;
/// Of a location or file name; Linux has the same limit.
const MAX_PATH_BYTES: usize = 4_096;
/// Bytes of the hash that keeps names apart whose starts are equal.
const HASH_BYTES: usize = 8;

/// Cuts long names. The same name is always cut to the same text, so the test keeps its history.
pub(super) fn limit(result: &mut TestResult<'_>) {
    for text in [&mut result.name, &mut result.scope] {
        shorten(text, MAX_NAME_BYTES);
    }
    for text in [&mut result.location, &mut result.file_name]
        .into_iter()
        .flatten()
    {
        shorten(text, MAX_PATH_BYTES);
    }
}

fn shorten(text: &mut Cow<'_, str>, limit: usize) {
    if text.len() > limit {
        *text = Cow::Owned(shortened(text, limit));
    }
}

fn shortened(text: &str, limit: usize) -> String {
    let mut short = truncated(text, limit - 2 * HASH_BYTES - "…".len()).to_owned();
    short.push('…');
    for byte in Sha256::digest(text.as_bytes()).iter().take(HASH_BYTES) {
        // Writing to a string cannot fail.
        let _ = write!(short, "{byte:02x}");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_and_stay_different() {
        let named = |name: String| {
            let mut result = TestResult {
                name: name.into(),
                file_name: Some("a".repeat(1_000_000).into()),
                ..TestResult::default()
            };
            limit(&mut result);
            assert_eq!(result.file_name.unwrap().len(), MAX_PATH_BYTES);
            result.name.into_owned()
        };
        let long = "é".repeat(10_000);
        let (first, second) = (named(format!("{long}1")), named(format!("{long}2")));
        assert_ne!(first, second);
        assert_eq!(first, named(format!("{long}1")));
        assert!(first.len() <= MAX_NAME_BYTES && first.starts_with("éé"));
        assert_eq!(named("x".repeat(MAX_NAME_BYTES)).len(), MAX_NAME_BYTES);
        assert_eq!(named("short".to_owned()), "short");
    }
}
