//! Variables that look like the client's own but are none of them: a misspelt one would be ignored
//! without a word.

use std::ffi::OsString;

use super::ci_environment::variable;
use crate::env_vars;

/// Other tools own the rest of `BUILDKITE_`.
const OWN_PREFIXES: [&str; 2] = ["BUILDKITE_TEST_ENGINE_", "BKTEC_"];

/// How many letters of a prefix may be wrong.
const MAX_PREFIX_EDITS: usize = 2;

/// How many letters of a name are wrong by a slip of the fingers.
const MAX_TYPO_EDITS: usize = 3;

/// One line that names each unknown variable and the most similar known one; values are not shown.
/// `None` if there is none.
pub(crate) fn unknown_variables_warning() -> Option<String> {
    let names = std::env::vars_os().map(|(name, _)| name);
    let is_set = |name: &String| variable(name).is_some_and(|value| !value.trim().is_empty());
    let names = names.filter_map(|name: OsString| name.into_string().ok());
    warning(names.filter(is_set))
}

fn warning(names: impl Iterator<Item = String>) -> Option<String> {
    let mut unknown: Vec<String> = names.filter(|name| is_unknown(name)).collect();
    unknown.sort_unstable();
    let described = unknown.iter().map(|name| {
        format!(
            "{name} is not a variable of bktec; did you mean {}?",
            nearest(name)
        )
    });
    let line = described.collect::<Vec<_>>().join(" ");
    (!line.is_empty()).then_some(line)
}

fn is_unknown(name: &str) -> bool {
    let is_known = |(known, _): &(&str, &str)| *known == name;
    if env_vars::ALL.iter().chain(env_vars::CI).any(is_known) {
        return false;
    }
    let upper = name.to_ascii_uppercase();
    OWN_PREFIXES.iter().any(|prefix| has_prefix(&upper, prefix))
}

/// Whether the name starts with the prefix, or with a misspelling of it whose rest is known.
fn has_prefix(name: &str, prefix: &str) -> bool {
    if name.starts_with(prefix) {
        return true;
    }
    own_names().any(|known| {
        known.strip_prefix(prefix).is_some_and(|rest| {
            name.strip_suffix(rest)
                .is_some_and(|start| strsim::osa_distance(start, prefix) <= MAX_PREFIX_EDITS)
        })
    })
}

fn own_names() -> impl Iterator<Item = &'static str> {
    let is_own = |name: &&str| OWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    env_vars::ALL.iter().map(|(name, _)| *name).filter(is_own)
}

/// By the number of edits if there are few, else first by the number of common words: a forgotten
/// word is many edits.
fn nearest(name: &str) -> &'static str {
    let name = name.to_ascii_uppercase();
    let distance = |known: &&str| {
        let edits = strsim::osa_distance(&name, known);
        let words: Vec<&str> = known.split('_').collect();
        let missing = name.split('_').filter(|word| !words.contains(word)).count();
        let is_typo = edits <= MAX_TYPO_EDITS;
        (if is_typo { 0 } else { 1 + missing }, edits)
    };
    own_names().min_by_key(distance).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn warning_about(names: &[&str]) -> Option<String> {
        warning(names.iter().map(|&name| name.to_owned()))
    }

    #[rstest]
    #[case(
        "BUILDKITE_TEST_ENGINE_SUITE_SLUGG",
        "BUILDKITE_TEST_ENGINE_SUITE_SLUG"
    )]
    #[case("BUILDKITE_TEST_ENGINE_SUTIE_SLUG", "BUILDKITE_TEST_ENGINE_SUITE_SLUG")]
    #[case("BUILDKITE_TEST_ENGINE_SUITE", "BUILDKITE_TEST_ENGINE_SUITE_SLUG")]
    #[case("BUILDKITE_TEST_ENGINE_TEST_COMMAND", "BUILDKITE_TEST_ENGINE_TEST_CMD")]
    #[case(
        "BUILDKITE_TEST_ENGINE_FILE_PATTERN",
        "BUILDKITE_TEST_ENGINE_TEST_FILE_PATTERN"
    )]
    #[case(
        "BUILDKITE_TEST_ENGINE_RETRIES_COUNT",
        "BUILDKITE_TEST_ENGINE_RETRY_COUNT"
    )]
    #[case("buildkite_test_engine_fallback", "BUILDKITE_TEST_ENGINE_FALLBACK")]
    #[case("BUILDKITE_TEST_ENGIN_FALLBACK", "BUILDKITE_TEST_ENGINE_FALLBACK")]
    #[case("BUILKDITE_TEST_ENGINE_FALLBACK", "BUILDKITE_TEST_ENGINE_FALLBACK")]
    #[case("BKTEC_PREVIEW_SELECTON", "BKTEC_PREVIEW_SELECTION")]
    fn names_the_nearest_variable(#[case] misspelt: &str, #[case] meant: &str) {
        let expected = format!("{misspelt} is not a variable of bktec; did you mean {meant}?");
        assert_eq!(warning_about(&[misspelt]), Some(expected));
    }

    #[test]
    fn known_variables_and_those_of_other_tools_are_not_named() {
        let all = env_vars::ALL.iter().chain(env_vars::CI);
        let all: Vec<&str> = all.map(|(name, _)| *name).collect();
        assert_eq!(warning_about(&all), None);
        let others = [
            "BUILDKITE_AGENT_ACCESS_TOKEN",
            "BUILDKITE_ANALYTICS_EXECUTION_NAME_PREFIX",
            "BUILDKITE_PLUGIN_TEST_ENGINE_FILES",
            "BUILDKITE_TRIGGERED_FROM_BUILD_ID",
            "TEST_ENGINE_DATABASE_URL",
            "FALLBACK",
        ];
        assert_eq!(warning_about(&others), None);
    }

    #[test]
    fn several_are_one_line() {
        let line = warning_about(&["BKTEC_B", "BKTEC_A"]).unwrap();
        assert_eq!(line.lines().count(), 1);
        assert!(line.starts_with("BKTEC_A is not"), "{line}");
        assert!(line.contains(" BKTEC_B is not"), "{line}");
    }
}
