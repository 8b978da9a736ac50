//! Where the real tools are, and quiet stand-ins that start them.
//!
//! What a runner prints would drown the tests' own output, so each tool is started by a script of
//! its name that writes to a log beside the project.

use std::path::{Path, PathBuf};

use test_engine_testkit::root;

/// A tool under `.tools` or an example's `node_modules`.
#[track_caller]
pub(crate) fn installed(relative: &str) -> PathBuf {
    let path = root().join(relative);
    assert!(
        path.exists(),
        "{} is missing; run bin/setup",
        path.display()
    );
    path
}

/// A tool that the system has.
#[track_caller]
pub(crate) fn on_path(name: &str) -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "a test looks for its tool")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| panic!("{name} is not on PATH; run bin/setup"))
}

/// Writes a script `folder/name` that starts `tool`, with its output in `log` unless one of the
/// arguments is `loud`.
pub(crate) fn quiet(folder: &Path, name: &str, tool: &Path, log: &Path, loud: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let script = format!(
        "#!/bin/sh\nfor argument; do\n  [ \"$argument\" = '{loud}' ] && exec '{tool}' \"$@\"\ndone\n\
         exec '{tool}' \"$@\" >>'{log}' 2>&1\n",
        tool = tool.display(),
        log = log.display(),
    );
    let path = folder.join(name);
    fs_err::write(&path, script).unwrap();
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
