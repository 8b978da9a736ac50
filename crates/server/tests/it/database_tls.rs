//! Postgres across a network: what the address asks of the connection is what is done, and a
//! connection that would be less safe than that is refused, with a reason.

use std::process::Output;

use test_engine_test_postgres::{Encryption, TcpCluster};

use crate::support::program;

/// Makes an organization with the program itself, in the database at this address.
fn use_database(url: &str) -> Output {
    let directory = tempfile::tempdir().unwrap();
    program(directory.path())
        .args(["organization", "create", &uuid::Uuid::new_v4().to_string()])
        .env("TEST_ENGINE_DATABASE_URL", url)
        .output()
        .unwrap()
}

#[track_caller]
fn is_let_in(url: &str) {
    let output = use_database(url);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{url}: {said}");
}

/// Refused, with the reason, and with what to look at.
#[track_caller]
fn is_refused(url: &str, reason: &str) {
    let output = use_database(url);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{url}: {said}");
    for part in [reason, "cannot be secured", "check sslmode and sslrootcert"] {
        assert!(said.contains(part), "{url}: no {part:?} in {said}");
    }
}

#[test]
fn a_certificate_is_checked_as_far_as_the_address_asks_for() {
    let server = TcpCluster::start(Encryption::Required);
    let authority = format!("sslrootcert={}", server.authority().display());
    let other = format!("sslrootcert={}", server.other_authority().display());

    // The server lets nobody in without TLS, so these are encrypted.
    is_let_in(&server.url("localhost", "sslmode=require"));
    is_let_in(&server.url("localhost", &format!("sslmode=verify-full&{authority}")));
    is_let_in(&server.url("127.0.0.1", &format!("sslmode=verify-ca&{authority}")));

    for (host, parameters, reason) in [
        // The system does not know the authority.
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
        // The certificate is for another name of the machine.
        (
            "127.0.0.1",
            &format!("sslmode=verify-full&{authority}"),
            "not valid for",
        ),
    ] {
        is_refused(&server.url(host, parameters), reason);
    }
}

#[test]
fn a_server_without_tls_is_used_only_by_those_who_do_not_ask_for_it() {
    let server = TcpCluster::start(Encryption::Unsupported);
    for mode in ["require", "verify-ca", "verify-full"] {
        let url = server.url("localhost", &format!("sslmode={mode}"));
        is_refused(&url, "does not support TLS");
    }
    is_let_in(&server.url("localhost", "sslmode=disable"));
    is_let_in(&server.url("localhost", ""));
}
