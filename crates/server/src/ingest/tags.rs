//! Tags of uploads and executions: validation, and tags derived from the build.
//!
//! An invalid tag is dropped and reported in the response; its result is kept.

use std::collections::BTreeMap;

use super::run_env::{RunEnv, truncated};

/// Per upload, and per execution.
const MAX_CUSTOM_TAGS: usize = 10;
/// Keys must be shorter than this.
const KEY_BYTES: usize = 64;
/// Values of custom tags must have fewer characters than this.
const VALUE_CHARS: usize = 128;
/// Values of core tags must be shorter than this; derived ones are truncated. Branches may be long.
const CORE_VALUE_BYTES: usize = 512;

/// The argument for the runner that runs the test.
pub(super) const SELECTOR: &str = "test.selector.primary";

/// Keys with a defined meaning. They do not count as custom tags.
const CORE_KEYS: [&str; 17] = [
    "build.id",
    "build.job_id",
    "build.step_id",
    "cloud.provider",
    "cloud.region",
    "code.file.path",
    "collector.name",
    "collector.version",
    "host.arch",
    "host.type",
    "language.name",
    "language.version",
    "scm.branch",
    "scm.commit_sha",
    "test.framework.name",
    "test.framework.version",
    SELECTOR,
];

/// The tags of an upload: sent ones and those derived from the build.
pub(super) fn of_upload(
    sent: &BTreeMap<String, String>,
    run_env: &RunEnv,
    errors: &mut Vec<String>,
) -> BTreeMap<String, String> {
    let mut tags = keep_valid(sent, "the upload", errors);
    let build_id = run_env
        .is_buildkite()
        .then(|| run_env.text("key"))
        .flatten();
    let derived = [
        ("build.id", build_id),
        ("build.job_id", run_env.text("job_id")),
        ("scm.branch", run_env.branch()),
        ("scm.commit_sha", run_env.text("commit_sha")),
        ("collector.name", run_env.text("collector")),
        ("collector.version", run_env.text("version")),
        ("language.version", run_env.text("language_version")),
        ("test.framework.name", run_env.text("test_runner")),
    ];
    for (key, value) in derived {
        if let Some(value) = value {
            let value = truncated(&value, CORE_VALUE_BYTES).to_owned();
            tags.entry(key.to_owned()).or_insert(value);
        }
    }
    tags
}

/// The valid tags. Adds the problems of the others to `errors`; `owner` is the start of the
/// messages.
pub(super) fn keep_valid(
    sent: &BTreeMap<String, String>,
    owner: &str,
    errors: &mut Vec<String>,
) -> BTreeMap<String, String> {
    let mut kept = BTreeMap::new();
    let mut custom = 0;
    for (key, value) in sent {
        let is_core = CORE_KEYS.contains(&key.as_str());
        let problem = is_mutable(key)
            .then_some("keys that start with mut. are reserved")
            .or_else(|| problem(key, value, is_core))
            .or_else(|| (!is_core && custom == MAX_CUSTOM_TAGS).then_some("there are more than 10"))
            .or_else(|| is_nested(key, &kept).then_some("another key is a prefix of this one"));
        match problem {
            None => {
                custom += usize::from(!is_core);
                kept.insert(key.clone(), value.clone());
            }
            Some(problem) if errors.len() < super::MAX_ERRORS => {
                let key = truncated(key, KEY_BYTES);
                errors.push(format!("{owner}: the tag {key:?} was dropped: {problem}"));
            }
            Some(_) => {}
        }
    }
    kept
}

/// Validates tags that are added to stored executions. Their keys must start with `mut.`.
pub(crate) fn check_mutable(tags: &BTreeMap<String, String>) -> Result<(), String> {
    if tags.len() > MAX_CUSTOM_TAGS {
        return Err(format!("there are more than {MAX_CUSTOM_TAGS}"));
    }
    for (key, value) in tags {
        let problem = (!is_mutable(key) || key == "mut" || key == "mut.")
            .then_some("its key does not start with mut. and a name")
            .or_else(|| problem(key, value, false));
        if let Some(problem) = problem {
            let key = truncated(key, KEY_BYTES);
            return Err(format!("the tag {key:?} is invalid: {problem}"));
        }
    }
    Ok(())
}

/// Uploads cannot use these keys.
fn is_mutable(key: &str) -> bool {
    key == "mut" || key.starts_with("mut.")
}

