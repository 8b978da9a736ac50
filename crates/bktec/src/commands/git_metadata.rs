//! The commit metadata of a plan request: from git, from the CI, and from `--metadata`, which takes
//! precedence.
//!
//! When git fails, the plan is requested without its part: that must not stop a build.

use std::collections::BTreeMap;

use test_engine_commit_history::{CancelToken, Repository};

use super::prepare;
use crate::settings::CommonSettings;
use crate::terminal::Terminal;

pub(super) fn metadata(settings: &CommonSettings, terminal: &Terminal) -> BTreeMap<String, String> {
    let mut metadata = BTreeMap::new();
    if settings.collect_git_metadata {
        metadata = from_git(settings, terminal).unwrap_or_else(|error| {
            terminal.warning(&format!(
                "Reading commit metadata from git failed: {error}\nRequesting the plan without it."
            ));
            BTreeMap::new()
        });
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
    let metadata = Repository::open(directory, &CancelToken::new())
        .and_then(|repository| repository.head_metadata(&settings.git_remote))
        .map_err(|error| error.to_string())?;
    terminal.debug(|| {
        let size: usize = metadata.values().map(String::len).sum();
        format!("Read {size} bytes of commit metadata from git")
    });
    Ok(metadata)
}
