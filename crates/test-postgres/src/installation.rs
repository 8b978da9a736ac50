//! Where the programs of PostgreSQL are, and whom to run them as: the server refuses to be root.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// Where Debian and its kin put the server's programs: one folder a version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The folder with `initdb`, `pg_ctl` and `psql`.
fn programs() -> &'static Path {
    static FOUND: LazyLock<PathBuf> = LazyLock::new(|| {
        let versions = fs_err::read_dir(DEBIAN).into_iter().flatten().flatten();
        let mut folders: Vec<(u32, PathBuf)> = versions
            .filter_map(|version| {
                let number = version.file_name().to_str()?.parse().ok()?;
                Some((number, version.path().join("bin")))
            })
            .collect();
        folders.sort_unstable();
        let newest_first = folders.into_iter().rev().map(|(_, folder)| folder);
        #[expect(
            clippy::disallowed_methods,
            reason = "looks for a program as a shell does"
        )]
        let path = std::env::var_os("PATH").unwrap_or_default();
        newest_first
            .chain(std::env::split_paths(&path))
            .find(|folder| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file())
            .expect(
                "PostgreSQL is missing: run bin/setup, or install the package postgresql; initdb \
                 was looked for in /usr/lib/postgresql/*/bin and on PATH",
            )
    });
    &FOUND
}

/// One of the server's programs as a path.
pub(crate) fn program(name: &str) -> PathBuf {
    programs().join(name)
}

/// The user to be instead of root, and its group; nothing when this is not root.
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
        "PostgreSQL does not run as root, and there is no user postgres to run it as: run \
         bin/setup, or make one",
    ))
}

/// A command as that user, in an environment that says nothing about databases, with no terminal.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place of the crate that starts programs"
)]
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
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

/// Runs a command to its end; stops the test with what it said when it fails.
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
