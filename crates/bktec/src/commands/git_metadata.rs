//! What a plan request says of the commit: git's word, the CI's, and above both the user's.
//!
//! A checkout that git cannot make sense of is no reason to stop a build: the plan is then asked
//! for without git's part.

use std::collections::BTreeMap;

use super::prepare;
use crate::git::{Cancel, Git, Repository, head_metadata};
use crate::settings::CommonSettings;
use crate::terminal::Terminal;

/// Everything known of the commit, by name.
pub(super) fn metadata(settings: &CommonSettings, terminal: &Terminal) -> BTreeMap<String, String> {
    let mut known = BTreeMap::new();
    if settings.collect_git_metadata {
        known = of_git(settings, terminal).unwrap_or_else(|error| {
            terminal.warning(&format!(
                "Failed to {error}\nThe plan is asked for without what git knows of the commit."
            ));
            BTreeMap::new()
        });
        for (name, value) in [
            ("branch", &settings.build.branch),
            ("pipeline_slug", &settings.pipeline_slug),
            ("build_uuid", &settings.build.build_id),
        ] {
            if !value.is_empty() {
                known.insert(name.to_owned(), value.clone());
            }
        }
    }
    known.extend(settings.metadata.clone());
    known
}

fn of_git(
    settings: &CommonSettings,
    terminal: &Terminal,
) -> Result<BTreeMap<String, String>, String> {
    let directory = prepare::working_directory().map_err(|error| error.to_string())?;
    let git = Git::new(directory, Cancel::new());
    let repository = Repository::open(git).map_err(|error| error.to_string())?;
    let metadata =
        head_metadata(&repository, &settings.git_remote).map_err(|error| error.to_string())?;
    terminal.debug(|| {
        let size: usize = metadata.values().map(String::len).sum();
        format!("git says {size} bytes of the commit")
    });
    Ok(metadata)
}
