//! The address of the running server, in a file beside its database, so that `test-engine init`
//! prints the right URL without being told.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::Uri;
use serde::{Deserialize, Serialize};

/// Added to the name of the database, so that backups leave the file out like the database's log.
const SUFFIX: &str = "-server.json";
/// A server on the same machine accepts within this time, or is not running.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// Where a server can be reached.
#[derive(Serialize, Deserialize)]
pub(crate) struct Running {
    /// With its actual port.
    listen: SocketAddr,
    /// As in links.
    pub(crate) url: String,
}

impl Running {
    pub(crate) fn new(listen: SocketAddr, url: String) -> Self {
        Self { listen, url }
    }

    pub(crate) fn write(&self, database: &Path) -> io::Result<()> {
        fs_err::write(file_of(database), serde_json::to_vec(self)?)
    }

    /// The server on this database; `None` if it has stopped, or was killed and left its file.
    pub(crate) fn find(database: &Path) -> Option<Self> {
        let bytes = fs_err::read(file_of(database)).ok()?;
        let running: Self = serde_json::from_slice(&bytes).ok()?;
        let address = reachable(running.listen);
        TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).ok()?;
        Some(running)
    }

    pub(crate) fn remove(database: &Path) {
        // A file that is left is recognized, because nothing listens on its address.
        let _left = fs_err::remove_file(file_of(database));
    }
}

/// An address to connect to, for one to listen on.
pub(crate) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen {
        SocketAddr::V4(_) if listen.ip().is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) if listen.ip().is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        _ => listen.ip(),
    };
    SocketAddr::new(ip, listen.port())
}

/// Whether only programs on this machine can use the URL.
pub(crate) fn is_loopback(url: &str) -> bool {
    let uri: Option<Uri> = url.parse().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn file_of(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(SUFFIX);
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_that_listens_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("test-engine.db");
        assert!(Running::find(&database).is_none());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = listener.local_addr().unwrap();
        let write = |listen| {
            let url = "https://tests.example.com".to_owned();
            Running::new(listen, url).write(&database).unwrap();
        };
        write(listen);
        let found = Running::find(&database).unwrap();
        assert_eq!(found.url, "https://tests.example.com");
        // Nothing listens on the port of the discard service.
        write("127.0.0.1:9".parse().unwrap());
        assert!(Running::find(&database).is_none(), "it was killed");
        Running::remove(&database);
        assert!(fs_err::read_dir(directory.path()).unwrap().next().is_none());
    }

    #[test]
    fn connects_to_loopback_if_it_listens_everywhere() {
        for (listen, expected) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.1:80", "10.0.0.1:80"),
        ] {
            assert_eq!(
                reachable(listen.parse().unwrap()),
                expected.parse().unwrap()
            );
        }
    }
}
