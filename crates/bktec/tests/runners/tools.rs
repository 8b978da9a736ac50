//! Finds the real tools, and writes wrappers that run them.
//!
//! Each tool is run by a script of its name that redirects its output to a log file, to keep the
//! output of tests readable.

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

/// A tool on `PATH`.
#[track_caller]
pub(crate) fn on_path(name: &str) -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "a test looks for its tool")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| panic!("{name} is not on PATH; run bin/setup"))
}

/// Writes a script `directory/name` that runs `tool` with its output in `log`, unless one of its
/// arguments is `printing`.
pub(crate) fn wrap(directory: &Path, name: &str, tool: &Path, log: &Path, printing: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let is_installed = tool.with_file_name("python").exists();
    let script = if name == "pytest" && is_installed {
        python_wrapper(tool, log, printing)
    } else {
        shell_wrapper(tool, log, printing)
    };
    let path = directory.join(name);
    fs_err::write(&path, script).unwrap();
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Our pytest plugin is loaded only into a Python script.
fn python_wrapper(tool: &Path, log: &Path, printing: &str) -> String {
    format!(
        "#!{python}\n\
         import os, sys\n\
         import pytest\n\
         if {printing:?} not in sys.argv:\n    \
             log = os.open('{log}', os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)\n    \
             os.dup2(log, 1)\n    \
             os.dup2(log, 2)\n\
         sys.exit(pytest.console_main())\n",
        python = tool.with_file_name("python").display(),
        log = log.display(),
    )
}

fn shell_wrapper(tool: &Path, log: &Path, printing: &str) -> String {
    format!(
        "#!/bin/sh\n\
         for argument; do [ \"$argument\" = '{printing}' ] && exec '{tool}' \"$@\"; done\n\
         exec '{tool}' \"$@\" >>'{log}' 2>&1\n",
        tool = tool.display(),
        log = log.display(),
    )
}
