//! A server that is spoken to over TCP, with TLS or without. Nothing but its addresses can be had:
//! it is for tests of how a connection is made, and everything else takes a [`Cluster`].
//!
//! Its certificate is for `localhost` and from an authority of its own.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use crate::cluster::{Cluster, Promise};
use crate::installation::{command, run};

/// How often to look for another port when somebody else has taken the one that was free.
const TRIES: usize = 10;

/// Who is let in over TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// The server has a certificate, and lets nobody in without TLS.
    Demanded,
    /// The server knows no TLS.
    Unknown,
}

/// A PostgreSQL server on a port of the loopback address. It ends when dropped, or with the
/// process.
pub struct Networked {
    cluster: Cluster,
    port: u16,
}

impl Networked {
    /// Makes a server and waits until it answers.
    pub fn start(encryption: Encryption) -> Self {
        let cluster = Cluster::start(Promise::Speed);
        cluster.stop();
        let (settings, access) = match encryption {
            Encryption::Demanded => {
                make_certificates(&cluster.folder);
                let file = |name| cluster.folder.join(name).display().to_string();
                let (certificate, key) = (file("server.pem"), file("server.key"));
                (
                    format!("ssl_cert_file = '{certificate}'\nssl_key_file = '{key}'\nssl = on\n"),
                    "hostssl",
                )
            }
            Encryption::Unknown => ("ssl = off\n".to_owned(), "host"),
        };
        cluster.set(&settings, &format!("{access} all all 127.0.0.1/32 trust\n"));
        for _ in 0..TRIES {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = free.local_addr().unwrap().port();
            cluster.set(
                &format!("listen_addresses = '127.0.0.1'\nport = {port}\n"),
                "",
            );
            drop(free);
            if cluster.tries_to_go() {
                return Self { cluster, port };
            }
        }
        panic!(
            "no port stayed free; the server says why in its log: {}",
            cluster.log()
        );
    }

    /// The address of the database `postgres` by this name of the machine, with these parameters.
    pub fn url(&self, host: &str, parameters: &str) -> String {
        format!(
            "postgres://postgres@{host}:{}/postgres?{parameters}",
            self.port
        )
    }

    /// The certificate of the authority that the server's is from.
    pub fn authority(&self) -> PathBuf {
        self.cluster.folder.join("authority.pem")
    }

    /// The certificate of an authority that has nothing to do with the server.
    pub fn stranger(&self) -> PathBuf {
        self.cluster.folder.join("stranger.pem")
    }
}

/// Makes two authorities, and a server's certificate from one of them.
fn make_certificates(folder: &Path) {
    let settings = "[req]\ndistinguished_name = name\n[name]\n\
         [authority]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = keyCertSign\n\
         [server]\nbasicConstraints = critical, CA:FALSE\nsubjectAltName = DNS:localhost\n";
    fs_err::write(folder.join("certificates.cnf"), settings).unwrap();
    let make = |name: &str, kind: &str, from: &[&str]| {
        let mut openssl = command("openssl", folder);
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
    make("stranger", "authority", &[]);
    let from = ["-CA", "authority.pem", "-CAkey", "authority.key"];
    make("server", "server", &from);
}
