//! One server: created, started, stopped, restarted, queried.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::installation::{command, program, run, user};
use crate::watchdog::Watchdog;

/// Whether the server protects its data against power failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// No: fast, and safe against everything else that a test can do.
    Off,
    /// Yes, as in production; for measurements.
    On,
}

/// A PostgreSQL server in a temporary directory. Ends when dropped, or with the process.
pub struct Cluster {
    pub(crate) directory: PathBuf,
    _watchdog: Watchdog,
}

/// The only role that needs a password.
const PASSWORD_ROLE: &str = "guarded";

impl Cluster {
    /// Creates a server and waits until it accepts connections.
    pub fn start(durability: Durability) -> Self {
        // Not `TMPDIR`: the server's user may not have access, and the path of a socket must be
        // short.
        let directory = tempfile::Builder::new()
            .prefix("test-postgres-")
            .tempdir_in("/tmp")
            .unwrap()
            .keep();
        if let Some((user, group)) = user() {
            std::os::unix::fs::chown(&directory, Some(user), Some(group)).unwrap();
        }
        let cluster = Self {
            _watchdog: Watchdog::start(&directory),
            directory,
        };
        let mut initdb = command(program("initdb"), Path::new("/"));
        initdb
            .args(["--no-sync", "--no-instructions", "--encoding=UTF8"])
            .args(["--locale=C", "--username=postgres", "--auth=trust"])
            .arg("--pgdata")
            .arg(cluster.data());
        run(initdb);
        cluster.configure(durability);
        cluster.restart();
        cluster
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn configure(&self, durability: Durability) {
        let mut settings = format!(
            "listen_addresses = ''\n\
             unix_socket_directories = '{}'\n\
             max_connections = 300\n\
             password_encryption = 'scram-sha-256'\n",
            self.directory.display()
        );
        if durability == Durability::Off {
            settings += "fsync = off\nfull_page_writes = off\n";
        }
        fs_err::write(self.data().join("postgresql.auto.conf"), settings).unwrap();
        let access = format!(
            "local all {PASSWORD_ROLE} scram-sha-256\n\
             local all all trust\n"
        );
        fs_err::write(self.data().join("pg_hba.conf"), access).unwrap();
    }

    /// Adds settings and access rules, which apply from the next start.
    pub(crate) fn set(&self, settings: &str, access: &str) {
        for (file, lines) in [("postgresql.auto.conf", settings), ("pg_hba.conf", access)] {
            let path = self.data().join(file);
            let before = fs_err::read_to_string(&path).unwrap();
            fs_err::write(path, before + lines).unwrap();
        }
    }

    /// The log since the server was created.
    pub(crate) fn log(&self) -> String {
        fs_err::read_to_string(self.directory.join("log")).unwrap()
    }

    /// Starts a stopped server and waits until it accepts connections.
    pub fn restart(&self) {
        run(self.start_command());
    }

    /// Like [`Self::restart`]; returns whether it succeeded.
    pub(crate) fn try_restart(&self) -> bool {
        let output = self.start_command().output().unwrap();
        output.status.success()
    }

    fn start_command(&self) -> Command {
        let mut start = command(program("pg_ctl"), Path::new("/"));
        start
            .args(["start", "--wait", "--silent"])
            .arg("--pgdata")
            .arg(self.data())
            .arg("--log")
            .arg(self.directory.join("log"));
        start
    }

    /// Stops the server like a crash: nothing is completed, and every connection breaks. Its data
    /// remain.
    pub fn stop(&self) {
        let mut stop = command(program("pg_ctl"), Path::new("/"));
        stop.args(["stop", "--wait", "--silent", "--mode=immediate"])
            .arg("--pgdata")
            .arg(self.data());
        run(stop);
    }

    /// The URL of the database `postgres`. Append parameters with `&`.
    pub fn url(&self) -> String {
        self.url_for("postgres", "postgres")
    }

    /// The URL of a database for a role, which may contain a password: `role:password`.
    pub fn url_for(&self, role: &str, database: &str) -> String {
        format!(
            "postgres://{role}@localhost/{database}?host={}",
            self.directory.display()
        )
    }

    /// Creates a role that needs this password, and returns its name.
    pub fn create_password_role(&self, password: &str) -> &'static str {
        self.execute(&format!(
            "CREATE ROLE {PASSWORD_ROLE} LOGIN SUPERUSER PASSWORD '{password}'"
        ));
        PASSWORD_ROLE
    }

    /// Runs SQL in the database `postgres` as superuser and returns unaligned rows. Several
    /// statements form one transaction.
    pub fn execute(&self, sql: &str) -> String {
        let mut psql = self.psql();
        psql.args(["--command", sql]);
        run(psql)
    }

    /// Runs each statement of a script in its own transaction.
    pub fn execute_script(&self, script: &str) {
        let file = self.directory.join("script.sql");
        fs_err::write(&file, script).unwrap();
        let mut psql = self.psql();
        psql.arg("--file").arg(file);
        run(psql);
    }

    fn psql(&self) -> Command {
        let mut psql = command(program("psql"), Path::new("/"));
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set=ON_ERROR_STOP=1", "--username=postgres"])
            .arg("--host")
            .arg(&self.directory)
            .arg("--dbname=postgres");
        psql
    }
}