fn problem(key: &str, value: &str, is_core: bool) -> Option<&'static str> {
    let is_long = if is_core {
        value.len() >= CORE_VALUE_BYTES
    } else {
        value.chars().count() >= VALUE_CHARS
    };
    if !key.starts_with(|first: char| first.is_ascii_alphabetic()) {
        Some("its key does not start with a letter")
    } else if !key
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
    {
        Some("its key contains characters other than letters, digits, _ - and .")
    } else if key.len() >= KEY_BYTES {
        Some("its key has 64 bytes or more")
    } else if value.trim().is_empty() {
        Some("its value is blank")
    } else if is_long {
        Some("its value is too long")
    } else {
        None
    }
}

/// Whether a kept key is a parent of this one. Keys are sorted, so parents come first.
fn is_nested(key: &str, kept: &BTreeMap<String, String>) -> bool {
    key.match_indices('.')
        .any(|(end, _dot)| kept.contains_key(&key[..end]))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::run_env::RunEnv;
    use super::super::tests::fields as tags;
    use super::{check_mutable, keep_valid, of_upload};

    #[test]
    fn validates_keys_and_values() {
        let long_key = "k".repeat(64);
        let long_value = "v".repeat(128);
        for (key, value, kept) in [
            ("team", "web", true),
            ("ci.worker-id_2", "x", true),
            ("mutation", "x", true),
            ("mut", "x", false),
            ("mut.a", "x", false),
            ("2fast", "x", false),
            ("", "x", false),
            ("a b", "x", false),
            ("é", "x", false),
            ("blank", " ", false),
            (long_key.as_str(), "x", false),
            ("long", long_value.as_str(), false),
            (&long_key[..63], &long_value[..127], true),
        ] {
            let mut errors = Vec::new();
            let result = keep_valid(&tags(&[(key, value)]), "result 3", &mut errors);
            assert_eq!(result.len(), usize::from(kept), "{key}");
            assert_eq!(errors.len(), usize::from(!kept), "{key}");
            for error in errors {
                assert!(error.starts_with("result 3: the tag"), "{error}");
            }
        }
    }

    #[test]
    fn mutable_tags_start_with_mut_and_a_dot() {
        let eleven: BTreeMap<String, String> = (0..11)
            .map(|number| (format!("mut.tag{number}"), "x".to_owned()))
            .collect();
        assert!(check_mutable(&eleven).is_err());
        let long = "v".repeat(128);
        for (key, value, is_valid) in [
            ("mut.team", "web", true),
            ("mut.a.b", "x", true),
            ("team", "web", false),
            ("mut", "x", false),
            ("mut.", "x", false),
            ("mutation", "x", false),
            ("mut.a b", "x", false),
            ("mut.a", " ", false),
            ("mut.a", long.as_str(), false),
        ] {
            let checked = check_mutable(&tags(&[(key, value)]));
            assert_eq!(checked.is_ok(), is_valid, "{key}");
        }
        assert!(check_mutable(&BTreeMap::new()).is_ok());
    }

    #[test]
    fn keeps_ten_custom_tags_and_all_core_tags() {
        let mut sent: BTreeMap<String, String> = (0..12)
            .map(|n| (format!("tag{n:02}"), "x".to_owned()))
            .collect();
        sent.insert("host.arch".to_owned(), "arm64".to_owned());
        let mut errors = Vec::new();
        assert_eq!(keep_valid(&sent, "the upload", &mut errors).len(), 11);
        assert_eq!(errors.len(), 2);
    }

    #[test]
    fn a_key_cannot_be_the_parent_of_another() {
        let mut errors = Vec::new();
        let sent = tags(&[("a", "1"), ("a.b", "2"), ("ab", "3")]);
        let kept = keep_valid(&sent, "x", &mut errors);
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["a", "ab"]);
    }

    #[test]
    fn derives_tags_from_the_build() {
        let sent = tags(&[
            ("ci", "buildkite"),
            ("key", "b1"),
            ("job_id", "j1"),
            ("branch", "refs/heads/main"),
            ("commit_sha", "abc"),
            ("collector", "bktec"),
            ("version", "1.0"),
            ("test_runner", "rspec"),
            ("language_version", ""),
        ]);
        let mut errors = Vec::new();
        let run_env = RunEnv::new(&sent, &mut errors);
        let tags = of_upload(&tags(&[("scm.branch", "mine")]), &run_env, &mut errors);
        assert_eq!(tags["build.id"], "b1");
        assert_eq!(tags["build.job_id"], "j1");
        assert_eq!(tags["scm.branch"], "mine");
        assert_eq!(tags["test.framework.name"], "rspec");
        assert!(!tags.contains_key("language.version"));
        assert!(errors.is_empty());
    }
}
