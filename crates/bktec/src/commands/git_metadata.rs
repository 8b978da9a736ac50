//! The commit metadata of a plan request: from git, from the CI, and from `--metadata`, which takes
//! precedence.
//!
//! When git fails, the plan is requested without its part: that must not stop a build. The hosted
//! product gets the patch. Other servers get only the names of the changed functions, which this
//! client extracts: they use nothing else of the patch.

use std::collections::BTreeMap;

use serde_json::Value;
use test_engine_commit_history::{CancelToken, HeadCommit, Repository};
use test_engine_selection::{FileFunctions, MAX_PATCH_BYTES, changed_functions};

use super::prepare;
use crate::settings::CommonSettings;
use crate::terminal::Terminal;

const PATCH: &str = "git_diff";
const CHANGED_FUNCTIONS: &str = "changed_functions";
/// The tag that is built. The hosted product does not know this field.
const GIT_TAG: &str = "git_tag";

/// What describes the diff: its size depends on the change.
const DIFF: [&str; 4] = [
    "files_changed",
    "diff_stat",
    "git_diff_raw",
    CHANGED_FUNCTIONS,
];

pub(super) fn metadata(settings: &CommonSettings, terminal: &Terminal) -> BTreeMap<String, String> {
    let mut metadata = BTreeMap::new();
    if settings.collect_git_metadata {
        metadata = from_git(settings, terminal).unwrap_or_else(|error| {
            terminal.warning(&format!(
                "Reading commit metadata from git failed: {error}\nRequesting the plan without it."
            ));
            BTreeMap::new()
        });
        if !settings.engine.is_hosted() && !settings.git_tag.is_empty() {
            metadata.insert(GIT_TAG.to_owned(), settings.git_tag.clone());
        }
        for (name, value) in [
            ("branch", &settings.build.branch),
            ("pipeline_slug", &settings.pipeline_slug),
            ("build_uuid", &settings.build.build_id),
        ] {
            if !value.is_empty() {
                metadata.insert(name.to_owned(), value.clone());
            }
        }
    }
    metadata.extend(settings.metadata.clone());
    metadata
}

fn from_git(
    settings: &CommonSettings,
    terminal: &Terminal,
) -> Result<BTreeMap<String, String>, String> {
    let directory = prepare::working_directory().map_err(|error| error.to_string())?;
    let is_hosted = settings.engine.is_hosted();
    let max_patch_bytes = if is_hosted {
        u64::MAX
    } else {
        MAX_PATCH_BYTES as u64
    };
    let HeadCommit {
        mut fields,
        no_diff,
    } = Repository::open(directory, &CancelToken::new())
        .and_then(|repository| repository.head_commit(&settings.git_remote, max_patch_bytes))
        .map_err(|error| error.to_string())?;
    if let Some(reason) = no_diff {
        terminal.warning(&format!(
            "The changes of this commit are not known: {reason}\nRequesting the plan without them."
        ));
    }
    if !is_hosted && let Some(patch) = fields.remove(PATCH) {
        let functions = FileFunctions::to_text(&changed_functions(&patch));
        fields.insert(CHANGED_FUNCTIONS.to_owned(), functions);
    }
    terminal.debug(|| {
        let size: usize = fields.values().map(String::len).sum();
        format!("Read {size} bytes of commit metadata from git")
    });
    Ok(fields)
}

/// What [`shorten`] removes first. The names of changed files remain.
pub(super) const ONLY_PATCH: &str = "the patch";

/// Removes the largest part of the metadata that a plan can be made without, and names it; `None`
/// if nothing of the kind is left.
pub(super) fn shorten(metadata: &mut Option<BTreeMap<String, Value>>) -> Option<&'static str> {
    let metadata = metadata.as_mut()?;
    if metadata.remove(PATCH).is_some() {
        return Some(ONLY_PATCH);
    }
    let before = metadata.len();
    metadata.retain(|name, _| !DIFF.contains(&name.as_str()));
    (metadata.len() < before).then_some("the changed files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patch_is_removed_before_the_rest_of_the_diff() {
        let names = ["message", PATCH].into_iter().chain(DIFF);
        let metadata = names.map(|name| (name.to_owned(), Value::from("x")));
        let mut metadata = Some(metadata.collect());
        assert_eq!(shorten(&mut metadata), Some(ONLY_PATCH));
        assert_eq!(metadata.as_ref().unwrap().len(), 5);
        let rest = shorten(&mut metadata).unwrap();
        assert!(rest.starts_with("the changed files"), "{rest}");
        let left: Vec<_> = metadata.iter().flatten().collect();
        assert_eq!(left, [(&"message".to_owned(), &Value::from("x"))]);
        assert_eq!(shorten(&mut metadata), None);
        assert_eq!(shorten(&mut None), None);
    }
}
