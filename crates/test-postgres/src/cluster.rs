//! One server: made, started, stopped, started again, spoken to.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::installation::{command, program, run, user};
use crate::watchdog::Watchdog;

/// What the server does about power cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Nothing: quick, and safe against everything a test can do but cutting the power.
    Speed,
    /// What it does where data matter; for measurements.
    Durability,
}

/// A PostgreSQL server in a temporary folder. It ends when dropped, or with the process.
pub struct Cluster {
    pub(crate) folder: PathBuf,
    _watchdog: Watchdog,
}

/// A role that has to give its password; everybody else is trusted.
const WITH_PASSWORD: &str = "guarded";

impl Cluster {
    /// Makes a server and waits until it answers.
    pub fn start(promise: Promise) -> Self {
        // Not the folder that TMPDIR names: the server's user may not get there, and the path of a
        // socket has to be short.
        let folder = tempfile::Builder::new()
            .prefix("test-postgres-")
            .tempdir_in("/tmp")
            .unwrap()
            .keep();
        if let Some((user, group)) = user() {
            std::os::unix::fs::chown(&folder, Some(user), Some(group)).unwrap();
        }
        let cluster = Self {
            _watchdog: Watchdog::start(&folder),
            folder,
        };
        let mut initdb = command(program("initdb"), Path::new("/"));
        initdb
            .args(["--no-sync", "--no-instructions", "--encoding=UTF8"])
            .args(["--locale=C", "--username=postgres", "--auth=trust"])
            .arg("--pgdata")
            .arg(cluster.data());
        run(initdb);
        cluster.configure(promise);
        cluster.go();
        cluster
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn configure(&self, promise: Promise) {
        let mut settings = format!(
            "listen_addresses = ''\n\
             unix_socket_directories = '{}'\n\
             max_connections = 300\n\
             password_encryption = 'scram-sha-256'\n",
            self.folder.display()
        );
        if promise == Promise::Speed {
            settings += "fsync = off\nfull_page_writes = off\n";
        }
        fs_err::write(self.data().join("postgresql.auto.conf"), settings).unwrap();
        let access = format!(
            "local all {WITH_PASSWORD} scram-sha-256\n\
             local all all trust\n"
        );
        fs_err::write(self.data().join("pg_hba.conf"), access).unwrap();
    }

    /// Adds settings, and lines about who is let in. They hold from the next start on.
    pub(crate) fn set(&self, settings: &str, access: &str) {
        for (file, lines) in [("postgresql.auto.conf", settings), ("pg_hba.conf", access)] {
            let path = self.data().join(file);
            let before = fs_err::read_to_string(&path).unwrap();
            fs_err::write(path, before + lines).unwrap();
        }
    }

    /// What the server has said since it was made.
    pub(crate) fn log(&self) -> String {
        fs_err::read_to_string(self.folder.join("log")).unwrap()
    }

    /// Starts a server that was stopped, and waits until it answers.
    pub fn go(&self) {
        run(self.start_command());
    }

    /// The same; whether it did start.
    pub(crate) fn tries_to_go(&self) -> bool {
        let ended = self.start_command().output().unwrap();
        ended.status.success()
    }

    fn start_command(&self) -> Command {
        let mut start = command(program("pg_ctl"), Path::new("/"));
        start
            .args(["start", "--wait", "--silent"])
            .arg("--pgdata")
            .arg(self.data())
            .arg("--log")
            .arg(self.folder.join("log"));
        start
    }

    /// Stops the server at once, as a machine that goes away does: nothing is finished, and every
    /// connection breaks. Its data stay.
    pub fn stop(&self) {
        let mut stop = command(program("pg_ctl"), Path::new("/"));
        stop.args(["stop", "--wait", "--silent", "--mode=immediate"])
            .arg("--pgdata")
            .arg(self.data());
        run(stop);
    }

    /// The address of the database `postgres`, ready for more parameters with `&`.
    pub fn url(&self) -> String {
        self.url_of("postgres", "postgres")
    }

    /// The address of this database for this role (with its password, after a colon, if any).
    pub fn url_of(&self, role: &str, database: &str) -> String {
        format!(
            "postgres://{role}@localhost/{database}?host={}",
            self.folder.display()
        )
    }

    /// Makes the role `guarded`, which has to give this password; its name.
    pub fn guarded_role(&self, password: &str) -> &'static str {
        self.say(&format!(
            "CREATE ROLE {WITH_PASSWORD} LOGIN SUPERUSER PASSWORD '{password}'"
        ));
        WITH_PASSWORD
    }

    /// Runs SQL in the database `postgres`, as its superuser; rows without decoration. Several
    /// statements are one transaction.
    pub fn say(&self, sql: &str) -> String {
        let mut psql = self.psql();
        psql.args(["--command", sql]);
        run(psql)
    }

    /// Runs each statement of a script in a transaction of its own.
    pub fn say_lines(&self, script: &str) {
        let file = self.folder.join("script.sql");
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
            .arg(&self.folder)
            .arg("--dbname=postgres");
        psql
    }
}
