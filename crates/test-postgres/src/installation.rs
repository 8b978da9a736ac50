//! Finds the programs of PostgreSQL and the user to run them as: the server refuses to run as
//! root.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// The server programs on Debian and its derivatives: one directory per version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The directory of `initdb`, `pg_ctl` and `psql`.
fn programs() -> &'static Path {
    static FOUND: LazyLock<PathBuf> = LazyLock::new(|| {
        let versions = fs_err::read_dir(DEBIAN).into_iter().flatten().flatten();
        let mut directories: Vec<(u32, PathBuf)> = versions
            .filter_map(|version| {
                let number = version.file_name().to_str()?.parse().ok()?;
                Some((number, version.path().join("bin")))
            })
            .collect();
        directories.sort_unstable();
        let newest_first = directories
            .into_iter()
            .rev()
            .map(|(_, directory)| directory);
        #[expect(
            clippy::disallowed_methods,
            reason = "searches for a program like a shell"
        )]
        let path = std::env::var_os("PATH").unwrap_or_default();
        newest_first
            .chain(std::env::split_paths(&path))
            .find(|directory| {
                directory.join("initdb").is_file() && directory.join("pg_ctl").is_file()
            })
            .expect(
                "PostgreSQL is not installed (initdb is neither in /usr/lib/postgresql/*/bin nor \
                 on PATH)\nhint: run bin/setup, or install the package postgresql",
            )
    });
    &FOUND
}

pub(crate) fn program(name: &str) -> PathBuf {
    programs().join(name)
}

/// The user and group to use instead of root; `None` when this process is not root.
pub(crate) fn user() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let passwd = fs_err::read_to_string("/etc/passwd").unwrap();
    let numbers = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_postgres = fields.next() == Some("postgres");
        let numbers = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        is_postgres.then_some(numbers)
    });
    Some(numbers.expect(
        "PostgreSQL does not run as root, and there is no user postgres\nhint: run bin/setup, or \
         create the user",
    ))
}

/// A command of that user, without database settings in its environment and without a terminal.
#[expect(
    clippy::disallowed_methods,
    reason = "the only place in this crate that starts programs"
)]
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(directory)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .stdin(Stdio::null());
    if let Some((user, group)) = user() {
        command.uid(user).gid(group);
    }
    command
}

/// Runs a command and returns its standard output. Panics with its output when it fails.
pub(crate) fn run(mut command: Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
