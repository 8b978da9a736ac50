//! A server on TCP, with or without TLS, for tests of the connection setup. All other tests use a
//! [`Cluster`].
//!
//! Its certificate is valid for `localhost` and issued by its own authority.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use crate::cluster::{Cluster, Durability};
use crate::installation::{command, run};

/// Another process may take the free port before the server listens on it.
const MAX_PORTS: usize = 10;

/// Whether TCP connections are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// The server rejects connections without TLS.
    Required,
    /// The server does not support TLS.
    Unsupported,
}

/// A PostgreSQL server on a port of the loopback address. Ends when dropped, or with the process.
pub struct TcpCluster {
    cluster: Cluster,
    port: u16,
}

impl TcpCluster {
    /// Creates a server and waits until it accepts connections.
    pub fn start(encryption: Encryption) -> Self {
        let cluster = Cluster::start(Durability::Off);
        cluster.stop();
        let (settings, access) = match encryption {
            Encryption::Required => {
                create_certificates(&cluster.directory);
                let file = |name| cluster.directory.join(name).display().to_string();
                let (certificate, key) = (file("server.pem"), file("server.key"));
                (
                    format!("ssl_cert_file = '{certificate}'\nssl_key_file = '{key}'\nssl = on\n"),
                    "hostssl",
                )
            }
            Encryption::Unsupported => ("ssl = off\n".to_owned(), "host"),
        };
        cluster.set(&settings, &format!("{access} all all 127.0.0.1/32 trust\n"));
        for _ in 0..MAX_PORTS {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = free.local_addr().unwrap().port();
            cluster.set(
                &format!("listen_addresses = '127.0.0.1'\nport = {port}\n"),
                "",
            );
            drop(free);
            if cluster.try_restart() {
                return Self { cluster, port };
            }
        }
        panic!(
            "the server does not start on any port; its log:\n{}",
            cluster.log()
        );
    }

    /// The URL of the database `postgres` for this host name and with these parameters.
    pub fn url(&self, host: &str, parameters: &str) -> String {
        format!(
            "postgres://postgres@{host}:{}/postgres?{parameters}",
            self.port
        )
    }

    /// The certificate of the authority that issued the server's certificate.
    pub fn authority(&self) -> PathBuf {
        self.cluster.directory.join("authority.pem")
    }

    /// The certificate of an unrelated authority.
    pub fn other_authority(&self) -> PathBuf {
        self.cluster.directory.join("other.pem")
    }
}

/// Creates two authorities, and a server certificate issued by one of them.
fn create_certificates(directory: &Path) {
    let settings = "[req]\ndistinguished_name = name\n[name]\n\
         [authority]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = keyCertSign\n\
         [server]\nbasicConstraints = critical, CA:FALSE\nsubjectAltName = DNS:localhost\n";
    fs_err::write(directory.join("certificates.cnf"), settings).unwrap();
    let make = |name: &str, kind: &str, from: &[&str]| {
        let mut openssl = command("openssl", directory);
        openssl
            .args(["req", "-x509", "-config", "certificates.cnf", "-days", "2"])
            .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-nodes", "-extensions", kind])
            .args(["-subj", &format!("/CN={name}")])
            .args(["-keyout", &format!("{name}.key")])
            .args(["-out", &format!("{name}.pem")])
            .args(from);
        run(openssl);
    };
    make("authority", "authority", &[]);
    make("other", "authority", &[]);
    let from = ["-CA", "authority.pem", "-CAkey", "authority.key"];
    make("server", "server", &from);
}
