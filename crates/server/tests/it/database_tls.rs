//! TLS to Postgres: the connection is at least as secure as `sslmode` requires, or it is an error.

use std::process::Output;

use test_engine_test_postgres::{Encryption, TcpCluster};

use crate::support::program;

/// Creates an organization with the binary.
fn use_database(url: &str) -> Output {
    let directory = tempfile::tempdir().unwrap();
    program(directory.path())
        .args(["organization", "create", &uuid::Uuid::new_v4().to_string()])
        .env("TEST_ENGINE_DATABASE_URL", url)
        .output()
        .unwrap()
}

#[track_caller]
fn connects(url: &str) {
    let output = use_database(url);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{url}: {said}");
}

/// Fails with the reason and a hint.
#[track_caller]
fn fails(url: &str, reason: &str) {
    let output = use_database(url);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{url}: {said}");
    for part in [reason, "cannot be secured", "check sslmode and sslrootcert"] {
        assert!(said.contains(part), "{url}: no {part:?} in {said}");
    }
}

#[test]
fn checks_certificates_as_sslmode_requires() {
    let server = TcpCluster::start(Encryption::Required);
    let authority = format!("sslrootcert={}", server.authority().display());
    let other = format!("sslrootcert={}", server.other_authority().display());

    // The database rejects connections without TLS, so these are encrypted.
    connects(&server.url("localhost", "sslmode=require"));
    connects(&server.url("localhost", &format!("sslmode=verify-full&{authority}")));
    connects(&server.url("127.0.0.1", &format!("sslmode=verify-ca&{authority}")));

    for (host, parameters, reason) in [
        // The system does not trust the authority.
        ("localhost", "sslmode=verify-full", "UnknownIssuer"),
        (
            "localhost",
            &*format!("sslmode=verify-full&{other}"),
            "UnknownIssuer",
        ),
        (
            "localhost",
            &format!("sslmode=verify-ca&{other}"),
            "UnknownIssuer",
        ),
        // The certificate is for another name of the host.
        (
            "127.0.0.1",
            &format!("sslmode=verify-full&{authority}"),
            "not valid for",
        ),
    ] {
        fails(&server.url(host, parameters), reason);
    }
}

#[test]
fn uses_a_database_without_tls_only_if_sslmode_allows_it() {
    let server = TcpCluster::start(Encryption::Unsupported);
    for mode in ["require", "verify-ca", "verify-full"] {
        let url = server.url("localhost", &format!("sslmode={mode}"));
        fails(&url, "does not support TLS");
    }
    connects(&server.url("localhost", "sslmode=disable"));
    connects(&server.url("localhost", ""));
}
