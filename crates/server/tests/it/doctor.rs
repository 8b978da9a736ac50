//! `test-engine doctor`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine_store::Timestamp;
use test_engine_test_postgres::{Cluster, Durability};
use test_engine_testkit::NO_SERVER;

use crate::cli;
use crate::support::{TestServer, create_database, result};

/// The exit code, and the checks by name.
fn doctor(command: &mut std::process::Command, arguments: &[&str]) -> (i32, Value) {
    let output = command.args(["doctor", "--json"]).args(arguments).output();
    let output = output.unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let mut checks = serde_json::Map::new();
    for check in report["checks"].as_array().unwrap() {
        checks.insert(check["name"].as_str().unwrap().to_owned(), check.clone());
    }
    let code = output.status.code().unwrap();
    assert_eq!(report["ok"], code == 0, "{report}");
    (code, checks.into())
}

fn on(directory: &Path, arguments: &[&str]) -> (i32, Value) {
    doctor(&mut crate::support::program(directory), arguments)
}

#[track_caller]
fn assert_failed((code, checks): (i32, Value), name: &str, message: &str, fix: &str) {
    assert_eq!(code, 1, "{checks}");
    let check = &checks[name];
    assert_eq!(check["status"], "failed", "{checks}");
    assert!(
        check["message"].as_str().unwrap().contains(message),
        "{check}"
    );
    assert!(check["fix"].as_str().unwrap().contains(fix), "{check}");
}

#[test]
fn a_running_server_with_a_backup_is_fine() {
    let server = TestServer::start();
    server.upload("b1", "main", &json!([result("A", "a", "a", 1.0, "passed")]));
    let url = ["--public-url", server.base.as_str()];
    let (code, checks) = on(server.directory(), &url);
    assert_eq!(code, 0, "{checks}");
    for name in [
        "data directory",
        "permissions",
        "database",
        "clock",
        "public URL",
        "TLS",
    ] {
        assert_eq!(checks[name]["status"], "ok", "{name}: {checks}");
    }
    assert_eq!(checks["backup"]["status"], "warning");

    let scratch = tempfile::tempdir().unwrap();
    let to = scratch.path().join("copy");
    cli::stdout(&cli::run(
        server.directory(),
        &["backup", "--to", to.to_str().unwrap()],
    ));
    let (code, checks) = on(server.directory(), &url);
    assert_eq!(
        (code, &checks["backup"]["status"]),
        (0, &json!("ok")),
        "{checks}"
    );
    let text = cli::stdout(&cli::run(server.directory(), &["doctor"]));
    assert!(text.contains("ok       database "), "{text}");
}

#[test]
fn a_wrong_directory_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let missing = scratch.path().join("none");
    assert_failed(
        on(&missing, &[]),
        "data directory",
        "does not exist",
        "--data-dir",
    );
    assert_failed(
        on(scratch.path(), &[]),
        "database",
        "no database",
        "--data-dir",
    );
    assert!(!missing.exists(), "nothing is created");
}

#[test]
fn data_that_others_can_read_is_named() {
    let directory = tempfile::tempdir().unwrap();
    create_database(directory.path());
    let database = directory.path().join("test-engine.db");
    fs_err::set_permissions(&database, std::fs::Permissions::from_mode(0o644)).unwrap();
    let found = on(directory.path(), &[]);
    assert_failed(found, "permissions", "test-engine.db", "chmod go=");
}

#[test]
fn an_upload_from_the_future_means_a_wrong_clock() {
    let future = Timestamp::from_millis(4_102_444_800_000);
    let server = TestServer::with(|_config| {}, Clock::fixed_at(future));
    server.upload("b1", "main", &json!([result("A", "a", "a", 1.0, "passed")]));
    let found = on(server.directory(), &[]);
    assert_failed(found, "clock", "behind the newest upload", "synchronize");
}

#[test]
fn a_url_that_leads_elsewhere_is_named() {
    let server = TestServer::start();
    for (url, message) in [
        (NO_SERVER, "cannot be reached"),
        (&format!("{}/elsewhere", server.base), "responds with 404"),
        ("tests.example.com", "is not a public URL"),
    ] {
        let found = on(server.directory(), &["--public-url", url]);
        assert_failed(found, "public URL", message, "");
    }
}

#[test]
fn postgres_needs_no_data_directory() {
    let cluster = Cluster::start(Durability::Off);
    let server = TestServer::with(
        |config| config.storage.database_url = Some(cluster.url().into()),
        Clock::System,
    );
    let missing = server.directory().join("none");
    let arguments = ["--data-dir", missing.to_str().unwrap()];
    let (code, checks) = doctor(&mut server.command(), &arguments);
    assert_eq!(code, 0, "{checks}");
    for (name, message) in [
        ("data directory", "Postgres needs none"),
        ("public URL", "set --public-url"),
    ] {
        let check = &checks[name];
        assert_eq!(check["status"], "skipped", "{checks}");
        let text = check["message"].as_str().unwrap();
        assert!(text.contains(message), "{check}");
    }
}

#[test]
fn a_database_that_cannot_be_written_is_named() {
    let cluster = Cluster::start(Durability::Off);
    let server = TestServer::with(
        |config| config.storage.database_url = Some(cluster.url().into()),
        Clock::System,
    );
    let (code, checks) = doctor(&mut server.command(), &["--public-url", &server.base]);
    assert_eq!(code, 0, "{checks}");
    assert_eq!(checks["backup"]["status"], "skipped", "{checks}");
    cluster.execute("ALTER SYSTEM SET default_transaction_read_only = on");
    cluster.execute("SELECT pg_reload_conf()");
    let found = doctor(&mut server.command(), &[]);
    assert_failed(found, "database", "read-only", "--database-url");
}
