//! Files for summaries in Markdown, such as `$GITHUB_STEP_SUMMARY`.

use std::io::Write as _;
use std::path::Path;

use crate::commands::CommandError;

/// Appends, because the file may have summaries of other steps.
pub(super) fn append_summary(path: &Path, summary: &str) -> Result<(), CommandError> {
    let mut options = fs_err::OpenOptions::new();
    options
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(summary.as_bytes()))
        .map_err(|source| CommandError::Output {
            what: "the summary".to_owned(),
            source,
        })
}
